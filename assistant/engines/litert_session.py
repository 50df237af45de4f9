"""One answer in the making: a session of LiteRT-LM, and the thread that waits for its texts.

The library hands out texts from a thread of its own and is silent for as long as a character is unfinished, so somebody
has to wait beside the one who asks whether to stop. Knows the library's sessions; neither prompts nor templates.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from assistant.errors import ModelDamaged
from assistant.protocols import Cancelled

_PATIENCE_S = 0.05
"""Longest time between two questions whether to stop."""
_STOPPED = "LiteRT-LM stopped in the middle of its work; run `fieldmate models verify`, and ask again."


class LitertSession:
    """Reads texts, then writes; closed when the answer ends, whoever ends it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._texts: SimpleQueue[str | Exception | None] = SimpleQueue()
        self._thread: Thread | None = None
        self.closed = False

    def read(self, texts: list[str]) -> None:
        """Put texts, each tokenized by itself, behind what was read before.

        Not to be cancelled: the library's own way to do so does not end this, and a session that was told to stop while
        it reads never answers again.

        Raises:
            ModelDamaged: the library cannot run the graph.
        """
        try:
            self._session.run_prefill(texts)
        except RuntimeError as exc:
            raise ModelDamaged(_STOPPED) from exc

    def write(self, cancelled: Cancelled) -> Iterator[str]:
        """What the model says, in texts of whole characters, mostly one a token.

        Raises:
            ModelDamaged: the library cannot run the graph.
        """
        self._thread = Thread(target=self._wait, name="litert-lm", daemon=True)
        self._thread.start()
        while not self.closed and not cancelled():
            with contextlib.suppress(Empty):
                text = self._texts.get(timeout=_PATIENCE_S)
                if text is None:
                    return
                if isinstance(text, Exception):
                    raise ModelDamaged(_STOPPED) from text
                yield text

    def _wait(self) -> None:
        try:
            for responses in self._session.run_decode_async():
                self._texts.put("".join(responses.texts))
            self._texts.put(None)
        except Exception as exc:  # noqa: BLE001  # it belongs to the one who reads the texts
            self._texts.put(exc)

    def written(self) -> int:
        """Tokens that the model made, the one that ended the answer included."""
        return int(self._session.get_benchmark_info().last_decode_token_count)

    def close(self) -> None:
        """Stop the work and free the session; calling it again is harmless."""
        if self.closed:
            return
        self.closed = True
        if self._thread is not None:
            self._session.cancel_process()
            self._thread.join()  # the library calls back into it
        self._session.close()
