"""The yardstick: llama-cpp-python's class `Llama` as its documentation shows it, with the same file and settings.

Builds token ids from Fieldmate's prompt by itself, from the template in the model file; whether they are the very ones
that Fieldmate sent is checked by their number. Knows llama-cpp-python and `Prompt`, not how Fieldmate runs a model.
"""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import llama_cpp
from llama_cpp import Llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from assistant.settings import GeneratorSettings
from assistant.types import Prompt

_SYSTEM, _USER = "\x02system\x03", "\x02user\x03"


class PlainLlama:
    """A model that prefills a prompt and takes the likeliest tokens, and nothing else."""

    def __init__(self, path: Path, settings: GeneratorSettings, *, batch_tokens: int = 512, writing: int = 0) -> None:
        """`writing`: threads for one token; 0: as many as for several."""
        threads = settings.prefill_threads or len(os.sched_getaffinity(0))
        self._llama = Llama(
            str(path),
            n_ctx=settings.context_tokens,
            n_batch=batch_tokens,
            n_ubatch=batch_tokens,
            n_threads=writing or threads,
            n_threads_batch=threads,
            flash_attn=True,
            logits_all=False,
            verbose=False,
        )
        self._before, self._between, self._after = self._template()

    def _template(self) -> tuple[str, str, str]:
        """What the file's chat template writes before, between and behind the system and the user message."""
        template = self._llama.metadata["tokenizer.chat_template"]
        ends = (self._llama.token_bos(), self._llama.token_eos())
        bos, eos = (self._llama._model.token_get_text(token) for token in ends)  # no public way to these texts
        written = Jinja2ChatFormatter(template, eos_token=eos, bos_token=bos)(
            messages=[{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]
        ).prompt
        before, rest = written.split(_SYSTEM)
        between, after = rest.split(_USER)
        return before, between, after

    def head(self, prompt: Prompt) -> list[int]:
        """Token ids in front of the passages: the same for every question."""
        before, begins = self._ids(self._before, True), self._llama.token_bos()
        if llama_cpp.llama_vocab_get_add_bos(self._llama._model.vocab) and before[:1] != [begins]:
            before = [begins, *before]
        return before + self._ids(prompt.instructions) + self._ids(self._between, True)

    def tokens(self, prompt: Prompt) -> list[int]:
        """All token ids; passages apart from each other, as Fieldmate joins them."""
        return [token for piece in self.pieces(prompt) for token in piece]

    def pieces(self, prompt: Prompt) -> list[list[int]]:
        """The same as Fieldmate computes them: what stands in front of the passages, each passage, the rest."""
        tail = self._ids(prompt.question) + self._ids(self._after, True)
        return [self.head(prompt), *map(self._ids, prompt.passages), tail]

    def _ids(self, text: str, special: bool = False) -> list[int]:
        return self._llama.tokenize(text.encode(), add_bos=False, special=special)

    def first_token_ms(self, tokens: list[int], kept: list[int] | None = None) -> float:
        """Milliseconds to prefill `tokens` and sample one token.

        Args:
            tokens: the prompt.
            kept: a beginning of it that is in the cache already; None empties the cache before.
        """
        self._llama.reset()
        if kept:
            self._llama.eval(kept)
        started = time.perf_counter()
        next(self._llama.generate(tokens, temp=0.0))
        return (time.perf_counter() - started) * 1000

    def written(self, pieces: Sequence[Sequence[int]], most: int) -> str:
        """The likeliest continuation of the pieces, each computed in a call of its own, of at most so many tokens."""
        self._llama.reset()
        for piece in pieces[:-1]:
            self._llama.eval(piece)
        found: list[int] = []
        for token in islice(self._llama.generate([token for piece in pieces for token in piece], temp=0.0), most):
            if llama_cpp.llama_vocab_is_eog(self._llama._model.vocab, token):  # no public way to either
                break
            found.append(token)
        return codecs.getincrementaldecoder("utf-8")("replace").decode(self._llama._model.detokenize(found))

    def close(self) -> None:
        """Free the model."""
        self._llama.close()
