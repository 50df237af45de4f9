from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.artifacts.catalogue import Catalogue
from assistant.artifacts.library import ModelLibrary
from assistant.errors import InputError, ModelDamaged, ModelMissing, UsageError

from .conftest import EMBEDDER, Heard, entry_toml, folder_toml, gguf, onnx, sha256

DATA = gguf()
Write = Callable[..., Catalogue]


@pytest.fixture
def library(tmp_path: Path, catalogue: Write) -> ModelLibrary:
    return ModelLibrary(tmp_path / "models", catalogue(entry_toml(DATA, folder_toml(), extra='aliases = ["t"]')))


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A stick with the model under a name of its own."""
    folder = tmp_path / "usb"
    folder.mkdir()
    (folder / "whatever.gguf").write_bytes(DATA)
    return folder


def export(folder: Path, ident: str, files: dict[str, bytes], role: str = "embedder") -> Path:
    """A folder as an export leaves it."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    listed = [{"path": name, "bytes": len(data), "sha256": sha256(data)} for name, data in files.items()]
    manifest = {"schema": 1, "id": ident, "role": role, "format": "onnx", "licence": "MIT", "files": listed}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "dimensions": 4, "pooling": "mean", "max_tokens": 9}))
    return folder


def test_nothing_is_created_by_looking(tmp_path: Path, library: ModelLibrary) -> None:
    assert [line.state for line in library.list()] == ["missing", "missing"]
    with pytest.raises(ModelMissing, match=r"not on this machine; run `fieldmate models pull tiny`\.$"):
        library.path_of("t")
    assert not (tmp_path / "models").exists()


def test_a_file_is_known_by_its_hash_whatever_its_name(library: ModelLibrary, stick: Path, tmp_path: Path) -> None:
    (artifact,) = library.import_from(stick / "whatever.gguf")
    assert artifact.id == "tiny"
    assert library.path_of("t") == tmp_path / "models/tiny/tiny.gguf"
    assert library.path_of("tiny").read_bytes() == DATA
    assert [path.name for path in stick.iterdir()] == ["whatever.gguf"], "the stick is only read"


def test_importing_again_copies_nothing_and_mends_what_is_damaged(library: ModelLibrary, stick: Path) -> None:
    path = library.import_from(stick)[0].path
    before = path.stat()
    library.import_from(stick)
    assert path.stat() == before
    path.write_bytes(DATA[:5000])
    assert library.import_from(stick)[0].path.read_bytes() == DATA


def test_the_second_start_reads_nothing(library: ModelLibrary, stick: Path, heard: Heard) -> None:
    library.import_from(stick)
    library.installed("tiny", report=heard.report)
    assert not heard.hashed


def test_a_file_that_was_touched_is_hashed_once_more(library: ModelLibrary, stick: Path, heard: Heard) -> None:
    path = library.import_from(stick)[0].path
    os.utime(path, (1, 1))
    library.installed("tiny", report=heard.report)
    assert heard.hashed
    heard.steps.clear()
    library.installed("tiny", report=heard.report)
    assert not heard.hashed


@pytest.mark.parametrize("damage", ["flipped", "truncated", "another file"])
def test_damage_is_found_at_the_next_start_and_names_both_hashes(
    library: ModelLibrary, stick: Path, damage: str
) -> None:
    path = library.import_from(stick)[0].path
    if damage == "another file":
        path.unlink()  # a new inode with old times must not pass either
    wrong = {"flipped": DATA[:-1] + b"\0", "truncated": DATA[:9000], "another file": gguf(seed=4)}[damage]
    path.write_bytes(wrong)
    with pytest.raises(ModelDamaged) as caught:
        library.path_of("tiny")
    assert sha256(wrong) in str(caught.value)
    assert sha256(DATA) in str(caught.value)
    assert str(caught.value).endswith("run `fieldmate models pull tiny`.")


def test_verify_finds_what_hides_from_a_look(library: ModelLibrary, stick: Path) -> None:
    path = library.import_from(stick)[0].path
    times = path.stat()
    with path.open("rb+") as stream:
        stream.seek(1000)
        stream.write(b"rotten")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    library.installed("tiny")  # same size, time and inode: this is what the quick check cannot see
    with pytest.raises(ModelDamaged):
        library.verify("tiny")


def test_a_forged_manifest_does_not_vouch_for_another_file(library: ModelLibrary, stick: Path, tmp_path: Path) -> None:
    path = library.import_from(stick)[0].path
    forged = gguf(seed=6)
    path.write_bytes(forged)
    manifest = tmp_path / "models/tiny/manifest.json"
    manifest.write_text(manifest.read_text().replace(sha256(DATA), sha256(forged)))
    with pytest.raises(ModelDamaged, match=sha256(DATA)):
        library.path_of("tiny")


def test_without_its_manifest_an_artifact_is_not_complete(library: ModelLibrary, stick: Path, tmp_path: Path) -> None:
    library.import_from(stick)
    (tmp_path / "models/tiny/manifest.json").unlink()
    with pytest.raises(ModelMissing):
        library.path_of("tiny")


def test_a_file_that_is_gone_is_missing(library: ModelLibrary, stick: Path) -> None:
    library.import_from(stick)[0].path.unlink()
    assert library.list()[0].state == "damaged"
    with pytest.raises(ModelMissing, match="is gone; run `fieldmate models pull tiny`"):
        library.path_of("tiny")


def test_a_damaged_stamp_only_costs_a_hash(library: ModelLibrary, stick: Path, tmp_path: Path, heard: Heard) -> None:
    library.import_from(stick)
    (tmp_path / "models/.verified/tiny.json").write_text("{half")
    library.installed("tiny", report=heard.report)
    assert heard.hashed


def test_a_damaged_copy_of_a_known_file_is_refused_with_both_hashes(library: ModelLibrary, stick: Path) -> None:
    damaged = stick / "tiny.gguf"
    damaged.write_bytes(DATA[:-100])
    for arguments in ({}, {"name": "tiny"}):
        with pytest.raises(ModelDamaged) as caught:
            library.import_from(damaged, **arguments)
        assert sha256(DATA) in str(caught.value)
        assert sha256(DATA[:-100]) in str(caught.value)
    assert library.list()[0].state == "missing"


def test_an_unknown_file_needs_a_name_and_a_role(library: ModelLibrary, stick: Path) -> None:
    own = stick / "own.gguf"
    own.write_bytes(gguf(seed=8))
    with pytest.raises(UsageError, match=r"in no catalogue.*--id NAME --role generator"):
        library.import_from(own)
    (artifact,) = library.import_from(own, name="my-own", role="generator")
    assert (artifact.id, artifact.role, artifact.entry) == ("my-own", "generator", None)
    assert library.path_of("my-own").read_bytes() == gguf(seed=8)
    assert [(line.id, line.pinned) for line in library.list()][-1] == ("my-own", "here")


def test_a_name_of_the_users_own_cannot_leave_the_folder(library: ModelLibrary, stick: Path) -> None:
    own = stick / "own.gguf"
    own.write_bytes(gguf(seed=8))
    for name in ("../out", "/abs", "", "A B", ".hidden"):
        with pytest.raises(UsageError):
            library.import_from(own, name=name, role="generator")
        with pytest.raises(UsageError):
            library.path_of(name)


def test_another_file_under_an_imported_name_is_refused_until_it_is_removed(library: ModelLibrary, stick: Path) -> None:
    own = stick / "own.gguf"
    own.write_bytes(gguf(seed=8))
    library.import_from(own, name="own", role="generator")
    own.write_bytes(gguf(seed=9))
    with pytest.raises(ModelDamaged) as caught:
        library.import_from(own, name="own", role="generator")
    assert sha256(gguf(seed=8)) in str(caught.value)
    library.remove("own")
    assert library.import_from(own, name="own", role="generator")[0].sha256 == sha256(gguf(seed=9))


def test_a_stick_with_several_things_gives_what_can_be_told_apart(
    library: ModelLibrary, stick: Path, heard: Heard
) -> None:
    (stick / "unknown.gguf").write_bytes(gguf(seed=8))
    (stick / "letter.txt").write_text("hello")
    export(stick / "exported", "other", {"model.onnx": onnx(), "tokenizer.json": b"{}"})
    assert [artifact.id for artifact in library.import_from(stick, heard.report)] == ["other", "tiny"]
    assert any("unknown.gguf" in notice and "in no catalogue" in notice for notice in heard.notices)


def test_an_exported_folder_is_imported_whole(library: ModelLibrary, tmp_path: Path) -> None:
    folder = export(tmp_path / "out", "mine-int8", {"model.onnx": onnx(), "tokenizer.json": b"{}"})
    (artifact,) = library.import_from(folder)
    assert artifact.path == tmp_path / "models" / "mine-int8"
    assert artifact.manifest.dimensions == 4
    assert sorted(path.name for path in artifact.folder.iterdir()) == ["manifest.json", "model.onnx", "tokenizer.json"]


def test_a_folder_with_a_damaged_file_is_refused_with_both_hashes(library: ModelLibrary, tmp_path: Path) -> None:
    folder = export(tmp_path / "out", "mine-int8", {"model.onnx": onnx(), "tokenizer.json": b"{}"})
    wrong = onnx(seed=2)
    (folder / "model.onnx").write_bytes(wrong)
    with pytest.raises(ModelDamaged) as caught:
        library.import_from(folder)
    assert sha256(wrong) in str(caught.value)
    assert sha256(onnx()) in str(caught.value)
    assert not (tmp_path / "models" / "mine-int8").exists()


def test_a_folder_that_lacks_a_file_is_refused(library: ModelLibrary, tmp_path: Path) -> None:
    folder = export(tmp_path / "out", "mine-int8", {"model.onnx": onnx(), "tokenizer.json": b"{}"})
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json is missing"):
        library.import_from(folder)


@pytest.mark.parametrize("what", ["nothing", "empty"])
def test_a_path_without_a_model_is_one_sentence(library: ModelLibrary, tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "empty":
        path.mkdir()
    with pytest.raises(InputError):
        library.import_from(path)


def test_a_model_of_the_wrong_role_is_refused(library: ModelLibrary, stick: Path) -> None:
    library.import_from(stick)
    with pytest.raises(UsageError, match="of the role generator, not embedder"):
        library.installed("tiny", "embedder")


def test_a_bundled_model_is_used_where_it_lies_and_stays(tmp_path: Path, catalogue: Write) -> None:
    bundled = EMBEDDER.replace('kind = "folder"\n  path = "stick"', 'kind = "bundled"\n  folder = "other"')
    export(tmp_path / "other", "other", {"model.onnx": onnx(), "tokenizer.json": b"{}"})
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(DATA, folder_toml()), embedder=bundled))
    assert library.path_of("other") == tmp_path / "other"
    assert library.pull("other").id == "other"
    with pytest.raises(UsageError, match="part of the package"):
        library.remove("other")
    (tmp_path / "other" / "model.onnx").write_bytes(onnx(seed=5))
    with pytest.raises(ModelDamaged, match="install Fieldmate again"):
        library.path_of("other")


def test_a_models_folder_can_be_moved(library: ModelLibrary, stick: Path, tmp_path: Path) -> None:
    library.import_from(stick)
    shutil.move(tmp_path / "models", tmp_path / "elsewhere")
    moved = ModelLibrary(tmp_path / "elsewhere", library.catalogue)
    assert moved.path_of("tiny").read_bytes() == DATA


def test_damaged_pins_are_not_passed_over(tmp_path: Path, catalogue: Write, stick: Path) -> None:
    library = ModelLibrary(tmp_path / "models", catalogue(entry_toml(None, folder_toml())))
    library.import_from(stick / "whatever.gguf", name="tiny")
    (tmp_path / "models" / "pins.json").write_text("[")
    with pytest.raises(ModelDamaged, match=r"pins\.json cannot be read"):
        library.path_of("tiny")
