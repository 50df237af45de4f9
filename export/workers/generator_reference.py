"""Runs inside the gguf toolchain: what the source's own weights say about a text, in float32 and by transformers.

A script, started as `python -I -s generator_reference.py REQUEST.json RESULT.json`. It imports nothing of this
project and opens no connection. Request: source (Hugging Face folder), windows (file: windows of token ids, scored:
how many at the end of each count, compared: the windows whose distributions are kept), distributions (file to write),
text (file), threads. Result: nll (a sum a window, natural logarithms), same_tokens (whether the folder's tokenizer
gives the ids that the windows' text was split into; null where it has none), tools.
"""

import importlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOOLS = ("torch", "transformers")


def nll_of(torch: Any, model: Any, window: list[int], scored: int) -> tuple[float, Any]:
    """Return the summed surprise of the window's last tokens and the logarithms of all probabilities there."""
    ids = torch.tensor([window])
    logits = model(ids, use_cache=False, logits_to_keep=scored + 1).logits[0, :-1]
    logs = torch.log_softmax(logits.float(), dim=-1)
    right = torch.tensor(window[-scored:])
    return -float(logs.gather(1, right[:, None]).double().sum()), logs.numpy()


def same_tokens(source: Path, text: str, ids: list[int]) -> bool | None:
    """Return whether the folder's tokenizer splits `text` into `ids`."""
    if not (source / "tokenizer.json").is_file():
        return None
    tokenizers: Any = importlib.import_module("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(source / "tokenizer.json"))
    return list(tokenizer.encode(text, add_special_tokens=False).ids) == ids


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Write the distributions and return the result object."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    torch.set_num_threads(request["threads"])
    asked = json.loads(Path(request["windows"]).read_text(encoding="utf-8"))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        request["source"], dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
    ).eval()
    sums, kept = [], None
    with torch.inference_mode():
        for number, window in enumerate(asked["windows"]):
            nll, logs = nll_of(torch, model, window, asked["scored"])
            sums.append(nll)
            if number in asked["compared"]:
                if kept is None:
                    shape = (len(asked["compared"]), *logs.shape)
                    kept = np.lib.format.open_memmap(request["distributions"], "w+", np.float32, shape)
                kept[asked["compared"].index(number)] = logs
    if kept is not None:
        kept.flush()
    text = Path(request["text"]).read_text(encoding="utf-8")
    return {
        "nll": sums,
        "same_tokens": same_tokens(Path(request["source"]), text, asked["text_ids"]),
        "tools": {name: importlib.metadata.version(name) for name in TOOLS},
    }


if __name__ == "__main__":
    # Read when torch is imported: its threads otherwise spin at barriers, and the slower the busier the machine is.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    answer = measure(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
