"""How long an engine takes to load, read and write, and what memory it needs. Knows the Generator protocol alone."""

import importlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENGINES = {
    "gguf": "assistant.engines.llama:LlamaGenerator",
    "litertlm": "assistant.engines.litert:LitertGenerator",
}
"""Artifact format -> "module:Class" of the device's engine."""
INSTRUCTIONS = "Answer the question from the passage."
QUESTION = "\nWrite the whole passage down again, word for word, from its beginning."
FEWEST = 2
"""Written tokens below which nothing can be said of their rate."""


def measure(
    path: Path, format: str, *, text: str, prompt_tokens: int, new_tokens: int, context: int, threads: int
) -> dict[str, Any]:
    """Load the model in this process, let it read a prompt of about `prompt_tokens` and write, and return the figures.

    `prefill_rate` and `decode_rate` are tokens a second, `load` milliseconds, `peak_memory` 10^6 bytes.
    """
    make = engine(format)
    started = time.perf_counter()
    generator = make(path, "measured", context_tokens=context, decode_threads=threads, prefill_threads=threads)
    load = time.perf_counter() - started
    room = generator.context_tokens - new_tokens
    prompt = fitting(generator.count_tokens, text, min(prompt_tokens, room))
    started = time.perf_counter()
    times = [time.perf_counter() for _ in generator.generate(prompt, max_tokens=new_tokens, temperature=0.0)]
    usage, written = generator.usage, len(times)
    generator.close()
    return {
        "load": load * 1000,
        "prompt_tokens": usage.prompt_tokens,
        "new_tokens": usage.completion_tokens,
        "prefill_rate": usage.prompt_tokens / (times[0] - started) if times else None,
        "decode_rate": (written - 1) / (times[-1] - times[0]) if written >= FEWEST else None,
        "peak_memory": peak_memory(),
    }


def engine(format: str) -> Callable[..., Any]:
    """Return the engine's class for a format."""
    module, _, name = ENGINES[format].partition(":")
    made: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return made


def fitting(count: Callable[[Any], int], text: str, limit: int) -> Any:
    """Return the prompt with as many of the text's words in its passage as `limit` tokens allow."""
    from assistant.types import Prompt

    words = text.split()

    def prompt(number: int) -> Any:
        return Prompt(INSTRUCTIONS, (" ".join(words[:number]),), QUESTION)

    low, high = 1, min(len(words), limit) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(prompt(middle)) <= limit else (low, middle)
    return prompt(low)


def peak_memory() -> float:
    """Return this process's largest resident set so far in 10^6 bytes, mapped files included."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    import resource

    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
