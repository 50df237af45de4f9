"""Answers on a terminal: the text as it streams, then where each sentence comes from."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable

from assistant.cli.terminal import Styled, echo, line, styled
from assistant.types import Answer, AnswerDone, AnswerEvent, Citation, CitationFound, Hit, Retrieved, TextDelta

_QUOTE_CHARACTERS = 320


def show(events: Iterable[AnswerEvent]) -> Answer:
    """Print an answer's events as they come; returns the finished answer."""
    answer: Answer | None = None
    waiting = False
    pending = ""
    for event in events:
        if isinstance(event, Retrieved):
            waiting = _announce(event.hits)
        elif isinstance(event, TextDelta):
            if waiting:
                waiting = _clear()
            echo(pending, nl=False)
            text = event.text.rstrip()
            # White space goes out with the next sentence, so that a citation's number stands behind its own.
            pending = event.text[len(text) :]
            echo(text, nl=False)
            sys.stdout.flush()
        elif isinstance(event, CitationFound):
            echo(styled(f" [{event.number}]", fg="cyan"), nl=False)
            sys.stdout.flush()
        elif isinstance(event, AnswerDone):
            answer = event.answer
    if waiting:
        _clear()
    echo()
    if answer is None:
        raise RuntimeError("an answer ended without AnswerDone")
    for number, citation in enumerate(answer.citations, 1):
        echo(*_cited(number, citation))
    echo(styled(_summary(answer), dim=True))
    return answer


def collected(events: Iterable[AnswerEvent]) -> Answer:
    """The finished answer."""
    for event in events:
        if isinstance(event, AnswerDone):
            return event.answer
    raise RuntimeError("an answer ended without AnswerDone")


def place(document: str, section: str, title: str, page: int | None, dated: str | None = None) -> str:
    """Where something stands, for people: document, section, page, and of when the document is."""
    parts = [line(document)]
    if section and section != title:
        parts.append(f"“{line(section)}”")
    if page is not None:
        parts.append(f"page {page}")
    return ", ".join(parts) + (f" ({dated})" if dated else "")


def _announce(hits: tuple[Hit, ...]) -> bool:
    """While the model thinks, say on a terminal where it reads; True when a line stands there."""
    if not hits or not sys.stderr.isatty():
        return False
    passage = hits[0].passage
    where = place(passage.document, passage.section, passage.title, passage.page)
    width = shutil.get_terminal_size().columns
    echo(styled(textwrap.shorten(f"Reading {where}", width - 2, placeholder=" …"), dim=True), err=True, nl=False)
    return True


def _clear() -> bool:
    echo(Styled("\r\033[K"), err=True, nl=False)
    return False


def _cited(number: int, citation: Citation) -> tuple[str, ...]:
    where = place(citation.document, citation.section, citation.title, citation.page, citation.dated)
    quote = " ".join(citation.quote.split())
    if len(quote) > _QUOTE_CHARACTERS:
        quote = quote[:_QUOTE_CHARACTERS].rstrip() + " …"
    body = textwrap.fill(f"“{quote}”", max(40, shutil.get_terminal_size().columns - 2), initial_indent="    ",
                         subsequent_indent="    ")  # fmt: skip
    return styled(f"[{number}]", fg="cyan"), f" {where}\n{body}"


def _summary(answer: Answer) -> str:
    timings = answer.timings
    parts = [f"confidence {answer.confidence:.2f}", answer.mode if answer.status == "answered" else "abstained"]
    if timings.first_token is not None:
        parts.append(f"first word {timings.first_token / 1000:.2f} s")
    parts.append(f"total {timings.total / 1000:.2f} s")
    if timings.load >= 1:
        parts.append(f"of it loading {timings.load / 1000:.2f} s")
    return "(" + " · ".join(parts) + ")"
