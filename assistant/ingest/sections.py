"""Groups the blocks of a document under their headings.

Pure: it knows neither tokens nor passages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from assistant.types import Block, BlockKind, Document


@dataclass(slots=True)
class Section:
    """Blocks between two headings."""

    path: tuple[str, ...]
    """Headings above, outermost first, without the document's title."""
    blocks: list[Block] = field(default_factory=list)


def sections(document: Document) -> Iterator[Section]:
    """Yield the sections that have blocks, in order.

    A heading with nothing below it would be in no passage and could not be found: it counts as a block of the section
    around it.
    """
    bare = _bare_headings(document)
    stack: list[Block] = []
    current = Section(())
    for block in document.blocks:
        if block.kind is not BlockKind.HEADING:
            current.blocks.append(block)
            continue
        outer = [heading for heading in stack if heading.level < block.level]
        stays = len(outer) == len(stack) and block.start in bare
        if block.start not in bare:
            outer.append(block)
        if not stays:
            if current.blocks:
                yield current
            stack = outer
            current = Section(_path(document, stack))
        if block.start in bare:
            current.blocks.append(block)
    if current.blocks:
        yield current


def _bare_headings(document: Document) -> set[int]:
    """Offsets of the headings that no block stands below, directly or under a deeper heading."""
    bare = {block.start for block in document.blocks if block.kind is BlockKind.HEADING}
    stack: list[Block] = []
    for block in document.blocks:
        if block.kind is BlockKind.HEADING:
            stack = [heading for heading in stack if heading.level < block.level]
            stack.append(block)
        else:
            bare.difference_update(heading.start for heading in stack)
    return bare


def _path(document: Document, headings: list[Block]) -> tuple[str, ...]:
    texts = [(heading.level, document.text[heading.start : heading.end]) for heading in headings]
    title = document.title.casefold()
    return tuple(
        text for level, text in texts if text.casefold() != title and not (level == 1 and text.casefold() in title)
    )
