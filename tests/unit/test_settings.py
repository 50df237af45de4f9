from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import SettingsError
from assistant.settings import DEFAULT_EMBEDDER, DEFAULT_GENERATOR, Settings, describe, load

EMPTY: dict[str, str] = {}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('[generator]\nid = "from-file"\nmax_tokens = 11\n[retrieval]\ndense_weight = 0.25\n')
    return path


def refusal(**where: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**{"environment": EMPTY, **where})
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def keys(tree: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted key of a settings tree, found without `describe`."""
    for name in tree.__struct_fields__:
        value = getattr(tree, name)
        if isinstance(value, msgspec.Struct):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


# Precedence


def test_without_anything_the_defaults_hold() -> None:
    assert load(environment=EMPTY) == Settings()


def test_the_file_overrides_a_default(config: Path) -> None:
    assert load(config, EMPTY).generator.id == "from-file"


def test_the_environment_overrides_the_file(config: Path) -> None:
    settings = load(config, {"FIELDMATE_GENERATOR__ID": "from-environment"})
    assert settings.generator.id == "from-environment"


def test_a_flag_overrides_the_environment(config: Path) -> None:
    settings = load(config, {"FIELDMATE_GENERATOR__ID": "from-environment"}, {"generator.id": "from-flag"})
    assert settings.generator.id == "from-flag"


def test_what_one_place_does_not_say_another_still_does(config: Path) -> None:
    settings = load(config, {"FIELDMATE_ANSWERING__PASSAGES": "2"}, {"generator.id": "from-flag"})
    assert (settings.generator.id, settings.generator.max_tokens, settings.answering.passages) == ("from-flag", 11, 2)
    assert settings.embedder.id == DEFAULT_EMBEDDER


def test_a_flag_that_was_not_given_changes_nothing(config: Path) -> None:
    assert load(config, EMPTY, {"generator.id": None}).generator.id == "from-file"


def test_the_file_in_the_data_folder_is_read_by_itself(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[answering]\npassages = 7\n")
    assert load(environment={"FIELDMATE_HOME": str(tmp_path)}).answering.passages == 7
    assert load(environment=EMPTY, flags={"data_dir": tmp_path}).answering.passages == 7


def test_a_named_file_stands_in_for_the_one_in_the_data_folder(tmp_path: Path, config: Path) -> None:
    (tmp_path / "config.toml").write_text("[answering]\npassages = 7\n")
    assert load(config, {"FIELDMATE_HOME": str(tmp_path)}).answering.passages == Settings().answering.passages


def test_variables_of_other_programs_are_left_alone() -> None:
    assert load(environment={"FIELD": "1", "GENERATOR__ID": "x", "fieldmate_generator__id": "x"}) == Settings()


# Values that are easily lost


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("retrieval.dense_weight", "0", 0.0),
        ("retrieval.exact_below", "0", 0),
        ("generator.temperature", "0", 0.0),
        ("generator.decode_threads", "0", 0),
        ("store.busy_timeout_s", "0", 0.0),
    ],
)
def test_nought_can_be_set_against_any_other_value(key: str, text: str, value: float, tmp_path: Path) -> None:
    section, name = key.split(".")
    path = tmp_path / "settings.toml"
    path.write_text(f"[{section}]\n{name} = 1\n")
    variable = f"FIELDMATE_{section.upper()}__{name.upper()}"
    for settings in (load(path, {variable: text}), load(path, EMPTY, {key: value})):
        assert getattr(getattr(settings, section), name) == value


def test_a_number_in_the_environment_is_read_as_one() -> None:
    settings = load(environment={"FIELDMATE_STORE__BUSY_TIMEOUT_S": "1.5", "FIELDMATE_GENERATOR__MAX_TOKENS": "9"})
    assert (settings.store.busy_timeout_s, settings.generator.max_tokens) == (1.5, 9)


# Refusals


def test_an_unknown_key_of_the_file_is_refused_with_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[generator]\ntemprature = 0\n")
    message = refusal(config=path)
    assert str(path) in message
    assert "temprature" in message


def test_an_unknown_section_of_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[voice]\nrate = 1\n")
    assert "voice" in refusal(config=path)


@pytest.mark.parametrize(
    "variable", ["FIELDMATE_GENERATOR__SIZE", "FIELDMATE_MODEL", "FIELDMATE_GENERATOR__ID__X", "FIELDMATE_"]
)
def test_an_unknown_variable_is_refused_by_its_name(variable: str) -> None:
    assert variable in refusal(environment={variable: "1"})


def test_an_unknown_variable_is_refused_by_its_name_beside_a_file(config: Path) -> None:
    assert "FIELDMATE_GENERATOR__ID__X" in refusal(config=config, environment={"FIELDMATE_GENERATOR__ID__X": "1"})


def test_an_unknown_flag_is_refused_by_its_name() -> None:
    assert "generator.size" in refusal(flags={"generator.size": 1})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FIELDMATE_GENERATOR__MAX_TOKENS", "many"),
        ("FIELDMATE_GENERATOR__MAX_TOKENS", "0"),
        ("FIELDMATE_GENERATOR__MAX_TOKENS", "1.5"),
        ("FIELDMATE_RETRIEVAL__DENSE_WEIGHT", "1.1"),
        ("FIELDMATE_RETRIEVAL__DENSE_WEIGHT", "nan"),
        ("FIELDMATE_ANSWERING__CAUTION", "extreme"),
        ("FIELDMATE_STORE__BUSY_TIMEOUT_S", "-1"),
        ("FIELDMATE_STORE__BUSY_TIMEOUT_S", "nan"),
        ("FIELDMATE_GENERATOR", "x"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_variable(variable: str, value: str) -> None:
    assert variable in refusal(environment={variable: value})


def test_a_wrong_type_in_the_file_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[generator]\nid = 5\n")
    message = refusal(config=path)
    assert str(path) in message
    assert "generator.id" in message


@pytest.mark.parametrize(
    "text", [b"[generator", b"a = = 1", b"\xff\xfe", b"generator = 1\n[generator]\n", b'id = "a\n"']
)
def test_a_file_that_is_no_toml_is_refused_with_its_name(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text)
    assert str(path) in refusal(config=path)


def test_a_file_that_is_not_there_is_refused_and_not_ignored(tmp_path: Path) -> None:
    assert "gone.toml" in refusal(config=tmp_path / "gone.toml")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(config=tmp_path)


# Folders


def test_the_data_folder_is_that_of_the_platform_below_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert load(environment=EMPTY).home == tmp_path / "share" / "fieldmate"


def test_all_that_is_written_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = load(environment={"FIELDMATE_HOME": str(tmp_path)})
    assert (settings.home, settings.database) == (tmp_path, tmp_path / "knowledge.db")
    assert (settings.models, settings.index) == (tmp_path / "models", tmp_path / "index")


def test_the_models_folder_can_lie_elsewhere(tmp_path: Path) -> None:
    settings = load(environment={"FIELDMATE_HOME": str(tmp_path), "FIELDMATE_MODELS_DIR": "/models"})
    assert settings.models == Path("/models")
    assert settings.home == tmp_path


def test_the_long_name_of_the_data_folder_goes_before_the_short_one() -> None:
    for variables in (("FIELDMATE_HOME", "FIELDMATE_DATA_DIR"), ("FIELDMATE_DATA_DIR", "FIELDMATE_HOME")):
        environment = {name: f"/{name}" for name in variables}
        assert load(environment=environment).home == Path("/FIELDMATE_DATA_DIR")


def test_a_tilde_is_the_home_folder_in_every_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "settings.toml"
    path.write_text('data_dir = "~/data"\nmodels_dir = "~/models"\n')
    for settings in (
        load(path, EMPTY),
        load(environment={"FIELDMATE_HOME": "~/data", "FIELDMATE_MODELS_DIR": "~/models"}),
        load(environment=EMPTY, flags={"data_dir": Path("~/data"), "models_dir": "~/models"}),
    ):
        assert (settings.home, settings.models) == (tmp_path / "data", tmp_path / "models")


def test_the_file_below_a_tilde_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "config.toml").write_text("[answering]\npassages = 7\n")
    assert load(environment={"FIELDMATE_HOME": "~/data"}).answering.passages == 7


def test_the_home_of_a_user_who_is_not_there_is_refused() -> None:
    # Was a RuntimeError of pathlib, and so a bug with exit code 70.
    assert "~nobody-of-that-name" in refusal(environment={"FIELDMATE_HOME": "~nobody-of-that-name/data"})


@pytest.mark.parametrize("variable", ["FIELDMATE_HOME", "FIELDMATE_MODELS_DIR"])
def test_an_empty_folder_is_refused_and_is_not_the_current_one(variable: str) -> None:
    # `FIELDMATE_HOME=` made the knowledge base in whatever folder the command was started in.
    assert "empty" in refusal(environment={variable: ""})


# Describing


def test_every_setting_is_described_in_a_sentence() -> None:
    rows = describe()
    assert [key for key, _, _ in rows] == list(keys(Settings()))
    for key, _, text in rows:
        assert re.fullmatch(r"[A-Z0-9].{10,}\.", text), key


def test_a_described_default_is_the_one_in_force() -> None:
    shown = {key: default for key, default, _ in describe()}
    assert shown["generator.id"] == DEFAULT_GENERATOR
    assert shown["generator.temperature"] == "0.0"
    assert shown["data_dir"] == ""
    for key, default in shown.items():
        value: Any = Settings()
        for part in key.split("."):
            value = getattr(value, part)
        assert default == ("" if value is None else str(value))


def test_every_described_setting_can_be_set_by_a_variable_to_its_default() -> None:
    environment = {f"FIELDMATE_{key.upper().replace('.', '__')}": default for key, default, _ in describe() if default}
    assert load(environment=environment) == Settings()


# Values


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().data_dir = Path("/x")  # type: ignore[misc]


@given(st.dictionaries(st.from_regex(r"FIELDMATE_[A-Z_]{0,30}", fullmatch=True), st.text(max_size=20), max_size=3))
def test_no_environment_ends_in_anything_but_settings_or_one_sentence(environment: dict[str, str]) -> None:
    ended = ""
    try:
        load(environment=environment)
    except SettingsError as error:
        ended = str(error)
    assert ended == "" or (ended.endswith(".") and "Traceback" not in ended)
