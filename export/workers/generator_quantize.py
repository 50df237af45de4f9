"""Runs in the device's own environment: one GGUF file -> another type, by llama.cpp's own function.

A script, started as `python -I -s generator_quantize.py REQUEST.json RESULT.json`: a process of its own, because the
library may end it. It imports nothing of this project. Request: source, target (files), type (llama.cpp's number),
threads, importance (.npz of the importance matrix, or null). Result: tools, or refused: what llama.cpp said.
"""

import ctypes
import importlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

SERIOUS = (3, 4)
"""ggml's numbers of a warning and an error."""


def load(path: str) -> dict[str, Any]:
    """Return the importance matrix: an array of float32 for each tensor's name."""
    numpy: Any = importlib.import_module("numpy")
    with numpy.load(path, allow_pickle=False) as stored:
        return {name: numpy.ascontiguousarray(stored[name], dtype=numpy.float32) for name in sorted(stored.files)}


def importance(library: Any, arrays: dict[str, Any]) -> Any:
    """Return llama.cpp's list of the arrays, which ends with an entry without a name and lives no longer than they."""
    pointer = ctypes.POINTER(ctypes.c_float)
    entries = (library.llama_model_imatrix_data * (len(arrays) + 1))()
    for entry, (name, values) in zip(entries, arrays.items(), strict=False):
        entry.name, entry.size = name.encode(), values.size
        entry.data = values.ctypes.data_as(pointer)
    return entries


def quantize(request: dict[str, Any]) -> dict[str, Any]:
    """Write the target and return the result object."""
    library: Any = importlib.import_module("llama_cpp")
    said: list[str] = []

    def listen(level: int, text: bytes, _data: Any) -> None:
        sys.stderr.write(text.decode("utf-8", "replace"))
        if level in SERIOUS:
            said.append(text.decode("utf-8", "replace").strip())

    log = library.llama_log_callback(listen)
    library.llama_log_set(log, None)
    library.llama_backend_init()
    params = library.llama_model_quantize_default_params()
    params.ftype, params.nthread = request["type"], request["threads"]
    arrays = load(request["importance"]) if request["importance"] else {}
    if arrays:
        params.imatrix = importance(library, arrays)
    source, target = (os.fsencode(request[name]) for name in ("source", "target"))
    if library.llama_model_quantize(source, target, ctypes.byref(params)):
        return {"refused": said[-1] if said else "llama.cpp gave no reason"}
    return {"tools": {"llama-cpp-python": importlib.metadata.version("llama-cpp-python")}}


if __name__ == "__main__":
    answer = quantize(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
