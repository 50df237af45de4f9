"""ZIM archives: which entries become articles, and what no archive can do to the process that asks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers import archive_reader_for, reader_for, supported_suffixes, zim, zim_child
from assistant.ingest.readers.zim import ZimReader
from assistant.ingest.readers.zim_pages import BrokenArchive, pages
from assistant.protocols import ArchiveReader, Article
from tests.artifacts.zim_bytes import with_right_checksum, write_zim
from tests.contracts.test_reader import assert_consistent

PAGES = {
    "A/pump": "<html><head><title>Pump</title></head><body><nav>Home</nav><main><h1>The pump</h1>"
    "<p>The pump E07 delivers 5.5 kW at 2.5 bar.</p></main></body></html>",
    "A/valve.html": "<h1>Valve</h1><p>Close valve Y1.</p>",
    "Ünï cödé/水": "<p>Water boils at 100 °C.</p>",
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_zim(
        tmp_path / "manuals.zim",
        PAGES,
        titles={"A/pump": "Pump of the unit"},
        others={
            "style.css": ("text/css", b"p { color: red }"),
            "picture.png": ("image/png", b"\x89PNG" + bytes(500)),
            "notes.txt": ("text/plain", b"Words that are no page."),
        },
        redirects={"A/old": "A/pump"},
    )


def read(path: Path) -> list[Article]:
    return list(ZimReader().articles(path, path.name, lambda _: None))


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableDocument) as caught:
        read(path)
    assert re.fullmatch(r"[^\n;]+; [^\n]+\.", str(caught.value))
    return str(caught.value)


def test_it_keeps_the_protocols(archive: Path) -> None:
    assert isinstance(archive_reader_for(archive), ArchiveReader)
    assert reader_for(archive) is None
    assert ".zim" in supported_suffixes()
    assert all(isinstance(article, Article) for article in read(archive))


def test_pages_become_articles_and_everything_else_is_passed_over(archive: Path) -> None:
    articles = {article.name: article for article in read(archive)}
    assert sorted(articles) == sorted(f"manuals.zim/{path}" for path in PAGES)
    pump = articles["manuals.zim/A/pump"]
    document = pump.read()
    assert_consistent(document)
    assert document.text == "The pump\n\nThe pump E07 delivers 5.5 kW at 2.5 bar."
    assert (document.title, document.media_type) == ("Pump of the unit", "text/html")
    assert document.source == pump.source == f"{archive}/A/pump"
    assert (document.name, document.archive) == (pump.name, str(archive))
    assert document.content_hash == pump.content_hash


def test_an_article_without_a_title_takes_that_of_its_page(archive: Path) -> None:
    titles = {article.name.rpartition("/")[2]: article.read().title for article in read(archive)}
    assert (titles["valve.html"], titles["水"]) == ("Valve", "水")


def test_shares_rise_within_the_whole(archive: Path) -> None:
    told: list[float] = []
    shares = [article.share for article in ZimReader().articles(archive, "a.zim", told.append)]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert told[-1] == 1.0


def test_a_page_without_text_is_refused_by_itself(tmp_path: Path) -> None:
    path = write_zim(tmp_path / "a.zim", {"blank": "<p> </p>", "full": "<p>Words.</p>"})
    blank, full = read(path)
    with pytest.raises(UnreadableDocument, match="holds no text"):
        blank.read()
    assert full.read().text == "Words."


def test_a_page_too_long_to_be_one_is_passed_over(tmp_path: Path) -> None:
    path = write_zim(tmp_path / "a.zim", {"a": "<p>" + "long " * 3_300_000, "b": "<p>Words.</p>"})
    assert [article.name for article in read(path)] == ["a.zim/b"]


def test_the_edition_changes_with_the_content_and_takes_no_library(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zim, "find_spec", lambda _: None)
    first = ZimReader().edition(archive, "a.zim")
    assert re.fullmatch(r"zim:[0-9a-f-]{36}:md5:[0-9a-f]{32}", first)
    assert ZimReader().edition(archive, "b.zim") == first
    assert ZimReader().edition(write_zim(tmp_path / "b.zim", {"a": "<p>Other words.</p>"}), "b.zim") != first


def test_without_its_library_an_archive_is_refused_with_the_way_out(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zim, "find_spec", lambda _: None)
    assert "pip install 'fieldmate[zim]'" in refusal(archive)


def test_the_library_is_loaded_in_no_process_but_its_own(archive: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from assistant.ingest.readers.zim import ZimReader\n"
        f"found = list(ZimReader().articles(Path({str(archive)!r}), 'a.zim', lambda _: None))\n"
        "assert len(found) == 3 and found[0].read().text\n"
        "assert not [name for name in sys.modules if name.startswith('libzim')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[3], timeout=60)


# What is refused


@pytest.mark.parametrize("length", [1, 40, 79, 80, 200, -1, -17])
def test_an_archive_that_was_not_downloaded_to_its_end_is_refused(archive: Path, length: int) -> None:
    archive.write_bytes(archive.read_bytes()[:length])
    assert "is damaged, was not downloaded to its end" in refusal(archive)
    with pytest.raises(UnreadableDocument):
        ZimReader().edition(archive, "a.zim")


def test_an_archive_of_which_one_bit_has_changed_is_refused_before_its_offsets_are_followed(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    monkeypatch.setattr(zim, "pages", lambda _: pytest.fail("it was opened"))
    assert "is damaged" in refusal(archive)


@pytest.mark.parametrize("content", [b"PK\x03\x04" * 100, bytes(range(256)) * 40, b"<html></html>" * 100])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zim"
    path.write_bytes(content)
    assert "is not a ZIM archive" in refusal(path)


def test_missing_and_empty_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    assert "is not there" in refusal(tmp_path / "gone.zim")
    (tmp_path / "empty.zim").touch()
    assert "is empty" in refusal(tmp_path / "empty.zim")
    (tmp_path / "folder.zim").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.zim")
    os.mkfifo(tmp_path / "pipe.zim")
    assert "device or a pipe" in refusal(tmp_path / "pipe.zim")


def test_a_header_that_promises_more_entries_than_there_are_is_refused(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[24:28] = b"\xff\xff\xff\x7f"
    archive.write_bytes(with_right_checksum(bytes(data)))
    assert "is damaged" in refusal(archive)


# What the reading process may do


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of the one that reads archives; the test says what it does."""
    path = tmp_path / "child.py"
    monkeypatch.setattr(zim_child, "__file__", str(path))
    return path


_PAGE = "import os, struct\nhead = struct.Struct('<cQIII')\nos.write(1, head.pack(b'p', 0, 1, 1, 8) + b'at<p>Word.')\n"


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "os.abort()\n",
        "raise MemoryError\n",
        "import time; time.sleep(60)\n",
        "os.write(1, head.pack(b'?', 0, 0, 0, 0)); import time; time.sleep(60)\n",
        "os.write(1, head.pack(b'p', 0, 1, 1, 2**32 - 1)); import time; time.sleep(60)\n",
        "os.write(1, head.pack(b'p', 0, 2**31, 1, 1)); import time; time.sleep(60)\n",
        "os.write(1, b'e')\n",
    ],
    ids=["ends", "crashes", "has no memory", "hangs", "nonsense", "endless page", "endless path", "half a frame"],
)
@pytest.mark.timeout(30)
def test_whatever_happens_to_the_reading_process_the_pages_until_then_are_whole(
    child: Path, archive: Path, ending: str
) -> None:
    child.write_text(_PAGE + ending)
    found = pages(archive, silence_s=2.0)
    page = next(found)
    assert (page.path, page.title, page.content) == ("a", "t", b"<p>Word.")
    with pytest.raises(BrokenArchive):
        next(found)


@pytest.mark.timeout(30)
def test_a_reader_that_loses_interest_leaves_no_process_behind(child: Path, archive: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child.write_text(_PAGE + f"open({str(note)!r}, 'w').write(str(os.getpid()))\nimport time; time.sleep(60)\n")
    found: Iterator[object] = pages(archive)
    next(found)
    while not note.exists() or not note.read_text():
        pass
    found.close()  # type: ignore[attr-defined]  # a generator, as its callers rely on
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_the_reading_process_has_bounded_memory() -> None:
    script = (
        "import os\nfrom assistant.ingest.readers import zim_child\nzim_child._limit()\n"
        "try:\n    bytearray(zim_child._MEMORY + (1 << 20))\nexcept MemoryError:\n    raise SystemExit(0)\n"
        "raise SystemExit(1)\n"
    )
    if sys.platform != "linux":
        pytest.skip("only Linux counts what a process maps for itself")
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[3], timeout=60)


@pytest.mark.engine
def test_a_cluster_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    """A gigabyte of one letter weighs a few kilobytes, and everything behind it in its cluster costs unpacking it."""
    from libzim.writer import Creator

    from tests.artifacts.zim_bytes import _Entry

    path = tmp_path / "bomb.zim"
    with Creator(path).config_indexing(False, "eng").config_nbworkers(1).config_clustersize(2_000_000_000) as creator:
        creator.add_item(_Entry("a", "", b"a" * 1_000_000_000, "text/css"))
        creator.add_item(_Entry("b", "", "<p>Words.</p>", "text/html"))
    assert path.stat().st_size < 5_000_000
    assert "is damaged" in refusal(path)
