"""The owner's synonyms: words and phrases that mean the same in these documents.

A text file; each line names equivalents, separated by commas: "bleed, vent, purge". What stands behind "#" is a remark.
It knows no knowledge base.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import SettingsError
from assistant.retrieval.terms import term

_MOST_BYTES = 1_000_000
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_LONGEST = 8
"""Words of a phrase at most."""

_Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meant:
    """A word or phrase of a question that has equivalents: `text[start:end]` of it."""

    start: int
    end: int
    others: tuple[str, ...]
    """Its equivalents, as the owner wrote them."""


class Synonyms:
    """Groups of equivalents."""

    def __init__(self, groups: Sequence[Sequence[str]] = ()) -> None:
        """Each group: words and phrases of one meaning."""
        self._others: dict[_Phrase, list[str]] = {}
        for group in groups:
            for one in group:
                known = self._others.setdefault(_phrase(one), [])
                known += [other for other in group if _phrase(other) != _phrase(one) and other not in known]
        self._longest = max(map(len, self._others), default=0)

    @classmethod
    def read(cls, path: Path) -> Synonyms:
        """The synonyms in a file.

        Raises:
            SettingsError: the file cannot be read, or a line is none of equivalents.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
            text = data.decode("utf-8-sig")
        except OSError as exc:
            raise SettingsError(
                f"The synonyms file {path} cannot be read ({exc.strerror}); correct retrieval.synonyms in the settings."
            ) from exc
        except UnicodeDecodeError as exc:
            raise SettingsError(f"The synonyms file {path} is not in UTF-8; save it in that encoding.") from exc
        if len(data) > _MOST_BYTES:
            raise SettingsError(
                f"The synonyms file {path} is larger than 1 MB; split what belongs to other machines off."
            )
        return cls([_group(path, number, line) for number, line in enumerate(text.splitlines(), 1) if _said(line)])

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._others)

    def of(self, text: str) -> Iterator[Meant]:
        """What of `text` has equivalents: at each word the longest phrase, none within another."""
        if not self._others:
            return
        matches = list(_WORD.finditer(text))
        words = [_normal(match.group()) for match in matches]
        place = 0
        while place < len(words):
            for length in range(min(self._longest, len(words) - place), 0, -1):
                others = self._others.get(tuple(words[place : place + length]))
                if others:
                    last = matches[place + length - 1]
                    yield Meant(matches[place].start(), last.end(), tuple(others))
                    place += length - 1
                    break
            place += 1


def _said(line: str) -> str:
    return line.partition("#")[0].strip()


def _group(path: Path, number: int, line: str) -> list[str]:
    group = [" ".join(one.split()) for one in _said(line).split(",")]
    if len(group) < 2 or not all(_phrase(one) for one in group):
        raise SettingsError(
            f"Line {number} of the synonyms file {path} names no equivalents; write them with commas between, as in "
            '"bleed, vent, purge".'
        )
    if any(len(_phrase(one)) > _LONGEST for one in group):
        raise SettingsError(
            f"Line {number} of the synonyms file {path} has a phrase of more than {_LONGEST} words; shorten it."
        )
    return group


def _phrase(text: str) -> _Phrase:
    return tuple(_normal(match.group()) for match in _WORD.finditer(text))


def _normal(word: str) -> str:
    """A word in the form in which it is compared; stop words of a phrase count as they stand."""
    return term(word) or word.casefold()
