"""Sessions: the last turns of each conversation, in memory only, forgotten after a while.

Knows no clock but the one it is given and nothing of how answers are made.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from assistant.types import Turn

_TURNS = 8
_SESSIONS = 64
_SECONDS = 30 * 60


class Sessions:
    """Turns by session name: the latest 8 of at most 64 sessions, each until 30 minutes after its last turn."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._turns: OrderedDict[str, tuple[float, deque[Turn]]] = OrderedDict()

    def history(self, session: str | None) -> tuple[Turn, ...]:
        """The turns of `session`, oldest first; none for None or an unknown or expired one."""
        self._expire()
        if session is None or session not in self._turns:
            return ()
        return tuple(self._turns[session][1])

    def remember(self, session: str | None, turn: Turn) -> None:
        """Add a finished turn; without a session nothing is kept."""
        if session is None:
            return
        self._expire()
        _, turns = self._turns.pop(session, (0.0, deque[Turn](maxlen=_TURNS)))
        turns.append(turn)
        self._turns[session] = (self._clock(), turns)
        while len(self._turns) > _SESSIONS:
            self._turns.popitem(last=False)

    def forget(self, session: str) -> None:
        """Drop a session at once."""
        self._turns.pop(session, None)

    def _expire(self) -> None:
        now = self._clock()
        for name in [name for name, (last, _) in self._turns.items() if now - last > _SECONDS]:
            del self._turns[name]
