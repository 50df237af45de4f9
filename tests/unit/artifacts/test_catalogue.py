from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.artifacts.catalogue import Catalogue, load_catalogue
from assistant.errors import SettingsError, UsageError

from .conftest import EMBEDDER, entry_toml, folder_toml, gguf, hub_toml

Write = Callable[..., Catalogue]


def test_the_shipped_catalogue_is_valid_and_holds_what_is_promised() -> None:
    catalogue = load_catalogue()
    assert catalogue.default("generator").id == "qwen2.5-coder-0.5b-instruct-q4_k_m"
    assert catalogue.default("embedder").id == "all-minilm-l6-v2-int8"
    assert catalogue.get("smollm2-135m-instruct").sha256 == (
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    )
    assert not catalogue.get("gemma-3-270m-q4_k_m").instruct
    assert catalogue.get("gemma-3-270m-q4_k_m").licence_note


def test_the_default_settings_name_entries_of_the_catalogue() -> None:
    from assistant.settings import Settings

    catalogue = load_catalogue()
    assert catalogue.default("generator").id == Settings().generator.id
    assert catalogue.default("embedder").id == Settings().embedder.id


def test_no_host_name_is_in_the_catalogue() -> None:
    text = (load_catalogue().folder / "catalogue.toml").read_text()
    assert "://" not in text


def test_joined_wheels_are_as_many_bytes_as_they_can_be() -> None:
    for entry in load_catalogue():
        for source in entry.sources:
            for member in getattr(source, "members", ()):
                assert member.bytes <= (entry.bytes or 0)


def test_an_alias_names_the_same_entry() -> None:
    catalogue = load_catalogue()
    assert catalogue.get("qwen2.5-0.5b") is catalogue.default("generator")


def test_an_unknown_name_proposes_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match="did you mean smollm2-135m-instruct"):
        load_catalogue().get("smollm-135m-instruct")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("sha256 = ", 'sha256 = "x'), "not valid"),
        (("bytes = 300000", "bytes = 0"), ">= 1"),
        (("bytes = 300000", "bites = 300000"), "unknown field `bites`"),
        (('id = "tiny"', 'id = "../tiny"'), r"matching regex.*\.id"),
        (('file = "tiny.gguf"', 'file = "../../tiny.gguf"'), r"matching regex.*\.file"),
        (('kind = "folder"', 'kind = "ftp"'), "kind"),
        (("state_bytes_per_token = 8", ""), "state_bytes_per_token"),
        (("default = true", "default = false"), "exactly one generator"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_reason(catalogue: Write, wrong: tuple[str, str], said: str) -> None:
    entry = entry_toml(gguf(), folder_toml()).replace(*wrong)
    with pytest.raises(SettingsError, match=said):
        catalogue(entry)


def test_two_entries_may_not_share_a_name(catalogue: Write) -> None:
    one = entry_toml(gguf(), folder_toml())
    two = entry_toml(gguf(), folder_toml(), name="more", default=False, extra='aliases = ["tiny"]')
    with pytest.raises(SettingsError, match="share the name tiny"):
        catalogue(one, two)


def test_wheels_without_the_hash_of_what_they_make_are_refused(catalogue: Write) -> None:
    wheels = '[[model.sources]]\nkind="wheels"\nmembers=[{package="a",version="1",sha256="%s",bytes=1,member="m"}]'
    with pytest.raises(SettingsError, match="wheels need the bytes and sha256"):
        catalogue(entry_toml(None, wheels % ("0" * 64)))


def test_an_entry_is_pinned_when_every_file_has_a_hash(catalogue: Write) -> None:
    read = catalogue(entry_toml(gguf(), hub_toml()))
    assert read.get("tiny").pinned
    assert not read.get("other").pinned
    assert [file.path for file in read.get("other").files] == ["model.onnx", "tokenizer.json"]


def test_a_bundled_embedder_needs_no_hash_of_its_own(catalogue: Write) -> None:
    bundled = EMBEDDER.replace('kind = "folder"\n  path = "stick"', 'kind = "bundled"\n  folder = "other"')
    assert catalogue(entry_toml(gguf(), hub_toml()), embedder=bundled).get("other").pinned


def test_a_missing_catalogue_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read.*install Fieldmate again\.$"):
        load_catalogue(tmp_path / "none.toml")
