"""Checks a folder of Hugging Face files before any converter sees it, and reads what the manifest needs.

Knows JSON and the safetensors header. Reads no weights, imports no model library, and never opens a pickle.
"""

import json
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.errors import DamagedModelError, SourceError

LICENCE_FILES = frozenset({"LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE"})
REQUIRED = ("config.json", "model.safetensors", "tokenizer.json")
WANTED = LICENCE_FILES | set(REQUIRED) | {
    "tokenizer_config.json", "special_tokens_map.json", "vocab.txt",
    "sentence_bert_config.json", "1_Pooling/config.json", "modules.json",
}  # fmt: skip
"""All that a converter may see: a folder's own Python modules and pickles stay outside."""

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
HEADER_LIMIT = 100 * 1024 * 1024
"""Bytes; the limit that the safetensors library itself sets for a header."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checked folder says about its embedder."""

    dimensions: int
    """Components of an embedding."""
    max_tokens: int
    """Tokens of a text that the model was trained to see, special tokens included."""
    pooling: str
    """How token vectors become one: "mean", or "cls" for the first one. The result is always scaled to length 1."""


def copy_wanted(source: Path, target: Path) -> None:
    """Copy the files of a Hugging Face folder that a converter may see; links are followed."""
    for name in sorted(WANTED):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)


def refuse_pickles(folder: Path) -> None:
    """Raise SourceError when the only weights in `folder` are pickles."""
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles and not (folder / "model.safetensors").exists():
        raise SourceError(
            f"{folder} holds only a pickle checkpoint ({pickles[0]}), which could run code when it is read; "
            "use a copy of the model that has model.safetensors."
        )


def check(folder: Path, name: str) -> Checkpoint:
    """Return the facts of the model in `folder`, called `name` in messages.

    Raises DamagedModelError for missing or truncated files, SourceError for a model of an unsupported shape.
    """
    for required in REQUIRED:
        if not (folder / required).is_file():
            raise DamagedModelError(f"{name} has no {required}; fetch the whole model again.")
    safetensors_entries(folder / "model.safetensors", name)
    config = json_object(folder / "config.json", name)
    pooling = json_object(folder / "1_Pooling" / "config.json", name)
    sentence = json_object(folder / "sentence_bert_config.json", name)
    _check_modules(folder / "modules.json", name)
    limit = sentence.get("max_seq_length") or config.get("max_position_embeddings")
    dimensions = config.get("hidden_size")
    if not isinstance(limit, int) or not isinstance(dimensions, int):
        raise SourceError(f"{name}: config.json does not describe a text encoder; choose another embedder.")
    return Checkpoint(dimensions=dimensions, max_tokens=limit, pooling=_pooling(pooling, name))


def _pooling(config: dict[str, Any], name: str) -> str:
    """Return the only pooling that the sentence-transformers configuration asks for; without one it is the mean."""
    modes = {key.removeprefix("pooling_mode_") for key, value in config.items() if value is True}
    modes &= {"mean_tokens", "cls_token", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"}
    known = {"mean_tokens": "mean", "cls_token": "cls"}
    if config and (len(modes) != 1 or not modes <= known.keys()):
        raise SourceError(f"{name} pools neither by the mean nor by its first token; choose another embedder.")
    return known[modes.pop()] if modes else "mean"


def _check_modules(path: Path, name: str) -> None:
    """Raise SourceError for steps behind the encoder that neither the exporter nor the device's engine takes."""
    try:
        steps = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        kinds = [str(step["type"]).rsplit(".", 1)[-1] for step in steps]
    except (ValueError, TypeError, KeyError) as exc:
        raise DamagedModelError(f"{name}: modules.json is not a list of steps; fetch the model again.") from exc
    for kind in kinds:
        if kind not in ("Transformer", "Pooling", "Normalize"):
            raise SourceError(f"{name} has a step {kind} behind its encoder; choose an embedder without one.")


def json_object(path: Path, name: str, *, required: bool = False) -> dict[str, Any]:
    """Return the JSON object in `path`, {} where there is no such file.

    Raises DamagedModelError for a file that holds something else, and for a missing one that is `required`.
    """
    if required and not path.is_file():
        raise DamagedModelError(f"{name} has no {path.name}; fetch the whole model again.")
    try:
        value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as exc:
        raise DamagedModelError(f"{name}: {path.name} is not JSON; fetch the model again.") from exc
    if not isinstance(value, dict):
        raise DamagedModelError(f"{name}: {path.name} is not a JSON object; fetch the model again.")
    return value


def safetensors_entries(path: Path, name: str) -> list[dict[str, Any]]:
    """Return what the header of a safetensors file says of each tensor, after comparing it with the file's size.

    A broken download ends early. Raises DamagedModelError.
    """
    damaged = DamagedModelError(f"{name}: {path.name} is truncated or damaged; fetch the model again.")
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(HEADER_LIMIT, size - 8):
            raise damaged
        try:
            header = json.loads(file.read(length))
            entries = [entry for key, entry in header.items() if key != "__metadata__"]
            ends = [int(entry["data_offsets"][1]) for entry in entries]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
            raise damaged from exc
    if not ends or 8 + length + max(ends) != size:
        raise damaged
    return entries
