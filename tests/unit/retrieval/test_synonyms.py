"""The owner's synonyms file."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import SettingsError
from assistant.retrieval.synonyms import Synonyms


def read(tmp_path: Path, text: str | bytes) -> Synonyms:
    path = tmp_path / "synonyms.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Synonyms.read(path)


def others(synonyms: Synonyms, text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(text[one.start : one.end], one.others) for one in synonyms.of(text)]


def test_each_of_a_line_means_the_others(tmp_path: Path) -> None:
    synonyms = read(tmp_path, "bleed, vent ,  purge\n")
    assert others(synonyms, "How do I vent it?") == [("vent", ("bleed", "purge"))]
    assert others(synonyms, "PURGING") == [("PURGING", ("bleed", "vent"))]
    assert others(synonyms, "prevent") == []


def test_the_longest_phrase_counts(tmp_path: Path) -> None:
    synonyms = read(tmp_path, "drip tray, waste  tank\ntray, plate\n")
    assert others(synonyms, "Empty the drip trays and the tray.") == [
        ("drip trays", ("waste tank",)),
        ("tray", ("plate",)),
    ]


def test_one_word_in_two_lines_has_the_equivalents_of_both(tmp_path: Path) -> None:
    assert others(read(tmp_path, "a1, b2\nb2, c3\n"), "b2") == [("b2", ("a1", "c3"))]


def test_remarks_empty_lines_and_a_byte_order_mark_are_no_synonyms(tmp_path: Path) -> None:
    synonyms = read(tmp_path, b"\xef\xbb\xbf# ours\r\n\r\nlid, cover # both\r\n")
    assert others(synonyms, "lid") == [("lid", ("cover",))]
    assert not read(tmp_path, "# nothing\n\n")


@pytest.mark.parametrize("line", ["lid", "lid,", ", lid", "lid = cover", "lid, ?", "a, " + "word " * 9])
def test_a_line_that_names_no_equivalents_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError, match=r"Line 2 of the synonyms file .*; (write|shorten)"):
        read(tmp_path, f"cup, mug\n{line}\n")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"retrieval\.synonyms"):
        Synonyms.read(tmp_path / "absent.txt")
    with pytest.raises(SettingsError, match="UTF-8"):
        read(tmp_path, b"K\xfchler, Radiator")
    with pytest.raises(SettingsError, match="1 MB"):
        read(tmp_path, "a, b\n" * 250_000)


def test_accents_do_not_matter(tmp_path: Path) -> None:
    assert others(read(tmp_path, "Kühler, Radiator"), "kuhler") == [("kuhler", ("Radiator",))]
