"""What goes to a terminal: every character that would steer it is replaced on the way.

Names of files, titles, passages and answers are somebody else's text. An escape sequence in one of them could clear the
screen, rename the window or write into the clipboard; a bidirectional override could make a name read as another.
"""

from __future__ import annotations

import re
from typing import Any

import click

from assistant.characters import UNSEEN

_REPLACED = dict.fromkeys(UNSEEN, "\ufffd")
_LINE = str.maketrans({"\n": "\ufffd", "\t": " "})
_JSON = re.compile(f"[{''.join(re.escape(chr(code)) for code in sorted(UNSEEN) if code > 0x1F)}]")


class Styled(str):
    """Text with colours that we put there."""

    __slots__ = ()


def styled(text: str, **how: Any) -> Styled:
    """`text` in a colour or weight, see `click.style`."""
    return Styled(click.style(shown(text), **how))


def shown(text: str) -> str:
    """`text` with a mark in place of every character that steers a terminal or is not seen; lines stay."""
    return text.translate(_REPLACED)


def line(text: str) -> str:
    """The same in one line, for names."""
    return shown(text).translate(_LINE)


def echo(*parts: str, nl: bool = True, err: bool = False) -> None:
    """Print these parts one behind the other; what is not `Styled` has no control characters afterwards."""
    click.echo("".join(part if isinstance(part, Styled) else shown(part) for part in parts), nl=nl, err=err)


def escaped(json: str) -> str:
    """JSON text, of the same value, without characters that steer a terminal."""
    return _JSON.sub(lambda match: _escape(match.group()), json)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
