"""What the workers and the converter's fetching do that needs no toolchain: tokenizers by hand, archives, refusals."""

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers import Tokenizer

from export import environments
from export.errors import ToolchainError
from export.files import sha256_of
from export.gguf import building, converter
from export.gguf.building import Workshop
from export.gguf.types import TYPES
from export.workers import generator_convert, generator_dequantize

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
