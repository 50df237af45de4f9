"""`fieldmate models` as its user runs it: another process, its exit codes, its two outputs."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
UNPINNED = "paraphrase-multilingual-minilm-l12-v2-int8"
MODEL = b"\x08\x08\x3a\x80\xea\x30" + random.Random(1).randbytes(800_000) + b"\x42\x02\x10\x11"
TOKENIZER = b'{"version": "1.0"}'


class Hub:
    """The model hub on loopback, with one small model behind the address of a large one."""

    def __init__(self) -> None:
        self.ranges: list[tuple[str, str | None]] = []
        self.stall = False
        self.go_on = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                with suppress(BrokenPipeError, ConnectionResetError):
                    hub.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rpartition("/")[2]
        asked = request.headers.get("Range")
        self.ranges.append((name, asked))
        data = TOKENIZER if name == "tokenizer.json" else MODEL
        found = re.fullmatch(r"bytes=(\d+)-", asked or "")
        start = int(found[1]) if found else 0
        request.send_response(206 if found else 200)
        if found:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.send_header("Content-Length", str(len(data) - start))
        request.send_header("ETag", '"same"')
        request.end_headers()
        if self.stall and len(data) > 300_000:
            request.wfile.write(data[start:300_000])
            self.go_on.wait(30)
            start = 300_000
        request.wfile.write(data[start:])


@pytest.fixture
def hub() -> Iterator[Hub]:
    started = Hub()
    yield started
    started.go_on.set()
    started.http.shutdown()
    started.http.server_close()


@pytest.fixture
def environment(tmp_path: Path, hub: Hub) -> dict[str, str]:
    """A machine that reaches our hub and no package index."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "HF_", "FIELDMATE_"))}
    return {
        **kept,
        "FIELDMATE_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.http.server_port}",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": str(REPOSITORY),
    }


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from assistant.cli.main import main; main()", "models", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    process = start(environment, *arguments)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_every_command_has_help_with_an_example(environment: dict[str, str]) -> None:
    for command in ([], ["list"], ["pull"], ["verify"], ["import"], ["remove"]):
        code, out, err = run(environment, *command, "--help")
        assert (code, err) == (0, "")
        assert "Example:" in out
        assert "fieldmate models" in out


def test_the_list_is_for_people_and_for_programs(environment: dict[str, str], tmp_path: Path) -> None:
    code, out, err = run(environment, "list")
    assert (code, err) == (0, "")
    assert re.search(
        r"^\* +qwen2\.5-coder-0\.5b-instruct-q4_k_m +generator +491\.4 MB .* missing +Apache-2\.0$", out, re.MULTILINE
    )
    code, out, _ = run(environment, "list", "--json")
    lines = {line["id"]: line for line in json.loads(out)}
    assert lines["smollm2-135m-instruct"]["state"] == "missing"
    assert lines[UNPINNED]["pinned"] == "no"
    assert not (tmp_path / "home").exists()


def test_an_unpinned_model_from_pull_to_removal(environment: dict[str, str], tmp_path: Path, hub: Hub) -> None:
    code, out, err = run(environment, "pull", UNPINNED)
    assert (code, out) == (2, "")
    assert "--accept-unpinned" in err
    assert hub.ranges == []

    code, out, err = run(environment, "pull", UNPINNED, "--accept-unpinned")
    assert code == 0, err
    right = hashlib.sha256(MODEL).hexdigest()
    folder = tmp_path / "home" / "models" / UNPINNED
    assert out == f"{UNPINNED}: ready (sha256 {right}) {folder}\n"
    assert json.loads((folder / "manifest.json").read_text())["dimensions"] == 384

    assert run(environment, "verify", UNPINNED)[:2] == (0, f"{UNPINNED}: verified (sha256 {right}) {folder}\n")

    damaged = MODEL[:-1] + b"\0"
    (folder / "model.onnx").write_bytes(damaged)
    code, out, err = run(environment, "verify", UNPINNED)
    assert (code, out) == (4, "")
    assert right in err
    assert hashlib.sha256(damaged).hexdigest() in err
    assert err.strip().endswith(f"run `fieldmate models pull {UNPINNED}`.")

    assert run(environment, "pull", UNPINNED)[0] == 0, "pinned here by now, so no flag is needed"
    assert run(environment, "remove", UNPINNED)[:2] == (0, f"{UNPINNED}: removed\n")
    assert not folder.exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_pull_says_so_and_goes_on_next_time(
    environment: dict[str, str], tmp_path: Path, hub: Hub, number: signal.Signals, code: int
) -> None:
    hub.stall = True
    process = start(environment, "pull", UNPINNED, "--accept-unpinned")
    models = tmp_path / "home" / "models"
    end = time.monotonic() + 20
    while not any(part.stat().st_size == 300_000 for part in models.glob(".partial/*/hub/*.part")):
        assert time.monotonic() < end, process.poll()
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in err
    assert not (models / UNPINNED).exists()

    hub.stall = False
    hub.ranges.clear()
    assert run(environment, "pull", UNPINNED, "--accept-unpinned")[0] == 0
    assert hub.ranges[0] == ("model_qint8_arm64.onnx", "bytes=300000-")


def test_without_any_source_one_sentence_says_what_to_do(environment: dict[str, str]) -> None:
    code, out, err = run({**environment, "HF_HUB_OFFLINE": "1"}, "pull")
    assert (code, out) == (4, "")
    last = err.strip().splitlines()[-1]
    assert "HF_HUB_OFFLINE is set" in last
    assert last.endswith("run `fieldmate models import PATH`.")


def test_a_file_of_another_length_on_the_hub_is_refused(environment: dict[str, str]) -> None:
    code, _, err = run(environment, "pull", "qwen3-0.6b-q8_0")
    assert code == 4
    assert f"has a file of {len(MODEL)} bytes, not 639446688" in err


def test_a_model_from_a_stick(environment: dict[str, str], tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 0) + bytes(1000))
    code, out, err = run(environment, "import", str(own))
    assert (code, out) == (2, "")
    assert "--id NAME --role generator" in err
    code, out, _ = run(environment, "import", str(own), "--id", "own", "--role", "generator")
    assert code == 0
    assert out.startswith("own: ready (sha256 ")
    assert "\nown: verified" in "\n" + run(environment, "verify")[1]
    assert run(environment, "remove", "own")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pull", "smollm"], 2, "did you mean smollm2-"),
        (["verify", "smollm2-135m-instruct"], 4, "run `fieldmate models pull smollm2-135m-instruct`."),
        (["import", "/nowhere/model.gguf"], 3, "is not there"),
        (["remove", "all-minilm-l6-v2-int8"], 2, "part of the package"),
        (["pull", "smollm2-135m-instruct", "--from", "/nowhere"], 4, "/nowhere does not hold"),
    ],
)
def test_wrong_calls_end_in_a_sentence_and_the_right_code(
    environment: dict[str, str], arguments: list[str], code: int, said: str
) -> None:
    found, out, err = run(environment, *arguments)
    assert (found, out) == (code, "")
    assert said in err
