"""Turns what the user named (a folder, a GGUF file, a catalogue id, a hub name) into a checked generator source.

Knows the model library's folders and the catalogue's names. It knows nothing of conversion: it ends where a converter
could begin.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export import generator_checks, hub
from export.environments import Progress
from export.errors import DamagedModelError, SourceError
from export.files import MANIFEST, sha256_of
from export.generator_checks import Facts
from export.gguf import header
from export.gguf.header import Header
from export.gguf.types import TENSOR_TYPES, TYPES

CATALOGUE = Path(__file__).parents[1] / "models" / "catalogue.toml"
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class GeneratorSource:
    """A generator that has passed every check that needs no model library."""

    name: str
    """What artifacts made of it are called, without their type."""
    licence: str | None
    """SPDX identifier, None where nothing says it."""
    facts: Facts
    folder: Path | None
    """A Hugging Face folder of our own, or None."""
    gguf: Path | None
    """A GGUF file, or None."""
    gguf_header: Header | None
    provenance: dict[str, Any]
    """The manifest's `source`."""

    @property
    def is_float_gguf(self) -> bool:
        """Whether it is a GGUF file that nobody has quantized: llama.cpp takes it as it is."""
        return self.gguf_header is not None and self.gguf_header.is_float

    @property
    def quantized(self) -> str | None:
        """How the source itself was quantized, in words, or None."""
        if self.gguf_header is None or self.gguf_header.is_float:
            return None
        return ", ".join(f"{count} {kind}" for kind, count in self.gguf_header.types.items())


def resolve(source: str, scratch: Path, progress: Progress, *, models: Path | None, base: bool) -> GeneratorSource:
    """Return the generator that `source` names: a path, then a catalogue id, then a hub name.

    With `base` a model without a chat template is taken. Raises SourceError or DamagedModelError.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        found = _from_folder(path, _plain_name(path.resolve().name), {}, None, scratch)
    elif path.is_file():
        found = _from_gguf(path, base_name(path.stem), {}, None)
    elif entry := _catalogue_entry(source):
        found = _from_library(entry, models)
    elif HUB_NAME.fullmatch(source):
        snapshot = hub.fetch(source, progress)
        name = _plain_name(source.split("/")[1].split("@")[0])
        found = _from_folder(snapshot.folder, name, snapshot.provenance, snapshot.licence, scratch)
    else:
        raise SourceError(
            f"There is no {source}; name a folder of safetensors, a GGUF file, a catalogue id or a hub name OWNER/NAME."
        )
    if found.facts.template is None and not base:
        raise SourceError(
            f"{found.name} has no chat template, so it cannot tell a question from a document; choose its instruct "
            "variant, or say --base for a base model."
        )
    return found


def _from_folder(
    path: Path, name: str, provenance: Mapping[str, Any], licence: str | None, scratch: Path
) -> GeneratorSource:
    generator_checks.refuse_pickles([each.name for each in path.iterdir()], str(path))
    folder = scratch / "source"
    folder.mkdir()
    generator_checks.copy_wanted(path, folder)
    facts = generator_checks.check(folder, name)
    files = {each.name: sha256_of(each) for each in sorted(folder.iterdir())}
    return GeneratorSource(name, licence, facts, folder, None, None, {"id": name, **provenance, "files": files})


def _from_gguf(path: Path, name: str, provenance: Mapping[str, Any], licence: str | None) -> GeneratorSource:
    with path.open("rb") as file:
        begin = file.read(4)
    if begin != b"GGUF" and path.suffix != ".gguf":
        raise SourceError(f"{path} is neither a folder of safetensors nor a GGUF file; name one of those.")
    found = header.read(path, path.name)
    if "tokenizer.ggml.tokens" not in found.metadata:
        raise DamagedModelError(f"{path.name} has no tokenizer; fetch the whole model again.")
    said = str(found.metadata.get("general.license", "")).lower()
    context = found.metadata.get(f"{found.architecture}.context_length")
    facts = Facts(found.architecture, found.parameters, context, found.chat_template)
    hashes = {"id": name, **provenance, "file": path.name, "sha256": sha256_of(path), "tensors": found.types}
    return GeneratorSource(name, licence or hub.SPDX.get(said), facts, None, path.resolve(), found, hashes)


def _from_library(entry: Mapping[str, Any], models: Path | None) -> GeneratorSource:
    """Return the catalogue's model from the library's folder, its bytes checked."""
    ident = str(entry["id"])
    if entry["role"] != "generator" or entry["format"] != "gguf":
        raise SourceError(f"{ident} is no generator in GGUF; name another catalogue id, a folder or a file.")
    where = _library(models)
    try:
        manifest = json.loads((where / ident / MANIFEST).read_text(encoding="utf-8"))
        main = manifest["files"][0]
        path = where / ident / Path(str(main["path"])).name
    except FileNotFoundError as exc:
        raise SourceError(
            f"{ident} is not in {where}; run `fieldmate models pull {ident}`, or name the library with --models."
        ) from exc
    except (ValueError, KeyError, IndexError, TypeError) as exc:
        raise DamagedModelError(f"The manifest of {ident} cannot be read; pull the model again.") from exc
    if not path.is_file() or sha256_of(path) != main["sha256"]:
        raise DamagedModelError(f"{path} is not the file of its manifest; run `fieldmate models pull {ident}`.")
    return _from_gguf(path, base_name(ident), {"catalogue": ident}, str(manifest["licence"]))


def _library(models: Path | None) -> Path:
    """Return the folder of pulled models: named, the environment's, or this checkout's."""
    named = os.environ.get("FIELDMATE_MODELS_DIR")
    home = os.environ.get("FIELDMATE_HOME")
    if models is not None:
        return models
    if named:
        return Path(named).expanduser()
    return Path(home).expanduser() / "models" if home else CATALOGUE.parent / "artifacts"


def catalogue_names() -> frozenset[str]:
    """Return every id and alias of the catalogue: names that no artifact of ours may take."""
    return frozenset(name for entry in _catalogue() for name in (entry["id"], *entry.get("aliases", ())))


def _catalogue() -> list[dict[str, Any]]:
    return list(tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["model"])


def _catalogue_entry(name: str) -> dict[str, Any] | None:
    return next((each for each in _catalogue() if name == each["id"] or name in each.get("aliases", ())), None)


def _plain_name(name: str) -> str:
    """Return a name as an artifact may be called: lower case, digits, dots, hyphens and underscores."""
    plain = re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-._")
    return plain[:80] or "generator"


def base_name(name: str) -> str:
    """Return the plain name without a type at its end: what is made of it gets another one."""
    plain = _plain_name(name)
    types = {*TYPES, *(each[0] for each in TENSOR_TYPES.values())}
    ending = next((kind for kind in sorted(types, key=len, reverse=True) if re.search(rf"[-._]{kind}$", plain)), None)
    return plain[: -len(ending) - 1] if ending else plain
