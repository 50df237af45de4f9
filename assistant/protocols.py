"""Every seam between Fieldmate and something that can be exchanged.

A protocol says what a part must do; nothing here does it. Implementations live in `assistant.engines` and
`assistant.ingest`, and `tests/contracts` runs each of them, real or fake, through the same checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from assistant.types import Document, Generated, Prompt, Usage

Cancelled = Callable[[], bool]
"""Asked often by long work; True means stop as soon as possible."""


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into unit vectors whose dot product is their similarity."""

    @property
    def fingerprint(self) -> str:
        """Names the vectors' space: two embedders whose vectors may be compared have the same one."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Longest text that is embedded whole, in tokens, special tokens included; the rest is not seen."""

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` including the special ones, uncut."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed `texts`.

        Returns an array of shape (len(texts), dimensions), rows of length 1, in the order given. A text's vector does
        not depend on its neighbours beyond rounding.
        """

    def close(self) -> None:
        """Free what is held; calling it again is harmless."""


@runtime_checkable
class Generator(Protocol):
    """Continues a prompt, token by token."""

    @property
    def model(self) -> str:
        """Catalogue id of what is loaded."""

    @property
    def context_tokens(self) -> int:
        """Room for prompt and completion together, in tokens."""

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens that `prompt` takes, the template's own included."""

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        cancelled: Cancelled = lambda: False,
    ) -> Iterator[Generated]:
        """Stream the continuation until the model ends it, `max_tokens` are made or `cancelled()` is true.

        At temperature 0 the same prompt gives the same text. Text is never cut inside a character. Closing the
        iterator stops the work.

        Raises:
            ValueError: the prompt and `max_tokens` do not fit into `context_tokens`.
        """

    @property
    def usage(self) -> Usage:
        """Tokens of the latest `generate`, as far as it has run."""

    @property
    def stages(self) -> Mapping[str, float]:
        """Milliseconds of the latest `generate`, as far as it has run, by stage: "tokenize", "prefill", "decode";
        of one that keeps states also "restore" and "keep".

        What the caller does between two steps is not counted.
        """

    def close(self) -> None:
        """Free what is held; calling it again is harmless."""


@runtime_checkable
class StateStore(Protocol):
    """Keeps computed states of passages from one process to the next; what it has lost is computed again.

    Keys are hexadecimal digests of all that a state depends on: they name no text.
    """

    def load(self, key: str) -> memoryview | None:
        """The state kept under `key`, checked; None where there is none or it is damaged. Counts as asked for."""

    def holds(self, key: str) -> bool:
        """Whether `load` is likely to find it; counts as nothing and reads no state."""

    def admits(self, key: str, tokens: int, state_bytes: int) -> bool:
        """Whether `keep` is likely to keep such a state: asked before it is computed for nothing else."""

    def keep(self, key: str, tokens: int, state: bytes | memoryview) -> bool:
        """Keep the state of so many tokens; False where it is worth less than what would have to go, or cannot be kept.

        Raises nothing for a full disk or a folder that cannot be written: then nothing is kept.
        """

    def asked(self, key: str) -> int:
        """How often it was asked for, kept or not."""

    def close(self) -> None:
        """Write down what was counted; calling it again is harmless."""


@runtime_checkable
class StatefulGenerator(Generator, Protocol):
    """A generator that can keep the states of passages and begin behind them."""

    @property
    def stateful(self) -> str:
        """Empty where states can be kept; else the reason why not, as a clause."""

    def key(self, instructions: str, passage: str) -> str:
        """What the state of `passage` behind `instructions` is kept under: a digest of all that it depends on."""

    def warm(self, instructions: str, passage: str, cancelled: Cancelled = lambda: False) -> bool:
        """Compute and keep the state of `passage` unless it is kept already; False where it is not kept afterwards."""

    def prepare(self, prompt: Prompt, cancelled: Cancelled = lambda: False) -> None:
        """Bring everything in front of the prompt's question into the cache, so that `generate` begins behind it."""


@runtime_checkable
class Reader(Protocol):
    """Turns one kind of file into a document."""

    @property
    def suffixes(self) -> frozenset[str]:
        """File name endings that it takes, lower case, with the dot."""

    def read(self, path: Path, name: str) -> Document:
        """Read the file at `path`; `name` is how the document will be cited.

        Raises:
            UnreadableDocument: it is not such a file, is damaged, encrypted or holds no text.
        """


@runtime_checkable
class Article(Protocol):
    """One document of an archive, before it is read."""

    @property
    def source(self) -> str:
        """The archive's absolute path, a slash and the entry's path."""

    @property
    def name(self) -> str:
        """How it will be cited: the archive's name, a slash and the entry's path."""

    @property
    def content_hash(self) -> str:
        """Of its document."""

    @property
    def share(self) -> float:
        """How much of the archive lies before it, 0 to 1."""

    def read(self) -> Document:
        """Read it.

        Raises:
            UnreadableDocument: it holds no text.
        """


@runtime_checkable
class ArchiveReader(Protocol):
    """Turns one kind of file that holds many documents into articles."""

    @property
    def suffixes(self) -> frozenset[str]:
        """File name endings that it takes, lower case, with the dot."""

    def edition(self, path: Path, name: str) -> str:
        """What names the content of the archive at `path`, known without reading all of it.

        Raises:
            UnreadableDocument: it is not such a file or is cut off.
        """

    def articles(self, path: Path, name: str, progress: Callable[[float], None]) -> Iterator[Article]:
        """Yield the articles, one in memory at a time; what is no text is passed over.

        `progress` is told how much of the file has been verified, 0 to 1, before the first one comes.

        Raises:
            UnreadableDocument: it is damaged, or what reads it is not installed. The articles until there are whole.
        """
