"""What is known of a document beyond what its reader found: its language, its abbreviations, its file's date.

It knows the text and the file's time stamp. What it says of a text depends on that text alone, so that the same file
gives the same passages on every machine, in every order and after every interruption.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from assistant.types import Document

_LEARNED_FROM = 5_000
"""Characters from which on a text says enough about its abbreviations: on the pages of 10,000 characters that were
looked at, every word that Punkt proposed ended a sentence ("lid", "bar"), and looking costs half a second at start."""
_LOOKED_AT = 1_000_000
"""Characters of a text that are looked at for abbreviations; Punkt needs about 2 seconds for them."""
_LANGUAGE_PART = 6_000
"""Characters that are looked at for the language at the beginning, in the middle and at the end."""
_SURE = 0.5
"""Probability from which on a language is believed. Of one sentence of plain text it is .22 to .99, of a list of error
codes .01 to .08, of a page 1.0."""
_SEEN = 2
"""Times that a word must stand with a full stop before a small letter or a digit: there no sentence ends."""
_STOP_INSIDE = re.compile(r"(?<![\w.])(\w[\w.]*)\.[ \t]+[(\[]?(\w)")


class Describer:
    """Describes documents. What it loads for that, some 130 MB, goes when it goes."""

    def describe(self, document: Document, path: Path) -> Document:
        """The document with what can be told of it; `path` is its file."""
        return replace(
            document,
            modified=document.modified or _modified(path),
            language=self._language(document.text),
            abbreviations=_abbreviations(document.text),
        )

    def _language(self, text: str) -> str | None:
        """ISO 639-1 of most of the text, or None where that is not clear."""
        middle = max(0, len(text) // 2 - _LANGUAGE_PART // 2)
        places = dict.fromkeys((0, middle, max(0, len(text) - _LANGUAGE_PART)))
        parts = [text[place : place + _LANGUAGE_PART] for place in places] if len(text) > _LANGUAGE_PART else [text]
        # Codes, numbers and marks belong to no language.
        words = " ".join(re.findall(r"[^\W\d_]{2,}", "\n".join(parts)))
        if not words:
            return None
        language, probability = self._identifier.classify(words)
        return str(language) if probability >= _SURE else None

    @cached_property
    def _identifier(self) -> Any:
        from py3langid import langid  # Here: it takes 80 MB and .4 s, and nothing but adding needs it.

        return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def _modified(path: Path) -> str | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()
    except (OSError, ValueError, OverflowError):
        return None


def _abbreviations(text: str) -> tuple[str, ...]:
    """Words of the text that a full stop follows inside a sentence, lower case, in order.

    Punkt (Kiss and Strunk, Unsupervised Multilingual Sentence Boundary Detection, 2006) proposes them from the text
    alone: words that hardly ever stand without the stop. In a short text that is also true of words that happen to end
    sentences, so a proposal counts only where the text itself goes on in small letters or digits behind it.
    """
    if len(text) < _LEARNED_FROM:
        return ()
    from nltk.tokenize.punkt import PunktTrainer  # Here: it takes 60 MB and .6 s, and only long texts need it.

    text = text[:_LOOKED_AT]
    trainer = PunktTrainer()
    trainer.train(text, finalize=True)
    proposed = {word for word in trainer.get_params().abbrev_types if sum(map(str.isalpha, word)) > 1}
    seen = dict.fromkeys(proposed, 0)
    for match in _STOP_INSIDE.finditer(text):
        word, following = match.group(1).lower(), match.group(2)
        if word in seen and (following.islower() or following.isdigit()):
            seen[word] += 1
    return tuple(sorted(word for word, count in seen.items() if count >= _SEEN))
