"""What the words of a line tell about it: a bullet, a numbered step, a warning, a revision date.

Pure: it knows no format and no layout; every reader asks the same questions here, so that a warning in a PDF and one in
Markdown are recognised alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assistant.types import BlockKind

_BULLET = re.compile(r"(?:[-*+•‣◦▪▫●○■□◆◇►▶➤➢✓✔❑❖·–—\uf0b7\uf0a7\uf0d8\uf076\uf0fc]|o(?=\s{2,}))\s+(?=\S)")
_STEP = re.compile(r"(?:step\s+)?\(?(\d{1,3}|[a-hA-H])(?:[.)](?=\s)|[.]\))\s+(?=\S)", re.IGNORECASE)
_WARNING_WORDS = "|".join(
    "warning caution danger warnung vorsicht gefahr achtung avertissement advertencia peligro precaución atención "
    "pericolo".split()
)
_WARNING = re.compile(
    rf"[\W_]{{0,4}}(?:(?:{_WARNING_WORDS.upper()})(?![\w-])|(?i:{_WARNING_WORDS})\s?[:!])",
)

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier",
            "february feb februar février",
            "march mar märz mars",
            "april apr avril",
            "may mai",
            "june jun juni juin",
            "july jul juli juillet",
            "august aug août",
            "september sep sept septembre",
            "october oct oktober okt octobre",
            "november nov novembre",
            "december dec dezember dez décembre",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    r"\b(?:"
    r"(?P<y1>(?:19|20)\d\d)-(?P<m1>\d\d?)(?:-(?P<d1>\d\d?))?"
    r"|(?P<d2>\d\d?)(?P<sep>[./])(?P<m2>\d\d?)(?P=sep)(?P<y2>(?:19|20)\d\d)"
    r"|(?P<m3>\d\d?)/(?P<y3>(?:19|20)\d\d)"
    rf"|(?P<d4>\d\d?)(?:\.|st|nd|rd|th)?\s(?P<m4>{_MONTH})\.?,?\s(?P<y4>(?:19|20)\d\d)"
    rf"|(?P<m5>{_MONTH})\.?\s(?:(?P<d5>\d\d?)(?:st|nd|rd|th)?,\s?)?(?P<y5>(?:19|20)\d\d)"
    r")\b",
    re.IGNORECASE,
)
_NEAR_DATE = re.compile(
    r"\b(?:revision|revised|rev|date|dated|version|stand|updated?|edition|issued?|published|ausgabe|fassung)\b",
    re.IGNORECASE,
)
_SEARCHED = 1_500
_NEAR = 60


@dataclass(frozen=True, slots=True)
class ListMark:
    """A bullet or number at the beginning of a line."""

    kind: BlockKind
    label: str
    """What stored text begins with: "-" or the source's own number, such as "3."."""
    length: int
    """Characters of the line that the mark takes, its spaces included."""


def list_mark(line: str) -> ListMark | None:
    """The bullet or step number that `line` begins with, if any."""
    if match := _BULLET.match(line):
        return ListMark(BlockKind.LIST_ITEM, "-", match.end())
    if match := _STEP.match(line):
        return ListMark(BlockKind.STEP, f"{match.group(1)}.", match.end())
    return None


def is_warning(text: str) -> bool:
    """Whether `text` opens like a safety notice: "WARNING …", "Caution: …"."""
    return _WARNING.match(text) is not None


def prose_kind(text: str) -> BlockKind:
    """WARNING for a safety notice, else PARAGRAPH."""
    return BlockKind.WARNING if is_warning(text) else BlockKind.PARAGRAPH


def iso_date(text: str) -> str | None:
    """The first date in `text` as ISO 8601: "2026-03-12", or "2026-03" where no day is given."""
    for match in _DATE.finditer(text):
        if (date := _iso(match)) is not None:
            return date
    return None


def revision_date(text: str) -> str | None:
    """The date that stands close behind a word such as "revision" or "Stand" where a document begins, ISO 8601."""
    head = text[:_SEARCHED]
    for match in _DATE.finditer(head):
        before = head[max(0, match.start() - _NEAR) : match.start()]
        if _NEAR_DATE.search(before) and (date := _iso(match)) is not None:
            return date
    return None


def _iso(match: re.Match[str]) -> str | None:
    found = match.groupdict()
    year = next(found[key] for key in ("y1", "y2", "y3", "y4", "y5") if found[key])
    month = next(found[key] for key in ("m1", "m2", "m3", "m4", "m5") if found[key])
    day = next((found[key] for key in ("d1", "d2", "d4", "d5") if found[key]), None)
    month_number = _MONTHS.get(month.lower()) or int(month)
    day_number = int(day) if day else None
    if found["sep"] == "/" and month_number > 12:  # 03/25/2026: month first
        month_number, day_number = int(found["d2"]), month_number
    if not 1 <= month_number <= 12 or (day_number is not None and not 1 <= day_number <= 31):
        return None
    return f"{year}-{month_number:02}" + (f"-{day_number:02}" if day_number else "")
