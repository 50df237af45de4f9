"""A worker inside the peer's environment: embeds texts when told to. Imports nothing of ours and knows no scenario.

Reads JSON lines and answers each with one: {"texts": FILE} loads lists of texts and warms up,
{"go": N, "save": OUT or null} embeds the list N once with the library's defaults, gives wall and processor seconds and,
when asked, saves the vectors.
"""

import json
import os
import sys
import time


def main(model: str, threads: int) -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the libraries print must not mix with the answers
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    torch.set_num_threads(threads)
    import sentence_transformers

    encoder = sentence_transformers.SentenceTransformer(model, device="cpu")
    lists: list[list[str]] = []
    for line in sys.stdin:
        order = json.loads(line)
        if "texts" in order:
            with open(order["texts"], encoding="utf-8") as file:
                lists = json.load(file)
            encoder.encode(lists[0][:64], show_progress_bar=False)
            versions = {"torch": torch.__version__, "sentence-transformers": sentence_transformers.__version__}
            reply = {"versions": versions}
        else:
            started, worked = time.perf_counter(), time.process_time()
            vectors = encoder.encode(lists[order["go"]], show_progress_bar=False)
            reply = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked}
            if order["save"]:
                import numpy as np

                np.save(order["save"], vectors)
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
