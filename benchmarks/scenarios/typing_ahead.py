"""What reading along gives: a question typed key by key into `fieldmate chat` against the same pasted at once.

Knows the command on a terminal of its own, as people have it. One chat after the other is asked the same questions in
the same order; the first of them loads what is not loaded yet and is not counted. Measured are the time from Enter to
the first sign of an answer, what the chat itself says of its first word, and how long a key takes to be shown.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks import measuring, product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.rows import Measurement

_KEY_S = 0.16
_WORD_S = 0.45
"""Between two keys of a word, and in front of a word and of Enter; each up to a third longer or shorter, at random."""
_PATIENCE_S = 120.0
_FIRST_WORD = re.compile(r"first word ([0-9.]+) s")
_SUMMARY = re.compile(r"\(confidence [^)]*\)")


@dataclass(slots=True)
class _Samples:
    """One arm, question by question."""

    sign_ms: list[float] = field(default_factory=list)
    word_ms: list[float | None] = field(default_factory=list)
    key_ms: list[float] = field(default_factory=list)


def measure(plan: Plan, variant: Variant) -> Iterator[Measurement]:
    """Times of both arms and their ratios."""
    home = product.with_samples(plan)
    questions = [item["question"] for item in product.shuffled(plan, product.sample_questions(answerable=True))]
    questions = questions[: plan.questions + 1]
    worded = variant.but(answering__wording="generated", answering__caution="low")
    arms = {}
    for name in ("at once", "typed"):
        chat = _Chat(plan, worded, home)
        try:
            arms[name] = _asked(chat, questions, random.Random(plan.seed), typed=name == "typed")
        finally:
            chat.close()
    yield from _results(plan, arms)


def _asked(chat: _Chat, questions: list[str], chance: random.Random, *, typed: bool) -> _Samples:
    found = _Samples()
    for number, question in enumerate(questions):
        keys = chat.type(question, chance) if typed else chat.paste(question)
        sign, word = chat.enter()
        if number:
            found.sign_ms.append(sign)
            found.word_ms.append(word)
            found.key_ms += keys
    return found


def _results(plan: Plan, arms: dict[str, _Samples]) -> Iterator[Measurement]:
    once, typed = arms["at once"], arms["typed"]
    pairs = [(a, b) for a, b in zip(typed.word_ms, once.word_ms, strict=True) if a and b]
    if not pairs:
        raise BenchmarkError("No question was answered by the generator in both chats; see `fieldmate doctor`.")
    for name, arm in arms.items():
        yield measuring.median("first sign", "ms", arm.sign_ms, plan.seed, subset=name)
        words = [word for word in arm.word_ms if word]
        yield measuring.median("first word", "ms", words, plan.seed, subset=name)
    ratio = "typed / at once"
    yield measuring.ratio("first sign", typed.sign_ms, once.sign_ms, plan.seed, subset=ratio)
    yield measuring.ratio("first word", [a for a, _ in pairs], [b for _, b in pairs], plan.seed, subset=ratio)
    yield measuring.median("key shown", "ms", typed.key_ms, plan.seed)


class _Chat:
    """A chat on a terminal."""

    def __init__(self, plan: Plan, variant: Variant, home: os.PathLike[str]) -> None:
        self._master, slave = pty.openpty()
        self._shown = ""
        self._process = subprocess.Popen(
            [*plan.command, "chat", "--data-dir", str(home)],
            env=product.variables(variant) | {"FIELDMATE_GENERATOR__ID": variant.generator or plan.default_generator,
                                              "FIELDMATE_MODELS_DIR": variant.models or plan.models, "TERM": "xterm"},
            stdin=slave, stdout=slave, stderr=slave, preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(slave)
        self._until(r"\n\? $")

    def paste(self, question: str) -> list[float]:
        self._send(question)
        self._until(re.escape(question[-1]))
        return []

    def type(self, question: str, chance: random.Random) -> list[float]:
        """Milliseconds until each key was shown."""
        shown = []
        for before, key in zip(" " + question, question, strict=False):
            time.sleep((_WORD_S if before == " " else _KEY_S) * chance.uniform(2 / 3, 4 / 3))
            started = time.perf_counter()
            self._send(key)
            self._until(r"(?s).")
            shown.append((time.perf_counter() - started) * 1000)
        time.sleep(_WORD_S * chance.uniform(2 / 3, 4 / 3))
        return shown

    def enter(self) -> tuple[float, float | None]:
        """Milliseconds until the first sign of an answer, and until the first word where there was one."""
        started = time.perf_counter()
        self._send("\n")
        self._until(r"\S")
        sign = (time.perf_counter() - started) * 1000
        self._until(r"\(confidence [^)]*\)(?s:.*)\n\? $")
        summary = _SUMMARY.search(self._shown)
        word = _FIRST_WORD.search(summary.group()) if summary else None
        return sign, float(word[1]) * 1000 if word else None

    def _send(self, text: str) -> None:
        self._shown = ""
        os.write(self._master, text.encode())

    def _until(self, pattern: str) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not re.search(pattern, self._shown):
            ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise BenchmarkError(f"The chat shows nothing more after {self._shown[-80:]!r}; try it by hand.")
            self._shown += os.read(self._master, 65536).decode("utf-8", "replace")

    def close(self) -> None:
        os.close(self._master)  # hangs up
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
