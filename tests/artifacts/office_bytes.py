"""Writes tiny office files for tests: DOCX, ODT, EPUB and XLSX, out of the XML that a test is about.

Independent of the readers, and of any library for these formats.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_REL = "http://schemas.openxmlformats.org/package/2006/relationships"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_ODF_SPACES = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "office": f"{_ODF}:office:1.0",
        "text": f"{_ODF}:text:1.0",
        "table": f"{_ODF}:table:1.0",
        "style": f"{_ODF}:style:1.0",
        "draw": f"{_ODF}:drawing:1.0",
        "meta": f"{_ODF}:meta:1.0",
        "fo": f"{_ODF}:xsl-fo-compatible:1.0",
        "svg": f"{_ODF}:svg-compatible:1.0",
        "dc": "http://purl.org/dc/elements/1.1/",
    }.items()
)
DOCX_STYLES = "".join(
    f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/>{more}</w:style>'
    for key, name, more in (
        ("Title", "Title", ""),
        ("H1", "heading 1", '<w:pPr><w:outlineLvl w:val="0"/></w:pPr>'),
        ("H2", "heading 2", '<w:pPr><w:outlineLvl w:val="1"/></w:pPr>'),
        ("Own", "Chapter of ours", '<w:basedOn w:val="H1"/>'),
        ("TOC1", "toc 1", ""),
        ("Warn", "Warning text", ""),
        ("Code", "Source Code", ""),
    )
)
DOCX_NUMBERING = (
    '<w:abstractNum w:abstractNumId="0">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%2)"/></w:lvl>'
    '<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2.%3"/>'
    "<w:isLgl/></w:lvl></w:abstractNum>"
    '<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="*"/></w:lvl>'
    "</w:abstractNum>"
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/>'
    "</w:lvlOverride></w:num>"
)


def zip_bytes(members: Mapping[str, bytes | str], *, stored: bool = False) -> bytes:
    """A ZIP file with these members, the same bytes each time."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content, compress_type=method)
    return buffer.getvalue()


def _relations(*targets: tuple[str, str]) -> str:
    rows = "".join(
        f'<Relationship Id="rId{number}" Type="{R}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_REL}">{rows}</Relationships>'


def _core(title: str, modified: str) -> str:
    return (
        '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
        f"<dc:title>{escape(title)}</dc:title><dcterms:modified>{modified}</dcterms:modified></cp:coreProperties>"
    )


def p(
    text: str = "", *, style: str = "", numbered: tuple[int, int] | None = None, runs: str = "", props: str = ""
) -> str:
    """A paragraph of a Word document; `numbered` is a list's number and the level; `runs` replaces the text."""
    if numbered is not None:
        props += f'<w:numPr><w:ilvl w:val="{numbered[1]}"/><w:numId w:val="{numbered[0]}"/></w:numPr>'
    style = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{style}{props}</w:pPr>{runs or run(text)}</w:p>"


def run(text: str, props: str = "") -> str:
    """A run of a Word document."""
    return f'<w:r><w:rPr>{props}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def docx_table(*rows: Sequence[str], header: bool = False) -> str:
    """A table of a Word document."""
    lines = []
    for number, row in enumerate(rows):
        props = "<w:trPr><w:tblHeader/></w:trPr>" if header and number == 0 else ""
        lines.append(f"<w:tr>{props}{''.join(f'<w:tc>{p(cell)}</w:tc>' for cell in row)}</w:tr>")
    return f"<w:tbl>{''.join(lines)}</w:tbl>"


def docx_bytes(body: str, *, title: str = "", modified: str = "", pages: int = 0, **more: bytes | str) -> bytes:
    """A Word document with this body; `more` are further members, "/" written as "__" and "." as "_dot_"."""
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relations(
            ("officeDocument", "word/document.xml"),
            ("metadata/core-properties", "docProps/core.xml"),
            ("extended-properties", "docProps/app.xml"),
        ),
        "word/_rels/document.xml.rels": _relations(("styles", "styles.xml"), ("numbering", "numbering.xml")),
        "word/styles.xml": f'<w:styles xmlns:w="{W}">{DOCX_STYLES}</w:styles>',
        "word/numbering.xml": f'<w:numbering xmlns:w="{W}">{DOCX_NUMBERING}</w:numbering>',
        "word/document.xml": f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>',
        "docProps/core.xml": _core(title, modified),
        "docProps/app.xml": '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/'
        f'extended-properties"><Pages>{pages}</Pages></Properties>',
    }
    return zip_bytes(members | {_member(name): content for name, content in more.items()})


def odt_bytes(
    body: str,
    *,
    styles: str = "",
    named: str = "",
    title: str = "",
    date: str = "",
    pages: int = 0,
    **more: bytes | str,
) -> bytes:
    """An OpenDocument text; `styles` are those of the content, `named` those of the document."""
    members: dict[str, bytes | str] = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": f"<office:document-content {_ODF_SPACES}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>",
        "styles.xml": f"<office:document-styles {_ODF_SPACES}><office:styles>{named}</office:styles>"
        "</office:document-styles>",
        "meta.xml": f"<office:document-meta {_ODF_SPACES}><office:meta><dc:title>{escape(title)}</dc:title>"
        f'<dc:date>{date}</dc:date><meta:document-statistic meta:page-count="{pages}"/></office:meta>'
        "</office:document-meta>",
    }
    return zip_bytes(members | {_member(name): content for name, content in more.items()})


def epub_bytes(
    *chapters: str, title: str = "", modified: str = "", spine: Sequence[int] | None = None, **more: bytes | str
) -> bytes:
    """An EPUB book; `spine` is the order of the chapters, where it is not that in which they are given."""
    items = "".join(
        f'<item id="c{number}" href="text/c%20{number}.xhtml" media-type="application/xhtml+xml"/>'
        for number in range(len(chapters))
    )
    order = "".join(
        f'<itemref idref="c{number}"/>' for number in (spine if spine is not None else range(len(chapters)))
    )
    members: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/content.opf"/></rootfiles></container>',
        "OEBPS/content.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<metadata><dc:title>{escape(title)}</dc:title><meta property="dcterms:modified">{modified}</meta></metadata>'
        f'<manifest>{items}<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        f'</manifest><spine><itemref idref="nav"/>{order}</spine></package>',
        "OEBPS/nav.xhtml": "<html><body><p>Contents</p></body></html>",
    }
    for number, chapter in enumerate(chapters):
        page = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{chapter}</body></html>'
        members[f"OEBPS/text/c {number}.xhtml"] = f'<?xml version="1.0" encoding="utf-8"?>{page}'
    return zip_bytes(members | {_member(name): content for name, content in more.items()})


def cell(place: str, value: str | float, *, style: int = 0, formula: str = "") -> str:
    """A cell of a sheet: text as it is, a number with the style's format."""
    shown = f"<f>{escape(formula)}</f>" if formula else ""
    if isinstance(value, str):
        return f'<c r="{place}" s="{style}" t="inlineStr">{shown}<is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}" s="{style}">{shown}<v>{value!r}</v></c>'


def sheet(rows: Sequence[Sequence[str | float]], *, merged: Sequence[str] = ()) -> str:
    """A sheet whose rows hold these values from column A on; a blank text is no cell."""
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(cell(f"{chr(65 + column)}{number}", value) for column, value in enumerate(row) if value != "")
        lines.append(f'<row r="{number}">{cells}</row>' if cells else "")
    return sheet_xml("".join(lines), merged=merged)


def sheet_xml(rows: str, *, merged: Sequence[str] = ()) -> str:
    """A sheet out of the XML of its rows."""
    merges = "".join(f'<mergeCell ref="{place}"/>' for place in merged)
    return f'<worksheet xmlns="{S}"><sheetData>{rows}</sheetData><mergeCells>{merges}</mergeCells></worksheet>'


def xlsx_bytes(
    *sheets: str,
    names: Sequence[str] = (),
    formats: Sequence[str] = (),
    states: Sequence[str] = (),
    title: str = "",
    modified: str = "",
    **more: bytes | str,
) -> bytes:
    """A workbook; `formats` are those of the cell styles 1, 2 and so on."""
    entries = "".join(
        f'<sheet name={quoteattr(names[index] if index < len(names) else f"Sheet{index + 1}")} sheetId="{index + 1}" '
        f'state="{states[index] if index < len(states) else "visible"}" r:id="rId{index + 1}"/>'
        for index in range(len(sheets))
    )
    targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)]
    own = "".join(f'<numFmt numFmtId="{164 + at}" formatCode={quoteattr(one)}/>' for at, one in enumerate(formats))
    styles = "".join(f'<xf numFmtId="{164 + number}"/>' for number in range(len(formats)))
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relations(
            ("officeDocument", "xl/workbook.xml"), ("metadata/core-properties", "docProps/core.xml")
        ),
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{R}"><sheets>{entries}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(*targets, ("styles", "styles.xml"), ("sharedStrings", "strings.xml")),
        "xl/styles.xml": f'<styleSheet xmlns="{S}"><numFmts>{own}</numFmts><cellXfs><xf numFmtId="0"/>{styles}'
        "</cellXfs></styleSheet>",
        "xl/strings.xml": f'<sst xmlns="{S}"><si><t>shared</t></si><si><r><t>in </t></r><r><t>runs</t></r></si></sst>',
        "docProps/core.xml": _core(title, modified),
    }
    for number, content in enumerate(sheets, start=1):
        members[f"xl/worksheets/sheet{number}.xml"] = content
    return zip_bytes(members | {_member(name): content for name, content in more.items()})


def _member(name: str) -> str:
    return name.replace("__", "/").replace("_dot_", ".")
