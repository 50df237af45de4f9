"""GGUF generators through llama.cpp, in process.

Uses llama.cpp's own functions instead of the `Llama` class of llama-cpp-python: that class offers neither an abort
during prefill nor the sequence handling that stored states need, and copies logits that nobody reads. Knows nothing
of documents beyond `Prompt`.
"""

from __future__ import annotations

import codecs
import ctypes
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.engines.mapping import release, release_now_and_then
from assistant.engines.template import PLAIN, TemplateParts, take_apart
from assistant.errors import ModelDamaged
from assistant.protocols import Cancelled
from assistant.stages import Stages
from assistant.types import Generated, Prompt, Usage

_FLASH_ATTENTION = 1
_FEW_CORES = 2
_SPINS = "10000"
"""Of a waiting thread before it sleeps, well below a millisecond; 3,000 to 100,000 were equally fast when idle."""
_ABORTED = 2
"""What `llama_decode` returns when the abort callback asked for it."""


class LlamaGenerator:
    """A GGUF model with one live sequence.

    The tokens in front of the passages (template and instructions) stay in the cache between calls and are decoded in
    a call of their own, so that a question finds the same state whether it is the first or the tenth: batch borders
    change the last bits of a state, and with them the choice between two tokens that are about equally likely.
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
    ) -> None:
        """Load the model; its weights are mapped, not copied.

        Raises:
            ModelDamaged: llama.cpp cannot load the file.
        """
        self._library = _library()
        _LOG.install(self._library)
        self._model_id = model
        self._batch_tokens = batch_tokens
        self._seed = seed
        self._usage = Usage()
        self._stages = Stages()
        self._kept: list[int] = []
        self._held = _Held()
        self._handle = self._context = None
        try:
            with self._held:
                self._handle, self._context = self._load(path, context_tokens, decode_threads, prefill_threads)
        except BaseException:
            self.close()
            raise
        self._vocab = self._library.llama_model_get_vocab(self._handle)
        self._vocab_size = self._library.llama_vocab_n_tokens(self._vocab)
        self._memory = self._library.llama_get_memory(self._context)
        self._parts = self._template()
        self._head_cache: tuple[str, list[int]] | None = None

    def _load(self, path: Path, context_tokens: int, decode_threads: int, prefill_threads: int) -> tuple[Any, Any]:
        library = self._library
        model_params = library.llama_model_default_params()
        model_params.n_gpu_layers = 0
        loading = library.llama_progress_callback(release_now_and_then(path))
        model_params.progress_callback = loading
        handle = library.llama_model_load_from_file(str(path).encode(), model_params)
        release(path)
        if not handle and self._held.exception is not None:
            raise self._held.exception  # Ctrl-C came in the callback, which ended the loading
        if not handle:
            raise ModelDamaged(f"llama.cpp cannot load {path.name}: {_LOG.last()}. Run `fieldmate models verify`.")
        trained = library.llama_model_n_ctx_train(handle)
        params = library.llama_context_default_params()
        params.n_ctx = min(context_tokens, trained)
        params.n_batch = self._batch_tokens
        params.n_ubatch = self._batch_tokens
        params.n_threads = decode_threads
        params.n_threads_batch = prefill_threads
        params.flash_attn_type = _FLASH_ATTENTION
        params.no_perf = True
        context = library.llama_init_from_model(handle, params)
        if not context:
            library.llama_model_free(handle)
            raise ModelDamaged(
                f"llama.cpp cannot make a context of {params.n_ctx} tokens for {path.name}: {_LOG.last()}. "
                "Lower generator.context_tokens in the settings."
            )
        return handle, context

    def _template(self) -> TemplateParts:
        raw = self._library.llama_model_chat_template(self._handle, None)
        if not raw:
            return PLAIN
        bos, eos = (self._token_text(token) for token in self._special())
        return take_apart(raw.decode("utf-8", "replace"), bos, eos)

    def _special(self) -> tuple[int, int]:
        return self._library.llama_vocab_bos(self._vocab), self._library.llama_vocab_eos(self._vocab)

    def _token_text(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes = self._library.llama_vocab_get_text(self._vocab, token)
        return text.decode("utf-8", "replace")

    @property
    def model(self) -> str:
        """Catalogue id of what is loaded."""
        return self._model_id

    @property
    def context_tokens(self) -> int:
        """Room for prompt and completion together, in tokens."""
        return int(self._library.llama_n_ctx(self._context))

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
        return len(self._head(prompt)) + len(self._rest(prompt))

    def _head(self, prompt: Prompt) -> list[int]:
        """Tokens in front of the passages; those of the latest instructions are remembered."""
        if self._head_cache is None or self._head_cache[0] != prompt.instructions:
            parts = self._parts
            add_bos = self._library.llama_vocab_get_add_bos(self._vocab)
            bos = self._special()[0]
            head = self._tokenize(parts.before_instructions, control=True)
            if add_bos and head[:1] != [bos]:
                head = [bos, *head]
            head += self._tokenize(prompt.instructions) + self._tokenize(parts.before_content, control=True)
            self._head_cache = (prompt.instructions, head)
        return self._head_cache[1]

    def _rest(self, prompt: Prompt) -> list[int]:
        tokens = [token for passage in prompt.passages for token in self._tokenize(passage)]
        return tokens + self._tokenize(prompt.question) + self._tokenize(self._parts.before_answer, control=True)

    def _tokenize(self, text: str, *, control: bool = False) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = self._library.llama_tokenize(self._vocab, data, len(data), tokens, room, False, control)
        return list(tokens[:count])

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
            head, rest = self._head(prompt), self._rest(prompt)
        total = len(head) + len(rest)
        if total + max_tokens > self.context_tokens:
            raise ValueError(
                f"prompt of {total} tokens and completion of {max_tokens} exceed the context of {self.context_tokens}"
            )
        return self._run(head, rest, max_tokens, temperature, cancelled)

    def _run(
        self, head: list[int], rest: list[int], max_tokens: int, temperature: float, cancelled: Cancelled
    ) -> Iterator[Generated]:
        reused = self._keep(head)
        made = 0
        self._usage = Usage(len(head) + len(rest), reused, 0)
        self._abort_when(cancelled)
        try:
            with self._stages.of("prefill"):
                if not reused:
                    if not self._decode(head, 0):
                        return
                    self._kept = head
                if not self._decode(rest, len(head)):
                    return
        finally:
            self._abort_when(None)
        output = _Output(self._parts.stops)
        position = len(head) + len(rest)
        pick = _Sampler(self._library, temperature, self._seed)
        try:
            while made < max_tokens and not cancelled():
                with self._stages.of("decode"):
                    token, logprob = pick(self._context, self._logits())
                    if self._library.llama_vocab_is_eog(self._vocab, token):
                        break
                    made += 1
                    self._usage = Usage(len(head) + len(rest), reused, made)
                    text = output.feed(self._piece(token))
                yield Generated(text, logprob)
                if output.stopped or made == max_tokens:
                    break
                with self._stages.of("decode"):
                    if not self._decode([token], position):
                        break
                position += 1
            if tail := output.finish():
                yield Generated(tail)
        finally:
            pick.close()

    def _keep(self, head: list[int]) -> int:
        """Clear the cache behind the part that may stay; returns how many tokens that is."""
        if self._kept == head and self._library.llama_memory_seq_rm(self._memory, 0, len(head), -1):
            return len(head)
        self._library.llama_memory_clear(self._memory, False)
        self._kept = []
        return 0

    def _abort_when(self, cancelled: Cancelled | None) -> None:
        """Let `cancelled` and the process's signals end a running prefill, not only wait for it.

        Not set while decoding: a step is short, and a call from every graph node would cost some of it.
        """

        def check(_: Any) -> bool:
            if self._held.exception is not None:
                return True
            try:
                return bool(cancelled()) if cancelled else False
            except BaseException as exc:  # noqa: BLE001  # ctypes would drop it
                self._held.exception = exc
                return True

        self._abort = self._library.ggml_abort_callback(check if cancelled else 0)
        self._library.llama_set_abort_callback(self._context, self._abort, None)

    def _decode(self, tokens: Sequence[int], position: int) -> bool:
        """Run `tokens` from `position` on, asking for logits of the last one only; False when aborted."""
        for begin in range(0, len(tokens), self._batch_tokens):
            part = tokens[begin : begin + self._batch_tokens]
            array = (ctypes.c_int32 * len(part))(*part)
            try:
                with self._held:
                    status = self._library.llama_decode(
                        self._context, self._library.llama_batch_get_one(array, len(part))
                    )
            except BaseException:
                self._kept = []
                raise
            if status == _ABORTED:
                self._kept = []
                return False
            if status != 0:
                self._kept = []
                raise RuntimeError(f"llama_decode returned {status} at position {position + begin}: {_LOG.last()}")
        return True

    def _logits(self) -> npt.NDArray[np.float32]:
        pointer = self._library.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._vocab_size,))

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(256)
        length = self._library.llama_token_to_piece(self._vocab, token, buffer, 256, 0, False)
        return buffer.raw[: max(length, 0)]

    def close(self) -> None:
        """Free context and weights; calling it again is harmless."""
        if self._context:
            self._library.llama_free(self._context)
            self._library.llama_model_free(self._handle)
            self._context = self._handle = None


class _Sampler:
    """Chooses the next token: the likeliest at temperature 0, else llama.cpp's usual chain with a fixed seed."""

    def __init__(self, library: Any, temperature: float, seed: int) -> None:
        self._library = library
        self._chain = None
        if temperature > 0:
            chain = library.llama_sampler_chain_init(library.llama_sampler_chain_default_params())
            library.llama_sampler_chain_add(chain, library.llama_sampler_init_top_k(40))
            library.llama_sampler_chain_add(chain, library.llama_sampler_init_top_p(0.95, 1))
            library.llama_sampler_chain_add(chain, library.llama_sampler_init_temp(temperature))
            library.llama_sampler_chain_add(chain, library.llama_sampler_init_dist(seed))
            self._chain = chain

    def __call__(self, context: Any, logits: npt.NDArray[np.float32]) -> tuple[int, float]:
        token = int(np.argmax(logits))
        if self._chain is not None:
            token = int(self._library.llama_sampler_sample(self._chain, context, -1))
        peak = float(logits.max())
        return token, float(logits[token]) - peak - float(np.log(np.exp(logits - peak).sum()))

    def close(self) -> None:
        if self._chain is not None:
            self._library.llama_sampler_free(self._chain)
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


class _Held:
    """Keeps what a signal raises inside our callbacks, and raises it when the native call is over.

    An exception cannot cross the library, and at a callback's first instruction no `try` can catch it: ctypes hands it
    to `sys.unraisablehook`, which would print and forget it, and Ctrl-C would be lost.
    """

    def __init__(self) -> None:
        self.exception: BaseException | None = None

    def __enter__(self) -> None:
        self.exception = None
        self._before, sys.unraisablehook = sys.unraisablehook, self._keep

    def _keep(self, unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            self.exception = unraisable.exc_value
        else:
            self._before(unraisable)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.unraisablehook = self._before
        if kind is None and self.exception is not None:
            raise self.exception


class _Log:
    """Takes llama.cpp's messages away from stderr and keeps the last ones for an error sentence.

    The library has one callback for the whole process and keeps calling it, whichever generators come and go: there is
    one `_LOG`, and it is never freed.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._callback: Any = None

    def install(self, library: Any) -> None:
        def take(level: int, text: bytes, _: Any) -> None:
            if level in (2, 3) and text:  # warnings and errors
                self._lines = [*self._lines[-3:], text.decode("utf-8", "replace").strip()]

        self._lines = []
        if self._callback is None:
            self._callback = library.llama_log_callback(take)
            library.llama_log_set(self._callback, None)

    def last(self) -> str:
        return "; ".join(self._lines) or "no reason given"


_LOG = _Log()


def _library() -> Any:
    """llama.cpp's functions. Imported late: loading the library takes longer than `fieldmate --help` may."""
    # Threads that spin while they wait take the core from whoever they wait for as soon as another program wants it
    # too: with both cores busy, 22 tokens took 3 to 28 s spinning and 1.0 to 1.3 s sleeping (benchmarks/LOG.md).
    # Read when the OpenMP library is loaded, so it has to be set before.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if (os.cpu_count() or 1) > _FEW_CORES:
        # Half of the cores write, so a short wait may spin: going to sleep at each barrier costs more than the work.
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    try:
        from llama_cpp import llama_cpp
    except (ImportError, OSError, RuntimeError) as exc:
        raise ModelDamaged(
            f"llama.cpp does not start on this machine ({exc}); reinstall with `pip install --force-reinstall "
            "llama-cpp-python`."
        ) from exc
    return llama_cpp
