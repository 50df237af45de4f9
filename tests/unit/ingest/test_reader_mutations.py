"""No damaged file of any format crashes its reader, hangs it, fills the memory, or makes a document that does not fit.

Archives are read in a process of their own, of which a crash is a refusal; their damages come with the right checksum,
because a wrong one is refused before anything else is looked at.
"""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest import readers
from assistant.ingest.readers import ARCHIVES, READERS, zim, zim_pages
from assistant.ingest.readers.zim import ZimReader
from tests.artifacts.mutations import mutated
from tests.artifacts.pdf_bytes import Page, pdf_bytes
from tests.artifacts.rich_documents import RICH
from tests.artifacts.zim_bytes import with_right_checksum, write_zim
from tests.contracts.test_reader import TEXTS, assert_consistent

SEEDS = 200
MORE_SEEDS = 10_000
ARCHIVE_SEEDS = 25
MORE_ARCHIVE_SEEDS = 500
MOST_SECONDS = 20
MOST_MB = 100
"""Beyond what the process had before: the undamaged files have a few kilobytes."""

_HTML = """<html><head><title>Pump manual</title></head><body><nav>Home</nav><main class="content"><h1>Pump</h1>
<p>It is <b>hot</b>: <a href="#a">see</a> 5&nbsp;&deg;C &amp; more.</p>
<ol start="3"><li>Open<ul><li>deep</ul><li>Wait</ol>
<table><caption>Codes</caption>
<tr><th>Code<th colspan=2>Meaning<tr><td rowspan=2>E07<td>hot<td>wait<tr><td>a<td>b</table>
<div class="warning">Hot surface.</div><pre>x = 1\n  y = 2</pre><dl><dt>Term<dd>Text</dl><table><tr><td>frame</table>"""
_PDF = pdf_bytes(
    Page().text(60, 780, "Pump manual", size=20, font="bold").lines(60, 740, "1. Open valve Y1.", "2. Wait 5 s.")
    .grid([60, 160, 300], [600, 580, 560]).text(63, 586, "Code").text(163, 586, "Meaning").text(63, 566, "E07"),
    Page().text(60, 700, "x = 1", font="mono").text(60, 400, "Left words of a column").text(330, 400, "and the right"),
    Page(picture=True),
    title="Pump manual",
    outline=[("Pump manual", 0), ("Values", 1)],
)  # fmt: skip
SAMPLES: dict[str, bytes] = {
    **RICH,
    ".html": _HTML.encode(),
    ".md": f"---\ntitle: Pump\n---\n# Pump\n\n> **Warning** hot\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n{_HTML}".encode(),
    ".pdf": _PDF,
    ".txt": TEXTS[".txt"] * 3,
}


@pytest.fixture(autouse=True)
def no_text_recognition(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # a second for each picture would be all that is measured


class Peak:
    """The most memory that this process had since `begin`, where the system tells it."""

    def __init__(self) -> None:
        self._before = 0.0

    def begin(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._before = self._most()

    def megabytes(self) -> float:
        return self._most() - self._before

    @staticmethod
    def _most() -> float:
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1000
        return 0.0


def survive(suffix: str, seeds: range, folder: Path) -> None:
    path = folder / f"damaged{suffix}"
    readable = 0
    peak = Peak()
    path.write_bytes(SAMPLES[suffix])
    readers.read(path, path.name)  # what is loaded once is not the damage's
    for seed in seeds:
        path.write_bytes(mutated(SAMPLES[suffix], seed))
        peak.begin()
        begun = time.perf_counter()
        with contextlib.suppress(UnreadableDocument):
            assert_consistent(readers.read(path, path.name))
            readable += 1
        assert time.perf_counter() - begun < MOST_SECONDS, f"seed {seed}"
        assert peak.megabytes() < MOST_MB, f"seed {seed}"
    assert readable > 0  # else the damages tell nothing about what comes behind the first check


def survive_archive(seeds: range, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zim(
        folder / "damaged.zim",
        {f"A/{number}": f"<h1>Pump {number}</h1><p>{'It is hot. ' * 40}</p>" for number in range(12)},
        others={"style.css": ("text/css", b"p {}" * 100)},
        redirects={"old": "A/1"},
    )
    monkeypatch.setattr(zim, "pages", lambda archive: zim_pages.pages(archive, silence_s=MOST_SECONDS / 2))
    sound = path.read_bytes()
    peak = Peak()
    readable = 0
    for seed in seeds:
        path.write_bytes(with_right_checksum(_damaged_archive(sound, random.Random(seed))))
        peak.begin()
        begun = time.perf_counter()
        with contextlib.suppress(UnreadableDocument):
            for article in ZimReader().articles(path, path.name, lambda _: None):
                with contextlib.suppress(UnreadableDocument):
                    assert_consistent(article.read())
                    readable += 1
        assert time.perf_counter() - begun < MOST_SECONDS, f"seed {seed}"
        assert peak.megabytes() < MOST_MB, f"seed {seed}"
    assert readable > 0


def _damaged_archive(data: bytes, chance: random.Random) -> bytes:
    """Mostly of the same length: an archive of another is refused by its header alone."""
    if chance.random() < 0.2:
        return mutated(data, chance.randrange(1_000_000))
    result = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(80) if chance.random() < 0.2 else chance.randrange(80, len(result) - 16)
        length = min(chance.choice((1, 1, 2, 4, 8, 64)), len(result) - place)
        kind = chance.randrange(3)
        if kind == 0:
            result[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            result[place : place + length] = chance.randbytes(length)
        else:
            result[place : place + length] = chance.choice((b"\xff", b"\0", b"\x7f", b"\x01")) * length
    return bytes(result)


def test_every_reader_takes_part() -> None:
    assert {READERS[suffix] for suffix in SAMPLES} == {*READERS.values()}
    assert {*ARCHIVES} == {".zim"}


@pytest.mark.parametrize("suffix", sorted(SAMPLES))
def test_damaged_files_are_read_or_refused(suffix: str, tmp_path: Path) -> None:
    survive(suffix, range(SEEDS), tmp_path)


def test_damaged_archives_are_read_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    survive_archive(range(ARCHIVE_SEEDS), tmp_path, monkeypatch)


@pytest.mark.engine
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("suffix", sorted(SAMPLES))
def test_many_damaged_files_are_read_or_refused(suffix: str, tmp_path: Path) -> None:
    survive(suffix, range(SEEDS, SEEDS + MORE_SEEDS), tmp_path)


@pytest.mark.engine
@pytest.mark.timeout(3_600)
def test_many_damaged_archives_are_read_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    survive_archive(range(ARCHIVE_SEEDS, ARCHIVE_SEEDS + MORE_ARCHIVE_SEEDS), tmp_path, monkeypatch)
