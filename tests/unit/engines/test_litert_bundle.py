"""A bundle read as data: what is found in the committed one, and what is refused in variations of it."""

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.engines.flat import Table
from assistant.engines.litert import LitertGenerator
from assistant.engines.litert_bundle import BundleError, read_bundle
from assistant.errors import ModelDamaged

TINY = Path(__file__).parents[2] / "artifacts" / "tiny-bundle" / "tiny-int8.litertlm"
DATA = TINY.read_bytes()
GRAPH, SENTENCEPIECE, METADATA, TOKENIZER = 3, 4, 5, 6


def with_kind(old: int, new: int) -> bytes:
    """The bundle with one section said to be of another kind."""
    end = struct.unpack_from("<Q", DATA, 24)[0]
    sections = Table.root(memoryview(DATA)[32:end]).table(1)
    assert sections is not None
    (section,) = [each for each in sections.tables(0) if each.number(3, "<B") == old]
    changed = bytearray(DATA)
    changed[32 + section._place(3)] = new
    return bytes(changed)


def changed_text(old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    assert old in DATA
    return DATA.replace(old, new)


def test_the_committed_bundle_is_what_its_maker_says() -> None:
    bundle = read_bundle(TINY)
    assert bundle.signatures == ("prefill_128", "decode")
    assert bundle.max_tokens == 512
    assert bundle.bos == ""
    assert set(bundle.controls) == {"<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"}
    assert "<|im_start|>assistant" in bundle.template
    assert DATA[bundle.graph.begin + 4 : bundle.graph.begin + 8] == b"TFL3"
    assert bundle.graph.end <= len(DATA)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: with_kind(TOKENIZER, SENTENCEPIECE), "SentencePiece"),
        (lambda: with_kind(TOKENIZER, 1), "holds no tokenizer"),
        (lambda: with_kind(METADATA, 1), "holds no model metadata"),
        (lambda: with_kind(GRAPH, 1), "holds no TFLite graph"),
        (lambda: changed_text(b"tf_lite_prefill_decode", b"tf_lite_vision_encoder"), "holds no TFLite graph"),
        (lambda: changed_text(b"prefill_128", b"predill_128"), "no signatures for prefill and decode"),
    ],
)
def test_a_bundle_for_something_else_is_refused_with_the_reason(
    make: Callable[[], bytes], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.litertlm"
    path.write_bytes(make())
    with pytest.raises(BundleError, match=reason):
        read_bundle(path)


def test_a_bundle_without_a_chat_template_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from assistant.engines import litert

    bare = dataclasses.replace(read_bundle(TINY), template="")
    monkeypatch.setattr(litert, "read_bundle", lambda path: bare)
    with pytest.raises(ModelDamaged, match=r"no chat template.*--generator\.$"):
        LitertGenerator(TINY, "tiny")


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flipped") / "model.litertlm"


@given(at=st.integers(0, 700), new=st.binary(min_size=1, max_size=24))
def test_no_damage_to_the_header_is_anything_but_a_refusal(flipped: Path, at: int, new: bytes) -> None:
    flipped.write_bytes(DATA[:at] + new + DATA[at + len(new) :])
    with contextlib.suppress(BundleError):
        assert read_bundle(flipped).signatures


@given(st.binary(max_size=200))
def test_no_bytes_read_as_a_table_lead_out_of_their_buffer(data: bytes) -> None:
    with contextlib.suppress(ValueError, struct.error):  # UnicodeDecodeError is a ValueError
        table = Table.root(memoryview(data))
        for field in range(6):
            assert len(table.text(field)) <= len(data)
            assert len(table.tables(field)) <= len(data)
