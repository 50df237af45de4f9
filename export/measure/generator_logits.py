"""Probabilities of next tokens, as llama.cpp computes them on the device. Knows no text, report or other runtime."""

import ctypes
import functools
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import ConversionError

FLASH_ATTENTION = 1
"""As the device's engine sets it."""
BATCH = 512

Logs = npt.NDArray[np.float32]


class Scorer:
    """A GGUF model that gives the logarithms of all probabilities at the end of a window."""

    def __init__(self, path: Path, window: int, threads: int) -> None:
        """Load the model. Raises ConversionError when llama.cpp cannot."""
        self._library: Any = importlib.import_module("llama_cpp")
        self._library.llama_log_set(_silence(), None)
        params = self._library.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = self._library.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise ConversionError(f"llama.cpp cannot load {path.name}; run again with --debug to see why.")
        self._vocab = self._library.llama_model_get_vocab(self._model)
        self._size = self._library.llama_vocab_n_tokens(self._vocab)
        options = self._library.llama_context_default_params()
        options.n_ctx = options.n_batch = window
        options.n_ubatch = min(window, BATCH)
        options.n_threads = options.n_threads_batch = threads
        options.flash_attn_type = FLASH_ATTENTION
        options.no_perf = True
        self._context = self._library.llama_init_from_model(self._model, options)
        if not self._context:
            raise ConversionError(f"llama.cpp cannot make a context of {window} tokens for {path.name}.")
        self._batch = self._library.llama_batch_init(window, 0, 1)

    @property
    def vocabulary(self) -> int:
        """Number of tokens that the model knows."""
        return int(self._size)

    @property
    def bos(self) -> int | None:
        """The token that the model expects in front of every text, or None."""
        if not self._library.llama_vocab_get_add_bos(self._vocab):
            return None
        return int(self._library.llama_vocab_bos(self._vocab))

    def tokenize(self, text: str) -> list[int]:
        """Return the text's tokens, none of them special."""
        data = text.encode("utf-8")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = self._library.llama_tokenize(self._vocab, data, len(data), tokens, room, False, False)
        return list(tokens[:count])

    def logs(self, window: Sequence[int], scored: int) -> Logs:
        """Return a row a scored token: the logarithms of the probabilities that stood against it."""
        first, batch = len(window) - scored - 1, self._batch
        batch.n_tokens = len(window)
        for place, token in enumerate(window):
            batch.token[place], batch.pos[place] = token, place
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, 0
            batch.logits[place] = first <= place < len(window) - 1
        self._library.llama_memory_clear(self._library.llama_get_memory(self._context), True)
        if status := self._library.llama_decode(self._context, batch):
            raise ConversionError(f"llama.cpp cannot run this model (llama_decode returned {status}).")
        pointer = self._library.llama_get_logits(self._context)
        logits = np.ctypeslib.as_array(pointer, shape=(scored, self.vocabulary))
        return log_softmax(logits)

    def close(self) -> None:
        """Free what llama.cpp holds."""
        self._library.llama_batch_free(self._batch)
        self._library.llama_free(self._context)
        self._library.llama_model_free(self._model)


@functools.cache
def _silence() -> Any:
    """Return a callback that takes llama.cpp's messages and outlives every scorer: the library keeps calling it."""
    return importlib.import_module("llama_cpp").llama_log_callback(lambda level, text, data: None)


def log_softmax(logits: Logs) -> Logs:
    """Return the logarithms of the probabilities; sums are in float64, since a vocabulary is long."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    total = np.exp(shifted).sum(axis=1, keepdims=True, dtype=np.float64)
    logs: Logs = (shifted - np.log(total)).astype(np.float32)
    return logs


def surprise(logs: Logs, window: Sequence[int]) -> float:
    """Return the summed surprise of the window's last tokens, in natural logarithms."""
    right = np.array(window[-len(logs) :])
    return -float(logs[np.arange(len(logs)), right].sum(dtype=np.float64))


def divergence(reference: Logs, logs: Logs) -> npt.NDArray[np.float64]:
    """Return a row's Kullback-Leibler divergence from the reference's distribution, for each row."""
    return np.asarray((np.exp(reference) * (reference - logs)).sum(axis=1, dtype=np.float64))


def agreement(reference: Logs, logs: Logs) -> npt.NDArray[np.bool_]:
    """Return, for each row, whether both hold the same token for the likeliest."""
    return np.asarray(reference.argmax(axis=1) == logs.argmax(axis=1))
