"""Claims about `fieldmate models optimize` and what `pull` does at its end, with a real tiny model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assistant.artifacts import catalogue, optimizing
from assistant.cli.app import App
from assistant.cli.main import fieldmate
from assistant.engines import requantize
from assistant.errors import StorageError

TINY = Path(__file__).parents[2] / "artifacts" / "tiny-generator" / "tiny-f16.gguf"
ENTRIES = """
schema = 1
[[model]]
id = "tiny"
role = "generator"
format = "gguf"
parameters = "1M"
context = 64
licence = "MIT"
file = "tiny.gguf"
bytes = {size}
sha256 = "{sha256}"
state_bytes_per_token = 8
min_memory_mb = 10
default = true
description = "A generator."
optimized = {{ tool = "llama-cpp-python", version = "0", type = "q8_0", bytes = {made}, default = {default} }}
  [[model.sources]]
  kind = "folder"
  path = "{folder}"
[[model]]
id = "other"
role = "embedder"
format = "onnx"
parameters = "1M"
context = 64
licence = "MIT"
file = "model.onnx"
dimensions = 4
pooling = "mean"
normalize = true
min_memory_mb = 10
default = true
description = "An embedder."
  [[model.sources]]
  kind = "folder"
  path = "nowhere"
"""


class Machine:
    """A models folder and a catalogue with the tiny model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stick").mkdir()
        (folder / "stick" / "tiny.gguf").write_bytes(TINY.read_bytes())
        requantize.write(TINY, folder / "made.gguf", "q8_0")

    def call(self, *arguments: str) -> Result:
        variables = {"FIELDMATE_MODELS_DIR": str(self.folder / "models"), "FIELDMATE_HOME": str(self.folder / "home")}
        return CliRunner().invoke(fieldmate, ["models", *arguments], obj=App(), env=variables)

    def knows(self, default: bool) -> catalogue.Catalogue:
        data = TINY.read_bytes()
        path = self.folder / "catalogue.toml"
        path.write_text(
            ENTRIES.format(
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                default=str(default).lower(),
                made=(self.folder / "made.gguf").stat().st_size,
                folder=self.folder / "stick",
            )
        )
        return catalogue.load_catalogue(path)


@pytest.fixture(params=[True])
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Machine:
    made = Machine(tmp_path)
    known = made.knows(request.param)
    monkeypatch.setattr(catalogue, "load_catalogue", lambda: known)
    monkeypatch.setattr(optimizing, "LEAST_GAIN", 0.0)
    monkeypatch.setattr(requantize, "repacks", lambda: True)
    return made


def listed(machine: Machine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(machine.call("list", "--json").stdout)[0]
    return found


def test_a_pull_ends_with_the_form_to_be_used_and_the_list_says_so(machine: Machine) -> None:
    done = machine.call("pull", "tiny")
    assert done.exit_code == 0, done.output
    assert "tiny is used as q8_0 now" in done.stderr
    assert listed(machine)["optimized"] == "q8_0"
    assert "ready, q8_0" in machine.call("list").stdout


def test_as_pulled_leaves_it_as_it_came(machine: Machine) -> None:
    assert machine.call("pull", "tiny", "--as-pulled").exit_code == 0
    assert listed(machine)["optimized"] is None


@pytest.mark.parametrize("machine", [False], indirect=True)
def test_a_form_that_is_not_the_default_is_made_only_when_asked_for(machine: Machine) -> None:
    machine.call("pull", "tiny")
    assert listed(machine)["optimized"] is None
    assert machine.call("optimize", "tiny").exit_code == 0
    assert listed(machine)["optimized"] == "q8_0"


def test_json_tells_recipe_source_and_hashes(machine: Machine) -> None:
    machine.call("pull", "tiny", "--as-pulled")
    told = json.loads(machine.call("optimize", "tiny", "--json").stdout)
    assert (told["id"], told["outcome"], told["type"]) == ("tiny", "made", "q8_0")
    assert told["source"]["sha256"] == hashlib.sha256(TINY.read_bytes()).hexdigest()
    assert told["sha256"] == hashlib.sha256(Path(told["path"]).read_bytes()).hexdigest() == listed(machine)["sha256"]
    assert len(told["recipe"]["key"]) == 64
    assert told["tools"] == {"llama-cpp-python": requantize.version()}
    assert json.loads(machine.call("optimize", "tiny", "--json").stdout)["outcome"] == "kept"
    undone = json.loads(machine.call("optimize", "tiny", "--undo", "--json").stdout)
    assert (undone["outcome"], undone["path"]) == ("undone", None)
    assert listed(machine)["optimized"] is None


def test_a_disk_too_small_for_both_forms_does_not_fail_the_pull(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full; free some space.")

    monkeypatch.setattr(optimizing, "require_space", full)
    done = machine.call("pull", "tiny")
    assert done.exit_code == 0
    assert "tiny is used as it came, which is slower: The disk is full" in done.stderr
    assert listed(machine)["state"] == "ready"


def test_an_import_ends_with_the_form_to_be_used(machine: Machine) -> None:
    assert machine.call("import", str(machine.folder / "stick" / "tiny.gguf")).exit_code == 0
    assert listed(machine)["optimized"] == "q8_0"


def test_remove_takes_both(machine: Machine) -> None:
    machine.call("pull", "tiny")
    assert "removed" in machine.call("remove", "tiny").stdout
    assert not list((machine.folder / "models").rglob("*.gguf"))
