"""Whole answers over a real knowledge base, by a generator that says its script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from assistant.answering import confidence
from assistant.assistant import Assistant
from assistant.engines.fake import FakeEmbedder, ScriptedGenerator
from assistant.settings import DEFAULT_GENERATOR, GeneratorSettings, Settings
from assistant.types import (
    Answer,
    AnswerDone,
    AnswerEvent,
    CitationFound,
    Generated,
    Prompt,
    Retrieved,
    TextDelta,
)
from assistant.wiring import Parts

MANUAL = """# Pump unit

## Error codes

| Code | Meaning |
| --- | --- |
| E06 | The motor is too hot |
| E07 | The pump is running dry |

## Relief valve

The relief valve opens at 8 bar. It closes at 6 bar. Do not open the relief valve by hand.

## Filter

Replace the milk filter every 6 months. Order the milk filter as NP-4410-07.
"""
ASKED = "At what pressure does the relief valve open?"
TRUE = "The relief valve opens at 8 bar."
EXPLAINED = "Explain how the relief valve works."


class Recording(ScriptedGenerator):
    """Keeps the prompts that it was given."""

    def __init__(self, script: str, context_tokens: int = 4096) -> None:
        super().__init__(script, context_tokens)
        self.prompts: list[Prompt] = []

    def generate(self, prompt: Prompt, **options: object) -> Iterator[Generated]:  # type: ignore[override]
        self.prompts.append(prompt)
        return super().generate(prompt, **options)  # type: ignore[arg-type]


Teach = Callable[..., tuple[Assistant, Recording]]


@pytest.fixture
def teach(tmp_path: Path) -> Iterator[Teach]:
    """An assistant that knows the manual, and its generator, which will say `script`."""
    (tmp_path / "pump.md").write_text(MANUAL, "utf-8")
    made: list[Assistant] = []

    def teach_(
        script: str, context_tokens: int = 4096, generator_id: str = DEFAULT_GENERATOR, **answering: object
    ) -> tuple[Assistant, Recording]:
        settings = Settings(data_dir=tmp_path / "data", generator=GeneratorSettings(id=generator_id))
        settings = msgspec.structs.replace(
            settings, answering=msgspec.structs.replace(settings.answering, **{"caution": "low", **answering})
        )
        parts = Parts(settings)
        parts.embedder = FakeEmbedder(dimensions=4096)
        parts.generator = generator = Recording(script, context_tokens)
        made.append(Assistant(parts))
        made[-1].add([tmp_path / "pump.md"])
        return made[-1], generator

    yield teach_
    for one in made:
        one.close()


def finished(events: list[AnswerEvent]) -> Answer:
    assert isinstance(events[-1], AnswerDone)
    return events[-1].answer


# What the model says and the manual holds


def test_what_is_supported_is_shown_as_generated(teach: Teach) -> None:
    answer = teach(TRUE)[0].answer(ASKED)
    assert (answer.text, answer.status, answer.mode) == (TRUE, "answered", "generated")


def test_every_quote_is_the_documents_text_at_its_offsets(teach: Teach) -> None:
    assistant, _ = teach(TRUE + " It closes at 6 bar.")
    answer = assistant.answer(ASKED)
    found = assistant.document("pump.md")
    assert found is not None
    assert len(answer.citations) == 2
    for citation in answer.citations:
        assert found[1][citation.start : citation.end] == citation.quote


def test_each_sentence_is_shown_with_its_citation_before_the_next(teach: Teach) -> None:
    events = list(teach(TRUE + " It closes at 6 bar.")[0].ask(ASKED))
    kinds = [type(event) for event in events]
    assert kinds == [Retrieved, TextDelta, CitationFound, TextDelta, CitationFound, AnswerDone]


def test_citations_are_numbered_by_first_use_and_each_comes_once(teach: Teach) -> None:
    script = "The relief valve opens at 8 bar. It closes at 6 bar. At 8 bar the relief valve opens."
    events = list(teach(script)[0].ask(ASKED))
    numbers = [event.number for event in events if isinstance(event, CitationFound)]
    assert numbers == [1, 2]
    assert len(finished(events).citations) == 2


def test_the_citations_of_the_stream_are_those_of_the_answer(teach: Teach) -> None:
    events = list(teach(TRUE)[0].ask(ASKED))
    assert finished(events).citations == tuple(event.citation for event in events if isinstance(event, CitationFound))


def test_the_text_of_the_stream_is_that_of_the_answer(teach: Teach) -> None:
    for script in (TRUE, "The relief valve opens at 9 bar.", TRUE + " Martians made it. It closes at 6 bar."):
        events = list(teach(script)[0].ask(ASKED))
        streamed = "".join(event.text for event in events if isinstance(event, TextDelta))
        assert streamed.rstrip() == finished(events).text


# What it says and the manual does not hold


@pytest.mark.parametrize(
    "lie",
    [
        "The relief valve opens at 9 bar.",
        "The relief valve opens at 8 mbar.",
        "The relief valve does not open at 80 bar.",
        "The relief valve was made by Martians in 1977.",
        "E06: The pump is running dry.",
    ],
)
def test_a_lie_is_not_shown_and_the_manual_is_quoted_instead(teach: Teach, lie: str) -> None:
    answer = teach(lie)[0].answer(ASKED)
    assert lie not in answer.text
    assert (answer.status, answer.mode) == ("answered", "quoted")
    assert answer.text in MANUAL
    assert answer.citations


def test_a_lie_between_two_truths_is_left_out(teach: Teach) -> None:
    answer = teach("The relief valve opens at 8 bar. It opens at 9 bar. It closes at 6 bar.")[0].answer(ASKED)
    assert "9 bar" not in answer.text
    assert "8 bar" in answer.text
    assert "6 bar" in answer.text


def test_nothing_that_was_shown_is_taken_back(teach: Teach) -> None:
    shown = ""
    for event in teach(TRUE + " It opens at 9 bar.")[0].ask(ASKED):
        if isinstance(event, TextDelta):
            shown += event.text
            assert "9 bar" not in shown
    assert shown.rstrip() == TRUE


@pytest.mark.parametrize("script", ["", " ", "\n\n", "?!", "<|im_end|>", "<|im_start|>assistant"])
def test_a_model_that_says_nothing_leaves_a_quote(teach: Teach, script: str) -> None:
    answer = teach(script)[0].answer(ASKED)
    assert answer.mode == "quoted"
    assert "<|" not in answer.text


def test_a_model_that_repeats_itself_is_stopped(teach: Teach) -> None:
    answer = teach(f"{TRUE} " * 15)[0].answer(ASKED)
    assert answer.text == TRUE


def test_markdown_is_taken_off(teach: Teach) -> None:
    assert teach("The **relief valve** opens at `8 bar`.")[0].answer(ASKED).text == TRUE


def test_a_number_that_could_be_another_one_is_shown_with_all_of_its_sentence(teach: Teach, tmp_path: Path) -> None:
    text = "The relief valve opens at 9.9 bar on the large unit and at 7.7 bar on the small unit."
    (tmp_path / "pump.md").write_text(f"# Pump unit\n\n{text}\n", "utf-8")
    answer = teach("The relief valve opens at 7.7 bar.")[0].answer(ASKED)
    assert (answer.text, answer.mode) == (text, "quoted")


def test_a_fact_of_one_word_is_shown_when_its_sentence_answers_the_question(teach: Teach) -> None:
    answer = teach("6 months")[0].answer("How often is the milk filter replaced?")
    assert (answer.text, answer.mode) == ("6 months", "generated")
    assert answer.citations[0].quote == "Replace the milk filter every 6 months."


def test_where_model_and_reader_disagree_the_documents_are_quoted(teach: Teach) -> None:
    answer = teach("NP-4410-07")[0].answer(ASKED)
    assert (answer.text, answer.mode) == (TRUE, "quoted")


def test_a_warning_beside_the_answer_is_told_with_it(teach: Teach, tmp_path: Path) -> None:
    warning = "WARNING: Hot water escapes."
    (tmp_path / "pump.md").write_text(f"# Pump unit\n\n## Relief valve\n\n{warning}\n\n{TRUE}\n", "utf-8")
    assistant, _ = teach(TRUE)
    events = list(assistant.ask(ASKED))
    answer = finished(events)
    assert answer.text == f"{TRUE}\n{warning}"
    assert [citation.quote for citation in answer.citations] == [TRUE, warning]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == answer.text


def test_a_row_of_another_part_is_not_shown(teach: Teach, tmp_path: Path) -> None:
    table = "| Joint | Torque |\n| --- | --- |\n| Base cabinet | 14 Nm |\n| Lid | 3 Nm |\n"
    text = f"# Kiosk\n\n## Torque values\n\n{table}\n## Impeller\n\nThe impeller is made of steel.\n"
    (tmp_path / "pump.md").write_text(text, "utf-8")
    assistant, _ = teach("14 Nm", wording="quoted")
    assert "14 Nm" in assistant.answer("What torque does the base cabinet need?").text
    assert "Nm" not in assistant.answer("What torque do the impeller screws need?").text


@pytest.mark.parametrize("wording", ["generated", "quoted"])
def test_rows_that_the_question_does_not_tell_apart_are_all_shown(teach: Teach, tmp_path: Path, wording: str) -> None:
    rows = "| Terminal X1 | 0.8 Nm |\n| Terminals X2 to X9 | 0.5 Nm |\n| Rail screw | 1.2 Nm |\n"
    text = f"# Controller\n\n## Tightening torques\n\n| Screw | Torque |\n| --- | --- |\n{rows}"
    (tmp_path / "pump.md").write_text(text, "utf-8")
    assistant, _ = teach("0.8 Nm", wording=wording)
    both = assistant.answer("Which torque for the terminals?")
    assert both.text == "Screw: Terminal X1; Torque: 0.8 Nm\nScrew: Terminals X2 to X9; Torque: 0.5 Nm"
    assert [citation.quote for citation in both.citations] == ["Terminal X1 | 0.8 Nm", "Terminals X2 to X9 | 0.5 Nm"]
    assert "0.5 Nm" not in assistant.answer("Which torque for terminal X1?").text


def test_what_is_hardly_right_is_not_shown(teach: Teach, monkeypatch: pytest.MonkeyPatch) -> None:
    # The floor is at its end here, which no calibration makes it: every answer is below it.
    monkeypatch.setattr(confidence, "floor", lambda caution: 1.0)
    answer = teach(TRUE)[0].answer(ASKED)
    assert (answer.status, answer.citations) == ("abstained", ())


def test_a_true_sentence_about_something_else_does_not_begin_an_answer(teach: Teach) -> None:
    answer = teach("Order the milk filter as NP-4410-07.")[0].answer(ASKED)
    assert "NP-4410-07" not in answer.text


# Abstaining


def test_without_a_passage_that_fits_the_generator_is_not_run(teach: Teach) -> None:
    assistant, generator = teach("Emperors are crowned.")
    answer = assistant.answer("Welcher Kaiser regierte Byzanz?")
    assert (answer.status, answer.model, generator.prompts) == ("abstained", None, [])
    assert answer.timings.first_token is None
    assert answer.citations == ()


def test_an_abstention_names_the_closest_passages(teach: Teach) -> None:
    answer = teach("")[0].answer("Welcher Kaiser regierte Byzanz?")
    assert "pump.md" in answer.text
    assert answer.hits


def test_an_empty_knowledge_base_abstains(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    assistant.remove("pump.md")
    answer = assistant.answer(ASKED)
    assert (answer.status, answer.hits, generator.prompts) == ("abstained", (), [])
    assert answer.text == "The documents hold nothing about this."


def test_an_abstention_is_told_as_text_too(teach: Teach) -> None:
    events = list(teach("")[0].ask("Welcher Kaiser regierte Byzanz?"))
    assert [type(event) for event in events] == [Retrieved, TextDelta, AnswerDone]


def test_punctuation_alone_abstains(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    assert assistant.answer("?!…").status == "abstained"
    assert generator.prompts == []


# Cancelling


def test_cancelled_mid_way_what_was_shown_is_the_answer(teach: Teach) -> None:
    assistant, _ = teach(TRUE + " It closes at 6 bar.")
    shown: list[str] = []
    events = []
    for event in assistant.ask(ASKED, cancelled=lambda: bool(shown)):
        events.append(event)
        if isinstance(event, TextDelta):
            shown.append(event.text)
    assert finished(events).text == "".join(shown).rstrip() == TRUE


def test_cancelled_before_the_first_token_nothing_is_claimed(teach: Teach) -> None:
    events = list(teach(TRUE)[0].ask(ASKED, cancelled=lambda: True))
    answer = finished(events)
    assert (answer.status, answer.citations, answer.usage.completion_tokens) == ("abstained", (), 0)
    assert TRUE not in answer.text


@pytest.mark.parametrize("allowed", range(12))
def test_wherever_it_is_cancelled_the_end_comes_last_and_once(teach: Teach, allowed: int) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > allowed

    events = list(teach(TRUE + " It closes at 6 bar.")[0].ask(ASKED, cancelled=cancelled))
    assert [isinstance(event, AnswerDone) for event in events].count(True) == 1
    assert isinstance(events[-1], AnswerDone)
    said = finished(events).text
    assert "opens at 8" not in said or TRUE in said  # no half sentence is an answer


# Prompt and usage


def test_a_fact_is_drawn_from_the_best_sentences_which_stand_with_the_question(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    assistant.answer(ASKED)
    (prompt,) = generator.prompts
    assert prompt.passages == ()  # no state of theirs could serve another question
    assert "opens at 8 bar" in prompt.question
    assert "milk filter" not in prompt.question
    assert prompt.question.endswith(ASKED)


def test_an_explanation_is_drawn_from_the_passage_with_the_best_sentence(teach: Teach) -> None:
    assistant, generator = teach(TRUE, wording="generated")
    assistant.answer(EXPLAINED)
    (passage,) = generator.prompts[0].passages
    assert "opens at 8 bar" in passage
    assert generator.prompts[0].question.endswith(EXPLAINED)


def test_as_many_passages_as_the_owner_wants_are_read_passages(teach: Teach) -> None:
    assistant, generator = teach(TRUE, passages=3, read_passages=2, wording="generated")
    assistant.answer(EXPLAINED)
    assert len(generator.prompts[0].passages) == 2
    assert "opens at 8 bar" in generator.prompts[0].passages[0]


def test_what_the_generator_may_not_say_is_quoted_without_reading_on(teach: Teach) -> None:
    assistant, generator = teach("The relief valve opens at 9 bar.", wording="generated")
    answer = assistant.answer(EXPLAINED)
    assert len(generator.prompts) == 1
    assert answer.mode == "quoted"
    assert "9 bar" not in answer.text


def test_a_fact_that_is_not_in_the_best_sentences_is_quoted_without_reading_on(teach: Teach) -> None:
    assistant, generator = teach("9 bar")
    assert assistant.answer(ASKED).mode == "quoted"
    assert len(generator.prompts) == 1


# Before the question ends


class Stateful(Recording):
    """Notes what it is to prepare."""

    stateful = ""

    def __init__(self, script: str) -> None:
        super().__init__(script)
        self.prepared: list[Prompt] = []

    def key(self, instructions: str, passage: str) -> str:
        return f"{hash((instructions, passage)):x}"

    def warm(self, instructions: str, passage: str, cancelled: object = None) -> bool:
        return True

    def prepare(self, prompt: Prompt, cancelled: object = None) -> None:
        self.prepared.append(prompt)


@pytest.mark.parametrize("question", [ASKED, EXPLAINED])
def test_what_is_prepared_is_what_the_answer_needs(question: str, teach: Teach) -> None:
    assistant, _ = teach(TRUE, wording="generated")
    generator = Stateful("The relief valve opens at 8 bar and closes at 6 bar.")
    assistant._parts.generator = generator
    assistant.prepare(question[:-1])
    assistant.answer(question)
    (ahead,), (asked,) = generator.prepared, generator.prompts
    assert (ahead.instructions, ahead.passages) == (asked.instructions, asked.passages)


@pytest.mark.parametrize(
    "question", ["", "   ", "?!", "Why is the sky blue over Timbuktu?", "\ud800", "Explain the valve."]
)
def test_nothing_is_prepared_for_what_the_generator_will_not_word(question: str, teach: Teach) -> None:
    assistant, _ = teach(TRUE)
    assistant._parts.generator = generator = Stateful(TRUE)
    assistant.prepare(question)
    assert generator.prepared == []


def test_preparing_is_not_remembered_in_the_conversation(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    assistant.prepare("How often is the milk filter replaced?", "s")
    assistant.answer(ASKED, "s")
    assert "milk filter" not in generator.prompts[0].question


def test_a_generator_without_states_is_not_asked_to_prepare(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    assistant.prepare(ASKED)
    assert generator.prompts == []


def test_instructions_in_use_depend_on_who_words(teach: Teach) -> None:
    for wording, count in (("mixed", 1), ("generated", 2), ("quoted", 0)):
        assistant, _ = teach(TRUE, wording=wording)
        assert len(assistant._parts.answerer.instructions()) == count


def test_instructions_are_the_same_for_every_question(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    for question in (ASKED, "How often is the milk filter replaced?"):
        assistant.answer(question)
    assert len({prompt.instructions for prompt in generator.prompts}) == 1


def test_a_small_context_means_fewer_passages_and_no_error(teach: Teach) -> None:
    assistant, generator = teach(TRUE, context_tokens=280)
    assert assistant.answer(ASKED).status == "answered"
    assert generator.count_tokens(generator.prompts[0]) + 160 <= 280


def test_a_long_question_fits_into_the_prompt(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    assistant.answer(f"{ASKED} " * 2300)
    assert generator.count_tokens(generator.prompts[0]) <= 1200


def test_usage_and_model_are_those_of_the_generator(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    answer = assistant.answer(ASKED)
    assert answer.usage == generator.usage
    assert answer.usage.completion_tokens == 7
    assert answer.model == "scripted"


def test_confidence_is_a_probability_and_less_when_the_support_is(teach: Teach) -> None:
    full = teach(TRUE)[0].answer(ASKED)
    assert 0 < full.confidence <= 1
    assert teach("")[0].answer("Welcher Kaiser regierte Byzanz?").confidence > 0.5  # sure that it is not there


# Who words it


GUIDED = "How do I replace the milk filter?"


def test_an_explanation_is_quoted_and_no_model_is_run_for_it(teach: Teach) -> None:
    assistant, generator = teach(TRUE)
    answer = assistant.answer(GUIDED)
    assert (answer.mode, answer.model, generator.prompts) == ("quoted", None, [])
    assert "Replace the milk filter every 6 months." in answer.text


def test_asked_to_the_model_words_explanations_too(teach: Teach) -> None:
    assistant, generator = teach("Replace the milk filter every 6 months.", wording="generated")
    assert assistant.answer(GUIDED).mode == "generated"
    assert generator.prompts


def test_asked_to_quote_no_model_is_needed_for_facts_either(teach: Teach) -> None:
    assistant, generator = teach(TRUE, wording="quoted")
    answer = assistant.answer(ASKED)
    assert (answer.text, answer.mode, answer.model, generator.prompts) == (TRUE, "quoted", None, [])


@pytest.mark.parametrize(("wording", "mode"), [("mixed", "quoted"), ("generated", "generated")])
def test_a_model_that_words_facts_badly_is_asked_only_when_the_owner_wants_it(
    teach: Teach, wording: str, mode: str
) -> None:
    assistant, generator = teach(TRUE, generator_id="smollm2-135m-instruct", wording=wording)
    assert assistant.answer(ASKED).mode == mode
    assert bool(generator.prompts) == (mode == "generated")


def test_a_model_that_lied_is_not_said_to_have_written_the_quotation(teach: Teach) -> None:
    answer = teach("The relief valve opens at 9 bar.")[0].answer(ASKED)
    assert (answer.mode, answer.signals["generated"]) == ("quoted", 0.0)


# Documents that differ


@pytest.mark.parametrize(("wording", "mode"), [("generated", "generated"), ("quoted", "quoted")])
def test_documents_that_differ_are_both_shown_and_cited(teach: Teach, tmp_path: Path, wording: str, mode: str) -> None:
    assistant, _ = teach(TRUE, wording=wording)
    alone = assistant.answer(ASKED)
    newer = "# Pump unit\n\nRevision 2024-03-01\n\n## Relief valve\n\nThe relief valve opens at 6 bar.\n"
    (tmp_path / "newer.md").write_text(newer, "utf-8")
    assistant.add([tmp_path / "newer.md"])
    events = list(assistant.ask(ASKED))
    answer = finished(events)
    assert answer.mode == mode
    assert "The documents differ" in answer.text
    assert "8 bar" in answer.text
    assert "6 bar" in answer.text
    assert {citation.document for citation in answer.citations} == {"pump.md", "newer.md"}
    assert all((citation.dated or "") in answer.text for citation in answer.citations)
    assert answer.confidence <= 0.5
    assert "differ" not in alone.text
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).rstrip() == answer.text
