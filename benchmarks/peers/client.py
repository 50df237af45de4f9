"""Our end of the worker in the peer's environment. Knows its lines of JSON, nothing of what is compared."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.errors import BenchmarkError

WORKER = Path(__file__).with_name("embed.py")


class PeerEmbedder:
    """sentence-transformers in a process of its own, loaded and waiting."""

    def __init__(self, python: Path, model: Path, threads: int, log: Path, variables: dict[str, str]) -> None:
        """`variables` are added to the environment of the process."""
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)} | variables
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [os.fspath(python), "-I", os.fspath(WORKER), os.fspath(model), str(threads)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment,
                text=True, encoding="utf-8",
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def load(self, lists: Sequence[Sequence[str]], file: Path) -> dict[str, str]:
        """Hand over lists of texts and warm up; returns the versions of its libraries."""
        file.write_text(json.dumps(lists), "utf-8")
        versions: dict[str, str] = self._tell({"texts": str(file)})["versions"]
        return versions

    def embed(self, number: int, vectors: Path | None = None) -> tuple[float, float]:
        """Wall and processor seconds to embed one of the lists once; `vectors` names a .npy file to save them in."""
        reply = self._tell({"go": number, "save": str(vectors) if vectors else None})
        return float(reply["seconds"]), float(reply["cpu_seconds"])

    def _tell(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
            raise BenchmarkError(f"The peer ended: {lines[-1] if lines else 'it said nothing'}")
        reply: dict[str, Any] = json.loads(line)
        return reply
