"""What `protocols.Generator` promises, on LiteRT-LM: a tiny committed bundle always, a real one under `engine`.

LiteRT-LM gives no log probabilities and counts texts, so this is the generators' contract without what needs either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from assistant.engines.litert import LitertGenerator
from assistant.engines.litert_bundle import read_bundle
from assistant.errors import ModelDamaged, ModelMissing
from assistant.protocols import Generator
from assistant.types import Prompt, Usage
from assistant.wiring import GENERATORS

TINY = Path(__file__).parents[1] / "artifacts" / "tiny-bundle" / "tiny-int8.litertlm"
CONTEXT = 512
needs_runtime = pytest.mark.skipif(find_spec("litert_lm") is None, reason="pip install 'fieldmate[litert]'")
INSTRUCTIONS = "Answer from the excerpts."
PUMP = Prompt(INSTRUCTIONS, ("E07: the pump runs dry. Open the inlet valve.\n",), "Question: What does E07 mean?")
KIOSK = Prompt(INSTRUCTIONS, ("The milk filter is replaced every 6 months.\n",), "Question: How often?")
TOKENS = ("<|im_end|>", "<|im_start|>")


def opened(path: Path = TINY, **options: int) -> LitertGenerator:
    chosen = {"context_tokens": CONTEXT, "decode_threads": 1, "prefill_threads": 1} | options
    return LitertGenerator(path, "tiny", **chosen)


@pytest.fixture(scope="module")
def full(models_dir: Path) -> Path:
    found = sorted(models_dir.glob("*/*.litertlm"))
    if not found:
        pytest.skip(f"no .litertlm in {models_dir}; make one with `python -m export generator … --format tflite`")
    return found[0]


@pytest.fixture(scope="module", params=["tiny", pytest.param("full", marks=pytest.mark.engine)])
def generator(request: pytest.FixtureRequest) -> Iterator[LitertGenerator]:
    if find_spec("litert_lm") is None:
        pytest.skip("pip install 'fieldmate[litert]'")
    made = opened(TINY if request.param == "tiny" else request.getfixturevalue("full"))
    yield made
    made.close()


def said(generator: Generator, prompt: Prompt = PUMP, max_tokens: int = 24, temperature: float = 0.0) -> str:
    return "".join(step.text for step in generator.generate(prompt, max_tokens=max_tokens, temperature=temperature))


def long_for(generator: LitertGenerator) -> Prompt:
    """A prompt that is read in several pieces."""
    prompt = KIOSK
    while generator.count_tokens(prompt) < 400:
        prompt = Prompt(INSTRUCTIONS, (*prompt.passages, "Close the valve and wait. "), "What now?")
    return prompt


class CancelAfter:
    """Says stop from the given question on, and counts how often it was asked."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self.allowed


def test_the_table_names_the_engine_that_is_under_this_contract() -> None:
    module, _, name = GENERATORS["litertlm"].partition(":")
    assert getattr(import_module(module), name) is LitertGenerator


def test_it_keeps_the_protocol(generator: LitertGenerator) -> None:
    assert isinstance(generator, Generator)


def test_text_comes_in_several_steps(generator: LitertGenerator) -> None:
    assert len([step for step in generator.generate(PUMP, max_tokens=8) if step.text]) > 3


def test_usage_counts_the_tokens_of_prompt_and_completion(generator: LitertGenerator) -> None:
    list(generator.generate(PUMP, max_tokens=8))
    assert generator.usage == Usage(generator.count_tokens(PUMP), 0, 8)


def test_usage_grows_while_the_text_streams(generator: LitertGenerator) -> None:
    stream = generator.generate(PUMP, max_tokens=8)
    seen = []
    for _ in range(3):
        next(stream)
        seen.append(generator.usage.completion_tokens)
    assert seen == [1, 2, 3]


def test_a_longer_answer_begins_with_the_shorter_one(generator: LitertGenerator) -> None:
    assert said(generator, max_tokens=16).startswith(said(generator, max_tokens=5))
    assert generator.usage.completion_tokens == 5


@pytest.mark.parametrize("text", ["", " ", "🙂水泵", *TOKENS, "a\0b", "\ud800", "١٢٣", "x<|im_end|><|im_start|>y"])
def test_counting_and_reading_agree_for_every_kind_of_text(generator: LitertGenerator, text: str) -> None:
    prompt = Prompt(INSTRUCTIONS, (text,), text)
    list(generator.generate(prompt, max_tokens=1))
    assert generator._session is not None
    stream = generator.generate(prompt, max_tokens=1)
    next(stream, None)
    read = generator._session._session.get_benchmark_info()
    # One call reads it all, so what the library says of the latest call is the whole prompt.
    assert read.last_prefill_token_count == generator.count_tokens(prompt) == generator.usage.prompt_tokens
    list(stream)


# Cancelling and closing


def test_cancelled_before_the_start_nothing_is_said(generator: LitertGenerator) -> None:
    assert list(generator.generate(PUMP, max_tokens=8, cancelled=lambda: True)) == []
    assert generator.usage.completion_tokens == 0


def test_cancelled_within_what_was_said_before_stands(generator: LitertGenerator) -> None:
    whole, heard = said(generator), ""
    for step in generator.generate(PUMP, max_tokens=24, cancelled=lambda: generator.usage.completion_tokens >= 4):
        heard += step.text
    assert heard
    assert whole.startswith(heard)
    assert generator.usage.completion_tokens == 4


def test_reading_is_cancelled_between_two_of_its_pieces(generator: LitertGenerator) -> None:
    prompt, early = long_for(generator), CancelAfter(1)
    assert len(list(generator._calls(prompt))) > 2
    assert list(generator.generate(prompt, max_tokens=1, cancelled=early)) == []
    assert early.asked == 2
    assert generator.usage.completion_tokens == 0


def test_an_interrupt_while_reading_surfaces(generator: LitertGenerator) -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    before = said(generator)
    with pytest.raises(KeyboardInterrupt):
        list(generator.generate(long_for(generator), max_tokens=1, cancelled=interrupt))
    assert said(generator) == before


@pytest.mark.parametrize("how", ["cancel", "close", "abandon"])
def test_after_an_answer_that_was_broken_off_the_next_is_the_same_as_ever(generator: LitertGenerator, how: str) -> None:
    whole = said(generator)
    stream = generator.generate(KIOSK, max_tokens=200, cancelled=CancelAfter(3) if how == "cancel" else lambda: False)
    if how == "cancel":
        list(stream)
    else:
        next(stream)
    if how == "close":
        stream.close()  # type: ignore[attr-defined]  # every generator function has it
        assert list(stream) == []
    assert said(generator) == whole
    assert list(stream) == []  # an abandoned one has ended, and disturbs nobody


def test_no_thread_of_the_library_is_left_behind(generator: LitertGenerator) -> None:
    for _ in range(3):
        stream = generator.generate(KIOSK, max_tokens=200)
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    assert [thread.name for thread in threading.enumerate() if thread.name == "litert-lm"] == []


@needs_runtime
def test_closing_twice_is_harmless_even_in_the_middle_of_an_answer() -> None:
    generator = opened()
    stream = generator.generate(PUMP, max_tokens=200)
    next(stream)
    generator.close()
    generator.close()
    assert list(stream) == []


# The context


def test_what_does_not_fit_into_the_context_is_refused_before_the_first_token(generator: LitertGenerator) -> None:
    room = generator.context_tokens - generator.count_tokens(PUMP)
    with pytest.raises(ValueError, match="exceed"):
        generator.generate(PUMP, max_tokens=room + 1)


def test_what_fits_exactly_is_generated_to_the_last_token(generator: LitertGenerator) -> None:
    room = generator.context_tokens - generator.count_tokens(PUMP)
    said(generator, max_tokens=room)
    assert generator.usage.completion_tokens <= room


@needs_runtime
def test_the_context_is_never_longer_than_the_cache_of_the_graph() -> None:
    generator = opened(context_tokens=1_000_000)
    assert generator.context_tokens == CONTEXT
    generator.close()


# Repeating


def test_the_same_prompt_says_the_same_first_tenth_and_after_others(generator: LitertGenerator) -> None:
    first = said(generator)
    for number in range(8):
        said(generator, KIOSK, number + 1)
        assert said(generator) == first


@needs_runtime
def test_a_temperature_varies_nothing_with_the_same_seed_and_something_with_another() -> None:
    texts = []
    for seed in (7, 7, 8):
        generator = opened(seed=seed)
        texts.append(said(generator, max_tokens=16, temperature=1.8))
        generator.close()
    assert texts[0] == texts[1] != texts[2]


# Template tokens are data


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("place", ["passage", "question", "instructions"])
def test_a_template_token_in_a_text_is_data(generator: LitertGenerator, token: str, place: str) -> None:
    def prompt(text: str) -> Prompt:
        return Prompt(
            INSTRUCTIONS + (text if place == "instructions" else ""),
            (PUMP.passages[0] + (text if place == "passage" else ""),),
            (text if place == "question" else "") + PUMP.question,
        )

    def controls(text: str) -> int:
        pieces = [generator._tokenize(piece) for piece in generator._pieces.of(prompt(text), generator._parts)]
        return sum(piece.count(number) for piece in pieces)

    (number,) = generator._tokenize(token)
    assert controls(token) == controls("") > 0
    assert generator.count_tokens(prompt(token)) > generator.count_tokens(prompt("")) + 1


def test_text_is_never_cut_inside_a_character(generator: LitertGenerator) -> None:
    prompt = Prompt("Repeat.", ("🙂🚰🙂🚰🙂🚰🙂🚰\n",), "Repeat: 水泵 🙂🚰🙂🚰")
    whole = said(generator, prompt, 24)
    for length in range(1, 24):
        text = said(generator, prompt, length)
        assert "\ufffd" not in text
        assert whole.startswith(text)


# Silence


SILENT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from assistant.engines.litert import LitertGenerator
from assistant.types import Prompt
generator = LitertGenerator(Path(sys.argv[1]), "tiny")
list(generator.generate(Prompt("a", ("b",), "c"), max_tokens=4))
generator.close()
"""


@needs_runtime
def test_nothing_is_written_anywhere(tmp_path: Path) -> None:
    # In a process of its own: the library writes to the descriptors, from threads, and once at its start.
    path = shutil.copy(TINY, tmp_path / "model.litertlm")
    command = [sys.executable, "-c", SILENT, str(path), str(Path(__file__).parents[2])]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [each.name for each in tmp_path.iterdir()] == ["model.litertlm"]


# Damaged and foreign files: refused before the library maps them, with or without the library


def replaced(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def damaged(data: bytes) -> dict[str, bytes]:
    bundle = read_bundle(TINY)
    graph, tokenizer = bundle.graph, bundle.tokenizer
    json = zlib.decompress(data[tokenizer.begin + 8 : tokenizer.end])
    return {
        "empty": b"",
        "noise": bytes(range(256)) * 64,
        "another format": b"GGUF" + data[4:],
        "another version": replaced(data, 8, b"\x09"),
        "header only": data[:32],
        "header ends beyond the file": replaced(data, 24, b"\xff" * 8),
        "flipped header": replaced(data, 32, bytes(64)),
        "header of ones": replaced(data, 32, b"\xff" * 200),
        "half": data[: len(data) // 2],
        "one byte short": data[:-1],
        "no metadata": replaced(data, 16384, bytes(200)),
        "tokenizer of zeros": replaced(data, tokenizer.begin, bytes(tokenizer.end - tokenizer.begin)),
        "tokenizer of huge size": replaced(data, tokenizer.begin, b"\xff" * 8),
        "tokenizer is not one": replaced(data, tokenizer.begin + 8, zlib.compress(b"[" + json[1:-1] + b"]")),
        "graph of zeros": replaced(data, graph.begin, bytes(64)),
        "graph is something else": replaced(data, graph.begin + 4, b"ONNX"),
        "graph of ones behind its mark": replaced(data, graph.begin + 8, b"\xff" * 400),
    }


@pytest.mark.parametrize("damage", list(damaged(TINY.read_bytes())))
def test_a_damaged_bundle_is_refused_in_one_sentence_and_silently(
    damage: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.litertlm"
    path.write_bytes(damaged(TINY.read_bytes())[damage])
    with pytest.raises(ModelDamaged, match=r"model\.litertlm.*fieldmate models verify`\.$") as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelDamaged):
        opened(tmp_path / "gone.litertlm")


FLIPPING = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from assistant.engines.litert import LitertGenerator
from assistant.engines.litert_bundle import read_bundle
from assistant.errors import ModelDamaged
from assistant.types import Prompt
data, path, random = Path(sys.argv[1]).read_bytes(), Path("model.litertlm"), random.Random(5)
begin = read_bundle(Path(sys.argv[1])).graph.begin
for number in range(60):
    at = random.randrange(600) if number < 20 else random.randrange(begin, len(data))
    new = random.choice([b"\\0", b"\\xff", random.randbytes(1)]) * random.choice([1, 4, 16])
    path.write_bytes(data[:at] + new + data[at + len(new):])
    print(number, at, flush=True)
    try:
        generator = LitertGenerator(path, "tiny")
        list(generator.generate(Prompt("a", ("b",), "c"), max_tokens=2))
        generator.close()
    except ModelDamaged:
        pass
"""


@needs_runtime
def test_flipped_bytes_are_refused_or_run_and_never_end_the_process(tmp_path: Path) -> None:
    # Handed over unchecked, every sixth of the flipped headers ended it. Damage behind the header the library finds
    # itself, or it says nonsense: that is what the SHA-256 of the manifest is for.
    command = [sys.executable, "-c", FLIPPING, str(TINY), str(Path(__file__).parents[2])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout.splitlines()[-1:]
    assert len(done.stdout.splitlines()) == 60


def test_without_the_runtime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litert_lm", None)
    with pytest.raises(ModelMissing, match=r"pip install 'fieldmate\[litert\]'"):
        opened()
