"""What DOCX and XLSX files have in common: the vocabulary's addresses, the parts' relations, the properties.

It knows no text and no sheet.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.ingest.marks import iso_date
from assistant.ingest.readers.packages import Package
from assistant.ingest.readers.xml_events import Event, Step, events

_OPEN = "http://schemas.openxmlformats.org"
_STRICT = "http://purl.oclc.org/ooxml"
NAMESPACES = {
    f"{_OPEN}/wordprocessingml/2006/main": "w",
    f"{_STRICT}/wordprocessingml/main": "w",
    f"{_OPEN}/spreadsheetml/2006/main": "s",
    f"{_STRICT}/spreadsheetml/main": "s",
    f"{_OPEN}/officeDocument/2006/relationships": "r",
    f"{_STRICT}/officeDocument/relationships": "r",
    f"{_OPEN}/package/2006/relationships": "rel",
    f"{_OPEN}/drawingml/2006/wordprocessingDrawing": "wp",
    f"{_STRICT}/drawingml/wordprocessingDrawing": "wp",
    f"{_OPEN}/officeDocument/2006/math": "m",
    f"{_STRICT}/officeDocument/math": "m",
    f"{_OPEN}/markup-compatibility/2006": "mc",
    f"{_OPEN}/officeDocument/2006/extended-properties": "app",
    f"{_STRICT}/officeDocument/extendedProperties": "app",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
}


@dataclass(frozen=True, slots=True)
class Properties:
    """What a document says about itself."""

    title: str = ""
    modified: str | None = None
    """Day of the last change, ISO 8601."""
    pages: int = 0
    """Pages at the last layout; 0 when not known."""


def part_events(package: Package, part: str) -> Iterator[Event]:
    """The events of a part's XML."""
    return events(package.pieces(part), NAMESPACES, package.damaged)


def relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """The parts that `part` ("" for the package) points at, by id: the last word of the relation's type, and the path.

    Targets outside of the package (links) are left out, and so are those that are not in it.
    """
    folder, file = posixpath.split(part)
    member = posixpath.join(folder, "_rels", f"{file}.rels")
    found: dict[str, tuple[str, str]] = {}
    if member not in package:
        return found
    for step, tag, attributes in part_events(package, member):
        if step is Step.ENTER and tag == "rel:Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            if path in package:
                found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)
    return found


def related(parts: dict[str, tuple[str, str]], kind: str) -> str | None:
    """The first part that is related as `kind`."""
    return next((path for found, path in parts.values() if found == kind), None)


def properties(package: Package) -> Properties:
    """What the package's property parts say; nothing where they are missing."""
    parts = relations(package, "")
    found = {"dc:title": "", "dcterms:modified": "", "app:Pages": ""}
    for part in (related(parts, "core-properties"), related(parts, "extended-properties")):
        if part is not None:
            _collect(part_events(package, part), found)
    pages = found["app:Pages"].strip()
    return Properties(
        found["dc:title"],
        iso_date(found["dcterms:modified"].partition("T")[0]),
        int(pages) if pages.isascii() and pages.isdigit() and len(pages) < 6 else 0,
    )


def _collect(stream: Iterator[Event], found: dict[str, str]) -> None:
    """Add the text of each element whose name is a key of `found`."""
    inside = ""
    for step, value, _ in stream:
        if step is Step.TEXT:
            if inside:
                found[inside] += value
        else:
            inside = value if step is Step.ENTER and value in found else ""
