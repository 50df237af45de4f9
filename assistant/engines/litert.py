"""LiteRT-LM bundles through LiteRT-LM, in process and on the processor.

The library takes text and hands out text: no token ids, no probabilities and no key/value state go in or out, so
nothing is reused between prompts and no log probability is given. Knows nothing of documents beyond `Prompt`. Plain
`.tflite` graphs are not run here: without tokenizer and template they cannot answer. The exporter runs them, for their
figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assistant.engines.litert_bundle import Bundle, BundleError, read_bundle
from assistant.engines.litert_prompt import Pieces, calls
from assistant.engines.litert_session import LitertSession
from assistant.engines.template import TemplateParts, take_apart
from assistant.errors import ModelDamaged, ModelMissing
from assistant.protocols import Cancelled
from assistant.stages import Stages
from assistant.types import Generated, Prompt, Usage

_IN_MEMORY = ":memory"
"""Where weights are kept as the processor wants them. Left alone, the library writes them beside the model file, which
may be on a read-only disk; with no cache at all, reading and writing would each have a copy of its own."""
_LONGEST_STEP = 256
"""Tokens read between two questions whether to stop, where the graph allows to choose."""


class LitertGenerator:
    """A LiteRT-LM bundle; one prompt is worked on at a time."""

    def __init__(
        self,
        path: Path,
        model: str,
        *,
        context_tokens: int = 4096,
        decode_threads: int = 2,
        prefill_threads: int = 2,
        seed: int = 0,
    ) -> None:
        """Load the model; its weights are mapped, not copied.

        The library has one number of threads for both kinds of work: the larger of the two is taken.

        Raises:
            ModelDamaged: the file is no usable bundle, or LiteRT-LM cannot load it.
            ModelMissing: LiteRT-LM is not installed.
        """
        self._engine: Any = None
        self._session: LitertSession | None = None
        bundle = _checked(path)
        self._parts = _template(path, bundle)
        self._pieces = Pieces(bundle.controls)
        self._bos = int(bool(bundle.bos))
        self._context_tokens = min(context_tokens, bundle.max_tokens)
        self._step = _step(bundle) - 1  # the library keeps one token back and reads it with the next piece
        self._model_id = model
        self._seed = seed
        self._usage = Usage()
        self._stages = Stages()
        self._library = _library()
        self._engine = self._load(path, max(decode_threads, prefill_threads))

    def _load(self, path: Path, threads: int) -> Any:
        library = self._library
        library.set_min_log_severity(library.LogSeverity.SILENT)
        try:
            return library.Engine(
                str(path),
                backend=library.Backend.CPU(thread_count=threads),
                cache_dir=_IN_MEMORY,
                enable_benchmark=True,  # counts the tokens of an answer
            )
        except RuntimeError as exc:
            raise ModelDamaged(
                f"LiteRT-LM cannot load {path.name}: its graph is damaged or of another version. "
                "Run `fieldmate models verify`."
            ) from exc

    @property
    def model(self) -> str:
        """Catalogue id of what is loaded."""
        return self._model_id

    @property
    def context_tokens(self) -> int:
        """Room for prompt and completion together, in tokens."""
        return self._context_tokens

    @property
    def usage(self) -> Usage:
        """Tokens of the latest `generate`, as far as it has run."""
        return self._usage

    @property
    def stages(self) -> Mapping[str, float]:
        """Milliseconds of the latest `generate` by stage."""
        return self._stages.milliseconds

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens that `prompt` takes, the template's own included."""
        return self._bos + sum(len(self._tokenize(piece)) for piece in self._pieces.of(prompt, self._parts))

    def _tokenize(self, text: str) -> list[int]:
        tokens: list[int] = self._engine.tokenize(text)
        return tokens

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
            total = self.count_tokens(prompt)
        if total + max_tokens > self.context_tokens:
            raise ValueError(
                f"prompt of {total} tokens and completion of {max_tokens} exceed the context of {self.context_tokens}"
            )
        if max_tokens < 1:
            return iter(())
        return self._run(prompt, total, max_tokens, temperature, cancelled)

    def _run(
        self, prompt: Prompt, total: int, max_tokens: int, temperature: float, cancelled: Cancelled
    ) -> Iterator[Generated]:
        self._usage = Usage(total, 0, 0)
        session = self._open(max_tokens, temperature)
        try:
            for texts in self._calls(prompt):
                if cancelled():
                    return
                with self._stages.of("prefill"):
                    session.read(texts)
            made = 0
            written = session.write(cancelled)
            while True:
                with self._stages.of("decode"):
                    text = next(written, None)
                if text is None:
                    break
                made = min(made + 1, max_tokens)
                self._usage = Usage(total, 0, made)
                # What there is of a character that is not finished at the end is handed out as U+FFFD.
                yield Generated(text.rstrip("\ufffd"))
            if not session.closed and not cancelled():
                # A character of several tokens came as one text; the token that ends an answer is not part of it.
                counted = session.written()
                self._usage = Usage(total, 0, counted if counted == max_tokens else max(made, counted - 1))
        finally:
            session.close()

    def _calls(self, prompt: Prompt) -> Iterator[list[str]]:
        """The prompt in pieces as long as the graph reads at once: what lies between two of them can be cancelled."""
        return calls(self._pieces.of(prompt, self._parts), self._tokenize, self._engine.detokenize, self._step)

    def _open(self, max_tokens: int, temperature: float) -> LitertSession:
        """A new session, after the end of the one that an abandoned iterator may have left."""
        if self._session is not None:
            self._session.close()
        library = self._library
        sampler = library.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=self._seed)
        if temperature > 0:
            sampler = library.SamplerConfig(top_k=40, top_p=0.95, temperature=temperature, seed=self._seed)
        self._session = LitertSession(
            self._engine.create_session(
                apply_prompt_template=False, sampler_config=sampler, max_output_tokens=max_tokens
            )
        )
        return self._session

    def close(self) -> None:
        """Free session and weights; calling it again is harmless."""
        if self._session is not None:
            self._session.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def _checked(path: Path) -> Bundle:
    try:
        return read_bundle(path)
    except (BundleError, OSError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise ModelDamaged(f"LiteRT-LM cannot load {path.name}: {reason}. Run `fieldmate models verify`.") from exc


def _template(path: Path, bundle: Bundle) -> TemplateParts:
    if not bundle.template:
        raise ModelDamaged(
            f"{path.name} holds no chat template, so its model cannot be asked; choose another with --generator."
        )
    return take_apart(bundle.template, "", "")  # the runtime itself puts the start token in front


def _step(bundle: Bundle) -> int:
    """Longest piece of a prompt that the graph reads at once."""
    lengths = [int(name.removeprefix("prefill_")) for name in bundle.signatures if name[8:].isdecimal()]
    return max([length for length in lengths if length <= _LONGEST_STEP], default=min(lengths, default=_LONGEST_STEP))


def _library() -> Any:
    """LiteRT-LM. Imported late: it is an extra, and loading it takes longer than `fieldmate --help` may."""
    try:
        import litert_lm
    except (ImportError, OSError, RuntimeError) as exc:
        raise ModelMissing(
            f"LiteRT-LM is not on this machine ({exc}); install it with `pip install 'fieldmate[litert]'`."
        ) from exc
    return litert_lm
