"""Which reader takes which kind of file.

A table of lazy imports: a reader's module, and the library that it stands on, is loaded when its first file comes.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import UnreadableDocument

if TYPE_CHECKING:
    from assistant.protocols import ArchiveReader, Reader
    from assistant.types import Document

READERS: dict[str, str] = {
    ".csv": "assistant.ingest.readers.delimited:DelimitedReader",
    ".docm": "assistant.ingest.readers.docx:DocxReader",
    ".docx": "assistant.ingest.readers.docx:DocxReader",
    ".epub": "assistant.ingest.readers.epub:EpubReader",
    ".htm": "assistant.ingest.readers.html:HtmlReader",
    ".html": "assistant.ingest.readers.html:HtmlReader",
    ".json": "assistant.ingest.readers.records:RecordsReader",
    ".jsonl": "assistant.ingest.readers.records:RecordsReader",
    ".markdown": "assistant.ingest.readers.markdown:MarkdownReader",
    ".md": "assistant.ingest.readers.markdown:MarkdownReader",
    ".ndjson": "assistant.ingest.readers.records:RecordsReader",
    ".odt": "assistant.ingest.readers.odt:OdtReader",
    ".pdf": "assistant.ingest.readers.pdf:PdfReader",
    ".rst": "assistant.ingest.readers.rst:RstReader",
    ".text": "assistant.ingest.readers.text:TextReader",
    ".tsv": "assistant.ingest.readers.delimited:DelimitedReader",
    ".txt": "assistant.ingest.readers.text:TextReader",
    ".xhtml": "assistant.ingest.readers.html:HtmlReader",
    ".xlsm": "assistant.ingest.readers.spreadsheet:SpreadsheetReader",
    ".xlsx": "assistant.ingest.readers.spreadsheet:SpreadsheetReader",
}
"""File name ending -> "module:Class"."""

ARCHIVES: dict[str, str] = {".zim": "assistant.ingest.readers.zim:ZimReader"}
"""The same, of files that hold many documents."""

SAVE_AS = "save it as PDF, DOCX, ODT, HTML, Markdown or text and add that"
"""What to do with a file of another kind."""


def supported_suffixes() -> frozenset[str]:
    """File name endings that can be read, lower case, with the dot."""
    return frozenset(READERS) | frozenset(ARCHIVES)


def reader_for(path: Path) -> Reader | None:
    """The reader of files named like `path`, or None."""
    target = READERS.get(path.suffix.lower())
    if target is None:
        return None
    reader: Reader = _load(target)
    return reader


def archive_reader_for(path: Path) -> ArchiveReader | None:
    """The reader of archives named like `path`, or None."""
    target = ARCHIVES.get(path.suffix.lower())
    if target is None:
        return None
    reader: ArchiveReader = _load(target)
    return reader


def read(path: Path, name: str) -> Document:
    """Read the file at `path` with the reader of its kind; `name` is how the document will be cited.

    Raises:
        UnreadableDocument: there is no reader of this kind, or the reader refuses the file.
    """
    reader = reader_for(path)
    if reader is None:
        kind = f"a {path.suffix} file" if path.suffix else "a file without an ending"
        raise UnreadableDocument(f"{name} is {kind}; {SAVE_AS}.")
    return reader.read(path, name)


@cache
def _load(target: str) -> Any:
    module, _, class_name = target.partition(":")
    return getattr(import_module(module), class_name)()
