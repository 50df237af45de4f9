"""One model file under test: batches of tokens through llama.cpp, timed, and what a process with it takes.

Knows llama.cpp's own functions, and of Fieldmate only the generator, whose memory is of interest. `python -m
benchmarks.forms FILE` loads one file, reads a long prompt and prints what that took as JSON: memory has to be measured
in a process that holds nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.errors import BenchmarkError

_ROOM = 1024
_BATCH = 512


class Form:
    """A file, loaded, with one sequence."""

    def __init__(self, path: Path, prefill_threads: int) -> None:
        """Load the file; its messages go nowhere."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the product has it; read when the library is loaded
        from llama_cpp import llama_cpp

        self._library: Any = llama_cpp
        self._threads = prefill_threads
        with _quiet(llama_cpp):
            self._load(path)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.words = int(llama_cpp.llama_vocab_n_tokens(self._vocab))

    def _load(self, path: Path) -> None:
        llama_cpp = self._library
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise BenchmarkError(f"llama.cpp cannot load {path.name}; derive it again.")
        own = llama_cpp.llama_context_default_params()
        own.n_ctx, own.n_batch, own.n_ubatch = _ROOM, _BATCH, _BATCH
        own.flash_attn_type, own.no_perf = 1, True
        self._context = llama_cpp.llama_init_from_model(self._model, own)

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text."""
        data = text.encode()
        found = (ctypes.c_int32 * (len(data) + 8))()
        count = self._library.llama_tokenize(self._vocab, data, len(data), found, len(found), False, False)
        return list(found[:count])

    def cut(self, length: int) -> None:
        """Forget all tokens behind the first `length`."""
        if not length:
            self._library.llama_memory_clear(self._memory, False)
        elif not self._library.llama_memory_seq_rm(self._memory, 0, length, -1):
            raise BenchmarkError("This model cannot forget its last tokens; leave weights out.")

    def seconds(self, tokens: list[int], begin: int, *, threads: int | None = None, every: bool = False) -> float:
        """Time of one batch at position `begin`; with `every`, all its tokens get logits."""
        library, count = self._library, len(tokens)
        library.llama_set_n_threads(self._context, threads or self._threads, threads or self._threads)
        batch = library.llama_batch_init(count, 0, 1)
        batch.n_tokens = count
        for place, token in enumerate(tokens):
            batch.token[place], batch.pos[place] = token, begin + place
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, 0
            batch.logits[place] = every or place == count - 1
        try:
            started = time.perf_counter()
            status = library.llama_decode(self._context, batch)
            library.llama_get_logits_ith(self._context, -1)  # waits for the computation
            taken = time.perf_counter() - started
        finally:
            library.llama_batch_free(batch)
        if status:
            raise BenchmarkError(f"llama.cpp refused a batch of {count} tokens ({status}); leave weights out.")
        return taken

    def log_probabilities(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """Of every word of the vocabulary behind each of the tokens, from an empty start."""
        self.cut(0)
        self.seconds(tokens, 0, every=True)
        raw = self._library.llama_get_logits(self._context)
        logits = np.ctypeslib.as_array(raw, shape=(len(tokens), self.words)).astype(np.float32)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def close(self) -> None:
        """Free it."""
        self._library.llama_free(self._context)
        self._library.llama_model_free(self._model)


@contextlib.contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Keep llama.cpp's messages off standard error; whoever listened before does so again."""
    before, data = library.llama_log_callback(), ctypes.c_void_p()
    library.llama_log_get(ctypes.byref(before), ctypes.byref(data))
    callback = library.llama_log_callback(lambda *_: None)
    library.llama_log_set(callback, None)
    try:
        yield
    finally:
        library.llama_log_set(before, data)


def taken(path: Path) -> dict[str, float]:
    """Load time in seconds, and megabytes of this process after the product's generator has read 400 tokens."""
    from assistant.engines.llama import LlamaGenerator
    from assistant.types import Prompt

    started = time.perf_counter()
    generator = LlamaGenerator(path, path.stem)
    loaded = time.perf_counter() - started
    passage = "The pump stops when the tank is empty, and starts again when it has been filled. "
    prompt = Prompt("Answer.", (passage,), "?")
    while generator.count_tokens(prompt) < 400:
        prompt = Prompt("Answer.", (*prompt.passages, passage), "?")
    for _ in generator.generate(prompt, max_tokens=4):
        pass
    lines = Path("/proc/self/smaps_rollup").read_text("ascii") + Path("/proc/self/status").read_text("ascii")
    found = {line.split(":")[0]: line.split()[1] for line in lines.splitlines() if line.endswith(" kB")}
    names = {"peak_mb": "VmHWM", "resident_mb": "Rss", "anonymous_mb": "Anonymous"}
    return {"load_s": loaded} | {name: int(found[field]) * 1024 / 1e6 for name, field in names.items()}


if __name__ == "__main__":
    print(json.dumps(taken(Path(sys.argv[1]))))
