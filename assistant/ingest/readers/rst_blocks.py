"""Turns the tree that docutils makes of reStructuredText into blocks.

It knows no file. Notes at the foot, comments, targets and tables of contents are left out.
"""

from __future__ import annotations

from textwrap import dedent

from docutils import nodes

from assistant.ingest.building import DocumentBuilder
from assistant.ingest.cleaning import one_line
from assistant.ingest.marks import iso_date, prose_kind
from assistant.ingest.readers.numerals import letters, roman
from assistant.ingest.readers.office_blocks import Cell, OfficeBlocks, Piece, Row
from assistant.ingest.readers.titles import meaningful
from assistant.types import BlockKind

_SKIPPED = (
    nodes.comment, nodes.footnote, nodes.citation, nodes.substitution_definition, nodes.target, nodes.pending,
    nodes.system_message, nodes.raw, nodes.decoration, nodes.meta, nodes.transition, nodes.colspec,
)  # fmt: skip
_UNSPOKEN = (nodes.footnote_reference, nodes.citation_reference, nodes.system_message, nodes.raw, nodes.comment)
_WARNINGS = (nodes.warning, nodes.caution, nodes.danger, nodes.attention, nodes.error)
_LONGEST_SUBSTITUTION = 300
"""Characters; what stands for more is left as its name."""
_DATES = frozenset({"date", "revised", "revision", "updated", "version", "last updated", "stand"})


class RstBlocks:
    """Appends the elements of a document to a builder."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._depth = 0
        self._lists = 0
        self._mark = ""
        """What the next paragraph begins with: a bullet, a number, a term; empty once it is used."""
        self._mark_kind = BlockKind.LIST_ITEM
        self._warned = False
        self.revised: str | None = None
        """The date that the document's own fields state."""

    def add(self, node: nodes.Node) -> None:
        """Append a node with all that is in it."""
        if isinstance(node, _SKIPPED):
            return
        if isinstance(node, nodes.topic) and "contents" in node.get("classes", ()):
            return
        handler = getattr(self, f"_{type(node).__name__}", None)
        if handler is not None:
            handler(node)
        elif isinstance(node, nodes.TextElement):
            self._paragraph(node)
        elif isinstance(node, nodes.Admonition):
            self._notice(node)
        else:
            self._inside(node)

    def _inside(self, node: nodes.Node) -> None:
        for child in node.children:
            self.add(child)

    def _document(self, node: nodes.document) -> None:
        if any(isinstance(child, nodes.title) for child in node.children):
            self._depth = 1
        self._inside(node)

    def _section(self, node: nodes.section) -> None:
        self._depth += 1
        self._inside(node)
        self._depth -= 1

    def _title(self, node: nodes.title) -> None:
        if isinstance(node.parent, (nodes.section, nodes.document)):
            self._builder.add(BlockKind.HEADING, words(node), level=max(1, min(self._depth, 6)))
        else:
            self._paragraph(node)

    def _subtitle(self, node: nodes.subtitle) -> None:
        self._paragraph(node)

    def _rubric(self, node: nodes.rubric) -> None:
        self._builder.add(BlockKind.HEADING, words(node), level=min(self._depth + 1, 6))

    def _paragraph(self, node: nodes.TextElement) -> None:
        text = one_line(words(node))
        if not text:
            return
        if self._mark:
            mark, self._mark = self._mark, ""
            self._builder.add(self._mark_kind, f"{mark} {text}", level=max(0, self._lists - 1))
        else:
            self._builder.add(BlockKind.WARNING if self._warned else prose_kind(text), text)

    def _line_block(self, node: nodes.line_block) -> None:
        for child in node.children:
            self.add(child)

    def _literal_block(self, node: nodes.TextElement) -> None:
        self._flush_mark()
        self._builder.add(BlockKind.CODE, dedent(node.astext()).strip())

    _doctest_block = _literal_block
    _math_block = _literal_block

    def _bullet_list(self, node: nodes.bullet_list) -> None:
        for child in node.children:
            self._item(child, "-", BlockKind.LIST_ITEM)

    def _enumerated_list(self, node: nodes.enumerated_list) -> None:
        start = node.get("start", 1)
        for number, child in enumerate(node.children, start=start):
            self._item(child, f"{_numeral(number, node.get('enumtype', 'arabic'))}.", BlockKind.STEP)

    def _definition_list_item(self, node: nodes.definition_list_item) -> None:
        terms = [words(child) for child in node.children if isinstance(child, (nodes.term, nodes.classifier))]
        self._named(", ".join(terms), [child for child in node.children if isinstance(child, nodes.definition)])

    def _field(self, node: nodes.field) -> None:
        self._named(words(node.children[0]), node.children[1:])

    def _option_list_item(self, node: nodes.option_list_item) -> None:
        options = node.children[0]
        self._named(", ".join(option.astext() for option in options.children), node.children[1:])

    def _docinfo(self, node: nodes.docinfo) -> None:
        for child in node.children:
            if isinstance(child, nodes.field):
                name, text = words(child.children[0]), one_line(words(child.children[1]))
            else:
                name, text = type(child).__name__.capitalize(), one_line(words(child))
            if name.casefold() in _DATES and self.revised is None:
                self.revised = iso_date(text)
            if text and not isinstance(child, nodes.authors):
                self._builder.add(BlockKind.PARAGRAPH, f"{name}: {text}")

    def _table(self, node: nodes.table) -> None:
        self._flush_mark()
        rows: list[Row] = []
        for child in node.children:
            if isinstance(child, nodes.title):
                self._paragraph(child)
            for part in child.children if isinstance(child, nodes.tgroup) else ():
                if isinstance(part, (nodes.thead, nodes.tbody)):
                    rows += [_row(row, header=isinstance(part, nodes.thead)) for row in part.children]
        OfficeBlocks(self._builder).table(rows)

    def _image(self, node: nodes.image) -> None:
        if text := meaningful(node.get("alt", "")):
            self._builder.add(BlockKind.PARAGRAPH, text)

    def _notice(self, node: nodes.Node) -> None:
        """Append an admonition: its name in front of its text, as it is shown on a page."""
        outer, self._warned = self._warned, isinstance(node, _WARNINGS)
        self._flush_mark()
        children = list(node.children)
        name = type(node).__name__
        if children and isinstance(children[0], nodes.title):
            name = words(children.pop(0))
        self._mark, self._mark_kind = f"{name[:1].upper()}{name[1:]}:", BlockKind.PARAGRAPH
        if self._warned or prose_kind(self._mark) is BlockKind.WARNING:
            self._warned, self._mark_kind = True, BlockKind.WARNING
        for child in children:
            self.add(child)
        self._flush_mark()
        self._warned = outer

    def _item(self, node: nodes.Node, mark: str, kind: BlockKind) -> None:
        self._flush_mark()
        self._lists += 1
        self._mark, self._mark_kind = mark, kind
        self._inside(node)
        if self._mark == mark:
            self._mark = ""
        self._lists -= 1

    def _named(self, name: str, bodies: list[nodes.Node]) -> None:
        self._flush_mark()
        self._lists += 1
        self._mark, self._mark_kind = f"{one_line(name).rstrip(':')}:", BlockKind.LIST_ITEM
        for body in bodies:
            self.add(body)
        self._flush_mark()
        self._lists -= 1

    def _flush_mark(self) -> None:
        """Append a term or a notice's name that no text took up."""
        if self._mark.endswith(":") and len(self._mark) > 1:
            self._builder.add(self._mark_kind, self._mark, level=max(0, self._lists - 1))
        self._mark = ""


def words(node: nodes.Node) -> str:
    """The words of a node as a person sees them."""
    parts: list[str] = []
    waiting: list[nodes.Node] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, nodes.Text):
            parts.append(current.astext())
        elif isinstance(current, nodes.problematic):
            parts.append(current.astext().strip("`_|"))
        elif isinstance(current, nodes.substitution_reference):
            parts.append(_substituted(current))
        elif isinstance(current, nodes.image):
            parts.append(meaningful(current.get("alt", "")))
        elif not isinstance(current, _UNSPOKEN):
            if isinstance(current, (nodes.paragraph, nodes.list_item, nodes.line)) and parts:
                parts.append(" ")
            waiting += reversed(current.children)
    return "".join(parts)


def _substituted(reference: nodes.substitution_reference) -> str:
    """What stands for a substitution; those inside of it stay as they are, so that none grows without bound."""
    document = reference.document
    name = reference.get("refname", "")
    if document is None:
        return reference.astext()
    name = document.substitution_names.get(nodes.whitespace_normalize_name(name).casefold(), name)
    definition = document.substitution_defs.get(name)
    text = definition.astext() if definition is not None else ""
    return text if 0 < len(text) <= _LONGEST_SUBSTITUTION else reference.astext()


def _row(row: nodes.Node, *, header: bool) -> Row:
    cells = []
    for entry in row.children:
        if isinstance(entry, nodes.entry):
            text = one_line(" ".join(words(child) for child in entry.children))
            piece = Piece(prose_kind(text), text)
            cells.append(Cell([piece], columns=entry.get("morecols", 0) + 1, rows=entry.get("morerows", 0) + 1))
    return Row(cells, header)


def _numeral(number: int, style: str) -> str:
    if style.endswith("alpha"):
        text = letters(number)
    elif style.endswith("roman"):
        text = roman(number)
    else:
        text = str(number)
    return text.upper() if style.startswith("upper") else text
