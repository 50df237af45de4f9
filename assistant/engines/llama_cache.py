"""Brings what stands in front of a question into the live sequence: it is there, or kept, or it is computed.

Knows tokens, a context and a store of states; no text.

The instructions and the first passage come out the same to the last bit whichever way they come: each is computed in a
call of its own, cells lie in the order of their tokens, and a state is kept before anything is moved. Later passages
were computed behind the instructions alone and are moved; what they miss of the passages in front of them is partly
repaired by computing their first tokens again (compare EPIC, arXiv:2410.15332, and CacheBlend, arXiv:2405.16444).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.engines.kv_state import KvState, Layout, Rotation, UnknownLayout, from_bytes
from assistant.engines.llama_context import LlamaContext
from assistant.protocols import StateStore
from assistant.stages import Stages

_VERSION = b"fieldmate passage state 1"


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tokens that stand in the live sequence one after the other."""

    tokens: tuple[int, ...]
    moved: bool
    """Whether its state was computed somewhere else."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What it took to bring a prompt's beginning into the live sequence."""

    tokens: int
    """That stand there now."""
    reused: int
    """That were not computed for this."""


class _NotTaken(Exception):
    """llama.cpp refused states that it wrote itself."""


class PassageCache:
    """The beginning of the live sequence of one context: the instructions, then passages."""

    def __init__(self, context: LlamaContext, origin: str, store: StateStore | None, repaired: int) -> None:
        """
        Args:
            context: whose live sequence nobody else changes in front of the end of what is placed.
            origin: names the model's bytes.
            store: keeps states; None: nothing is kept beyond this process.
            repaired: tokens at the head of a moved passage that are computed again.
        """
        self._context = context
        self._store = store
        self._repaired = repaired
        facts = (origin, context.library.llama_print_system_info().decode("utf-8", "replace"), _release())
        self._origin = hashlib.sha256(b"\0".join([_VERSION, *(fact.encode() for fact in facts)])).digest()
        self._live: list[_Piece] = []
        self._head: KvState | None = None
        self._head_tokens: tuple[int, ...] = ()
        self.refused = self._refusal()

    def _refusal(self) -> str:
        """Why this context keeps no states, as a clause; empty where it does."""
        try:
            return "" if self._context.decode([0], 0) and self._layout.layers else "its first token was not computed"
        except UnknownLayout as exc:
            return str(exc)
        finally:
            self.forget()

    @property
    def _layout(self) -> Layout:
        return self._context.layout

    def forget(self) -> None:
        """Drop what is live, after it was disturbed."""
        self._context.keep(0)
        self._live = []

    def key(self, head: Sequence[int], tokens: Sequence[int]) -> str:
        """What the state of `tokens` behind `head` is kept under: a digest of these, the model and the library.

        Types of the cache and flash attention are fixed here, and a change of theirs must change `_VERSION`.
        """
        numbers = struct.pack(f"<I{len(head)}i{len(tokens)}i", len(head), *head, *tokens)
        return hashlib.sha256(self._origin + numbers).hexdigest()

    def holds(self, head: Sequence[int], tokens: Sequence[int]) -> bool:
        """Whether the state of `tokens` behind `head` is kept."""
        return self._store is not None and not self.refused and self._store.holds(self.key(head, tokens))

    def admits(self, head: Sequence[int], tokens: Sequence[int]) -> bool:
        """Whether the store would take the state of `tokens` behind `head`."""
        if self._store is None or self.refused:
            return False
        return self._store.admits(self.key(head, tokens), len(tokens), len(tokens) * self._layout.token_bytes)

    def place(self, head: Sequence[int], passages: Sequence[Sequence[int]], stages: Stages) -> Placed | None:
        """Make `head` and `passages` the live sequence; None, and nothing live, when aborted.

        Computes what is not live or kept, and keeps the states of the head and of the first passage. `stages` gets
        "restore", "prefill" and "keep".
        """
        pieces = [tuple(head), *(tuple(passage) for passage in passages if passage)]
        try:
            placed = self._place(pieces, stages)
        except BaseException:
            self.forget()
            raise
        if placed is None:
            self.forget()
        return placed

    def _place(self, pieces: list[tuple[int, ...]], stages: Stages) -> Placed | None:
        total = sum(map(len, pieces))
        with stages.of("restore"):
            states = self._kept(pieces)
        wanted = [_Piece(piece, moved=1 < i < len(states)) for i, piece in enumerate(pieces)]
        live = _alike(self._live, wanted)
        computed = 0
        if live < len(states):
            try:
                with stages.of("restore"):
                    loaded = self._load(pieces, states)
            except _NotTaken:
                self.refused = "llama.cpp does not take its states back"
                self.forget()
                return self._place(pieces, stages)
            if loaded is None:
                return None
            computed, live = loaded, len(states)
        position = sum(map(len, pieces[:live]))
        if not self._context.keep(position):
            live = position = 0
        self._live = wanted[:live]
        for i in range(live, len(pieces)):
            with stages.of("prefill"):
                if not self._context.decode(pieces[i], position):
                    return None
            position += len(pieces[i])
            computed += len(pieces[i])
            self._live.append(wanted[i])
            if i < 2:
                with stages.of("keep"):
                    self._keep(pieces, i)
        return Placed(total, total - computed)

    def _kept(self, pieces: list[tuple[int, ...]]) -> list[KvState]:
        """The states of the pieces, from the first one on, as far as they are kept."""
        head = None if self.refused else self._kept_head(pieces[0])
        if head is None:
            return []
        states = [head]
        for piece in pieces[1:]:
            if len(states) > 1 and (self._context.sequences < len(pieces) or self._rotation is None):
                break
            state = self._loaded(pieces[0], piece)
            if state is None:
                break
            states.append(state)
        return states

    @cached_property
    def _rotation(self) -> Rotation | None:
        """How states are moved; found out when it is first needed, which the live sequence does not survive."""
        self.forget()
        return self._context.find_rotation()

    def _kept_head(self, head: tuple[int, ...]) -> KvState | None:
        if self._head_tokens != head:
            self._head, self._head_tokens = self._loaded((), head), head
        return self._head

    def _loaded(self, head: tuple[int, ...], tokens: tuple[int, ...]) -> KvState | None:
        if self.refused or self._store is None:
            return None
        data = self._store.load(self.key(head, tokens))
        if data is None:
            return None
        try:
            state = from_bytes(data, self._layout, len(head))
        except UnknownLayout:
            return None
        return state if state.tokens == len(tokens) else None

    def _load(self, pieces: list[tuple[int, ...]], states: list[KvState]) -> int | None:
        """Make `states` the live sequence; returns how many tokens were computed again for that, None when aborted."""
        moved: list[KvState] = list(states[:2])
        for state in states[2:]:
            assert self._rotation is not None, "`_kept` gives no later passage without it"
            moved.append(self._rotation.moved(state, moved[-1].first + moved[-1].tokens))
        repaired = 0
        later = list(zip(moved, pieces, strict=False))[2:]
        # In one batch, all together, and beside what is there.
        room = min(self._context.batch_tokens, self._context.tokens - sum(map(len, pieces)))
        most = min(self._repaired, room // max(1, len(later)))
        runs = [(state.first, piece[:most]) for state, piece in later]
        if runs and most:
            self._restore(moved)
            heads = self._context.heads(runs)
            if heads is None:
                return None
            whole = moved[:2]
            for head, state in zip(heads, moved[2:], strict=True):
                repaired += head.tokens
                whole += [head, *([state.part(head.tokens)] if state.tokens > head.tokens else [])]
            moved = whole
        self._restore(moved)
        return repaired

    def _restore(self, states: Sequence[KvState]) -> None:
        if not self._context.restore(states):
            raise _NotTaken

    def _keep(self, pieces: list[tuple[int, ...]], number: int) -> None:
        """Keep the state of the head or of the first passage, which has just been computed."""
        if self.refused:
            return
        head = pieces[0] if number else ()
        if number and self._store is None:
            return
        state = self._context.state().part(len(head))
        if not number:
            self._head, self._head_tokens = state, pieces[0]
        if self._store is not None:
            self._store.keep(self.key(head, pieces[number]), state.tokens, state.to_bytes())


def _alike(live: Sequence[_Piece], wanted: Sequence[_Piece]) -> int:
    """How many pieces both begin with."""
    count = 0
    for one, other in zip(live, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count


def _release() -> str:
    import llama_cpp

    return str(llama_cpp.__version__)
