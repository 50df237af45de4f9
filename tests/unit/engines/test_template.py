from __future__ import annotations

import pytest

from assistant.engines.template import PLAIN, take_apart
from assistant.errors import ModelDamaged

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'"
    " + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def test_a_template_is_cut_at_the_places_of_its_two_texts() -> None:
    parts = take_apart(CHATML, "<s>", "</s>")
    assert parts.before_instructions == "<|im_start|>system\n"
    assert parts.before_content == "<|im_end|>\n<|im_start|>user\n"
    assert parts.before_answer == "<|im_end|>\n<|im_start|>assistant\n"
    assert parts.stops == ()


def test_a_template_may_name_the_models_own_special_tokens() -> None:
    parts = take_apart("{{ bos_token }}" + CHATML + "{{ eos_token }}", "<s>", "</s>")
    assert parts.before_instructions.startswith("<s>")
    assert parts.before_answer.endswith("</s>")


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[1]['content'] }}",  # no place for the instructions
        "{{ messages[0]['content'] }}",  # no place for the question
        "{% for m in messages %}{{ m['content'] * 2 }}{% endfor %}",  # each twice
        "{{ messages[1]['content'] }}{{ messages[0]['content'] }}",  # the wrong way round
        "{% for m in messages %}",  # not closed
        "{{ raise_exception('no system role') }}",
        "{{ 1 / 0 }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{{ messages[7]['content']['x'] }}",
        "",
    ],
)
def test_a_template_that_cannot_be_used_is_damage_with_the_next_step(template: str) -> None:
    with pytest.raises(ModelDamaged, match="--generator"):
        take_apart(template, "", "")


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}" + CHATML,
        "{{ cycler.__init__.__globals__ }}" + CHATML,
        "{{ messages.append('x') }}" + CHATML,
    ],
)
def test_a_template_runs_no_code(template: str) -> None:
    # A model file is data from somewhere: its template must reach nothing of ours.
    with pytest.raises(ModelDamaged):
        take_apart(template, "", "")


def test_base_models_stop_where_the_next_question_would_begin() -> None:
    assert "\nQuestion:" in PLAIN.stops
    assert PLAIN.before_answer.endswith("Answer:")
