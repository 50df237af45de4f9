"""EPUB: chapters in their order, locked books refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import UnreadableDocument
from assistant.ingest.readers.epub import EpubReader
from assistant.types import Document
from tests.artifacts.office_bytes import epub_bytes


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    def _read(*chapters: str, **more: object) -> Document:
        path = tmp_path / "a.epub"
        path.write_bytes(epub_bytes(*chapters, **more))  # type: ignore[arg-type]
        return EpubReader().read(path, "a.epub")

    return _read


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind.value, document.text[block.start : block.end]) for block in document.blocks]


def test_chapters_come_in_the_order_of_the_spine(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<p>one</p>", "<p>two</p>", "<p>three</p>", spine=[2, 0, 1, 0]).text == "three\n\none\n\ntwo"


def test_lists_tables_and_headings_are_those_of_the_html_reader(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<h2>Faults</h2><ol><li>Wait.</li></ol><table><tr><th>A</th><th>B</th></tr></table><p>x</p>")
    assert [kind for kind, _ in blocks(document)] == ["heading", "step", "table_header", "paragraph"]


def test_the_table_of_contents_and_scripts_are_left_out(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<p>text</p><script>alert(1)</script><img src='https://example.org/a.png'/>").text == "text"


def test_title_and_date_come_from_the_metadata(read) -> None:  # type: ignore[no-untyped-def]
    document = read("<h1>Chapter one</h1><p>x</p>", title="Pump P-40", modified="2024-05-06T10:00:00Z")
    assert (document.title, document.revised) == ("Pump P-40", "2024-05-06")
    assert read("<h1>Chapter one</h1><p>x</p>").title == "Chapter one"


def _locks(member: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData><e:CipherData>'
        f'<e:CipherReference URI="{member}"/></e:CipherData></e:EncryptedData></encryption>'
    )


def test_a_locked_book_is_refused_with_the_way_out(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match=r"^a\.epub is locked by its seller; get a copy without protection"):
        read("<p>x</p>", **{"META-INF__encryption_dot_xml": _locks("OEBPS/text/c%200.xhtml")})


def test_locked_fonts_do_not_matter(read) -> None:  # type: ignore[no-untyped-def]
    assert read("<p>x</p>", **{"META-INF__encryption_dot_xml": _locks("OEBPS/fonts/a.otf")}).text == "x"


@pytest.mark.parametrize("missing", ["META-INF__container_dot_xml", "OEBPS__content_dot_opf"])
def test_a_book_without_its_parts_is_refused(read, missing: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnreadableDocument, match="is damaged or is not an EPUB book"):
        read("<p>x</p>", **{missing: "<nothing/>"})


def test_a_chapter_with_more_elements_than_fit_into_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.epub"
    # Every part of it differs, so that it does not fall to the bound on what packs too well.
    path.write_bytes(epub_bytes("".join(f"<p>{number}</p>" for number in range(400_000))))
    with pytest.raises(UnreadableDocument, match="unpacks to more than a document of its size can hold"):
        EpubReader().read(path, "a.epub")
