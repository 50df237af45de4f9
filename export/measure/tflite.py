"""Probabilities of next tokens, as LiteRT computes them from a bundle's graph on the device; the sibling of
generator_logits. Knows signatures and their buffers; no text, report or tokenizer.

The graph's own signatures are run, in the way that LiteRT-LM does: what stands in front of the scored tokens goes
through prefill, padded at its end, and each scored token through decode, which alone gives logits. Key and value caches
stay in the runtime's buffers and change places from step to step.
"""

import importlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.engines.litert_bundle import BundleError, read_bundle
from export.errors import ConversionError, ToolchainError
from export.measure import generator_windows
from export.measure.generator_logits import Logs, agreement, divergence, log_softmax, surprise

MASKED = -0.7 * float(np.finfo(np.float32).max)
"""What LiteRT-LM adds to the scores of tokens that are not to be seen."""
DECODE = "decode"


class TfliteScorer:
    """A generator's graph that gives the logarithms of all probabilities at the end of a window."""

    def __init__(self, path: Path, threads: int) -> None:
        """Load the graph of a `.litertlm` bundle or a `.tflite` file.

        Raises:
            ToolchainError: LiteRT is not on this machine.
            ConversionError: LiteRT cannot load the graph.
        """
        runtime, options = _runtime()
        chosen = options.Options.create()
        chosen.cpu_options.num_threads = threads
        try:
            self._graph = graph_of(path)  # the runtime does not copy it
            self._model: Any = runtime.CompiledModel.from_buffer(self._graph, options=chosen)
        except (RuntimeError, ValueError) as exc:
            raise ConversionError(f"LiteRT cannot load the graph of {path.name}; convert the model again.") from exc
        signatures = self._model.get_signature_list()
        self._caches = [name for name in signatures[DECODE]["inputs"] if name.startswith("kv_cache")]
        lengths = [int(name.removeprefix("prefill_")) for name in signatures if name.startswith("prefill_")]
        self._piece = max(lengths)
        self._prefill, self._decode = self._buffers(f"prefill_{self._piece}"), self._buffers(DECODE)
        self._kept = {name: self._decode[name] for name in self._caches}
        self._next = {name: self._model.create_input_buffer_by_name(DECODE, name) for name in self._caches}
        for name in self._caches:  # what is masked is still multiplied: by zero, but not if it is not a number
            empty = np.zeros(self._shape(DECODE, name), dtype=np.float32)
            self._kept[name].write(empty)
            self._next[name].write(empty)
        self._logits = self._model.create_output_buffer_by_name(DECODE, "logits")
        self._size = self._shape(DECODE, "logits", output=True)[-1]
        self._length = self._shape(DECODE, "mask")[-1]

    def _shape(self, signature: str, name: str, *, output: bool = False) -> list[int]:
        details = self._model.get_output_tensor_details if output else self._model.get_input_tensor_details
        return [int(size) for size in details(signature)[name]["shape"]]

    def _buffers(self, signature: str) -> dict[str, Any]:
        names = self._model.get_signature_list()[signature]["inputs"]
        return {name: self._model.create_input_buffer_by_name(signature, name) for name in names}

    @property
    def vocabulary(self) -> int:
        """Number of tokens that the model knows."""
        return self._size

    @property
    def context(self) -> int:
        """Longest window, in tokens."""
        return self._length

    def logs(self, window: Sequence[int], scored: int) -> Logs:
        """Return a row a scored token: the logarithms of the probabilities that stood against it."""
        if len(window) > self._length:
            raise ConversionError(f"A window of {len(window)} tokens is longer than the graph's {self._length}.")
        first = len(window) - scored - 1
        for begin in range(0, first, self._piece):
            part = list(window[begin : min(begin + self._piece, first)])
            # Padding writes behind the tokens read so far; each place is written again before a token sees it.
            self._run(f"prefill_{self._piece}", self._prefill, part + [0] * (self._piece - len(part)), begin)
        rows = np.empty((scored, self._size), dtype=np.float32)
        for row, place in enumerate(range(first, len(window) - 1)):
            self._run(DECODE, self._decode, [window[place]], place)
            rows[row] = self._logits.read(self._size, np.float32)
        return log_softmax(rows)

    def _run(self, signature: str, inputs: dict[str, Any], tokens: list[int], begin: int) -> None:
        places = np.arange(begin, begin + len(tokens), dtype=np.int32)
        inputs["tokens"].write(np.array([tokens], dtype=np.int32))
        inputs["input_pos"].write(np.minimum(places, self._length - 1))
        visible = np.arange(self._length)[None, :] <= places[:, None]
        inputs["mask"].write(np.where(visible, 0.0, MASKED).astype(np.float32)[None, None])
        outputs = dict(self._next) if signature != DECODE else {**self._next, "logits": self._logits}
        self._model.run_by_name(signature, {**inputs, **self._kept}, outputs)
        self._kept, self._next = self._next, self._kept

    def close(self) -> None:
        """Free what LiteRT holds."""
        self._model.close()


def graph_of(path: Path) -> bytes:
    """Return the TFLite graph of a bundle, or the file as it is when it is a graph."""
    if path.suffix != ".litertlm":
        return path.read_bytes()
    try:
        span = read_bundle(path).graph
    except BundleError as exc:
        raise ConversionError(f"{path.name} is damaged: {exc}; convert the model again.") from exc
    with path.open("rb") as file:
        file.seek(span.begin)
        return file.read(span.end - span.begin)


def compare(model: Path, float32: Path, windows: Path, threads: int) -> dict[str, Any]:
    """Compare the graph of `model` with the float32 graph that it was quantized from, on the windows of a file.

    Returns perplexities, the rise in per cent with half its 95 % interval, mean and 99th percentile of the divergence,
    top-1 agreement, the bytes of both graphs and their ratio.
    """
    asked = json.loads(windows.read_text(encoding="utf-8"))
    scored = asked["scored"]
    sums: dict[str, list[float]] = {"mine": [], "reference": []}
    diverged, same = [], []
    mine, reference = TfliteScorer(model, threads), TfliteScorer(float32, threads)
    for window in asked["windows"]:
        expected, logs = reference.logs(window, scored), mine.logs(window, scored)
        sums["reference"].append(surprise(expected, window))
        sums["mine"].append(surprise(logs, window))
        diverged.append(divergence(expected, logs))
        same.append(agreement(expected, logs))
    mine.close()
    reference.close()
    rise, margin = generator_windows.increase(sums["mine"], sums["reference"], scored)
    sizes = len(graph_of(model)), len(graph_of(float32))
    return {
        "perplexity": generator_windows.perplexity(sums["mine"], scored),
        "float32_perplexity": generator_windows.perplexity(sums["reference"], scored),
        "perplexity_increase": rise,
        "perplexity_margin": margin,
        "kl": float(np.concatenate(diverged).mean()),
        "kl_99": float(np.quantile(np.concatenate(diverged), 0.99)),
        "agreement": float(np.concatenate(same).mean()),
        "positions": scored * len(asked["windows"]),
        "graph_bytes": sizes[0],
        "float32_graph_bytes": sizes[1],
        "ratio": math.floor(100 * sizes[1] / sizes[0]) / 100,
        "nll": sums["mine"],
        "float32_nll": sums["reference"],
    }


def _runtime() -> tuple[Any, Any]:
    names = ("ai_edge_litert.compiled_model", "ai_edge_litert.options")
    try:
        runtime, options = (importlib.import_module(name) for name in names)
    except ImportError as exc:
        raise ToolchainError(
            f"LiteRT is not on this machine ({exc}); install it with `pip install 'fieldmate[litert]'` and run again."
        ) from exc
    return runtime, options
