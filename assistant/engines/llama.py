"""GGUF generators through llama.cpp, in process. Knows nothing of documents beyond `Prompt`."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.engines.llama_cache import PassageCache
from assistant.engines.llama_context import LlamaContext
from assistant.engines.lookup import Lookup
from assistant.engines.speculation import Speculation
from assistant.engines.template import PLAIN, TemplateParts, take_apart
from assistant.protocols import Cancelled, StateStore
from assistant.stages import Stages
from assistant.types import Generated, Prompt, Usage

_MOST_PASSAGES = 8
"""That may be joined from kept states; a prompt of more is computed from the ninth on."""


class LlamaGenerator:
    """A GGUF model with one live sequence.

    What stands in front of the question stays in the cache between calls, and is taken from kept states where it is not
    there: see `assistant.engines.llama_cache`.
    """

    def __init__(
        self,
        path: Path,
        model: str,
        *,
        context_tokens: int = 4096,
        decode_threads: int = 2,
        prefill_threads: int = 2,
        batch_tokens: int = 512,
        seed: int = 0,
        origin: str = "",
        states: StateStore | None = None,
        repaired_tokens: int = 0,
        speculate: bool = True,
    ) -> None:
        """Load the model; its weights are mapped, not copied.

        Args:
            path: of the GGUF file.
            model: catalogue id.
            context_tokens: room for prompt and completion together.
            decode_threads: threads that write.
            prefill_threads: threads that read, and check drafts.
            batch_tokens: computed in one go, at most.
            seed: of the choice at a temperature.
            origin: names the model's bytes, as its SHA-256; states are kept only with it.
            states: keeps states of passages from one process to the next.
            repaired_tokens: at the head of each passage behind the first that are computed again.
            speculate: guess from the prompt what comes next, where that pays.

        Raises:
            ModelDamaged: llama.cpp cannot load the file.
        """
        self._model_id = model
        self._seed = seed
        self._speculate = speculate
        self._usage = Usage()
        self._stages = Stages()
        self._states = states if origin else None
        self._context = LlamaContext(
            path,
            context_tokens=context_tokens,
            decode_threads=decode_threads,
            prefill_threads=prefill_threads,
            batch_tokens=batch_tokens,
            sequences=_MOST_PASSAGES,
        )
        try:
            self._parts = self._template()
            self._cache = PassageCache(self._context, origin, self._states, repaired_tokens)
        except BaseException:
            self._context.close()
            raise
        self._head_cache: tuple[str, list[int]] | None = None
        self._speculation = Speculation(time.perf_counter)

    def _template(self) -> TemplateParts:
        raw = self._context.template
        if not raw:
            return PLAIN
        bos, eos = (self._context.token_text(token) for token in self._context.special())
        return take_apart(raw, bos, eos)

    @property
    def model(self) -> str:
        """Catalogue id of what is loaded."""
        return self._model_id

    @property
    def context_tokens(self) -> int:
        """Room for prompt and completion together, in tokens."""
        return self._context.tokens

    @property
    def usage(self) -> Usage:
        """Tokens of the latest `generate`, as far as it has run."""
        return self._usage

    @property
    def stages(self) -> Mapping[str, float]:
        """Milliseconds of the latest `generate` by stage."""
        return self._stages.milliseconds

    @property
    def stateful(self) -> str:
        """Empty where states can be kept; else the reason why not, as a clause."""
        return self._cache.refused if self._states is not None else "no store of states is given"

    def key(self, instructions: str, passage: str) -> str:
        """What the state of `passage` behind `instructions` is kept under."""
        return self._cache.key(self._head(instructions), self._context.tokenize(passage))

    def warm(self, instructions: str, passage: str, cancelled: Cancelled = lambda: False) -> bool:
        """Compute and keep the state of `passage`; see `assistant.protocols.StatefulGenerator.warm`."""
        head, tokens = self._head(instructions), self._context.tokenize(passage)
        if not tokens or self.stateful or len(head) + len(tokens) > self.context_tokens:
            return False
        if not self._cache.holds(head, tokens) and self._cache.admits(head, tokens):
            self._placed(head, [tokens], cancelled)
        return self._cache.holds(head, tokens)

    def prepare(self, prompt: Prompt, cancelled: Cancelled = lambda: False) -> None:
        """Bring what stands in front of the question into the cache."""
        head, passages = self._head(prompt.instructions), self._passages(prompt)
        if len(head) + sum(map(len, passages)) <= self.context_tokens:
            self._placed(head, passages, cancelled)

    def _placed(self, head: list[int], passages: list[list[int]], cancelled: Cancelled) -> tuple[int, int] | None:
        """Tokens that stand in the live sequence now, and how many of them were not computed for it."""
        self._context.abort_when(cancelled)
        try:
            placed = self._cache.place(head, passages, self._stages)
        finally:
            self._context.abort_when(None)
        return None if placed is None else (placed.tokens, placed.reused)

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens that `prompt` takes, the template's own included."""
        return len(self._head(prompt.instructions)) + sum(map(len, self._passages(prompt))) + len(self._tail(prompt))

    def _head(self, instructions: str) -> list[int]:
        """Tokens in front of the passages; those of the latest instructions are remembered."""
        if self._head_cache is None or self._head_cache[0] != instructions:
            parts, context = self._parts, self._context
            add_bos = context.library.llama_vocab_get_add_bos(context.vocab)
            bos = context.special()[0]
            head = context.tokenize(parts.before_instructions, control=True)
            if add_bos and head[:1] != [bos]:
                head = [bos, *head]
            head += context.tokenize(instructions) + context.tokenize(parts.before_content, control=True)
            self._head_cache = (instructions, head)
        return self._head_cache[1]

    def _passages(self, prompt: Prompt) -> list[list[int]]:
        return [self._context.tokenize(passage) for passage in prompt.passages]

    def _tail(self, prompt: Prompt) -> list[int]:
        context = self._context
        return context.tokenize(prompt.question) + context.tokenize(self._parts.before_answer, control=True)

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        cancelled: Cancelled = lambda: False,
    ) -> Iterator[Generated]:
        """Stream the continuation; see `assistant.protocols.Generator.generate`."""
        self._stages = Stages()
        with self._stages.of("tokenize"):
            head, passages, tail = self._head(prompt.instructions), self._passages(prompt), self._tail(prompt)
        total = len(head) + sum(map(len, passages)) + len(tail)
        if total + max_tokens > self.context_tokens:
            raise ValueError(
                f"prompt of {total} tokens and completion of {max_tokens} exceed the context of {self.context_tokens}"
            )
        self._usage = Usage(total, 0, 0)
        return self._run(head, passages, tail, max_tokens, temperature, cancelled)

    def _run(
        self,
        head: list[int],
        passages: list[list[int]],
        tail: list[int],
        max_tokens: int,
        temperature: float,
        cancelled: Cancelled,
    ) -> Iterator[Generated]:
        placed = self._placed(head, passages, cancelled)
        if placed is None:
            return
        position, reused = placed
        total = position + len(tail)
        self._usage = Usage(total, reused, 0)
        if not self._read(tail, position, cancelled):
            return
        output = _Output(self._parts.stops)
        seen = Lookup([token for tokens in (*passages, tail) for token in tokens])
        pick = _Sampler(self._context, temperature, self._seed)
        made = 0
        try:
            for token, logprob in self._tokens(pick, seen, total, max_tokens, cancelled):
                made += 1
                self._usage = Usage(total, reused, made)
                yield Generated(output.feed(self._context.piece(token)), logprob)
                if output.stopped:
                    break
            if tail_text := output.finish():
                yield Generated(tail_text)
        finally:
            pick.close()

    def _read(self, tail: list[int], position: int, cancelled: Cancelled) -> bool:
        """Compute the question behind what is placed; False when cancelled."""
        self._context.abort_when(cancelled)
        done = False
        try:
            with self._stages.of("prefill"):
                done = self._context.decode(tail, position)
        finally:
            self._context.abort_when(None)
            if not done:
                self._cache.forget()
        return done

    def _tokens(
        self, pick: _Sampler, seen: Lookup, position: int, most: int, cancelled: Cancelled
    ) -> Iterator[tuple[int, float]]:
        """The tokens that the model writes from `position` on, each with its log-probability.

        Guesses are computed together with the token in front of them; one that the model would not have written is
        dropped with all behind it.
        """
        context = self._context
        guesses: list[int] = []
        row = 0
        last = -1
        for made in range(1, most + 1):
            with self._stages.of("decode"):
                logits = context.logits(row if guesses else -1)
                if guesses and _close(logits):
                    # Several rows round otherwise than one: where that could matter, one row decides, as it would have.
                    context.keep(position - 1)
                    self._decode([last], position - 1)
                    guesses, logits = [], context.logits()
                token, logprob = pick(logits)
            if context.ends(token):
                return
            yield token, logprob
            if made == most or cancelled():
                return
            with self._stages.of("decode"):
                seen.add(token)
                if row < len(guesses) and guesses[row] == token:
                    row += 1
                else:
                    if row < len(guesses):
                        context.keep(position)
                    guesses = seen.draft(min(self._guesses(pick), most - made))
                    with self._speculation.watching(len(guesses) + 1):
                        self._decode([token, *guesses], position)
                    row = 0
                position += 1
                last = token
            self._speculation.wrote()

    def _guesses(self, pick: _Sampler) -> int:
        return self._speculation.length() if self._speculate and pick.greedy else 0

    def _decode(self, tokens: list[int], position: int) -> None:
        try:
            self._context.decode(tokens, position, rows=len(tokens))
        except BaseException:
            self._cache.forget()
            raise

    def close(self) -> None:
        """Free context and weights; calling it again is harmless."""
        self._context.close()


_CLOSE = 0.25
"""Logits that lie so near to the largest may change places when several rows are computed together: of the five largest
the one that differed most differed by .21, and by .09 in the median (64 tokens of a manual, 0.5B in q4_k_m)."""


def _close(logits: npt.NDArray[np.float32]) -> bool:
    """Whether another token is about as likely as the likeliest."""
    return int(np.count_nonzero(logits >= logits.max() - _CLOSE)) > 1


class _Sampler:
    """Chooses the next token: the likeliest at temperature 0, else llama.cpp's usual chain with a fixed seed."""

    def __init__(self, context: LlamaContext, temperature: float, seed: int) -> None:
        self._context = context
        self._chain: Any = context.sampler(temperature, seed) if temperature > 0 else None

    @property
    def greedy(self) -> bool:
        """Whether always the likeliest is chosen."""
        return self._chain is None

    def __call__(self, logits: npt.NDArray[np.float32]) -> tuple[int, float]:
        token = int(np.argmax(logits))
        if self._chain is not None:
            token = int(self._context.library.llama_sampler_sample(self._chain, self._context.handle, -1))
        peak = float(logits.max())
        return token, float(logits[token]) - peak - float(np.log(np.exp(logits - peak).sum()))

    def close(self) -> None:
        """Free the chain."""
        if self._chain is not None:
            self._context.library.llama_sampler_free(self._chain)
            self._chain = None


class _Output:
    """Turns token bytes into text: whole characters only, and nothing that may still become a stop text."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = stops
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        self._held += self._decoder.decode(piece)
        found = [place for place in map(self._held.find, self._stops) if place >= 0]
        if found:
            self.stopped = True
            text, self._held = self._held[: min(found)], ""
            return text
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        text = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return text

    def finish(self) -> str:
        """What was held back; an unfinished character at the end is dropped."""
        text, self._held = ("" if self.stopped else self._held), ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` with which `stop` begins."""
    return next((size for size in range(min(len(text), len(stop)), 0, -1) if text.endswith(stop[:size])), 0)
