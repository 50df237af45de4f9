from __future__ import annotations

import struct
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from assistant.artifacts.manifest import MANIFEST
from assistant.assistant import Assistant
from assistant.engines.onnx import OnnxEmbedder
from assistant.errors import ModelDamaged, ModelMissing, StorageError, UsageError
from assistant.settings import AnsweringSettings, EmbedderSettings, GeneratorSettings, Settings
from assistant.types import FileReport
from assistant.wiring import EMBEDDERS, GENERATORS, Parts, cores, decode_threads
from tests.artifacts.tiny import DIMENSIONS, MAX_TOKENS, own_generator

GGUF = struct.pack("<4sIQQ", b"GGUF", 3, 0, 0) + bytes(1000)
"""Begins like a model and is none."""


def with_generator(settings: Settings, name: str) -> Settings:
    return msgspec.structs.replace(settings, generator=GeneratorSettings(id=name))


def change_manifest(folder: Path, **changes: object) -> None:
    """Give a manifest's fields other values; None leaves one out."""
    manifest = msgspec.json.decode((folder / MANIFEST).read_bytes()) | changes
    kept = {name: value for name, value in manifest.items() if value is not None}
    (folder / MANIFEST).write_bytes(msgspec.json.encode(kept))


@pytest.mark.parametrize("target", [*GENERATORS.values(), *EMBEDDERS.values()])
def test_every_engine_of_the_tables_can_be_imported(target: str) -> None:
    module, _, name = target.partition(":")
    assert isinstance(getattr(import_module(module), name), type)


def test_making_parts_touches_no_disk(tmp_path: Path) -> None:
    Parts(Settings(data_dir=tmp_path / "data")).close()
    assert not (tmp_path / "data").exists()


def test_the_embedder_is_that_of_the_settings_with_the_facts_of_its_manifest(tiny_settings: Settings) -> None:
    parts = Parts(tiny_settings)
    assert isinstance(parts.embedder, OnnxEmbedder)
    assert (parts.embedder.dimensions, parts.embedder.max_tokens) == (DIMENSIONS, MAX_TOKENS)
    parts.close()


def test_the_fingerprint_names_model_and_bytes(tiny_settings: Settings) -> None:
    parts = Parts(tiny_settings)
    sha256 = parts.library.installed("tiny-embedder").sha256
    assert parts.embedder.fingerprint == f"tiny-embedder:{sha256[:16]}"
    parts.close()


def test_each_part_is_made_once(tiny_settings: Settings) -> None:
    parts = Parts(tiny_settings)
    assert parts.embedder is parts.embedder
    assert parts.store(create=True) is parts.store(create=False)
    assert parts.retriever is parts.retriever
    parts.close()


def test_without_a_knowledge_base_searching_says_how_to_make_one(tiny_settings: Settings) -> None:
    with pytest.raises(StorageError, match="add documents"):
        _ = Parts(tiny_settings).retriever
    assert not tiny_settings.database.exists()


def test_a_part_that_could_not_be_made_is_made_when_it_can_be(tiny_settings: Settings, tmp_path: Path) -> None:
    parts = Parts(tiny_settings)
    with pytest.raises(StorageError):
        _ = parts.retriever
    (tmp_path / "a.md").write_text("# A\n\nThe pump runs dry.\n")
    assert [report.outcome for report in parts.adder.add([tmp_path / "a.md"])] == ["added"]
    assert parts.retriever.search("pump", 1).hits
    parts.close()


def test_without_caution_an_answer_is_whatever_was_found(tiny_settings: Settings, tmp_path: Path) -> None:
    quoting = msgspec.structs.replace(tiny_settings, answering=AnsweringSettings(caution="high", wording="quoted"))
    (tmp_path / "a.md").write_text("# A\n\nThe pump runs dry in winter.\n")
    statuses = []
    for cautious in (True, False):
        with Assistant(Parts(quoting, cautious=cautious)) as assistant:
            assistant.add([tmp_path / "a.md"])
            statuses.append(assistant.answer("Which emperor reigned in Byzantium?").status)
    assert statuses == ["abstained", "answered"]


def test_a_generator_that_is_not_here_is_missing_with_the_command_that_pulls_it(tiny_settings: Settings) -> None:
    with pytest.raises(ModelMissing, match="fieldmate models pull smollm2-135m-instruct"):
        _ = Parts(tiny_settings).generator


def test_a_generator_that_no_catalogue_knows_is_refused(tiny_settings: Settings) -> None:
    with pytest.raises(UsageError, match="no-such-model"):
        _ = Parts(with_generator(tiny_settings, "no-such-model")).generator


def test_an_embedder_does_not_stand_in_for_a_generator(tiny_settings: Settings) -> None:
    with pytest.raises(UsageError, match="embedder"):
        _ = Parts(with_generator(tiny_settings, "tiny-embedder")).generator


def test_a_format_without_an_engine_is_refused_by_name(tiny_settings: Settings) -> None:
    assert "onnx" not in GENERATORS
    change_manifest(tiny_settings.models / "tiny-embedder", role="generator")
    with pytest.raises(ModelMissing, match=r"tiny-embedder.*onnx.*fieldmate models list"):
        _ = Parts(with_generator(tiny_settings, "tiny-embedder")).generator


def test_a_generator_with_wrong_bytes_is_refused_with_both_hashes(tiny_settings: Settings) -> None:
    settings = own_generator(tiny_settings, GGUF)
    (tiny_settings.models / "own" / "model.gguf").write_bytes(GGUF[:-1] + b"x")
    with pytest.raises(ModelDamaged, match=r"[0-9a-f]{64}.*[0-9a-f]{64}"):
        _ = Parts(settings).generator


def test_the_right_bytes_that_are_no_model_are_damaged_all_the_same(tiny_settings: Settings) -> None:
    with pytest.raises(ModelDamaged, match=r"llama\.cpp cannot load"):
        _ = Parts(own_generator(tiny_settings, GGUF)).generator


@pytest.mark.parametrize("missing", ["dimensions", "max_tokens", "pooling"])
def test_an_embedder_whose_manifest_lacks_a_fact_is_refused(tiny_settings: Settings, missing: str) -> None:
    change_manifest(tiny_settings.models / "tiny-embedder", **{missing: None})
    with pytest.raises(ModelDamaged, match=missing):
        _ = Parts(tiny_settings).embedder


def test_a_data_folder_that_cannot_be_made_is_said_so(tiny_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = msgspec.structs.replace(tiny_settings, data_dir=tmp_path / "file" / "data")
    with pytest.raises(StorageError, match="--data-dir"):
        Parts(settings).store(create=True)


def test_the_settings_reach_the_parts(tiny_settings: Settings, tmp_path: Path) -> None:
    small = msgspec.structs.replace(
        tiny_settings, passages=msgspec.structs.replace(tiny_settings.passages, max_file_mb=1, max_tokens=32)
    )
    (tmp_path / "long.md").write_text("# A\n\n" + "The pump runs dry. Open the valve at once.\n\n" * 20)
    (tmp_path / "large.txt").write_text("The pump runs dry. " * 60_000)
    parts = Parts(small)
    reports: list[FileReport] = list(parts.adder.add([tmp_path / "long.md", tmp_path / "large.txt"]))
    assert [report.outcome for report in reports] == ["added", "refused"]
    assert "1.00 MB" in reports[1].reason
    passages = parts.store(create=False).passage(parts.store(create=False).passage_ids())
    assert len(passages) > 3
    assert max(parts.embedder.count_tokens(one.searchable()) for one in passages.values()) <= 32
    parts.close()


def test_closing_frees_everything_and_again_is_harmless(tiny_settings: Settings) -> None:
    parts = Parts(tiny_settings)
    parts.store(create=True)
    assert parts.embedder.dimensions == DIMENSIONS
    parts.close()
    parts.close()
    assert not {"embedder", "_store"} & parts.__dict__.keys()


def test_what_was_closed_is_opened_again_when_it_is_asked_for(tiny_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nThe pump runs dry.\n")
    parts = Parts(tiny_settings)
    assert [report.outcome for report in parts.adder.add([tmp_path / "a.md"])] == ["added"]
    assert parts.retriever.search("pump", 1).hits
    parts.close()
    assert parts.retriever.search("pump", 1).hits
    assert [report.outcome for report in parts.adder.add([tmp_path / "a.md"])] == ["unchanged"]
    parts.close()


@pytest.mark.parametrize(("available", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (8, 4), (64, 32)])
def test_writing_an_answer_takes_half_of_the_cores(available: int, expected: int) -> None:
    assert decode_threads(available) == expected


def test_at_least_one_core_may_be_used() -> None:
    assert cores() >= 1


def test_the_default_settings_name_models_of_the_catalogue() -> None:
    settings = Settings()
    catalogue = Parts(settings).library.catalogue
    for name, role in ((settings.generator.id, "generator"), (settings.embedder.id, "embedder")):
        entry = catalogue.find(name)
        assert entry is not None
        assert entry.role == role


def test_the_default_embedder_comes_with_the_package(tmp_path: Path) -> None:
    artifact = Parts(Settings(data_dir=tmp_path)).library.installed(EmbedderSettings().id, "embedder")
    assert artifact.manifest.dimensions == 384
