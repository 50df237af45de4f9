"""A GGUF model with a context of llama.cpp: tokens in, logits and key/value states out. Knows no prompt."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.engines.kv_state import KvState, Layout, Rotation, UnknownLayout, put_together, take_apart
from assistant.engines.llama_library import LOG, Held, library
from assistant.engines.mapping import release, release_now_and_then
from assistant.errors import ModelDamaged

_FLASH_ATTENTION = 1
_ABORTED = 2
"""What `llama_decode` returns when the abort callback asked for it."""
_LIVE = 0
"""The sequence that is continued."""
_ROPE = {0: "neighbours", 2: "halves"}
"""llama.cpp's numbers for the kinds of RoPE that are known here."""


class LlamaContext:
    """One live sequence of tokens, from position 0 on, in a cache of 16-bit floats.

    Flash attention is on: it keeps values in rows, one a token, which states need.
    """

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int,
        decode_threads: int,
        prefill_threads: int,
        batch_tokens: int,
        sequences: int,
    ) -> None:
        """Load the model; its weights are mapped, not copied.

        Args:
            path: of the GGUF file.
            context_tokens: cells of the cache; never more than the model was trained for.
            decode_threads: for one token.
            prefill_threads: for several.
            batch_tokens: decoded in one go, at most.
            sequences: that may be computed in one go beside each other, sharing what they begin with.

        Raises:
            ModelDamaged: llama.cpp cannot load the file.
        """
        self.library = library()
        LOG.install(self.library)
        self.batch_tokens = batch_tokens
        self.sequences = sequences
        self._held = Held()
        self._model: Any = None
        self.handle: Any = None
        try:
            with self._held:
                self._load(path, context_tokens, decode_threads, prefill_threads)
        except BaseException:
            self.close()
            raise
        self.vocab = self.library.llama_model_get_vocab(self._model)
        self.vocab_size = int(self.library.llama_vocab_n_tokens(self.vocab))
        self._memory = self.library.llama_get_memory(self.handle)
        self._batch = self.library.llama_batch_init(batch_tokens, 0, 1)

    def _load(self, path: Path, context_tokens: int, decode_threads: int, prefill_threads: int) -> None:
        model_params = self.library.llama_model_default_params()
        model_params.n_gpu_layers = 0
        loading = self.library.llama_progress_callback(release_now_and_then(path))
        model_params.progress_callback = loading
        self._model = self.library.llama_model_load_from_file(str(path).encode(), model_params)
        release(path)
        if not self._model and self._held.exception is not None:
            raise self._held.exception  # Ctrl-C came in the callback, which ended the loading
        if not self._model:
            raise ModelDamaged(f"llama.cpp cannot load {path.name}: {LOG.last()}. Run `fieldmate models verify`.")
        params = self.library.llama_context_default_params()
        params.n_ctx = min(context_tokens, self.library.llama_model_n_ctx_train(self._model))
        params.n_batch = self.batch_tokens
        params.n_ubatch = self.batch_tokens
        params.n_threads = decode_threads
        params.n_threads_batch = prefill_threads
        params.flash_attn_type = _FLASH_ATTENTION
        params.n_seq_max = self.sequences
        params.kv_unified = True  # all sequences in one cache, so that a cell may belong to several
        params.no_perf = True
        self.handle = self.library.llama_init_from_model(self._model, params)
        if not self.handle:
            raise ModelDamaged(
                f"llama.cpp cannot make a context of {params.n_ctx} tokens for {path.name}: {LOG.last()}. "
                "Lower generator.context_tokens in the settings."
            )

    @property
    def tokens(self) -> int:
        """Cells of the cache."""
        return int(self.library.llama_n_ctx(self.handle))

    @property
    def template(self) -> str:
        """The chat template that the file carries; empty where it has none."""
        raw = self.library.llama_model_chat_template(self._model, None)
        return raw.decode("utf-8", "replace") if raw else ""

    def special(self) -> tuple[int, int]:
        """The tokens that begin and end a text."""
        return self.library.llama_vocab_bos(self.vocab), self.library.llama_vocab_eos(self.vocab)

    def token_text(self, token: int) -> str:
        """How a token is written in the vocabulary; empty where there is none."""
        if token < 0:
            return ""
        text: bytes = self.library.llama_vocab_get_text(self.vocab, token)
        return text.decode("utf-8", "replace")

    def piece(self, token: int) -> bytes:
        """What a token adds to a text; it may end inside a character."""
        buffer = ctypes.create_string_buffer(256)
        length = self.library.llama_token_to_piece(self.vocab, token, buffer, 256, 0, False)
        return buffer.raw[: max(length, 0)]

    def ends(self, token: int) -> bool:
        """Whether the model ends its text with this token."""
        return bool(self.library.llama_vocab_is_eog(self.vocab, token))

    def tokenize(self, text: str, *, control: bool = False) -> list[int]:
        """The tokens of `text`; with `control` the names of control tokens in it become these."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        tokens = (ctypes.c_int32 * room)()
        count = self.library.llama_tokenize(self.vocab, data, len(data), tokens, room, False, control)
        return list(tokens[:count])

    # The live sequence

    def keep(self, tokens: int) -> bool:
        """Drop everything behind the first `tokens`; False, and all dropped, where the model cannot do that."""
        if tokens and self.library.llama_memory_seq_rm(self._memory, _LIVE, tokens, -1):
            return True
        self.library.llama_memory_clear(self._memory, False)
        return not tokens

    def decode(self, tokens: Sequence[int], position: int, *, rows: int = 1, sequence: int = _LIVE) -> bool:
        """Run `tokens` from `position` on; False when aborted. Logits are made of the last `rows` of them only."""
        for begin in range(0, len(tokens), self.batch_tokens):
            part = tokens[begin : begin + self.batch_tokens]
            rest = len(tokens) - begin
            placed = [(token, position + begin + i, sequence, rest - i <= rows) for i, token in enumerate(part)]
            if not self._run(placed):
                return False
        return True

    def _run(self, placed: Sequence[tuple[int, int, int, bool]]) -> bool:
        batch = self._batch
        batch.n_tokens = len(placed)
        for i, (token, position, sequence, wanted) in enumerate(placed):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, wanted
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
        with self._held:
            status = self.library.llama_decode(self.handle, batch)
        if status == _ABORTED:
            return False
        if status != 0:
            raise RuntimeError(f"llama_decode returned {status} for {len(placed)} tokens: {LOG.last()}")
        return True

    def logits(self, row: int = -1) -> npt.NDArray[np.float32]:
        """Logits of the latest `decode`, counted from the first row that was asked for or, negative, from the last."""
        if row >= 0:
            row = [i for i in range(self._batch.n_tokens) if self._batch.logits[i]][row]
        pointer = self.library.llama_get_logits_ith(self.handle, row)
        return np.ctypeslib.as_array(pointer, shape=(self.vocab_size,))

    def abort_when(self, asked: Callable[[], bool] | None) -> None:
        """Let `asked` and the process's signals end a running `decode`, not only wait for it. None: nothing does."""

        def check(_: Any) -> bool:
            if self._held.exception is not None:
                return True
            try:
                return bool(asked()) if asked else False
            except BaseException as exc:  # noqa: BLE001  # ctypes would drop it
                self._held.exception = exc
                return True

        self._abort = self.library.ggml_abort_callback(check if asked else 0)
        self.library.llama_set_abort_callback(self.handle, self._abort, None)

    # States

    def state(self, sequence: int = _LIVE) -> KvState:
        """The state of a sequence, copied.

        Raises:
            UnknownLayout: its form is not the one that is known here.
        """
        return self._state(sequence)[1]

    def _state(self, sequence: int) -> tuple[Layout, KvState]:
        data = np.empty(self.library.llama_state_seq_get_size(self.handle, sequence), np.uint8)
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        written = self.library.llama_state_seq_get_data(self.handle, pointer, len(data), sequence)
        return take_apart(data[:written])

    @cached_property
    def layout(self) -> Layout:
        """What states look like here; asked for the first time while the live sequence is not empty.

        Raises:
            UnknownLayout: not as it is known.
        """
        return self._state(_LIVE)[0]

    def restore(self, states: Sequence[KvState]) -> bool:
        """Make these states, from position 0 on, the live sequence; False, and nothing live, where that fails."""
        self.library.llama_memory_clear(self._memory, False)
        data = put_together(self.layout, states)
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        if self.library.llama_state_seq_set_data(self.handle, pointer, len(data), _LIVE) == len(data):
            return True
        self.library.llama_memory_clear(self._memory, False)
        return False

    def heads(self, runs: Sequence[tuple[int, Sequence[int]]]) -> list[KvState] | None:
        """The states of short runs of tokens inside the live sequence, in one `decode`; None when aborted.

        Each run is computed in a sequence of its own that shares the live one's cells in front of it: what it would be
        if nothing stood behind. The live sequence is gone afterwards.

        Args:
            runs: position and tokens of each; at most one less than `sequences`, and one batch together.
        """
        placed = []
        for sequence, (position, tokens) in enumerate(runs, 1):
            self.library.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            self.library.llama_memory_seq_cp(self._memory, _LIVE, sequence, 0, position)
            placed += [(token, position + i, sequence, False) for i, token in enumerate(tokens)]
        placed[-1] = (*placed[-1][:3], True)  # a batch without any logits is not computed to its end
        try:
            if not self._run(placed):
                return None
            found = []
            for sequence, (position, _) in enumerate(runs, 1):
                self.library.llama_memory_seq_rm(self._memory, sequence, 0, position)
                found.append(self.state(sequence))
            return found
        finally:
            self.library.llama_memory_clear(self._memory, False)

    def find_rotation(self) -> Rotation | None:
        """How this model's states are moved; None where that is not known or does not agree with llama.cpp's own.

        Tried out with llama.cpp's shift; the live sequence is gone afterwards.
        """
        pairs = _ROPE.get(self.library.llama_model_rope_type(self._model))
        if pairs is None or not self.library.llama_memory_can_shift(self._memory):
            return None
        name = self._fact("general.architecture")
        head = int(self._fact(f"{name}.attention.key_length") or 0) or (
            self.library.llama_model_n_embd(self._model) // self.library.llama_model_n_head(self._model)
        )
        dimensions = int(self._fact(f"{name}.rope.dimension_count") or head)
        base = float(self._fact(f"{name}.rope.freq_base") or 10_000.0)
        rotation = Rotation(base, dimensions, head, "halves" if pairs == "halves" else "neighbours")
        try:
            return rotation if self._agrees(rotation) else None
        except UnknownLayout:
            return None

    def _agrees(self, rotation: Rotation, tokens: int = 8, offset: int = 300) -> bool:
        """Whether `rotation` moves a few tokens to where llama.cpp moves them."""
        self.library.llama_memory_clear(self._memory, False)
        some = [token % self.vocab_size for token in range(100, 100 + tokens)]
        if not self.decode(some, 0):
            return False
        wanted = rotation.moved(self.state(), offset)
        self.library.llama_memory_seq_add(self._memory, _LIVE, 0, -1, offset)
        # The shift is carried out by the next token.
        done = self.decode(some[:1], offset + tokens)
        found = self.state().part(0, tokens)
        self.library.llama_memory_clear(self._memory, False)
        difference = np.abs(found.keys.view(np.float16).astype(np.float32) - wanted.keys.view(np.float16))
        largest = np.abs(wanted.keys.view(np.float16).astype(np.float32)).max()
        # Both round to 16 bits once: half a unit in the last of 11 binary places, and as much again for the cosines.
        return done and bool(difference.max() <= largest * 2**-10)

    def _fact(self, name: str) -> str:
        buffer = ctypes.create_string_buffer(256)
        found = self.library.llama_model_meta_val_str(self._model, name.encode(), buffer, 256)
        return buffer.value.decode("utf-8", "replace") if found >= 0 else ""

    def sampler(self, temperature: float, seed: int) -> Any:
        """llama.cpp's usual chain: the 40 likeliest, of these 95 % of the probability, one by chance."""
        chain = self.library.llama_sampler_chain_init(self.library.llama_sampler_chain_default_params())
        self.library.llama_sampler_chain_add(chain, self.library.llama_sampler_init_top_k(40))
        self.library.llama_sampler_chain_add(chain, self.library.llama_sampler_init_top_p(0.95, 1))
        self.library.llama_sampler_chain_add(chain, self.library.llama_sampler_init_temp(temperature))
        self.library.llama_sampler_chain_add(chain, self.library.llama_sampler_init_dist(seed))
        return chain

    def close(self) -> None:
        """Free context and weights; calling it again is harmless."""
        if self.handle:
            self.library.llama_batch_free(self._batch)
            self.library.llama_free(self.handle)
            self.handle = None
        if self._model:
            self.library.llama_model_free(self._model)
            self._model = None
