"""Sentence embedders in ONNX, through onnxruntime and tokenizers.

Knows an artifact's folder (`model.onnx`, `tokenizer.json`) and the facts of its manifest, handed over as arguments.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.errors import ModelDamaged

_REMEMBERED = 50_000
"""Words whose number of tokens is kept; of some 100 bytes each."""
_BATCH_TOKENS = 2048
"""Padded tokens per call. Larger batches gain nothing on two cores and cost memory: attention grows with them."""


class OnnxEmbedder:
    """A sentence-transformers style encoder: mean of the token states, scaled to length 1."""

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        *,
        dimensions: int,
        max_tokens: int,
        pooling: str = "mean",
        threads: int = 2,
    ) -> None:
        """Load the graph and its tokenizer from `folder`.

        Raises:
            ModelDamaged: one of the two cannot be loaded, or the pooling is not known.
        """
        if pooling not in ("mean", "cls"):
            raise ModelDamaged(f"The embedder asks for pooling {pooling!r}; only mean and cls are known.")
        self._fingerprint = fingerprint
        self._dimensions = dimensions
        self._max_tokens = max_tokens
        self._pooling = pooling
        self._tokenizer = _tokenizer(folder / "tokenizer.json")
        self._session = _session(folder / "model.onnx", threads)
        # Such a tokenizer cuts at every space first, so that the words of a text can be counted one by one, and each
        # only once: splitting a manual takes a sixth of the time (benchmarks/LOG.md).
        self._by_words = type(self._tokenizer.pre_tokenizer).__name__ == "BertPreTokenizer"
        self._special = self._encoded("")
        self._words: dict[str, int] = {}
        self._inputs = frozenset(node.name for node in self._session.get_inputs())
        made = self._session.get_outputs()[0].shape[-1]
        if isinstance(made, int) and made != dimensions:
            raise ModelDamaged(
                f"The embedder in {folder} makes vectors of {made} dimensions, its manifest says {dimensions}; "
                "run `fieldmate models verify`."
            )

    @property
    def fingerprint(self) -> str:
        """Names the vectors' space: the artifact's id and the hash of its graph."""
        return self._fingerprint

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        """Longest text that is embedded whole, in tokens, special tokens included."""
        return self._max_tokens

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` including the special ones, uncut."""
        if not self._by_words:
            return self._encoded(text)
        total = self._special
        for word in text.replace("\n", " ").split(" "):
            count = self._words.get(word)
            if count is None:
                if len(self._words) > _REMEMBERED:
                    self._words.clear()
                count = self._words[word] = self._encoded(word) - self._special
            total += count
        return total

    def _encoded(self, text: str) -> int:
        return len(self._tokenizer.encode(_unicode(text)).ids)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed `texts` in batches of similar length; see `assistant.protocols.Embedder.embed`."""
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch([_unicode(text) for text in texts])]
        ids = [_cut(row, self._max_tokens) for row in ids]
        for batch in _batches([len(row) for row in ids]):
            vectors[batch] = self._run([ids[index] for index in batch])
        return vectors

    def _run(self, rows: list[list[int]]) -> npt.NDArray[np.float32]:
        width = max(len(row) for row in rows)
        tokens = np.zeros((len(rows), width), dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for index, row in enumerate(rows):
            tokens[index, : len(row)] = row
            mask[index, : len(row)] = 1
        feeds = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        states = self._session.run(None, {name: value for name, value in feeds.items() if name in self._inputs})[0]
        if self._pooling == "cls":
            pooled = states[:, 0]
        else:
            weights = mask[:, :, None].astype(np.float32)
            pooled = (states * weights).sum(axis=1) / weights.sum(axis=1)
        norms = np.linalg.norm(pooled, axis=1, keepdims=True)
        return np.asarray(pooled / np.maximum(norms, 1e-12), dtype=np.float32)

    def close(self) -> None:
        """Free the graph; calling it again is harmless."""
        self._session = None


def _unicode(text: str) -> str:
    """`text` with "?" for halves of surrogate pairs: what a mis-encoded terminal hands over, and tokenizers refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cut(ids: list[int], limit: int) -> list[int]:
    """The first `limit` tokens, the closing special token kept."""
    return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]


def _batches(lengths: list[int]) -> list[list[int]]:
    """Group positions of similar length so that little is padded and no batch exceeds `_BATCH_TOKENS`."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda position: (lengths[position], position)):
        if batches and (len(batches[-1]) + 1) * lengths[index] <= _BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # tokenizers raises bare Exception for every kind of bad file
        raise ModelDamaged(f"{path} is not a tokenizer ({exc}); run `fieldmate models verify`.") from exc
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _session(path: Path, threads: int) -> Any:
    # onnxruntime writes a device id and an event database below the user's cache folder unless this is set before
    # it is imported; switching its telemetry off afterwards does not prevent that (ENGINE_NOTES, measured with 1.31).
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle workers that spin would take the cores from the generator, which runs right behind the embedder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime's exceptions share no base class of their own
        raise ModelDamaged(f"onnxruntime cannot load {path} ({exc}); run `fieldmate models verify`.") from exc
