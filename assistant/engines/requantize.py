"""Weights of a GGUF file in another type, written by llama.cpp in process.

Knows llama.cpp's function for that and what it says of the processor; runs no model, and knows nothing of recipes,
catalogues or where a file belongs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from assistant.errors import StorageError

FILE_TYPES = {"q4_0": 2, "q4_1": 3, "q8_0": 7, "q4_k_m": 15, "iq4_nl": 25}
"""Name -> number of a whole file's type (`llama_ftype`)."""
TENSOR_TYPES = {"q4_0": 2, "q4_1": 3, "q8_0": 8, "q6_k": 14, "iq4_nl": 20}
"""Name -> number of one tensor's type (`ggml_type`)."""
_FAST = ("AVX2", "DOTPROD", "MATMUL_INT8", "SVE")
"""What the kernels for weights packed anew need, one of them; a Raspberry Pi 4 has none."""
_LOOK_S = 0.2


def version() -> str:
    """Of the package that brings llama.cpp."""
    return installed_version("llama-cpp-python")


def repacks() -> bool:
    """Whether llama.cpp packs four-bit weights anew for this processor when it loads them."""
    said = _library().llama_print_system_info().decode()
    has = {part.split("=")[0].strip().rpartition(":")[2].strip() for part in said.split("|") if part.endswith("= 1 ")}
    return "REPACK" in has and any(feature in has for feature in _FAST)


def write(
    source: Path,
    target: Path,
    kind: str,
    *,
    output: str | None = None,
    threads: int = 1,
    written: Callable[[int], None] = lambda _: None,
) -> None:
    """Write `source` as `target` with weights of the type `kind`, and those of the output of the type `output`.

    Weights that are quantized already are rounded a second time. `written` is told now and then how many bytes are
    there. llama.cpp cannot be stopped on the way: what interrupts this call waits for it to end, some seconds.

    Raises:
        StorageError: llama.cpp did not write it; what it left is deleted.
    """
    library = _library()
    params = library.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[kind]
    params.allow_requantize = True
    params.nthread = threads
    if output is not None:
        params.output_tensor_type = TENSOR_TYPES[output]
    status: list[int] = []
    with _messages(library) as messages:

        def work() -> None:
            names = str(source).encode(), str(target).encode()
            status.append(library.llama_model_quantize(*names, ctypes.byref(params)))

        worker = threading.Thread(target=work)
        worker.start()
        try:
            while worker.is_alive():
                worker.join(_LOOK_S)
                with contextlib.suppress(FileNotFoundError):
                    written(target.stat().st_size)
        finally:
            worker.join()
            if status != [0]:
                target.unlink(missing_ok=True)
    if status != [0]:
        said = "; ".join(messages[-2:]) or "no reason given"
        raise StorageError(
            f"llama.cpp could not write {target} ({said}); see that its disk has room and run the same command again."
        )


def _library() -> Any:
    """llama.cpp's functions. Who generates later in the same process needs threads that sleep while they wait, and the
    OpenMP library reads that once, when it is loaded: here, if nothing was generated before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from llama_cpp import llama_cpp

    return llama_cpp


@contextlib.contextmanager
def _messages(library: Any) -> Iterator[list[str]]:
    """What llama.cpp complains of meanwhile, instead of on standard error; whoever listened before does so again."""
    lines: list[str] = []

    def take(level: int, text: bytes, _: Any) -> None:
        if level in (2, 3) and text:  # warnings and errors
            lines.append(text.decode("utf-8", "replace").strip())

    before, data = library.llama_log_callback(), ctypes.c_void_p()
    library.llama_log_get(ctypes.byref(before), ctypes.byref(data))
    callback = library.llama_log_callback(take)
    library.llama_log_set(callback, None)
    try:
        yield lines
    finally:
        library.llama_log_set(before, data)
