"""Runs inside the gguf toolchain: a Hugging Face folder -> one GGUF file, by llama.cpp's own converter.

A script, started as `python -I -s generator_convert.py REQUEST.json RESULT.json`. It imports nothing of this project
and opens no connection. Request: converter (folder of convert_hf_to_gguf.py), source (folder), target (file),
metadata (file), vocabulary (a GGUF file whose tokenizer is taken over as it is, or null). Result: tools, or refused:
a clause that says why this model cannot be converted.
"""

import importlib
import importlib.metadata
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

TOOLS = ("numpy", "safetensors", "sentencepiece", "tokenizers", "torch", "transformers")


def refusal(conversion: Any, architecture: str) -> str | None:
    """Return why the converter cannot take this architecture, or None."""
    if architecture in conversion.TEXT_MODEL_MAP:
        return None
    return f"llama.cpp's converter does not know the architecture {architecture}"


def take_over_vocabulary(model_class: Any, vocabulary: Path) -> None:
    """Make the converter write the tokenizer of `vocabulary` as it stands there.

    Read back into Hugging Face's form and out again a tokenizer loses its end token and its way of splitting words.
    """
    gguf: Any = importlib.import_module("gguf")
    fields = gguf.GGUFReader(vocabulary).fields

    def set_vocab(self: Any) -> None:
        for name, field in sorted(fields.items()):
            if name.startswith("tokenizer."):
                kind = field.types[0]
                inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
                self.gguf_writer.add_key_value(name, field.contents(), kind, sub_type=inner)

    model_class.set_vocab = set_vocab


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Write the file and return the result object."""
    converter = Path(request["converter"])
    sys.path[:0] = [os.fspath(converter), os.fspath(converter / "gguf-py")]
    conversion: Any = importlib.import_module("conversion")
    config = json.loads((Path(request["source"]) / "config.json").read_text(encoding="utf-8"))
    architecture = config["architectures"][0]
    if reason := refusal(conversion, architecture):
        return {"refused": reason}
    if request["vocabulary"]:
        take_over_vocabulary(conversion.get_model_class(architecture), Path(request["vocabulary"]))
    script = os.fspath(converter / "convert_hf_to_gguf.py")
    sys.argv = [script, request["source"], "--outfile", request["target"], "--outtype", "f16"]
    sys.argv += ["--metadata", request["metadata"]]
    try:
        runpy.run_path(script, run_name="__main__")
    except NotImplementedError as exc:
        return {"refused": f"llama.cpp's converter says: {str(exc).rstrip('.')}"}
    return {"tools": {name: importlib.metadata.version(name) for name in TOOLS}}


if __name__ == "__main__":
    asked, answered = map(Path, sys.argv[1:])  # the converter gets arguments of its own below
    answered.write_text(json.dumps(convert(json.loads(asked.read_text(encoding="utf-8")))), encoding="utf-8")
