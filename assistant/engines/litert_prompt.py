"""A prompt as texts for LiteRT-LM, which tokenizes each of them apart.

The library takes no token ids, and a text that spells a control token becomes one. So what the template wrote goes in
whole, and data is cut inside every such spelling: both halves are then ordinary text. Knows neither the library nor the
bundle, only what is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from assistant.engines.template import TemplateParts
from assistant.types import Prompt

Tokenize = Callable[[str], list[int]]
Detokenize = Callable[[list[int]], str]


class Pieces:
    """Cuts prompts so that none of `controls` is read in their data."""

    def __init__(self, controls: Sequence[str]) -> None:
        # A spelling of one character cannot be cut; no tokenizer seen has one, white space apart, which is data anyway.
        spelled = sorted((text for text in controls if len(text) > 1 and text.strip()), key=len, reverse=True)
        self._controls = re.compile("|".join(map(re.escape, spelled))) if spelled else None

    def of(self, prompt: Prompt, parts: TemplateParts) -> list[str]:
        """Texts that make up `prompt` in their order, none of them empty."""
        texts = [
            parts.before_instructions,
            *self.data(prompt.instructions),
            parts.before_content,
            *(piece for passage in prompt.passages for piece in self.data(passage)),
            *self.data(prompt.question),
            parts.before_answer,
        ]
        return [text for text in texts if text]

    def data(self, text: str) -> list[str]:
        """Cut `text` behind the first character of each control token's spelling.

        The library takes neither half of a surrogate pair nor a character of value 0; they become "?" and a space.
        """
        text = text.encode("utf-8", "replace").decode().replace("\0", " ")
        if self._controls is None:
            return [text]
        cuts, at = [0], 0
        while found := self._controls.search(text, at):
            at = found.start() + 1  # what follows may spell another token together with the rest
            cuts.append(at)
        return [text[begin:end] for begin, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def calls(pieces: Sequence[str], tokenize: Tokenize, detokenize: Detokenize, limit: int) -> Iterator[list[str]]:
    """Group the pieces into lists of about `limit` tokens, cutting a longer one only where its tokens stay the same."""
    call: list[str] = []
    room = limit
    for piece in pieces:
        tokens = tokenize(piece)
        while len(tokens) > room:
            head = _head(piece, tokens, room, tokenize, detokenize)
            if head:
                call.append(head)
                piece, tokens = piece[len(head) :], tokens[len(tokenize(head)) :]
            elif not call:
                break  # no place to cut: it goes in whole
            yield call
            call, room = [], limit
        call.append(piece)
        room -= len(tokens)
    if call:
        yield call


def _head(piece: str, tokens: list[int], room: int, tokenize: Tokenize, detokenize: Detokenize) -> str:
    """The longest beginning of `piece` that ends before a space, has at most `room` tokens and can be cut off."""
    if room < 1:
        return ""
    end = len(detokenize(tokens[:room]))
    while (end := piece.rfind(" ", 0, end + 1)) > 0:
        head = tokenize(piece[:end])
        if len(head) <= room and head + tokenize(piece[end:]) == tokens:
            return piece[:end]
        end -= 1
    return ""
