"""A conversion to a bundle without its toolchain: what the exporter does around it, and what the worker decides."""

import json
import shutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest

from export import environments, tflite
from export.environments import TFLITE
from export.errors import ConversionError, SourceError
from export.running import WORKERS

TINY = Path(__file__).parents[1] / "artifacts" / "tiny-generator" / "source"
CHATML = (TINY / "chat_template.jinja").read_text("utf-8")
MADE = {"recipe": "r", "float32_bytes": 4, "int8_bytes": 1, "float32_graph": "a", "int8_graph": "b"}


@pytest.fixture
def worker() -> ModuleType:
    spec = spec_from_file_location("generator_tflite", WORKERS / "generator_tflite.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Toolchain:
    """Stands in for the toolchain: remembers the request and writes what a worker would."""

    def __init__(self, *, writes: bool = True) -> None:
        self.writes = writes
        self.request: dict[str, Any] = {}

    def __call__(
        self, python: Path, script: str, request: dict[str, Any], scratch: Path, *, debug: bool
    ) -> dict[str, Any]:
        self.request = request
        assert script == "generator_tflite.py"
        assert Path(request["scratch"]) == scratch
        if self.writes:
            Path(request["bundle"]).write_bytes(b"LITERTLM")
        return dict(MADE)


@pytest.fixture
def toolchain(monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    made = Toolchain()
    monkeypatch.setattr(tflite, "run_worker", made)
    monkeypatch.setattr(environments, "ensure", lambda toolchain, progress: Path(toolchain.name))
    return made


def convert(target: Path, **options: Any) -> dict[str, Any]:
    return tflite.convert(TINY, target, lambda line: None, debug=False, **options)


def test_the_toolchain_is_one_of_those_that_doctor_knows() -> None:
    assert TFLITE in environments.ALL
    assert "litert-torch==0.10.0" in TFLITE.requirements.read_text("utf-8")


def test_the_bundle_takes_its_name_and_nothing_else_is_left(toolchain: Toolchain, tmp_path: Path) -> None:
    result = convert(tmp_path / "model.litertlm")
    assert [path.name for path in tmp_path.iterdir()] == ["model.litertlm"]
    assert not Path(toolchain.request["scratch"]).exists()
    assert result == {"recipe": "r", "float32_bytes": 4, "int8_bytes": 1}  # no paths that are gone


def test_the_graphs_stay_where_the_caller_wants_to_measure_them(toolchain: Toolchain, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert convert(tmp_path / "model.litertlm", scratch=scratch)["float32_graph"] == "a"
    assert toolchain.request["scratch"] == str(scratch)


def test_no_prefill_is_longer_than_the_cache(toolchain: Toolchain, tmp_path: Path) -> None:
    convert(tmp_path / "a", cache_tokens=tflite.CACHE_TOKENS)
    assert toolchain.request["prefill_tokens"] == list(tflite.PREFILL_TOKENS)
    convert(tmp_path / "b", cache_tokens=32)
    assert toolchain.request["prefill_tokens"] == [32]


def test_a_toolchain_that_makes_nothing_is_said(toolchain: Toolchain, tmp_path: Path) -> None:
    toolchain.writes = False
    with pytest.raises(ConversionError, match="--debug"):
        convert(tmp_path / "model.litertlm")
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_said_before_anything_starts(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(SourceError, match="TMPDIR"):
        convert(tmp_path / "model.litertlm")
    assert toolchain.request == {}


# The worker's own decisions; its libraries are not needed for them


class Tokenizer:
    """What the worker asks of a transformers tokenizer, on jinja2."""

    def __init__(self, template: str | None, bos: str | None = "<s>", *, adds: bool = False) -> None:
        self.chat_template, self.bos_token, self.bos_token_id = template, bos, 1
        self.eos_token_id, self.all_special_ids, self._adds = 2, [1, 2, 4], adds

    def apply_chat_template(self, messages: list[Any], *, chat_template: str | None = None, **given: Any) -> str:
        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
        values = {"bos_token": self.bos_token, "messages": messages} | given
        return environment.from_string(chat_template or self.chat_template or "").render(values)

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Any:
        ids = [4] if text.startswith("<|im_end|>") else [7]
        return type("Encoded", (), {"input_ids": ([1] if self._adds and add_special_tokens else []) + ids})()


def test_the_template_takes_content_as_text_and_in_parts_alike(worker: ModuleType) -> None:
    tokenizer = Tokenizer(CHATML)
    rewritten = worker.template_of(tokenizer)
    plain = [{"role": "system", "content": "A"}, {"role": "user", "content": "B"}]
    parts = [{"role": "system", "content": [{"type": "text", "text": "A"}]}, {"role": "user", "content": ["", "B"]}]
    expected = "<|im_start|>system\nA<|im_end|>\n<|im_start|>user\nB<|im_end|>\n<|im_start|>assistant\n"
    for messages in (plain, parts):
        said = tokenizer.apply_chat_template(messages, chat_template=rewritten, add_generation_prompt=True)
        assert said == expected


def test_marks_that_only_training_needs_are_taken_out(worker: ModuleType) -> None:
    marked = CHATML.replace("{% for", "{% generation %}{% endgeneration %}{% for")
    assert worker.GENERATION.sub("", marked) == CHATML


def test_a_template_that_says_something_else_when_rewritten_is_refused(worker: ModuleType) -> None:
    sly = "{% for m in messages %}{{ m['role'] }}{{ m['content'] }}{{ m|length }}{{ m['type'] }}{% endfor %}"
    tokenizer = Tokenizer(sly)
    kept = tokenizer.apply_chat_template

    def odd(messages: list[Any], *, chat_template: str | None = None, **given: Any) -> str:
        return kept(messages, chat_template=chat_template, **given) + ("!" if chat_template else "")

    tokenizer.apply_chat_template = odd  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="rewritten"):
        worker.template_of(tokenizer)


def test_a_model_without_a_template_gets_none(worker: ModuleType) -> None:
    assert worker.template_of(Tokenizer(None)) == ""


@pytest.mark.parametrize(
    ("template", "bos", "adds", "expected"),
    [
        (CHATML, "<s>", True, ""),  # the template does not begin with it, and a chat is tokenized without it
        (CHATML, "<|im_start|>", True, ""),  # spelled out by the template: one more would be two
        ("{{ bos_token }}" + CHATML, "<s>", False, "<s>"),
        (None, "<s>", True, "<s>"),
        (None, "<s>", False, ""),
        ("{{ bos_token }}" + CHATML, None, False, ""),
    ],
)
def test_the_start_token_is_put_in_front_once_or_not_at_all(
    worker: ModuleType, template: str | None, bos: str | None, adds: bool, expected: str
) -> None:
    assert worker.start_token(Tokenizer(template, bos, adds=adds)) == expected


def test_answers_end_at_the_configured_tokens_and_at_the_templates_end_of_a_turn(
    worker: ModuleType, tmp_path: Path
) -> None:
    assert worker.stop_tokens(tmp_path, Tokenizer(None)) == [2]  # no configuration: the tokenizer's own
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": 3}))
    assert worker.stop_tokens(tmp_path, Tokenizer(CHATML)) == [3, 4]
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 3]}))
    assert worker.stop_tokens(tmp_path, Tokenizer(CHATML)) == [3, 4, 5]
