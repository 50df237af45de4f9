"""All settings, as one frozen tree.

Defaults are overridden by a TOML file, the file by `FIELDMATE_*` environment variables, those by command-line flags. A
key that does not exist is an error in each of them: a setting that is silently ignored is worse than none. Knows no
engine and no other module but the errors.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from assistant.errors import SettingsError

Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]

_PREFIX = "FIELDMATE_"
_HOME = "FIELDMATE_HOME"
_EXPORTER = "FIELDMATE_EXPORT_"
"""Begins the variables of the exporter, which may share a shell with the runtime."""
DEFAULT_GENERATOR = "qwen2.5-coder-0.5b-instruct-q4_k_m"
DEFAULT_EMBEDDER = "all-minilm-l6-v2-int8"


class GeneratorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The model that words the answers."""

    id: Annotated[str, Meta(description="Catalogue id of the generator.")] = DEFAULT_GENERATOR
    context_tokens: Annotated[Positive, Meta(description="Room for prompt and answer together, in tokens.")] = 2048
    max_tokens: Annotated[Positive, Meta(description="Longest answer, in tokens.")] = 160
    temperature: Annotated[
        float, Meta(ge=0, le=2, description="0 always takes the likeliest token, so answers can be repeated.")
    ] = 0.0
    decode_threads: Annotated[
        Count,
        Meta(description="Threads that write the answer; 0: as `doctor --tune` measured, else half of the cores."),
    ] = 0
    prefill_threads: Annotated[
        Count, Meta(description="Threads that read the prompt; 0: as `doctor --tune` measured, else every core.")
    ] = 0
    speculate: Annotated[
        bool,
        Meta(description="Guess from the prompt what comes next, and check guesses together where that pays."),
    ] = True


class EmbedderSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The model that turns passages and questions into vectors."""

    id: Annotated[str, Meta(description="Catalogue id of the embedder.")] = DEFAULT_EMBEDDER
    threads: Annotated[Count, Meta(description="Threads for embedding; 0 takes every core.")] = 0


class PassageSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How documents are split."""

    max_tokens: Annotated[
        int, Meta(ge=32, description="Longest passage with its headings, in the embedder's tokens.")
    ] = 200
    max_file_mb: Annotated[
        Positive, Meta(description="Larger files are refused, in MB (10^6 bytes); archives are not.")
    ] = 200


class RetrievalSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How passages are found."""

    candidates: Annotated[Positive, Meta(description="Passages taken from each of the two searches.")] = 100
    dense_weight: Annotated[
        Share, Meta(description="Share of vector similarity in the fused score; the rest is BM25.")
    ] = 0.4
    synonyms: Annotated[
        Path | None,
        Meta(description="Text file of words that mean the same; each line names equivalents, with commas between."),
    ] = None
    exact_below: Annotated[
        Count, Meta(description="Below this number of passages every vector is compared; above, an HNSW index is used.")
    ] = 20_000


class AnsweringSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How an answer is made from passages."""

    passages: Annotated[Positive, Meta(description="Most passages that enter the prompt.")] = 3
    read_passages: Annotated[
        Positive,
        Meta(description="Passages that the generator reads to explain something, the best sentence's first."),
    ] = 1
    prompt_tokens: Annotated[Positive, Meta(description="Longest prompt, in tokens.")] = 1200
    caution: Annotated[
        Literal["low", "normal", "high"], Meta(description="Trades silence against error: high abstains sooner.")
    ] = "normal"
    wording: Annotated[
        Literal["mixed", "quoted", "generated"],
        Meta(
            description="Who words answers: quoted leaves it to the documents and needs no generator, generated to the "
            "model, mixed quotes explanations and lets a model that was measured to be good at it word facts."
        ),
    ] = "mixed"


class StatesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The kept states of passages, which spare the generator reading them again."""

    budget_mb: Annotated[
        Count | None,
        Meta(description="Most disk for them, in MB (10^6 bytes); 0 keeps none; default: a share of what is free."),
    ] = None
    repaired_tokens: Annotated[
        Count,
        Meta(description="Tokens at the head of each passage behind the first that are read again in their place."),
    ] = 0


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The knowledge base's file."""

    busy_timeout_s: Annotated[
        float, Meta(ge=0, description="How long to wait for another process that writes, in seconds.")
    ] = 30.0


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole tree; `Settings()` holds the defaults."""

    data_dir: Annotated[
        Path | None, Meta(description="Folder of the knowledge base; default: the platform's data folder.")
    ] = None
    models_dir: Annotated[Path | None, Meta(description="Folder of pulled models; default: models/ in data_dir.")] = (
        None
    )
    generator: GeneratorSettings = GeneratorSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    passages: PassageSettings = PassageSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answering: AnsweringSettings = AnsweringSettings()
    states: StatesSettings = StatesSettings()
    store: StoreSettings = StoreSettings()

    @property
    def home(self) -> Path:
        """The data folder in force."""
        return self.data_dir if self.data_dir is not None else _platform_home()

    @property
    def models(self) -> Path:
        """The folder of pulled models in force."""
        return self.models_dir if self.models_dir is not None else self.home / "models"

    @property
    def database(self) -> Path:
        """The knowledge base's file."""
        return self.home / "knowledge.db"

    @property
    def index(self) -> Path:
        """Folder of the vector index cache."""
        return self.home / "index"

    @property
    def passage_states(self) -> Path:
        """Folder of the kept states of passages."""
        return self.home / "states"


def _platform_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("fieldmate", appauthor=False)


def load(
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from all four places.

    Args:
        config: a TOML file; without one, `config.toml` in the data folder is read when it exists.
        environment: `FIELDMATE_SECTION__KEY` and `FIELDMATE_KEY` variables; default: the process's own.
        flags: values by dotted key, as `{"generator.id": "…"}`; None values are left out.

    Raises:
        SettingsError: a file cannot be read, a key is unknown or a value does not fit.
    """
    env = _from_environment(os.environ if environment is None else environment)
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    path = config
    if path is None:
        home = given.get("data_dir") or env.get("data_dir") or _platform_home()
        default = _resolved(Path(str(home))) / "config.toml"
        path = default if default.is_file() else None
    tree = _from_file(path) if path is not None else {}
    for key, value in env.items():
        _set(tree, key, value, f"environment variable {_variable(key)}")
    for key, value in given.items():
        _set(tree, key, value, f"flag for {key}")
    return _expanded(_convert(tree, str(path) if path is not None else "the settings"))


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(
            f"The settings file {path} cannot be read ({exc}); check the path given to --config."
        ) from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"The settings file {path} is not valid TOML ({exc}); mend that line.") from exc
    _convert(tree, str(path))
    return tree


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in environment.items():
        if name == _HOME:
            found.setdefault("data_dir", value)
        elif name.startswith(_PREFIX) and not name.startswith(_EXPORTER):
            found[name[len(_PREFIX) :].lower().replace("__", ".")] = value
    return found


def _variable(key: str) -> str:
    return _PREFIX + key.upper().replace(".", "__")


def _set(tree: dict[str, Any], key: str, value: Any, place: str) -> None:
    """Put `value` at the dotted `key`, checked by itself so that an error can name its place."""
    *sections, last = key.split(".")
    alone: dict[str, Any] = {}
    for target in (tree, alone):
        for section in sections:
            below = target.setdefault(section, {})
            if not isinstance(below, dict):
                raise SettingsError(f"The {place} names no setting; see `fieldmate settings`.")
            target = below
        target[last] = str(value) if isinstance(value, Path) else value
    _convert(alone, place)


def _convert(tree: dict[str, Any], place: str) -> Settings:
    try:
        # strict=False reads the environment's strings as the numbers they spell.
        return msgspec.convert(tree, Settings, strict=False, dec_hook=_decode_path)
    except msgspec.ValidationError as exc:
        raise SettingsError(f"In {place}: {exc}; `fieldmate settings` lists what can be set.") from exc


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        if not str(value):
            raise ValueError("The name of a folder is empty")  # Path("") would be the current folder
        return Path(value)
    raise TypeError(f"{value!r} is not a {kind.__name__}")


def _expanded(settings: Settings) -> Settings:
    """The same settings with `~` in paths resolved."""
    folders = {name: getattr(settings, name) for name in ("data_dir", "models_dir")}
    changed: dict[str, Any] = {name: _resolved(folder) for name, folder in folders.items() if folder is not None}
    retrieval = settings.retrieval
    if retrieval.synonyms is not None:
        changed["retrieval"] = msgspec.structs.replace(retrieval, synonyms=_resolved(retrieval.synonyms))
    return msgspec.structs.replace(settings, **changed)


def _resolved(folder: Path) -> Path:
    try:
        return folder.expanduser()
    except RuntimeError as exc:  # no such user
        raise SettingsError(
            f"The path {folder} names a home that is not there; write its full path in the settings."
        ) from exc


def describe() -> list[tuple[str, str, str]]:
    """Every setting as (dotted key, default, description), in the order of the tree."""
    rows: list[tuple[str, str, str]] = []

    def walk(struct: type[Struct], prefix: str) -> None:
        for field in msgspec.inspect.type_info(struct).fields:  # type: ignore[attr-defined]  # union of infos
            kind = field.type
            if isinstance(kind, msgspec.inspect.StructType):
                walk(kind.cls, f"{prefix}{field.name}.")
                continue
            shown = "" if field.default is None else str(field.default)
            rows.append((prefix + field.name, shown, _description(kind)))

    walk(Settings, "")
    return rows


def _description(kind: Any) -> str:
    if isinstance(kind, msgspec.inspect.Metadata):
        extra = (kind.extra_json_schema or {}).get("description", "")
        return str(extra) or _description(kind.type)
    return ""
