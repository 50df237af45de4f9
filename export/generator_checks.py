"""Checks a generator's Hugging Face folder before any converter sees it, and reads what the manifest needs.

Knows JSON and the safetensors header. Reads no weights, imports no model library, and never opens a pickle.
"""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.checkpoints import LICENCE_FILES, PICKLES, json_object, safetensors_entries
from export.errors import DamagedModelError, SourceError

INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model")
TEXTS = LICENCE_FILES | set(TOKENIZERS) | {
    "config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", INDEX,
}  # fmt: skip
"""With the safetensors files, all that a converter may see: a folder's own Python modules stay outside."""
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
FLOATS = {"F64", "F32", "F16", "BF16"}
TEXT_GENERATORS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a checked source says about its generator."""

    architecture: str
    parameters: int
    context: int | None
    """Tokens that the model was trained to see, where it says so."""
    template: str | None
    """Its chat template, None for a base model."""


def copy_wanted(source: Path, target: Path) -> None:
    """Give `target` the files that a converter may see: weights by link where the disk allows it, texts by copy."""
    for path in sorted(source.iterdir()):
        if path.name in TEXTS and path.is_file():
            shutil.copyfile(path, target / path.name)
        elif path.suffix == ".safetensors" and path.is_file():
            (target / path.name).symlink_to(path.resolve())


def refuse_pickles(names: list[str], where: str) -> None:
    """Raise SourceError when the only weights among `names` are pickles."""
    pickles = sorted(name for name in names if name.endswith(PICKLES))
    if pickles and not any(name.endswith(".safetensors") for name in names):
        raise SourceError(
            f"{where} holds only a pickle checkpoint ({pickles[0]}), which could run code when it is read; "
            "use a copy of the model that has safetensors files."
        )


def check(folder: Path, name: str) -> Facts:
    """Return the facts of the generator in `folder`, called `name` in messages.

    Raises DamagedModelError for missing or truncated files, SourceError for what is no generator that we can take.
    """
    config = json_object(folder / "config.json", name, required=True)
    tokenizer = json_object(folder / "tokenizer_config.json", name)
    architecture = (config.get("architectures") or [None])[0]
    if not isinstance(architecture, str) or not architecture.endswith(TEXT_GENERATORS):
        raise SourceError(f"{name} is no text generator (its architecture is {architecture}); choose another model.")
    if config.get("auto_map") or tokenizer.get("auto_map"):
        raise SourceError(f"{name} needs Python code of its own, which is never run; choose another model.")
    if config.get("quantization_config"):
        raise SourceError(f"{name} is already quantized; name its original weights, or a GGUF file.")
    if not any((folder / each).is_file() for each in TOKENIZERS):
        raise DamagedModelError(f"{name} has no {' or '.join(TOKENIZERS)}; fetch the whole model again.")
    context = config.get("max_position_embeddings")
    return Facts(
        architecture=architecture,
        parameters=sum(_parameters(path, name) for path in _weights(folder, name)),
        context=context if isinstance(context, int) else None,
        template=_template(folder, tokenizer, name),
    )


def _weights(folder: Path, name: str) -> list[Path]:
    """Return the files of weights: the one, or all that the index names."""
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    named = json_object(folder / INDEX, name).get("weight_map")
    if not isinstance(named, dict) or not named:
        raise DamagedModelError(f"{name} has no model.safetensors; fetch the whole model again.")
    paths = [folder / Path(str(each)).name for each in sorted(set(named.values()))]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DamagedModelError(f"{name} has no {missing[0]}; fetch the whole model again.")
    return paths


def _parameters(path: Path, name: str) -> int:
    """Return how many values a safetensors file holds, after comparing its header with its size."""
    entries = safetensors_entries(path, name)
    try:
        counts = [_values(entry) for entry in entries]
        strange = sorted({entry["dtype"] for entry in entries} - FLOATS)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
        raise DamagedModelError(f"{name}: {path.name} is truncated or damaged; fetch the model again.") from exc
    if strange:
        raise SourceError(f"{name} holds tensors of type {strange[0]}; name its original float weights.")
    return sum(counts)


def _values(entry: Mapping[str, Any]) -> int:
    """Return the number of a tensor's values; ValueError when its bytes do not add up."""
    count = math.prod(int(size) for size in entry["shape"])
    begin, end = entry["data_offsets"]
    if count * SIZES.get(entry["dtype"], 0) not in (end - begin, 0):
        raise ValueError("a tensor's bytes do not fit its shape")
    return count


def _template(folder: Path, tokenizer: Mapping[str, Any], name: str) -> str | None:
    """Return the chat template from wherever this model keeps it."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    found = json_object(folder / "chat_template.json", name).get("chat_template") or tokenizer.get("chat_template")
    if isinstance(found, list):  # several by name; the one called "default" is what everybody uses
        found = next((each.get("template") for each in found if each.get("name") == "default"), None)
    return found if isinstance(found, str) and found.strip() else None
