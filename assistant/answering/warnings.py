"""Warnings that stand beside what is answered: they are told with it. Pure.

A sentence that answers is torn out of its passage, and what the manual warns of just before it must not stay behind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.dialogue.procedures import SIGNAL_WORDS
from assistant.sentences import iter_sentences
from assistant.types import Evidence, Passage

_SIGNAL = re.compile(rf"\W*(?:(?i:{SIGNAL_WORDS})\s*[:!]|(?:{SIGNAL_WORDS.upper()})\b)")
"""With a colon, or in capitals: a sentence may be about a warning lamp."""
_LONGEST = 3
"""Sentences of one warning, on one line."""
_MOST = 2
"""Warnings told with an answer: those in front of what is cited come first."""


def beside(cited: Sequence[Evidence]) -> list[Evidence]:
    """The warnings in the passages of `cited` that no citation holds, in reading order."""
    found: list[Evidence] = []
    for passage in dict.fromkeys(evidence.passage for evidence in cited):
        spans = [(one.start - passage.start, one.end - passage.start) for one in cited if one.passage == passage]
        found += [
            Evidence(passage, passage.start + start, passage.start + end, 1.0)
            for start, end in _warnings(passage)
            if not any(first < end and start < last for first, last in spans)
        ]
    return found[:_MOST]


def _warnings(passage: Passage) -> list[tuple[int, int]]:
    bounds = list(iter_sentences(passage.text, passage.abbreviations))
    found: list[tuple[int, int]] = []
    for place, (start, end) in enumerate(bounds):
        if (found and start < found[-1][1]) or not _SIGNAL.match(passage.text[start:end]):
            continue
        for first, last in bounds[place + 1 : place + _LONGEST]:
            if "\n" in passage.text[end:first] or _SIGNAL.match(passage.text[first:last]):
                break
            end = last
        found.append((start, end))
    return found
