"""The final name holds a complete artifact or nothing, whatever happens on the way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from export import files
from export.embedder import CONTENT
from export.errors import SourceError

ROOT = Path(__file__).parents[2]

KILLED_BEFORE_THE_MANIFEST = """
import os, pathlib, signal, sys
from export import files
target, lock = map(pathlib.Path, sys.argv[1:])
with files.publishing(target, lock) as folder:
    (folder / "model.onnx").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def publish(tmp_path: Path, content: bytes = b"model") -> Path:
    target = tmp_path / "models" / "tiny-int8"
    with files.publishing(target, tmp_path / "lock") as folder:
        (folder / "model.onnx").write_bytes(content)
        files.write_json(folder / files.MANIFEST, {"files": files.describe_files(folder, "model.onnx")})
    return target


def test_a_finished_artifact_is_all_that_is_left(tmp_path: Path) -> None:
    target = publish(tmp_path)
    assert sorted(path.name for path in target.iterdir()) == ["manifest.json", "model.onnx"]
    assert list(target.parent.iterdir()) == [target]


def interrupted(tmp_path: Path, kind: type[BaseException]) -> None:
    with files.publishing(tmp_path / "models" / "tiny-int8", tmp_path / "lock") as folder:
        (folder / "model.onnx").write_bytes(b"half")
        raise kind


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, OSError])
def test_an_interruption_leaves_nothing(tmp_path: Path, kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        interrupted(tmp_path, kind)
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
def test_an_interrupted_replacement_keeps_the_old_artifact(tmp_path: Path, kind: type[BaseException]) -> None:
    target = publish(tmp_path, b"old")
    with pytest.raises(kind):
        interrupted(tmp_path, kind)
    assert (target / "model.onnx").read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_a_kill_before_the_manifest_leaves_no_artifact_and_the_next_run_clears_up(tmp_path: Path) -> None:
    target = tmp_path / "models" / "tiny-int8"
    command = [sys.executable, "-c", KILLED_BEFORE_THE_MANIFEST, str(target), str(tmp_path / "lock")]
    done = subprocess.run(command, cwd=ROOT, check=False, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    assert not list(tmp_path.rglob(files.MANIFEST))
    publish(tmp_path)
    assert list(target.parent.iterdir()) == [target]


def test_a_replacement_takes_the_name(tmp_path: Path) -> None:
    publish(tmp_path, b"old")
    target = publish(tmp_path, b"new")
    assert (target / "model.onnx").read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_complete_artifact_is_replaced_only_by_force(tmp_path: Path) -> None:
    target = publish(tmp_path)
    with pytest.raises(SourceError, match="--force"):
        files.check_target(target, force=False, ours=CONTENT)
    files.check_target(target, force=True, ours=CONTENT)


def test_somebody_elses_folder_is_not_replaced_even_by_force(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(SourceError, match=r"thesis\.tex"):
        files.check_target(tmp_path, force=True, ours=CONTENT)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(SourceError, match="--out"):
        files.check_target(tmp_path / "x", force=True, ours=CONTENT)


def test_the_main_file_is_described_first_and_the_manifest_not(tmp_path: Path) -> None:
    for name in ("LICENSE", "tokenizer.json", "model.onnx", files.MANIFEST):
        (tmp_path / name).write_bytes(b"abc")
    described = files.describe_files(tmp_path, "model.onnx")
    assert [entry["path"] for entry in described] == ["model.onnx", "LICENSE", "tokenizer.json"]
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert {(entry["bytes"], entry["sha256"]) for entry in described} == {(3, abc)}
