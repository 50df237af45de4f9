"""A pipeline's own process: does what it is told and measures itself. Imports nothing of ours but the pipeline's file.

    python worker.py PIPELINE.py CONFIG-AS-JSON

Reads JSON lines and answers each with one: {"op": "load"} loads the embedder, {"op": "ingest", "documents": FOLDER}
adds documents, {"op": "ask", "question": TEXT} answers (with a line {"first": true} before, as soon as there is text),
{"op": "about"} tells versions, settings and the size of what is installed, {"op": "texts", "folder": FOLDER} writes the
stored texts (Fieldmate only). What goes wrong is {"error": SENTENCE}.
"""

import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

QUIET = {
    "ANONYMIZED_TELEMETRY": "False", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGCHAIN_TRACING_V2": "false", "LANGSMITH_TRACING": "false", "TRANSFORMERS_OFFLINE": "1",
    "TQDM_DISABLE": "1",
}  # fmt: skip
"""Telemetry off, hubs off, no progress bars."""
INSTALLERS = {"pip"}
LOOPBACK = ("127.", "::1", "localhost")


def stay_here(event, arguments):
    """An audit hook: refuses whatever would leave this machine."""
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise OSError("nothing may leave this machine while it is measured")
    elif event == "socket.getaddrinfo" and arguments[0] and not str(arguments[0]).startswith(LOOPBACK):
        raise OSError("nothing may leave this machine while it is measured")


def pipeline(path, config):
    """The pipeline in the file `path`."""
    spec = importlib.util.spec_from_file_location("measured_pipeline", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Pipeline(config)


def installed_bytes(names=None):
    """Bytes of all files that the installed distributions recorded, or of those with these names."""
    total = 0
    for distribution in importlib.metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name in INSTALLERS or (names is not None and name not in names):
            continue
        for file in distribution.files or ():
            try:
                total += Path(distribution.locate_file(file)).stat().st_size
            except OSError:  # recorded and not there: a script of another folder, a cache that was cleared
                continue
    return total


def ingest(made, order):
    """Add documents."""
    started, worked = time.perf_counter(), time.process_time()
    passages = made.ingest(order["documents"])
    return {
        "passages": passages, "seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked,
    }  # fmt: skip


def ask(made, order, say):
    """Answer, and tell of the first text at once."""
    started = time.perf_counter()
    pieces, first = [], None
    for piece in made.ask(order["question"]):
        if piece and first is None:
            first = (time.perf_counter() - started) * 1000
            say({"first": True})
        pieces.append(piece)
    reply = {"first_ms": first, "total_ms": (time.perf_counter() - started) * 1000, "answer": "".join(pieces)}
    return reply | getattr(made, "said", {})


def about(made):
    """What the rows say of it."""
    versions = {name: importlib.metadata.version(name) for name in made.VERSIONS}
    names = getattr(made, "distributions", lambda: None)()
    size = installed_bytes(names) + getattr(made, "own_bytes", lambda: 0)()
    return {"versions": versions, "documents": made.DOCUMENTS, "stated": made.stated(), "installed_bytes": size}


def main(path, config):
    """Serve until standard input ends."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the libraries print must not mix with the answers
    os.environ.update(QUIET)
    sys.addaudithook(stay_here)

    def say(reply):
        output.write(json.dumps(reply) + "\n")
        output.flush()

    made = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            made = made or pipeline(path, config)
            if order["op"] == "ask":
                say(ask(made, order, say))
            elif order["op"] == "ingest":
                say(ingest(made, order))
            elif order["op"] == "load":
                made.load_embedder()
                say({})
            elif order["op"] == "texts":
                made.texts(order["folder"])
                say({})
            else:
                say(about(made))
        except Exception as exc:  # noqa: BLE001  # whatever a library raises is what the row has to say
            import traceback

            traceback.print_exc()  # into the log
            say({"error": f"{type(exc).__name__}: {' '.join(str(exc).split())}"[:500]})


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
