"""Which neighbouring blocks belong together: a procedure, a table, a warning and what it warns of.

Pure: it knows neither tokens nor passages. It only says where a cut would tear something apart, and how badly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

from assistant.types import Block, BlockKind

_TABLE = frozenset({BlockKind.TABLE_HEADER, BlockKind.TABLE_ROW})
_WITHIN_PROCEDURE = frozenset({BlockKind.LIST_ITEM, BlockKind.WARNING, BlockKind.CODE, BlockKind.PARAGRAPH})
_FIRST_LABEL = re.compile(r"(?:1|a|A)\.")
_MOST_BETWEEN_STEPS = 4
_LONGEST_INTRODUCTION = 300
"""Characters; a longer paragraph in front of a list or table says more than that it follows."""


class Bond(IntEnum):
    """How firmly a block holds to the next one."""

    NONE = 0
    WHOLE = 1
    """Both are part of a procedure, list or table that is kept whole where it fits."""
    FIRM = 2
    """The first cannot be understood without the second: a warning, an introducing sentence, a table's header."""


def bonds(text: str, blocks: Sequence[Block]) -> list[Bond]:
    """For each block of a section, its bond with the next; the last one has none."""
    found = [_pair(text, one, other) for one, other in pairwise(blocks)]
    steps = [index for index, block in enumerate(blocks) if block.kind is BlockKind.STEP]
    for first, second in pairwise(steps):
        between = blocks[first + 1 : second]
        if (
            len(between) <= _MOST_BETWEEN_STEPS
            and all(block.kind in _WITHIN_PROCEDURE for block in between)
            and not _begins_procedure(text, blocks[second])
        ):
            for index in range(first, second):
                found[index] = max(found[index], Bond.WHOLE)
    return [*found, Bond.NONE]


def _pair(text: str, one: Block, other: Block) -> Bond:
    """The bond of two neighbours as far as they alone tell it."""
    if one.kind is BlockKind.WARNING:
        return Bond.FIRM
    if one.kind is BlockKind.TABLE_HEADER:
        return Bond.FIRM if other.kind in _TABLE else Bond.NONE
    if one.kind is BlockKind.TABLE_ROW:
        return Bond.WHOLE if other.kind is BlockKind.TABLE_ROW else Bond.NONE
    if one.kind is BlockKind.PARAGRAPH:
        opens = other.kind in _TABLE or (other.kind is BlockKind.STEP and _begins_procedure(text, other))
        announces = text.endswith(":", one.start, one.end) and other.kind is not BlockKind.HEADING
        brief = one.end - one.start <= _LONGEST_INTRODUCTION
        return Bond.FIRM if announces or (opens and brief) else Bond.NONE
    if one.kind in (BlockKind.STEP, BlockKind.LIST_ITEM) and other.kind is BlockKind.LIST_ITEM:
        deeper = other.level > one.level
        return Bond.WHOLE if deeper or one.kind is BlockKind.LIST_ITEM else Bond.NONE
    return Bond.NONE


def _begins_procedure(text: str, step: Block) -> bool:
    return step.level == 0 and _FIRST_LABEL.match(text, step.start) is not None
