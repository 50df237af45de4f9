"""What the workers and the converter's fetching do that needs no toolchain: tokenizers by hand, archives, refusals."""

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from export import environments
from export.errors import ConversionError, SourceError, ToolchainError
from export.files import sha256_of
from export.gguf import building, converter, importance
from export.gguf.building import Workshop
from export.gguf.types import TYPES
from export.measure.generator import Plan
from export.workers import generator_convert, generator_dequantize, generator_importance

TOKENS = ["<|end|>", "<|im_start|>", "1", "2", "a", "b", "ab", "Ġ", "Ġa", "12"]
VALUES: dict[str, Any] = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3, 3, *[1] * 8],
    "tokenizer.ggml.merges": ["a b", "Ġ a", "1 2"],
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.ggml.bos_token_id": 1,
}


def tokenizer(**changed: Any) -> Tokenizer:
    import json

    values = {**VALUES, **{f"tokenizer.ggml.{name}": value for name, value in changed.items()}}
    return Tokenizer.from_str(json.dumps(generator_dequantize.tokenizer_json(values.get)))


def test_a_tokenizer_is_written_with_the_files_own_way_to_split_words() -> None:
    assert tokenizer().encode("ab 12<|im_start|>").tokens == ["ab", "Ġ", "1", "2", "<|im_start|>"]
    assert tokenizer(pre="gpt-2").encode("12").tokens == ["12"]
    assert tokenizer(pre="qwen2").encode("ab12").tokens == ["ab", "1", "2"]
    assert tokenizer(pre="llama-bpe").encode("ab12").tokens == ["ab", "12"]
    assert tokenizer().decode(tokenizer().encode("ab ab").ids) == "ab ab"


def test_a_beginning_is_put_in_front_only_where_the_file_asks_for_one() -> None:
    assert tokenizer().encode("a").tokens == ["a"]
    assert tokenizer(add_bos_token=True).encode("a").tokens == ["<|im_start|>", "a"]


def test_the_special_tokens_are_those_of_the_file() -> None:
    config = generator_dequantize.tokenizer_config(VALUES.get)
    assert (config["eos_token"], config["bos_token"]) == ("<|end|>", "<|im_start|>")
    assert "pad_token" not in config


def test_an_unknown_architecture_is_refused_by_name() -> None:
    known = SimpleNamespace(TEXT_MODEL_MAP={"LlamaForCausalLM": "llama"})
    assert generator_convert.refusal(known, "LlamaForCausalLM") is None
    assert "FancyForCausalLM" in (generator_convert.refusal(known, "FancyForCausalLM") or "")


def test_llama_cpps_own_word_is_in_the_sentence_of_a_failed_quantization(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(Exception, match="cannot quantize to q8_0") as caught:
        building.quantize(Workshop(tmp_path, lambda _: None), tmp_path / "x.gguf", TYPES["q8_0"], tmp_path / "out.gguf")
    assert "no reason" not in str(caught.value)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FIELDMATE_EXPORT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def archive(path: Path, names: tuple[str, ...]) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 4
            opened.addfile(entry, io.BytesIO(b"code"))
    return path


def test_only_the_converters_own_files_leave_the_archive(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(converter.ROOT)
    wanted = ("convert_hf_to_gguf.py", "conversion/base.py", "gguf-py/gguf/vocab.py", "LICENSE")
    others = ("tools/x.py", "conversion/../../../../evil.py", "gguf-py/tests/x.py", "conversion.py")
    names = (*(f"{root}/{name}" for name in (*wanted, *others)), "../evil.py", "/evil.py")
    made = archive(tmp_path / "x.tar.gz", names)
    monkeypatch.setattr(converter, "ARCHIVE_SHA256", sha256_of(made))
    monkeypatch.setattr(converter, "_download", lambda *_: made)
    folder = converter.ensure(Path("python"), lambda _: None)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == sorted(wanted)
    monkeypatch.setattr(converter, "_download", lambda *_: pytest.fail("it is there already"))
    assert converter.ensure(Path("python"), lambda _: None) == folder


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_an_archive_with_other_bytes_is_refused_and_nothing_is_left(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "x.tar.gz").write_bytes(content)
    monkeypatch.setattr(converter, "_download", lambda *_: tmp_path / "x.tar.gz")
    with pytest.raises(ToolchainError, match="not the archive that is pinned"):
        converter.ensure(Path("python"), lambda _: None)
    assert not [path for path in (home / "converters").iterdir() if path.is_dir()]


def test_the_converter_and_the_runtime_are_of_one_version() -> None:
    requirements = environments.GGUF.requirements.with_suffix(".in").read_text(encoding="utf-8")
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f"{converter.PACKAGE}=={converter.VERSION}" in project
    assert "scikit-build-core" in requirements


# The importance matrix

TINY = Path(__file__).parents[1] / "artifacts" / "tiny-generator" / "tiny-f16.gguf"


def matrix(folder: Path, *, value: float | None = None) -> Path:
    """A matrix for tensors of the tiny model: the first inputs matter most, or `value` for all."""
    arrays = {}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up"):
        for layer in range(2):
            falling = np.logspace(2, -6, 64, dtype=np.float32)
            arrays[f"blk.{layer}.{name}.weight"] = falling if value is None else np.full(64, value, np.float32)
    np.savez(folder / "matrix.npz", **arrays)
    return folder / "matrix.npz"


def quantized(folder: Path, name: str, guide: Path | None) -> bytes:
    shop = Workshop(folder, lambda _: None)
    return building.quantize(shop, TINY, TYPES["q4_0"], folder / f"{name}.gguf", guide).read_bytes()


def test_a_matrix_changes_how_weights_are_rounded_and_gives_the_same_again(tmp_path: Path) -> None:
    plain, guided = quantized(tmp_path, "plain", None), quantized(tmp_path, "guided", matrix(tmp_path))
    assert guided == quantized(tmp_path, "again", matrix(tmp_path))
    assert plain != guided


def test_a_matrix_that_is_no_number_is_refused_in_llama_cpps_words(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"cannot quantize to q4_0 \(.*non-finite"):
        quantized(tmp_path, "bad", matrix(tmp_path, value=float("nan")))


def test_a_matrix_is_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", **{"blk.0.attn_q.weight": np.array([object()])})
    with pytest.raises(ConversionError):
        quantized(tmp_path, "evil", tmp_path / "evil.npz")


def test_a_matrix_keeps_four_digits_so_that_another_processor_gives_the_same() -> None:
    values = np.array([1.23456789e-7, 0.0, 9.99996, 123456.0])
    kept = generator_importance.rounded(values)
    np.testing.assert_allclose(kept, [1.235e-7, 0.0, 10.0, 123500.0], rtol=1e-6)
    assert (generator_importance.rounded(values * (1 + 1e-9)) == kept).all()


def test_a_model_is_never_calibrated_on_the_text_that_it_is_measured_on(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("one text " * 50)
    plan = Plan(text, "text.txt", tmp_path, lambda _: None)
    with pytest.raises(SourceError, match="both calibrated and measured"):
        importance.make(Workshop(tmp_path, lambda _: None), plan, tmp_path, TINY, text)


def test_a_calibration_text_that_is_too_short_names_its_own_option(tmp_path: Path) -> None:
    for name in ("text.txt", "short.txt"):
        (tmp_path / name).write_text(name)
    plan = Plan(tmp_path / "text.txt", "text.txt", tmp_path, lambda _: None)
    with pytest.raises(SourceError, match="give a longer one with --calibration"):
        importance.make(Workshop(tmp_path, lambda _: None), plan, tmp_path, TINY, tmp_path / "short.txt")
