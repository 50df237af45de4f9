"""What a generator may be made of: each road to one, and each way in which it can be broken, before any conversion."""

import contextlib
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export import generator_checks, generator_sources
from export.errors import DamagedModelError, ExportError, SourceError
from export.gguf import header
from tests.export.hub_server import COMMIT, NAME, serving

TINY = Path(__file__).parents[1] / "artifacts" / "tiny-generator"
SOURCE = TINY / "source"
GGUF = TINY / "tiny-f16.gguf"
PARAMETERS = 357 * 64 + 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64) + 64
"""Embeddings, two layers of attention, feed-forward and norms, and the last norm."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "Tiny_Model"
    shutil.copytree(SOURCE, target)
    return target


def resolve(source: object, tmp_path: Path, **options: Any) -> generator_sources.GeneratorSource:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return generator_sources.resolve(str(source), scratch, print, **{"models": None, "base": False, **options})


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


def test_a_folder_is_copied_without_what_a_converter_must_not_see(folder: Path, tmp_path: Path) -> None:
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02")
    found = resolve(folder, tmp_path)
    assert (found.name, found.licence, found.quantized) == ("tiny_model", None, None)
    assert found.folder is not None
    assert sorted(path.name for path in found.folder.iterdir()) == sorted(path.name for path in SOURCE.iterdir())
    assert (found.facts.architecture, found.facts.context) == ("LlamaForCausalLM", 2048)
    assert found.facts.parameters == PARAMETERS
    assert "<|im_start|>" in (found.facts.template or "")


def test_a_gguf_file_says_the_same_of_itself_as_its_folder(tmp_path: Path) -> None:
    found = resolve(GGUF, tmp_path)
    assert (found.name, found.licence, found.facts.parameters) == ("tiny", "Apache-2.0", PARAMETERS)
    assert found.is_float_gguf
    assert found.facts.template == (SOURCE / "chat_template.jinja").read_text("utf-8")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-7])


def nonsense(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 10) + b"not JSON..")


def shard_missing(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / generator_checks.INDEX).write_text(json.dumps({"weight_map": names}))


def config(**values: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "config.json", **values)


@pytest.mark.parametrize(
    ("break_it", "kind", "words"),
    [
        (pickled, SourceError, "pickle"),
        (without("config.json"), DamagedModelError, "config.json"),
        (without("model.safetensors"), DamagedModelError, "model.safetensors"),
        (without("tokenizer.json"), DamagedModelError, "tokenizer"),
        (without("chat_template.jinja"), SourceError, "--base"),
        (cut, DamagedModelError, "truncated"),
        (nonsense, DamagedModelError, "damaged"),
        (shard_missing, DamagedModelError, "model-00002-of-00002"),
        (config(architectures=["BertModel"]), SourceError, "no text generator"),
        (config(architectures=None), SourceError, "no text generator"),
        (config(auto_map={"AutoModel": "modeling.Tiny"}), SourceError, "code of its own"),
        (config(quantization_config={"quant_method": "gptq"}), SourceError, "already quantized"),
    ],
)
def test_a_broken_folder_is_one_sentence(
    folder: Path, tmp_path: Path, break_it: Callable[[Path], None], kind: type[ExportError], words: str
) -> None:
    break_it(folder)
    with pytest.raises(kind, match=words) as caught:
        resolve(folder, tmp_path)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_base_model_is_taken_only_when_said_so(folder: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert resolve(folder, tmp_path, base=True).facts.template is None


@pytest.mark.parametrize("size", [0, 3, 10, 24, 100, 3000, 20_000, 204_415])
def test_a_gguf_file_cut_anywhere_is_found_by_its_header(tmp_path: Path, size: int) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(GGUF.read_bytes()[:size])
    with pytest.raises(DamagedModelError, match=r"GGUF.*fetch it again"):
        resolve(path, tmp_path)


@pytest.mark.parametrize("offset", range(4, 120, 5))
def test_a_gguf_header_with_wrong_bytes_never_ends_in_a_traceback(tmp_path: Path, offset: int) -> None:
    data = bytearray(GGUF.read_bytes())
    data[offset : offset + 4] = b"\xff\xff\xff\xff"
    path = tmp_path / "tiny.gguf"
    path.write_bytes(data)
    with contextlib.suppress(DamagedModelError):  # a byte inside a word is no damage that a header shows
        header.read(path, "tiny")


def test_something_else_is_not_taken_for_a_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SourceError, match="neither"):
        resolve(tmp_path / "notes.txt", tmp_path)


def test_a_name_of_nothing_lists_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="catalogue id or a hub name"):
        resolve("no such thing", tmp_path)


def shelved(models: Path) -> Path:
    folder = models / "smollm2-135m-instruct"
    folder.mkdir(parents=True)
    shutil.copyfile(GGUF, folder / "model.gguf")
    entry = {"path": "model.gguf", "bytes": GGUF.stat().st_size, "sha256": generator_sources.sha256_of(GGUF)}
    (folder / "manifest.json").write_text(json.dumps({"licence": "MIT", "files": [entry]}))
    return folder / "model.gguf"


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "smollm2-135m-instruct-q4_1"])
def test_a_catalogue_id_or_alias_is_the_librarys_file(tmp_path: Path, name: str) -> None:
    shelved(tmp_path / "models")
    found = resolve(name, tmp_path, models=tmp_path / "models")
    assert (found.name, found.licence) == ("smollm2-135m-instruct", "MIT")
    assert found.provenance["catalogue"] == "smollm2-135m-instruct"


def test_the_library_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelved(tmp_path / "models")
    monkeypatch.setenv("FIELDMATE_MODELS_DIR", str(tmp_path / "models"))
    assert resolve("smollm2-135m-instruct", tmp_path).gguf is not None


def test_a_model_that_is_not_pulled_says_how_to_pull_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="fieldmate models pull smollm2-135m-instruct"):
        resolve("smollm2-135m-instruct", tmp_path, models=tmp_path)


def test_a_librarys_file_that_changed_is_refused(tmp_path: Path) -> None:
    path = shelved(tmp_path / "models")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DamagedModelError, match="manifest"):
        resolve("smollm2-135m-instruct", tmp_path, models=tmp_path / "models")


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("SmolLM2-135M-Instruct.Q4_1", "smollm2-135m-instruct"),
        ("tiny-f16", "tiny"),
        ("qwen-q4_k_m", "qwen"),
        ("q8", "q8"),
    ],
)
def test_a_type_at_the_end_of_a_name_is_dropped(name: str, base: str) -> None:
    assert generator_sources.base_name(name) == base


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMATE_EXPORT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "home"


def test_a_hub_name_fetches_texts_and_safetensors_and_no_more(
    folder: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "training.py").write_text("x")
    with serving(folder) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        found = resolve(NAME, tmp_path)
    assert (found.name, found.licence, found.facts.parameters) == ("tiny", "Apache-2.0", PARAMETERS)
    assert (found.provenance["hub"], found.provenance["revision"]) == (NAME, COMMIT)
    assert not any("training.py" in path for path in hub.asked)
    assert list((home / "sources" / "hub").rglob("config.json"))


def test_a_hub_model_of_pickles_is_refused_before_anything_is_fetched(
    folder: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled(folder)
    with serving(folder) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        with pytest.raises(SourceError, match="pickle"):
            resolve(NAME, tmp_path)
    assert not any("/resolve/" in path for path in hub.asked)


def test_a_hub_without_the_model_and_no_hub_at_all_are_sentences(
    folder: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(folder) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        with pytest.raises(SourceError, match="answered 404"):
            resolve("owner/other", tmp_path)
    (tmp_path / "scratch").rmdir()
    with pytest.raises(DamagedModelError, match="check the network"):
        resolve(NAME, tmp_path)
