"""Runs inside the gguf toolchain: how much each input of each matrix product matters, by what a text sends through it.

A script, started as `python -I -s generator_importance.py REQUEST.json RESULT.json`. It imports nothing of this project
and opens no connection. Request: source (Hugging Face folder), windows (file: windows of token ids), architecture
(GGUF's name), target (.npz to write), threads. It writes the mean square of each input channel by the name of the GGUF
tensor that it is multiplied with. Result: tensors (how many), tools.

That is llama.cpp's importance matrix: rounding then keeps what large inputs are multiplied with more exactly than what
is multiplied with next to nothing.
"""

import importlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOOLS = ("gguf", "torch", "transformers")
DIGITS = 4
"""Significant ones that are kept: the others differ from processor to processor, and with them the file."""


def tensor_names(architecture: str, layers: int) -> Any:
    """Return a function from the name of a module to that of its weight in a GGUF file, or None."""
    gguf: Any = importlib.import_module("gguf")
    numbers = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    table = gguf.get_tensor_name_map(numbers[architecture], layers)
    return lambda module: table.get_name(f"{module}.weight", try_suffixes=(".weight",))


def watch(torch: Any, model: Any, name_of: Any) -> dict[str, Any]:
    """Add up the squares of what goes into each linear layer from now on, by tensor; with the number of rows."""
    found: dict[str, Any] = {}

    def hook_of(name: str, width: int) -> Any:
        found[name] = [torch.zeros(width, dtype=torch.float64), 0]

        def add(_module: Any, given: Any) -> None:
            rows = given[0].detach().reshape(-1, width)
            found[name][0] += rows.double().square().sum(dim=0)
            found[name][1] += rows.shape[0]

        return add

    for module_name, module in model.named_modules():
        name = name_of(module_name) if isinstance(module, torch.nn.Linear) else None
        if name:
            module.register_forward_pre_hook(hook_of(name, module.in_features))
    return found


def rounded(values: Any) -> Any:
    """Return the values with DIGITS significant digits."""
    sizes = np.power(10.0, np.floor(np.log10(np.maximum(values, 1e-30))) - DIGITS + 1)
    return (np.rint(values / sizes) * sizes).astype(np.float32)


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Write the importance matrix and return the result object."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    torch.set_num_threads(request["threads"])
    model = transformers.AutoModelForCausalLM.from_pretrained(
        request["source"], dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
    ).eval()
    found = watch(torch, model, tensor_names(request["architecture"], model.config.num_hidden_layers))
    with torch.inference_mode():
        for window in json.loads(Path(request["windows"]).read_text(encoding="utf-8"))["windows"]:
            model(torch.tensor([window]), use_cache=False)
    seen = {name: rounded((total / rows).numpy()) for name, (total, rows) in found.items() if rows}
    np.savez(request["target"], **seen)
    return {"tensors": len(seen), "tools": {name: importlib.metadata.version(name) for name in TOOLS}}


if __name__ == "__main__":
    # Read when torch is imported: its threads otherwise spin at barriers, and the slower the busier the machine is.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    answer = measure(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
