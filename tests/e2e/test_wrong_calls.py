"""What goes wrong before anything is done: a sentence that ends with the next step, and the published exit code."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.e2e.machine import MODELS, SMALL, Machine

QUESTION = "What does E07 mean?"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["asc", "what?"], "asc"),
        (["ask", "--jsn", "what?"], "--jsn"),
        (["--verbose"], "--verbose"),
        (["ask"], "--file"),
        (["ask", "one", "two"], "two"),
        (["ask", "what?", "--file", "-"], "--file"),
        (["ask", ""], "empty"),
        (["ask", " \t\n"], "empty"),
        (["search", ""], "empty"),
        (["search"], "QUERY"),
        (["search", "E07", "-k", "0"], "0"),
        (["search", "E07", "-k", "many"], "many"),
        (["add"], "PATH"),
        (["docs", "show"], "NAME"),
        (["docs", "sow"], "sow"),
        (["ask", QUESTION, "--generator", "smollm"], "smollm2-135m-instruct"),
    ],
)
def test_a_call_that_does_not_fit(filled: Machine, arguments: list[str], said: str) -> None:
    over = filled.run(*arguments)
    assert over.code == 2
    assert said in over.sentence


@pytest.mark.parametrize("arguments", [[], ["docs"], ["models"]])
def test_no_command_shows_the_help_and_is_a_usage_error(machine: Machine, arguments: list[str]) -> None:
    over = machine.run(*arguments)
    assert over.code == 2
    assert "Commands:" in over.out + over.err
    assert "Example:" in over.out + over.err


NOTHING_YET = (["ask", QUESTION], ["search", "E07"], ["docs", "list"], ["docs", "remove", "x"])


@pytest.mark.parametrize("command", NOTHING_YET)
def test_without_a_data_folder_nothing_is_made(machine: Machine, command: list[str]) -> None:
    over = machine.run(*command)
    assert over.code == 3
    assert str(machine.home) in over.sentence
    assert not machine.home.exists()


def test_without_a_data_folder_the_next_step_is_to_add(machine: Machine) -> None:
    for command in NOTHING_YET:
        assert "add documents" in machine.run(*command).sentence


@pytest.mark.parametrize("command", NOTHING_YET)
def test_in_an_empty_data_folder_the_next_step_is_to_add(machine: Machine, command: list[str]) -> None:
    machine.home.mkdir()
    over = machine.run(*command)
    assert over.code == 3
    assert "add documents" in over.sentence
    assert [path for path in machine.home.iterdir() if path.name != "models"] == []


def test_a_path_that_is_not_there(machine: Machine) -> None:
    over = machine.run("add", "/nowhere/manuals")
    assert over.code == 3
    assert over.sentence == "There is no file or folder /nowhere/manuals; check the path."
    assert not machine.home.exists()


def test_questions_that_are_not_there_or_no_text(filled: Machine) -> None:
    over = filled.run("ask", "--file", "/nowhere/questions.txt")
    assert over.code == 3
    assert "/nowhere/questions.txt" in over.sentence
    latin = filled.root / "latin.txt"
    latin.write_bytes("Störung?\n".encode("latin-1"))
    over = filled.run("ask", "--file", latin)
    assert over.code == 3
    assert over.sentence.endswith("save them as UTF-8.")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FIELDMATE_GENERATR__ID", "x", "FIELDMATE_GENERATR__ID"),
        ("FIELDMATE_GENERATOR__MAX_TOKEN", "5", "FIELDMATE_GENERATOR__MAX_TOKEN"),
        ("FIELDMATE_GENERATOR__MAX_TOKENS", "many", "FIELDMATE_GENERATOR__MAX_TOKENS"),
        ("FIELDMATE_GENERATOR__MAX_TOKENS", "0", "FIELDMATE_GENERATOR__MAX_TOKENS"),
        ("FIELDMATE_GENERATOR", "smollm2-135m-instruct", "FIELDMATE_GENERATOR"),
        ("FIELDMATE_ANSWERING__CAUTION", "reckless", "FIELDMATE_ANSWERING__CAUTION"),
    ],
)
@pytest.mark.parametrize("command", [["docs", "list"], ["settings"]])
def test_an_unknown_setting_in_the_environment(
    filled: Machine, command: list[str], name: str, value: str, said: str
) -> None:
    over = filled.run(*command, settings={name: value})
    assert over.code == 3
    assert said in over.sentence
    assert "`fieldmate settings`" in over.sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[generatr]\nid = 'x'\n", "generatr"),
        ("[generator]\nmax_token = 5\n", "max_token"),
        ("[generator]\nmax_tokens = 'many'\n", "max_tokens"),
        ("[generator\n", "TOML"),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_an_unknown_setting_in_the_file(filled: Machine, text: str, said: str, given: bool) -> None:
    config = filled.root / "own.toml" if given else filled.home / "config.toml"
    config.write_text(text)
    over = filled.run("docs", "list", *(["--config", str(config)] if given else []))
    assert over.code == 3
    assert said in over.sentence
    assert str(config) in over.sentence


def test_a_settings_file_that_is_not_there(filled: Machine) -> None:
    over = filled.run("docs", "list", "--config", "/nowhere/own.toml")
    assert over.code == 3
    assert "/nowhere/own.toml" in over.sentence


def test_flags_come_before_the_environment_and_that_before_the_file(filled: Machine) -> None:
    (filled.home / "config.toml").write_text("[generator]\nid = 'of-the-file'\nmax_tokens = 7\ntemperature = 0.25\n")
    shown = filled.done("settings", "--json", settings={"FIELDMATE_GENERATOR__ID": "of-the-environment"}).json
    assert shown["generator.id"]["value"] == "of-the-environment"
    assert shown["generator.max_tokens"]["value"] == 24, "the environment's"
    assert shown["generator.temperature"]["value"] == 0.25
    assert shown["data_dir"]["value"] == str(filled.home)
    other = filled.run("docs", "list", "--data-dir", str(filled.root / "other"))
    assert other.code == 3
    assert str(filled.root / "other") in other.sentence


def test_a_missing_model(filled: Machine) -> None:
    over = filled.run("ask", QUESTION, settings={"FIELDMATE_MODELS_DIR": str(filled.root / "models")})
    assert over.code == 4
    assert over.sentence == f"The model {SMALL} is not on this machine; run `fieldmate models pull {SMALL}`."
    assert not (filled.root / "models" / SMALL).exists()


def test_the_doctor_names_a_missing_model_with_the_same_code(filled: Machine) -> None:
    over = filled.run("doctor", settings={"FIELDMATE_MODELS_DIR": str(filled.root / "models")})
    assert over.code == 4
    assert f"run `fieldmate models pull {SMALL}`." in over.out
    assert over.err == ""


@pytest.mark.usefixtures("generator")
@pytest.mark.parametrize("how", ["one byte has changed", "it was cut short", "it is another file"])
def test_a_damaged_model(filled: Machine, how: str) -> None:
    models, right = copied_model(filled.root)
    file = next((models / SMALL).glob("*.gguf"))
    if how == "one byte has changed":
        with file.open("r+b") as stream:
            stream.seek(50_000_000)
            byte = stream.read(1)
            stream.seek(50_000_000)
            stream.write(bytes([byte[0] ^ 1]))
    elif how == "it was cut short":
        with file.open("r+b") as stream:
            stream.truncate(1_000_000)
    else:
        file.write_bytes(b"not a model")
    with file.open("rb") as stream:
        wrong = hashlib.file_digest(stream, "sha256").hexdigest()
    over = filled.run("ask", QUESTION, settings={"FIELDMATE_MODELS_DIR": str(models)})
    assert over.code == 4
    assert wrong in over.sentence
    assert right in over.sentence
    assert over.sentence.endswith(f"run `fieldmate models pull {SMALL}`.")


def copied_model(folder: Path) -> tuple[Path, str]:
    """A models folder of one's own with the small generator, and the hash of its weights."""
    shutil.copytree(MODELS / SMALL, folder / "models" / SMALL)
    with next((MODELS / SMALL).glob("*.gguf")).open("rb") as stream:
        return folder / "models", hashlib.file_digest(stream, "sha256").hexdigest()
