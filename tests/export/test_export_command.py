"""The command as a user meets it: exit codes, sentences, and nothing left behind by an interruption."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export import environments
from export.errors import ConversionError
from export.running import run_worker

ROOT = Path(__file__).parents[2]


def environment(tmp_path: Path) -> dict[str, str]:
    cut_off = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PYTHONDONTWRITEBYTECODE": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return kept | cut_off | {"FIELDMATE_EXPORT_HOME": str(tmp_path / "home")}


def export(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "export", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=200
    )


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert lines[-1].endswith(".")
    return lines[-1]


def test_usage_is_2(tmp_path: Path) -> None:
    assert export(tmp_path, "embedder").returncode == 2
    assert export(tmp_path, "embedder", "x", "--no-such-option").returncode == 2


@pytest.mark.parametrize("command", [(), ("embedder",), ("doctor",)])
def test_help_has_an_example(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = export(tmp_path, *command, "--help")
    assert done.returncode == 0
    assert re.search(r"Example:\n +python -m export " + "".join(command), done.stdout)


def test_a_missing_source_is_3(tmp_path: Path) -> None:
    done = export(tmp_path, "embedder", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "catalogue id" in one_sentence(done)


def test_a_damaged_model_is_4(tmp_path: Path, model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"")
    done = export(tmp_path, "embedder", model, "--out", tmp_path / "out")
    assert done.returncode == 4
    assert "fetch the model again" in one_sentence(done)


def test_a_model_without_a_known_licence_is_3(tmp_path: Path, model: Path) -> None:
    done = export(tmp_path, "embedder", model, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "--licence" in one_sentence(done)


def test_a_complete_artifact_in_the_way_is_3_and_untouched(tmp_path: Path, model: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    done = export(tmp_path, "embedder", model, "--licence", "MIT", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "--force" in one_sentence(done)
    assert (tmp_path / "out" / "manifest.json").read_text() == "{}"


def test_a_toolchain_that_cannot_be_installed_is_3_and_leaves_nothing(tmp_path: Path, model: Path) -> None:
    done = export(tmp_path, "embedder", model, "--licence", "MIT", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "PIP_FIND_LINKS" in one_sentence(done)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_a_termination_while_the_toolchain_is_made_leaves_nothing(tmp_path: Path, model: Path) -> None:
    command = [sys.executable, "-m", "export", "embedder", str(model), "--licence", "MIT", "--out"]
    command.append(str(tmp_path / "out"))
    running = subprocess.Popen(command, cwd=ROOT, env=environment(tmp_path), stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list((tmp_path / "home").glob("environments/*.partial/bin/python")) and time.monotonic() < until:
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 128 + signal.SIGTERM
    assert not list((tmp_path / "home" / "environments").iterdir())
    assert not (tmp_path / "out").exists()


def test_doctor_says_what_is_not_there(tmp_path: Path) -> None:
    done = export(tmp_path, "doctor", "--json")
    said = json.loads(done.stdout)
    assert said["home"] == str(tmp_path / "home")
    assert [(each["name"], each["ready"]) for each in said["toolchains"]] == [
        (each.name, False) for each in environments.ALL
    ]
    assert [each["ready"] for each in said["converters"]] == [False]
    assert said["sources"] == {"all-minilm-l6-v2": False}
    assert "not there yet" in export(tmp_path, "doctor").stdout


def test_a_worker_that_fails_says_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"KeyError.*--debug"):
        run_worker(Path(sys.executable), "embedder_onnx.py", {}, tmp_path, debug=False)
