"""Engines without a model, for tests and for measuring what the rest costs.

Their arithmetic can be done in the head: the embedder counts words into a few bins, the generator says what it was
told to say.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from assistant.protocols import Cancelled
from assistant.types import Generated, Prompt, Usage


class FakeEmbedder:
    """Counts each word of a text in one of `dimensions` bins, chosen by the word's CRC-32."""

    def __init__(self, dimensions: int = 64, max_tokens: int = 256) -> None:
        self._dimensions = dimensions
        self._max_tokens = max_tokens

    @property
    def fingerprint(self) -> str:
        """Names the vectors' space."""
        return f"fake-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        """Longest text that is embedded whole: words plus two."""
        return self._max_tokens

    def count_tokens(self, text: str) -> int:
        """Words of `text` plus two."""
        return len(_words(text)) + 2

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Word counts by bin, scaled to length 1; a text without words points along the first axis."""
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _words(text)[: self._max_tokens - 2]:
                vectors[row, zlib.crc32(word.encode()) % self._dimensions] += 1
            if not vectors[row].any():
                vectors[row, 0] = 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    def close(self) -> None:
        """Nothing is held."""


class ScriptedGenerator:
    """Says `script`, word by word, whatever it is asked; without one the first passage, or what stands in front of the
    question.
    """

    def __init__(self, script: str | None = None, context_tokens: int = 4096) -> None:
        self._script = script
        self._context_tokens = context_tokens
        self._usage = Usage()

    @property
    def model(self) -> str:
        """Its name."""
        return "scripted"

    @property
    def context_tokens(self) -> int:
        """Room for prompt and completion together, in words."""
        return self._context_tokens

    @property
    def usage(self) -> Usage:
        """Words of the latest `generate`, as far as it has run."""
        return self._usage

    @property
    def stages(self) -> Mapping[str, float]:
        """Nothing takes time here."""
        return {}

    def count_tokens(self, prompt: Prompt) -> int:
        """Words of all parts."""
        return len(_words(" ".join((prompt.instructions, *prompt.passages, prompt.question))))

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        cancelled: Cancelled = lambda: False,
    ) -> Iterator[Generated]:
        """Stream the script; see `assistant.protocols.Generator.generate`."""
        count = self.count_tokens(prompt)
        if count + max_tokens > self._context_tokens:
            raise ValueError(f"prompt of {count} words does not fit")
        excerpts = prompt.passages[0] if prompt.passages else prompt.question.rpartition("Question:")[0]
        script = self._script if self._script is not None else excerpts
        return self._run(count, re.findall(r"\S+\s*", script)[:max_tokens], cancelled)

    def _run(self, count: int, words: list[str], cancelled: Cancelled) -> Iterator[Generated]:
        self._usage = Usage(count, 0, 0)
        for made, word in enumerate(words, 1):
            if cancelled():
                return
            self._usage = Usage(count, 0, made)
            yield Generated(word, 0.0)

    def close(self) -> None:
        """Nothing is held."""


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
