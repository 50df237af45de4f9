"""Which of the titles that a document has is the one to cite it by. Pure.

Properties of office documents hold whatever the first author's program put there, so they count only where they look
like a title.
"""

from __future__ import annotations

import re

from assistant.ingest.cleaning import one_line

LONGEST = 120
"""Characters; what is longer is a sentence."""
_NO_TITLE = re.compile(
    r"untitled.*|(?:microsoft )?(?:word|excel)(?:[ -].*)?|slide \d+|(?:document|dokument|book|mappe|unknown)\d*"
    r"|power ?point presentation|.*\.(?:docx?|odt|xlsx?|indd|qxd|dvi|tex|fm|pdf|rtf|pptx?|html?|csv)",
    re.IGNORECASE,
)


def best_title(heading: str | None, stated: str) -> str | None:
    """The document's own first heading, or the title in its properties where that holds the heading and more."""
    stated = one_line(stated)
    if len(stated) < 4 or len(stated) > LONGEST or _NO_TITLE.fullmatch(stated):
        stated = ""
    if heading is None or (stated and heading.casefold() in stated.casefold()):
        return stated or heading
    return heading


def meaningful(description: str) -> str:
    """The description of a picture where a person wrote one that says something; else an empty string."""
    text = one_line(description)
    words = text.split()
    if len(words) < 3 or not any(map(str.isalpha, text)) or _MACHINE_MADE.search(text):
        return ""
    return text


_MACHINE_MADE = re.compile(
    r"description automatically generated|automatisch generierte beschreibung|\.(?:png|jpe?g|gif|bmp|svg|emf|wmf)\b"
    r"|^(?:image|picture|bild|grafik|photo|screenshot|logo) ?\w{0,4} ?\d*$|https?://"
    r"|^(?:a|an) (?:picture|screenshot|close[- ]up|black|white|blue|diagram|drawing|group)\b.{0,40}$",
    re.IGNORECASE,
)
