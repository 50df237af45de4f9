"""Build the heat-pump sample manual, `samples/manuals/heat-pump/manual.pdf`, from the manual.md of this folder.

Run in any folder:

    pip install reportlab markdown-it-py
    python build_pdf.py

The same source and the same reportlab version give the same bytes. The standard
PDF fonts hold only Windows-1252 characters, so the script refuses any others.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table
from reportlab.platypus.doctemplate import BaseDocTemplate
from reportlab.platypus.flowables import CallerMacro, CondPageBreak, Flowable

FOLDER = Path(__file__).resolve().parent
TARGET = FOLDER.parents[1] / "manuals" / "heat-pump"
RUNNING_HEAD = "Thermalis HC-9 · Installation and service manual"
AUTHOR = "Kestrel Klimatechnik"
MARGIN = 20 * mm
TOP_MARGIN = 26 * mm
TEXT_WIDTH = A4[0] - 2 * MARGIN
CELL_PADDING = 4.0
ACCENT = HexColor("#1f4e6b")
GREY = HexColor("#8a949b")
HEADER_FILL = HexColor("#dfe8ee")
WARNING_FILL = HexColor("#fdf3e1")
WARNING_EDGE = HexColor("#c46a00")

BODY = ParagraphStyle(
    "body",
    fontName="Helvetica",
    fontSize=10,
    leading=13.5,
    spaceAfter=6,
)
ITEM = ParagraphStyle("item", BODY, leftIndent=18, bulletIndent=3, spaceAfter=3)
BOX = ParagraphStyle("box", BODY, spaceAfter=0)
CELL = ParagraphStyle("cell", BODY, fontSize=9, leading=11.5, spaceAfter=0)
HEADER_CELL = ParagraphStyle("header-cell", CELL, fontName="Helvetica-Bold")


def _heading_style(size: float, before: float, after: float) -> ParagraphStyle:
    return ParagraphStyle(
        f"heading-{size}",
        fontName="Helvetica-Bold",
        fontSize=size,
        leading=size * 1.25,
        spaceBefore=before,
        spaceAfter=after,
        textColor=ACCENT,
    )


HEADINGS = {
    "h1": _heading_style(22, 0, 10),
    "h2": _heading_style(16, 16, 6),
    "h3": _heading_style(12, 10, 4),
}
ROOM_BELOW_HEADING = {"h1": 90 * mm, "h2": 65 * mm, "h3": 48 * mm}


def plain_text(node: SyntaxTreeNode) -> str:
    """Return the text of a node without Markdown marks."""
    if node.type in ("softbreak", "hardbreak"):
        return " "
    if node.children:
        return "".join(map(plain_text, node.children))
    return node.content


def markup(node: SyntaxTreeNode) -> str:
    """Return the inline content of a node in reportlab's paragraph markup."""
    if not node.children:
        return escape(plain_text(node), quote=False)
    inner = "".join(map(markup, node.children))
    return f"<b>{inner}</b>" if node.type == "strong" else inner


def bookmark(title: str, level: int) -> Flowable:
    """Return an invisible flowable that adds an outline entry where it is drawn."""

    def add_entry(macro: CallerMacro, *_unused: float) -> None:
        canvas: Canvas = macro.canv
        canvas.bookmarkHorizontal(title, 0, 14)
        canvas.addOutlineEntry(title, title, level)

    return CallerMacro(drawCallable=add_entry)


def heading(node: SyntaxTreeNode) -> Iterator[Flowable]:
    """Turn a heading into an outline entry and a bold line, never at a page's foot."""
    level = max(0, int(node.tag[1]) - 2)
    yield CondPageBreak(ROOM_BELOW_HEADING[node.tag])
    yield bookmark(plain_text(node), level)
    yield Paragraph(markup(node), HEADINGS[node.tag])


def list_items(node: SyntaxTreeNode) -> Iterator[Flowable]:
    """Turn a bullet list or a numbered list into indented paragraphs."""
    for number, item in enumerate(node.children, start=1):
        mark = f"{number}." if node.type == "ordered_list" else "•"
        yield Paragraph(markup(item), ITEM, bulletText=mark)
    yield Spacer(0, 5)


def warning_box(node: SyntaxTreeNode) -> Iterator[Flowable]:
    """Turn a block quote into a tinted box with a strong left edge."""
    box = Table([[Paragraph(markup(node), BOX)]], colWidths=[TEXT_WIDTH])
    box.setStyle(
        [
            ("BACKGROUND", (0, 0), (-1, -1), WARNING_FILL),
            ("BOX", (0, 0), (-1, -1), 0.75, WARNING_EDGE),
            ("LINEBEFORE", (0, 0), (0, -1), 4, WARNING_EDGE),
            ("LEFTPADDING", (0, 0), (-1, -1), 10),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
        ]
    )
    yield Spacer(0, 3)
    yield box
    yield Spacer(0, 9)


def cell_width(text: str) -> float:
    """Return the width of a table cell that holds the text on one line."""
    width: float = stringWidth(text, HEADER_CELL.fontName, CELL.fontSize)
    return width + 2 * CELL_PADDING + 1


def column_widths(rows: list[list[str]]) -> list[float]:
    """Share the text width: room for the longest words first, then by longest cells."""
    least: list[float] = []
    extra: list[float] = []
    for column in zip(*rows, strict=True):
        words = [word for cell in column for word in cell.split()]
        least.append(max(map(cell_width, words)))
        extra.append(max(map(cell_width, column)) - least[-1])
    pairs = list(zip(least, extra, strict=True))
    spare = TEXT_WIDTH - sum(least)
    if spare >= sum(extra):
        scale = TEXT_WIDTH / sum(least + extra)
        return [(low + more) * scale for low, more in pairs]
    return [low + spare * more / sum(extra) for low, more in pairs]


def table(node: SyntaxTreeNode) -> Iterator[Flowable]:
    """Turn a pipe table into a grid whose header row repeats on every page."""
    rows = [row.children for part in node.children for row in part.children]
    cells = [
        [Paragraph(markup(cell), CELL if index else HEADER_CELL) for cell in row] for index, row in enumerate(rows)
    ]
    widths = column_widths([[plain_text(cell) for cell in row] for row in rows])
    grid = Table(cells, colWidths=widths, repeatRows=1)
    grid.setStyle(
        [
            ("GRID", (0, 0), (-1, -1), 0.5, GREY),
            ("BACKGROUND", (0, 0), (-1, 0), HEADER_FILL),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), CELL_PADDING),
            ("RIGHTPADDING", (0, 0), (-1, -1), CELL_PADDING),
            ("TOPPADDING", (0, 0), (-1, -1), 2.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
        ]
    )
    yield grid
    yield Spacer(0, 9)


def paragraph(node: SyntaxTreeNode) -> Iterator[Flowable]:
    """Turn a paragraph into body text."""
    yield Paragraph(markup(node), BODY)


BLOCKS = {
    "heading": heading,
    "paragraph": paragraph,
    "bullet_list": list_items,
    "ordered_list": list_items,
    "blockquote": warning_box,
    "table": table,
}


def decorate_page(canvas: Canvas, document: BaseDocTemplate) -> None:
    """Draw the running head and the page number."""
    canvas.saveState()
    canvas.setFont("Helvetica", 8.5)
    canvas.setStrokeColor(GREY)
    canvas.drawString(MARGIN, A4[1] - 15 * mm, RUNNING_HEAD)
    canvas.line(MARGIN, A4[1] - 17.5 * mm, A4[0] - MARGIN, A4[1] - 17.5 * mm)
    canvas.drawRightString(A4[0] - MARGIN, 12 * mm, f"Page {document.page}")
    canvas.restoreState()


def build(source: Path, target: Path) -> None:
    """Write the PDF for a Markdown source."""
    text = source.read_text(encoding="utf-8")
    text.encode("cp1252")  # fails here rather than printing black boxes
    root = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(text))
    story = [flowable for node in root.children for flowable in BLOCKS[node.type](node)]
    document = SimpleDocTemplate(
        str(target),
        pagesize=A4,
        leftMargin=MARGIN - 6,  # the frame adds 6 pt of padding on each side
        rightMargin=MARGIN - 6,
        topMargin=TOP_MARGIN - 6,
        bottomMargin=MARGIN,
        title=plain_text(root.children[0]),
        author=AUTHOR,
        lang="en",
        invariant=1,
    )
    document.build(story, onFirstPage=decorate_page, onLaterPages=decorate_page)


if __name__ == "__main__":
    build(FOLDER / "manual.md", TARGET / "manual.pdf")
