"""The catalogue offers an embedder with a Unigram (SentencePiece) tokenizer: a small real one before a real graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from assistant.engines.onnx import OnnxEmbedder
from tests.artifacts.tiny import DIMENSIONS, TINY

WORDS = ["▁das", "▁Ventil", "▁Sicherheit", "s", "ventil", "▁öffnet", "▁bei", "▁9", ",", "0", "▁bar", "▁", "en"]
TEXTS = ["das Ventil öffnet bei 9,0 bar", "das Sicherheitsventil", "", "Ventilen\nöffnet", "ganz andere Wörter 水泵"]


def _tokenizer() -> Tokenizer:
    """In the form in which XLM-R's is published: NFKC, split at white space, "▁" before a word, <s> and </s> around."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(word, -2.0) for word in WORDS] + [(letter, -9.0) for letter in letters if letter != "s"]
    made = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    made.enable_truncation(8)
    made.enable_padding(pad_id=1, pad_token="<pad>", length=8)
    return made


@pytest.fixture
def embedder(tmp_path: Path) -> OnnxEmbedder:
    (tmp_path / "model.onnx").write_bytes((TINY / "model.onnx").read_bytes())
    _tokenizer().save(str(tmp_path / "tokenizer.json"))
    return OnnxEmbedder(tmp_path, "tiny-unigram:1", dimensions=DIMENSIONS, max_tokens=16)


def test_tokens_are_counted_uncut_and_unpadded_whatever_the_file_says(embedder: OnnxEmbedder) -> None:
    assert embedder.count_tokens("") == 2
    assert embedder.count_tokens("Ventil") == 3  # one piece: a common word that is not mended
    assert embedder.count_tokens("das Sicherheitsventil") == 2 + 1 + 3
    assert embedder.count_tokens("das Ventil öffnet bei 9,0 bar") == 2 + 4 + 3 + 1
    assert embedder.count_tokens("das Ventil\nöffnet") == embedder.count_tokens("das  Ventil öffnet")


def test_the_same_text_has_the_same_vector_whatever_stands_beside_it(embedder: OnnxEmbedder) -> None:
    together = embedder.embed(TEXTS)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    for row, text in zip(together, TEXTS, strict=True):
        assert embedder.embed([text])[0] == pytest.approx(row, abs=1e-5)
    assert float(together[0] @ together[1]) < 0.999


def test_a_text_beyond_the_limit_is_cut_and_keeps_its_end_mark(embedder: OnnxEmbedder) -> None:
    long = embedder.embed(["das Ventil " * 50, "das Ventil " * 7])
    assert long[0] == pytest.approx(long[1], abs=1e-5)
