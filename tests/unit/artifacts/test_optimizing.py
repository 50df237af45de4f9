"""Claims about weights written anew: real llama.cpp over a real tiny model, cut, damaged and out of room."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from assistant import wiring
from assistant.artifacts import optimizing
from assistant.artifacts.catalogue import Catalogue, Recipe, load_catalogue
from assistant.artifacts.library import ModelLibrary
from assistant.artifacts.optimizing import Tool
from assistant.engines import requantize
from assistant.errors import ModelDamaged, ModelMissing, SettingsError, StorageError, UsageError

from .conftest import Heard, entry_toml, folder_toml

TINY = Path(__file__).parents[2] / "artifacts" / "tiny-generator" / "tiny-f16.gguf"
DATA = TINY.read_bytes()
Write = Callable[..., Catalogue]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Bytes of the tiny model in q8_0."""
    target = tmp_path_factory.mktemp("written") / "out.gguf"
    requantize.write(TINY, target, "q8_0")
    return target.stat().st_size


def recipe_toml(size: int, kind: str = "q8_0", default: bool = True) -> str:
    said = str(default).lower()
    return (
        f'optimized = {{ tool = "llama-cpp-python", version = "0", type = "{kind}", bytes = {size}, default = {said} }}'
    )


@pytest.fixture
def library(tmp_path: Path, catalogue: Write, written: int) -> ModelLibrary:
    """A library with the tiny model in it, pulled from a folder."""
    (tmp_path / "stick").mkdir()
    shutil.copy(TINY, tmp_path / "stick" / "tiny.gguf")
    made = ModelLibrary(tmp_path / "models", catalogue(entry_toml(DATA, folder_toml(), extra=recipe_toml(written))))
    made.pull("tiny")
    return made


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The real one; two layers are too small for a gain that is no accident, so that any will do."""
    monkeypatch.setattr(optimizing, "LEAST_GAIN", 0.0)
    return replace(wiring.optimizer(), repacks=lambda: True)


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_made_is_what_is_used_and_the_pulled_file_stays(library: ModelLibrary, tool: Tool) -> None:
    pulled = library.installed("tiny")
    artifact, result = library.optimize("tiny", tool)
    assert result.outcome == "made"
    assert artifact.id == "tiny"
    assert artifact.entry is pulled.entry
    assert artifact.sha256 != pulled.sha256
    assert library.path_of("tiny") == artifact.path != pulled.path
    assert pulled.path.read_bytes() == DATA
    assert artifact.manifest.source["sha256"] == pulled.sha256
    assert artifact.manifest.recipe["type"] == "q8_0"
    assert artifact.manifest.tools == {"llama-cpp-python": requantize.version()}
    generator = tool.open(artifact.path)
    try:
        assert generator.count_tokens(optimizing.Prompt("a", (), "b")) > 2
    finally:
        generator.close()


def test_the_second_call_does_nothing(library: ModelLibrary, tool: Tool) -> None:
    first, _ = library.optimize("tiny", tool)
    before = first.path.stat()
    second, result = library.optimize("tiny", replace(tool, write=_never))
    assert (result.outcome, second.path.stat()) == ("kept", before)


def _never(*_: object) -> None:
    raise AssertionError("nothing was to be written")


def test_the_list_shows_what_is_used_and_remove_takes_it_along(library: ModelLibrary, tool: Tool) -> None:
    assert library.list()[0].optimized is None
    artifact, _ = library.optimize("tiny", tool)
    line = library.list()[0]
    assert (line.state, line.optimized, line.sha256) == ("ready", "q8_0", artifact.sha256)
    assert line.path == str(artifact.folder)
    assert line.bytes == len(DATA) + artifact.manifest.main.bytes
    assert library.remove("tiny")
    assert library.list()[0].state == "missing"
    assert not [name for name in below(artifact.folder.parents[1]) if name.endswith((".gguf", "manifest.json"))]


def test_undo_uses_the_pulled_file_again(library: ModelLibrary, tool: Tool) -> None:
    artifact, _ = library.optimize("tiny", tool)
    assert library.undo_optimize("tiny").outcome == "undone"
    assert not artifact.path.exists()
    assert library.installed("tiny").path.read_bytes() == DATA
    assert library.undo_optimize("tiny").outcome == "kept"


@pytest.mark.parametrize("damage", ["flipped", "truncated", "gone", "manifest"])
def test_a_damaged_result_is_named_and_made_again(library: ModelLibrary, tool: Tool, heard: Heard, damage: str) -> None:
    artifact, _ = library.optimize("tiny", tool)
    whole = artifact.path.read_bytes()
    if damage == "flipped":
        artifact.path.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    elif damage == "truncated":
        artifact.path.write_bytes(whole[:5000])
    elif damage == "gone":
        artifact.path.unlink()
    else:
        (artifact.folder / "manifest.json").write_text("{")
    with pytest.raises((ModelDamaged, ModelMissing), match=r"run `fieldmate models optimize tiny`.*--undo\.$"):
        library.installed("tiny")
    if damage != "flipped":
        assert library.list()[0].state == "damaged"
    again, result = library.optimize("tiny", tool, heard.report)
    assert result.outcome == "made"
    assert again.path.read_bytes() == whole
    assert any("Making it again" in notice for notice in heard.notices)


def test_pulling_again_does_not_bring_what_is_here_because_the_result_is_damaged(
    library: ModelLibrary, tool: Tool, tmp_path: Path
) -> None:
    artifact, _ = library.optimize("tiny", tool)
    artifact.path.write_bytes(b"")
    shutil.rmtree(tmp_path / "stick")
    assert library.pull("tiny").path.read_bytes() == DATA


def test_a_damaged_source_is_not_written_anew(library: ModelLibrary, tool: Tool) -> None:
    library.installed("tiny").path.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(ModelDamaged, match=r"run `fieldmate models pull tiny`\.$"):
        library.optimize("tiny", replace(tool, write=_never))


def test_without_the_source_the_sentence_says_how_to_get_it(library: ModelLibrary, tool: Tool) -> None:
    library.remove("tiny")
    with pytest.raises(ModelMissing, match=r"run `fieldmate models pull tiny`\.$"):
        library.optimize("tiny", tool)


def test_verify_looks_at_both_files(library: ModelLibrary, tool: Tool) -> None:
    came = library.installed("tiny").path
    library.optimize("tiny", tool)
    library.verify("tiny")
    came.write_bytes(DATA[:-1] + b"x")
    library.installed("tiny")
    with pytest.raises(ModelDamaged, match="models pull tiny"):
        library.verify("tiny")


@pytest.mark.parametrize("change", ["recipe", "source"])
def test_another_recipe_or_another_source_uses_the_pulled_file(
    library: ModelLibrary, tool: Tool, catalogue: Write, tmp_path: Path, written: int, change: str
) -> None:
    artifact, _ = library.optimize("tiny", tool)
    if change == "recipe":
        entry = entry_toml(DATA, folder_toml(), extra=recipe_toml(written, "q4_1"))
        other = ModelLibrary(tmp_path / "models", catalogue(entry))
    else:
        path = artifact.folder / "manifest.json"
        told = json.loads(path.read_text())
        told["recipe"]["key"] = "0" * 64
        path.write_text(json.dumps(told))
        other = library
    assert other.installed("tiny").path.read_bytes() == DATA
    assert other.list()[0].optimized is None


def test_a_model_without_a_recipe_is_left_alone(tmp_path: Path, catalogue: Write, tool: Tool) -> None:
    (tmp_path / "stick").mkdir()
    shutil.copy(TINY, tmp_path / "stick" / "tiny.gguf")
    plain = ModelLibrary(tmp_path / "models", catalogue(entry_toml(DATA, folder_toml())))
    plain.pull("tiny")
    artifact, result = plain.optimize("tiny", replace(tool, write=_never))
    assert (result.outcome, artifact.path.read_bytes()) == ("no gain", DATA)
    assert "knows no faster form" in result.said
    with pytest.raises(UsageError):
        plain.optimize("../tiny", tool)


def test_where_it_is_not_faster_the_pulled_file_is_used(
    library: ModelLibrary, tool: Tool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(optimizing, "LEAST_GAIN", 1000.0)
    artifact, result = library.optimize("tiny", tool)
    assert (result.outcome, artifact.path.read_bytes()) == ("no gain", DATA)
    assert result.gain is not None
    assert not [name for name in below(tmp_path / "models" / ".optimized") if name.endswith(".gguf")]


def test_a_processor_without_the_kernels_writes_nothing(library: ModelLibrary, tool: Tool) -> None:
    artifact, result = library.optimize("tiny", replace(tool, repacks=lambda: False, write=_never))
    assert (result.outcome, artifact.path.read_bytes()) == ("no gain", DATA)
    assert "no fast kernels for q8_0" in result.said


def test_a_result_of_another_length_is_not_used(
    tmp_path: Path, catalogue: Write, library: ModelLibrary, tool: Tool, written: int
) -> None:
    entry = entry_toml(DATA, folder_toml(), extra=recipe_toml(written + 32))
    other = ModelLibrary(tmp_path / "models", catalogue(entry))
    with pytest.raises(ModelDamaged, match=f"has {written} bytes instead of {written + 32}"):
        other.optimize("tiny", tool)
    assert other.installed("tiny").path.read_bytes() == DATA
    assert below(tmp_path / "models" / ".optimized") == []


def test_too_little_disk_is_said_before_anything_is_written(
    library: ModelLibrary, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr("assistant.artifacts.files.shutil.disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageError, match="Writing tiny as q8_0 needs"):
        library.optimize("tiny", replace(tool, write=_never))
    assert library.installed("tiny").path.read_bytes() == DATA


CHILD = """
import sys, time
from dataclasses import replace
from pathlib import Path
from assistant import wiring
from assistant.artifacts import optimizing
from assistant.artifacts.catalogue import load_catalogue
from assistant.artifacts.library import ModelLibrary
from assistant.errors import FieldmateError
folder, how = Path(sys.argv[1]), sys.argv[2]
optimizing.LEAST_GAIN = 0.0
tool = replace(wiring.optimizer(), repacks=lambda: True)
def wait(where):
    print(where, flush=True)
    time.sleep(60)
def write(source, target, recipe, report):
    if how == "full":
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    tool.write(source, target, recipe, report)
    if how == "written":
        wait(how)
if how == "placed":
    import assistant.artifacts.shelf as shelf
    shelf.write_manifest = lambda *_: wait(how)
library = ModelLibrary(folder / "models", load_catalogue(folder / "catalogue.toml"))
try:
    print(library.optimize("tiny", replace(tool, write=write))[1].outcome)
except FieldmateError as exc:
    print(exc, file=sys.stderr)
    sys.exit(exc.exit_code)
"""


def child(folder: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder), how]
    root = Path(__file__).parents[3]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", ["written", "placed"])
def test_a_kill_leaves_the_pulled_file_in_use_and_the_next_call_finishes(
    library: ModelLibrary, tool: Tool, tmp_path: Path, how: str
) -> None:
    process = child(tmp_path, how)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == how
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert library.installed("tiny").path.read_bytes() == DATA
    assert library.list()[0].optimized is None
    _, result = library.optimize("tiny", tool)
    assert result.outcome == "made"
    assert not [name for name in below(tmp_path / "models" / ".optimized") if ".partial" in name]


def test_a_disk_that_fills_up_leaves_nothing_half_written(library: ModelLibrary, tmp_path: Path) -> None:
    process = child(tmp_path, "full")
    _, said = process.communicate(timeout=60)
    assert process.returncode == StorageError.exit_code, said
    assert "could not write" in said
    assert said.strip().endswith("run the same command again.")
    assert below(tmp_path / "models" / ".optimized") == []
    assert library.installed("tiny").path.read_bytes() == DATA


def test_a_recipe_belongs_to_a_file_whose_hash_is_known(catalogue: Write, written: int) -> None:
    with pytest.raises(SettingsError, match="only a GGUF file of a known sha256 can be optimized"):
        catalogue(entry_toml(None, folder_toml(), extra=recipe_toml(written)))


def test_the_key_names_source_and_recipe() -> None:
    recipe = Recipe("llama-cpp-python", "1", "q4_0", 10)
    key = optimizing.key_of(recipe, "a" * 64)
    assert key == optimizing.key_of(msgspec.structs.replace(recipe, default=True), "a" * 64)
    others = [msgspec.structs.replace(recipe, type="q8_0"), msgspec.structs.replace(recipe, version="2")]
    assert len({key, optimizing.key_of(recipe, "b" * 64), *(optimizing.key_of(one, "a" * 64) for one in others)}) == 4


def test_the_recipes_of_the_catalogue_name_types_that_the_tool_knows() -> None:
    recipes = [entry.optimized for entry in load_catalogue() if entry.optimized is not None]
    assert recipes
    assert {recipe.type for recipe in recipes} <= {*requantize.FILE_TYPES}
