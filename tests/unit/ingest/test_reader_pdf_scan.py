"""Scanned PDFs: recognised where Tesseract is installed, and nothing doubtful becomes a fact."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers import pdf_scan
from assistant.ingest.readers.pdf import PdfReader
from assistant.sentences import iter_sentences
from assistant.types import Document
from tests.artifacts.pdf_bytes import Page, pdf_bytes
from tests.contracts.test_reader import assert_consistent

real = pytest.mark.skipif(shutil.which("tesseract") is None, reason="Tesseract is not installed on this machine")

SENTENCE = "The pump E07 delivers 5.5 kW at 2.5 bar."
HEAD = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableDocument) as caught:
        PdfReader().read(path, path.name)
    assert re.fullmatch(r"[^\n;]+; [^\n]+\.", str(caught.value))
    return str(caught.value)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes(Page(picture=True)))
    return path


def program(folder: Path, script: str) -> Path:
    """A program called tesseract that does what `script` says, alone on the path with the usual tools behind it."""
    path = folder / "bin" / "tesseract"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"#!/bin/sh\nif [ \"$1\" = --list-langs ]; then echo 'List:'; echo deu; echo osd; exit 0; fi\n{script}"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Put a program in Tesseract's place."""

    def _fake(script: str) -> None:
        program(tmp_path, script)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    return _fake


def table(*lines: str) -> str:
    """What Tesseract prints for lines of "word/confidence", 40 pixels apart."""
    rows = [HEAD]
    for number, line in enumerate(lines, start=1):
        left = 250
        for place, word in enumerate(line.split(), start=1):
            text, _, confidence = word.partition("/")
            rows.append(f"5\t1\t1\t1\t{number}\t{place}\t{left}\t{300 + 50 * number}\t{18 * len(text)}\t36\t")
            rows.append(f"{confidence or 96}\t{text}\n")
            left += 18 * len(text) + 14
    return "".join(rows)


def read(path: Path) -> Document:
    document = PdfReader().read(path, path.name)
    assert_consistent(document)
    return document


def printing(folder: Path, *lines: str) -> str:
    (folder / "table").write_text(table(*lines))
    return f"cat > '{folder}/picture'; cat '{folder}/table'"


# Without the program


def test_without_the_program_a_scan_is_refused_with_the_way_out(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(scan.parent))
    assert "apt install tesseract-ocr" in refusal(scan)


def test_without_the_program_the_pages_with_text_of_a_mixed_file_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes(Page().text(60, 700, SENTENCE), Page(picture=True)))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read(path).text == SENTENCE


# What the program says


def test_words_come_in_order_with_the_number_of_their_page(tmp_path: Path, fake) -> None:  # type: ignore[no-untyped-def]
    fake(printing(tmp_path, "The pump is", "hot."))
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes(Page().text(60, 700, SENTENCE), Page(picture=True), Page().text(60, 700, "The end.")))
    document = read(path)
    assert [(document.text[block.start : block.end], block.page) for block in document.blocks] == [
        (SENTENCE, 1),
        ("The pump is hot.", 2),
        ("The end.", 3),
    ]


def test_the_page_is_handed_over_as_a_grey_picture_of_300_dots_per_inch(scan: Path, fake) -> None:  # type: ignore[no-untyped-def]
    fake(printing(scan.parent, "Words."))
    read(scan)
    with (scan.parent / "picture").open("rb") as file:
        head = file.read(17)
        assert head == b"P5 2480 3509 255\n"
        assert len(file.read()) == 2480 * 3509


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Tighten it to 45/62 Nm by hand.", "Tighten it to [illegible] Nm by hand."),
        ("Do not/30 open the valve now.", "Do [illegible] open the valve now."),
        ("Set it to 4.5/90 bar.", "Set it to 4.5 bar."),
        ("Set it to 4.5/89.9 bar again.", "Set it to [illegible] bar again."),
    ],
)
def test_a_doubtful_word_leaves_a_gap_that_can_be_seen(scan: Path, fake, line: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    fake(printing(scan.parent, line))
    text = read(scan).text
    assert text == expected
    assert len(list(iter_sentences(text))) == 1  # the gap ends no sentence


def test_a_line_that_is_mostly_doubtful_becomes_one_gap(scan: Path, fake) -> None:  # type: ignore[no-untyped-def]
    fake(printing(scan.parent, "Close the valve before you", "0pcn/20 thc/30 lid/95 4nd/40", "then start it again."))
    assert read(scan).text == "Close the valve before you [illegible] then start it again."


def test_a_page_that_is_mostly_doubtful_is_a_picture(scan: Path, fake) -> None:  # type: ignore[no-untyped-def]
    fake(printing(scan.parent, "a/20 b/30 word/95 c/40", "of/95 d/10"))
    assert "text recognition found nothing legible" in refusal(scan)


@pytest.mark.parametrize(
    "printed",
    [
        "",
        HEAD,
        "nonsense\n" * 50,
        HEAD + "5\t1\t1\t1\t1\t1\tx\ty\tz\tw\t96\tword\n",
        HEAD + "5\t1\n5\n\n",
        "\\377\\376",
    ],
    ids=["nothing", "no words", "no table", "no numbers", "short rows", "no text"],
)
def test_nonsense_of_the_program_is_no_text(scan: Path, fake, printed: str) -> None:  # type: ignore[no-untyped-def]
    (scan.parent / "table").write_text(printed)
    fake(f"cat > /dev/null; cat '{scan.parent}/table'")
    assert "found nothing legible" in refusal(scan)


@pytest.mark.parametrize("script", ["exit 1", "kill -SEGV $$", "cat > /dev/null; echo broken; exit 3"])
def test_a_program_that_fails_loses_its_page_and_no_other(tmp_path: Path, fake, script: str) -> None:  # type: ignore[no-untyped-def]
    fake(script)
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes(Page(picture=True), Page().text(60, 700, SENTENCE)))
    assert read(path).text == SENTENCE


def test_a_page_that_takes_too_long_is_given_up(scan: Path, fake, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    fake("exec sleep 60")
    monkeypatch.setattr(pdf_scan, "_LONGEST_S", 0.5)
    begun = time.monotonic()
    assert "found nothing legible" in refusal(scan)
    assert time.monotonic() - begun < 20


def test_a_program_without_a_language_is_as_none(scan: Path, tmp_path: Path, fake) -> None:  # type: ignore[no-untyped-def]
    fake("exit 1")
    path = tmp_path / "bin" / "tesseract"
    path.write_text(path.read_text().replace("echo deu;", ""))
    assert "the pack of its language" in refusal(scan)


def test_a_picture_of_gigapixels_is_not_unpacked(tmp_path: Path, fake) -> None:  # type: ignore[no-untyped-def]
    fake(printing(tmp_path, "Words."))
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes(Page(picture=True)).replace(b"/Width 1 /Height 1 ", b"/Width 60000 /Height 60000 "))
    assert "found nothing legible" in refusal(path)
    assert not (tmp_path / "picture").exists()


def test_a_page_of_any_size_makes_a_picture_of_bounded_size(tmp_path: Path, fake) -> None:  # type: ignore[no-untyped-def]
    fake(printing(tmp_path, "Words."))
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes(Page(picture=True)).replace(b"/MediaBox [0 0 595 842]", b"/MediaBox [0 0 14000 14000]"))
    read(path)
    assert (tmp_path / "picture").stat().st_size < 12_100_000


# With the real program


def pictures_of(source: bytes, path: Path) -> Path:
    """A PDF whose pages are pictures of the pages of another."""
    made = pdfium.PdfDocument.new()
    document = pdfium.PdfDocument(source)
    for page in document:
        width, height = page.get_size()
        image = pdfium.PdfImage.new(made)
        image.set_bitmap(page.render(scale=200 / 72))
        image.set_matrix(pdfium.PdfMatrix().scale(width, height))
        target = made.new_page(width, height)
        target.insert_obj(image)
        target.gen_content()
    made.save(path)
    return path


@real
def test_a_printed_page_is_read_back_with_its_paragraphs_and_steps(tmp_path: Path) -> None:
    page = Page().text(60, 780, "Service manual", size=24)
    page.lines(60, 720, "The pump delivers 5.5 kW at 2.5 bar when it is warm and the", "valve is open. It needs oil.")
    page.lines(60, 650, "1. Close valve 17.", "2. Wait 30 seconds.", "3. Open the cover.")
    document = read(pictures_of(pdf_bytes(page), tmp_path / "a.pdf"))
    assert "The pump delivers 5.5 kW at 2.5 bar when it is warm and the valve is open." in document.text
    assert [block.kind.value for block in document.blocks][-3:] == ["step", "step", "step"]
    assert document.blocks[0].kind.value == "heading"
    assert {block.page for block in document.blocks} == {1}


@real
def test_the_same_scan_makes_the_same_document(tmp_path: Path) -> None:
    path = pictures_of(pdf_bytes(Page().text(60, 700, SENTENCE, size=14)), tmp_path / "a.pdf")
    assert read(path) == read(path)
    assert SENTENCE in read(path).text


@real
def test_a_photograph_holds_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_bytes(Page(picture=True)))
    assert "found nothing legible" in refusal(path)
