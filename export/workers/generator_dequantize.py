"""Runs inside the gguf toolchain: a GGUF file -> a Hugging Face folder in float32.

A script, started as `python -I -s generator_dequantize.py REQUEST.json RESULT.json`. It imports nothing of this
project and opens no connection. Request: source (GGUF file), target (folder). Result: parameters, tokenizer ("exact"
or "approximate") and tools, or refused: a clause that says why this file cannot be read back.

The weights come from transformers. The tokenizer is written here from the file's own tokens and merges, because
transformers gives a byte-level tokenizer of the architecture llama another end token and another way to split words.
"""

import importlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

TOOLS = ("accelerate", "gguf", "numpy", "safetensors", "tokenizers", "torch", "transformers")
CONTROL, USER_DEFINED = 3, 4
"""Kinds of tokens in a GGUF file that are matched whole."""
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


def byte_level(use_regex: bool) -> dict[str, Any]:
    """Return the step that turns bytes into characters, splitting words by GPT-2's expression where asked."""
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def split(pattern: str) -> dict[str, Any]:
    """Return the step that cuts text at the matches of `pattern`."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


DIGITS = {"type": "Digits", "individual_digits": True}
SPLITTERS: dict[str, list[dict[str, Any]]] = {
    "gpt-2": [byte_level(True)],
    "smollm": [DIGITS, byte_level(True)],
    "qwen2": [split(QWEN2), byte_level(False)],
    "llama-bpe": [split(LLAMA3), byte_level(False)],
}
"""llama.cpp's name of a way to split words -> the same in the form of a tokenizer.json."""


def tokenizer_json(value: Any) -> dict[str, Any]:
    """Return a byte-level tokenizer as a tokenizer.json holds it; `value` gives what the file says of a key."""
    tokens, kinds = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [
        {"id": number, "content": tokens[number], **flags, "special": kind == CONTROL}
        for number, kind in enumerate(kinds)
        if kind in (CONTROL, USER_DEFINED)
    ]
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
        "vocab": {token: number for number, token in enumerate(tokens)},
        "merges": [merge.split(" ", 1) for merge in value("tokenizer.ggml.merges")],
    }  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": SPLITTERS[value("tokenizer.ggml.pre")]},
        "post_processor": beginning(value, tokens), "decoder": byte_level(True), "model": model,
    }  # fmt: skip


def beginning(value: Any, tokens: list[str]) -> dict[str, Any] | None:
    """Return the step that puts the beginning token in front, where the file asks for one."""
    number = value("tokenizer.ggml.bos_token_id")
    if not value("tokenizer.ggml.add_bos_token") or number is None:
        return None
    token, first = tokens[number], {"Sequence": {"id": "A", "type_id": 0}}
    mark = {"SpecialToken": {"id": token, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [mark, first],
        "pair": [mark, first, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def tokenizer_config(value: Any) -> dict[str, Any]:
    """Return what tokenizer_config.json says: the special tokens, by the file's own numbers."""
    tokens = value("tokenizer.ggml.tokens")
    names = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    numbers = {short: value(f"tokenizer.ggml.{name}_token_id") for short, name in names.items()}
    special = {f"{short}_token": tokens[number] for short, number in numbers.items() if number is not None}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "add_bos_token": bool(value("tokenizer.ggml.add_bos_token")),
        **special,
    }


def write_tokenizer(source: Path, target: Path) -> str:
    """Write the tokenizer's files; return whether they split every text as llama.cpp does with the source."""
    gguf: Any = importlib.import_module("gguf")
    fields = gguf.GGUFReader(source).fields

    def value(key: str) -> Any:
        return fields[key].contents() if key in fields else None

    exact = value("tokenizer.ggml.model") == "gpt2" and value("tokenizer.ggml.pre") in SPLITTERS
    if exact:
        write(target / "tokenizer.json", tokenizer_json(value))
        write(target / "tokenizer_config.json", tokenizer_config(value))
    else:
        transformers: Any = importlib.import_module("transformers")
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        tokenizer.save_pretrained(target)
        (target / "tokenizer.model").unlink(missing_ok=True)  # it would be a copy of the GGUF file
    if template := value("tokenizer.chat_template"):
        (target / "chat_template.jinja").write_text(template, encoding="utf-8")
    return "exact" if exact else "approximate"


def write(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def dequantize(request: dict[str, Any]) -> dict[str, Any]:
    """Write the folder and return the result object."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    source, target = Path(request["source"]), Path(request["target"])
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32, local_files_only=True
        )
    except (ValueError, NotImplementedError, KeyError) as exc:
        return {"refused": f"transformers cannot read this GGUF file back ({str(exc).strip().splitlines()[0][:200]})"}
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(target, safe_serialization=True)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokenizer": write_tokenizer(source, target),
        "tools": {name: importlib.metadata.version(name) for name in TOOLS},
    }


if __name__ == "__main__":
    # Read when torch is imported: its threads otherwise spin at barriers, and the slower the busier the machine is.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    answer = dequantize(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
