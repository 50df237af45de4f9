"""Claims about the three ways to answer, and about a knowledge base that changes between questions.

Searching and adding are the real ones, with the committed tiny embedder; what a model would say is given.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from assistant import Assistant
from assistant.engines.fake import ScriptedGenerator
from assistant.wiring import Parts
from benchmarks import product
from benchmarks.errors import BenchmarkError
from benchmarks.plan import Plan, Variant
from benchmarks.quality import pipelines
from benchmarks.quality.pipelines import BestPassage, Fieldmate, Naive
from benchmarks.quality.shelf import Shelf

MANUAL = """# Pump unit

## Error codes

E07 means that the pump is running dry for more than 12 seconds.

## Filters

Rinse the blue filter with 2 litres of cold water every 14 days.

## Oil

Fill in 300 ml of oil of grade VG 46 before the first start.

## Storage

Keep the pump dry and above freezing point during the winter.
"""
TRUE = "E07 means that the pump is running dry for more than 12 seconds."


class FakeLlama:
    """Stands in for the class of llama-cpp-python: a token is a word, and it says what the test wants."""

    made: ClassVar[list] = []
    says = "The pump is running dry."
    refuses_system = False

    def __init__(self, path, **options):
        self.path, self.options, self.prompts, self.closed = path, options, [], False
        FakeLlama.made.append(self)

    def tokenize(self, text):
        return text.split()

    def create_chat_completion(self, messages, max_tokens, temperature):
        assert temperature == 0.0
        if len(messages) > 1 and self.refuses_system:
            raise ValueError("System role not supported")
        self.roles = [message["role"] for message in messages]
        self.prompts.append("\n".join(message["content"] for message in messages))
        self.max_tokens = max_tokens
        return {"choices": [{"message": {"content": self.says}}]}

    def close(self):
        self.closed = True


@pytest.fixture
def llama(monkeypatch):
    monkeypatch.setattr("llama_cpp.Llama", FakeLlama)
    monkeypatch.setattr(FakeLlama, "made", [])
    monkeypatch.setattr(FakeLlama, "says", "The pump is running dry.")
    return FakeLlama


@pytest.fixture
def opened(tiny_settings, tmp_path):
    made = []

    def open_(script=TRUE, manual=MANUAL):
        parts = Parts(tiny_settings)
        parts.generator = ScriptedGenerator(script)
        made.append(Assistant(parts))
        if manual:
            (tmp_path / "pump.md").write_text(manual)
            made[-1].add([tmp_path / "pump.md"])
        return made[-1]

    yield open_
    for one in made:
        one.close()


def test_each_released_sentence_comes_with_its_citation(opened):
    reply = Fieldmate("ours", opened()).ask("What does E07 mean?")
    assert (reply.outcome, reply.refused) == ("generated", False)
    [(text, sources)] = reply.sentences
    assert text == TRUE
    assert [source.quote for source in sources] == [TRUE]
    assert sources[0].verbatim is True
    assert "Error codes" in sources[0].read()
    assert reply.milliseconds > 0


def test_an_abstention_is_a_refusal_and_an_empty_answer(opened):
    reply = Fieldmate("ours", opened()).ask("?!")
    assert (reply.outcome, reply.refused, reply.answer, reply.sentences) == ("abstained", True, "", ())
    assert reply.text  # it is said, but it is no answer


def test_a_citation_that_is_not_in_its_document_is_seen(opened):
    fieldmate = opened()
    ask = fieldmate.ask("What does E07 mean?")
    list(ask)

    class Forgetful:
        def ask(self, question, session):
            return fieldmate.ask(question, session)

        def document(self, name):
            record, text = fieldmate.document(name)
            return record, "x" + text

    [(_, sources)] = Fieldmate("ours", Forgetful()).ask("What does E07 mean?").sentences
    assert sources[0].verbatim is False


def test_the_best_passage_is_its_own_source_and_never_refuses(opened):
    reply = BestPassage(opened()).ask("What does E07 mean?")
    assert reply.text == TRUE
    assert not reply.refused
    assert [source.quote for _, sources in reply.sentences for source in sources] == [TRUE]
    assert reply.sources[0].verbatim is None  # nothing that could be wrong was claimed


def test_the_naive_pipeline_gets_the_nearest_passages_and_the_same_limits(opened, llama):
    fieldmate = opened()
    naive = Naive("naive", fieldmate, "model.gguf")
    reply = naive.ask("What does E07 mean?")
    [model] = llama.made
    settings = fieldmate.settings.generator
    assert (model.path, model.options["n_ctx"]) == ("model.gguf", settings.context_tokens)
    assert model.max_tokens == settings.max_tokens
    nearest = pipelines.nearest(fieldmate, "What does E07 mean?", 3)
    assert len(nearest) == 3
    assert all(hit.passage.searchable() in model.prompts[0] for hit in nearest)
    assert "say that you do not know" in model.prompts[0]
    assert [source.quote for source in reply.sources] == [hit.passage.text for hit in nearest]
    naive.close()
    assert model.closed


def test_the_nearest_passages_are_those_of_a_dense_search(opened, tiny_settings):
    fieldmate = opened()
    ranks = [hit.dense_rank for hit in pipelines.nearest(fieldmate, "oil before the first start", 3)]
    assert ranks == [1, 2, 3]


@pytest.mark.parametrize(("refuses", "roles"), [(False, ["system", "user"]), (True, ["user"])])
def test_the_naive_instructions_reach_every_chat_template(opened, llama, monkeypatch, refuses, roles):
    monkeypatch.setattr(llama, "refuses_system", refuses)
    Naive("naive", opened(), "model.gguf").ask("What does E07 mean?")
    assert llama.made[0].roles == roles
    assert llama.made[0].prompts[0].startswith("Answer the question")
    assert llama.made[0].prompts[0].endswith("Question: What does E07 mean?")


@pytest.mark.parametrize("says", ["I do not know.", ""])
def test_a_naive_refusal_is_seen_by_its_words(opened, llama, monkeypatch, says):
    monkeypatch.setattr(llama, "says", says)
    reply = Naive("naive", opened(), "model.gguf").ask("Who sang?")
    assert (reply.refused, reply.sentences, reply.answer) == (True, (), "")


@pytest.mark.parametrize("words", [3, 5000])
def test_a_prompt_always_leaves_room_for_the_answer(opened, llama, words):
    fieldmate = opened(manual="# Long\n\n" + "\n\n".join(f"## Part {n}\n\n" + "word " * 60 for n in range(4)))
    naive = Naive("naive", fieldmate, "model.gguf")
    naive.ask("word " * words)
    settings = fieldmate.settings.generator
    assert len(llama.made[0].prompts[0].split()) <= settings.context_tokens - settings.max_tokens
    assert "Question: word" in llama.made[0].prompts[0]


def plan(*variants):
    return Plan(command=[], scratch="", models="", variants=list(variants), default_generator="one")


ONE, TWO = Variant.of_generator("one"), Variant.of_generator("two")


def test_the_best_passage_comes_with_the_first_variant_alone(opened, llama, monkeypatch):
    monkeypatch.setattr(product, "model_file", lambda plan, variant: f"{variant.name}.gguf")
    fieldmate = opened()
    assert [one.name for one in pipelines.of(plan(ONE, TWO), ONE, fieldmate)] == [
        "one", "best passage, no model", "naive, one",
    ]  # fmt: skip
    assert [one.name for one in pipelines.of(plan(ONE, TWO), TWO, fieldmate)] == ["two", "naive, two"]
    assert [model.closed for model in llama.made] == [True, True]


def test_where_the_naive_pipeline_cannot_run_the_others_come_first(opened, monkeypatch):
    def refuse(plan, variant):
        raise BenchmarkError("The model one is no single GGUF file, which this scenario needs.")

    monkeypatch.setattr(product, "model_file", refuse)
    made = pipelines.of(plan(ONE), ONE, opened())
    assert [next(made).name, next(made).name] == ["one", "best passage, no model"]
    with pytest.raises(BenchmarkError, match="no single GGUF"):
        next(made)


def held(fieldmate):
    return sorted(fieldmate.document(record.name)[1].strip() for record in fieldmate.documents())


def test_a_shelf_holds_what_it_was_given_last_and_nothing_else(opened, tmp_path):
    fieldmate = opened(manual=None)
    shelf = Shelf(fieldmate, tmp_path / "files")
    shelf.hold(["The gate is green.", "The wall is white.", "The roof is red."])
    assert len(held(fieldmate)) == 3
    shelf.hold(["The lake is deep."])
    assert held(fieldmate) == ["The lake is deep."]
    assert [hit.passage.text for hit in fieldmate.search("gate", k=10)] == ["The lake is deep."]
    shelf.hold(["The lake is deep.", "The gate is green."])
    assert held(fieldmate) == ["The gate is green.", "The lake is deep."]
    names = {record.name for record in fieldmate.documents()}
    assert names == {"document-1.txt", "document-2.txt"}  # nothing that would give an answer away


def test_a_refused_document_is_said_and_the_shelf_goes_on(opened, tmp_path):
    fieldmate = opened(manual=None)
    shelf = Shelf(fieldmate, tmp_path / "files")
    with pytest.raises(BenchmarkError, match="Of 2 documents of a question 1 are held: "):
        shelf.hold(["The gate is green.", " \n "])
    shelf.hold(["The wall is white."])
    assert held(fieldmate) == ["The wall is white."]


def test_a_second_shelf_over_the_same_knowledge_base_clears_it(opened, tmp_path):
    fieldmate = opened(manual=None)
    Shelf(fieldmate, tmp_path / "files").hold(["The gate is green.", "The wall is white."])
    Shelf(fieldmate, tmp_path / "files").hold(["The lake is deep."])
    assert held(fieldmate) == ["The lake is deep."]
