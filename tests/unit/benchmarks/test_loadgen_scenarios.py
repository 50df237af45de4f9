"""Claims about the scenarios that LoadGen drives: which rows there are, of which samples, without a word."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest

from assistant.types import Answer, AnswerDone, Citation, CitationFound, Retrieved, TextDelta, Timings, Usage
from benchmarks import product
from benchmarks.errors import BenchmarkError
from benchmarks.loadgen import offline, overhead, server, serving, single_stream
from benchmarks.loadgen.questions import chosen
from benchmarks.loadgen.table import ENTRIES
from benchmarks.plan import Plan, Variant

SMALL = "smollm2-135m-instruct"
CITATION = Citation("SECRET.md", "SECRET", "SECRET", None, "SECRET", 0, 6, 1.0)


@pytest.fixture(autouse=True)
def _loadgen():
    pytest.importorskip("mlperf_loadgen")


class Scripted:
    """Every third question is abstained from, one is quoted; the others are generated with known timings."""

    def __init__(self, changes=False):
        self.changes = changes
        self.asked = []

    def ask(self, question):
        self.asked.append(question)
        number = sum(map(ord, question)) % 3
        yield Retrieved(())
        text = f"SECRET {len(self.asked)}" if self.changes else "SECRET"
        yield TextDelta(text)
        answer = Answer(question, text, "answered", "generated", 1.0, (CITATION,), timings=Timings(
            2.0, 30.0, 130.0, 5.0, {"embed": 1.0, "search": 1.0, "prefill": 20.0, "decode": 100.0}),
            usage=Usage(500, 60, 11))  # fmt: skip
        if number == 0:
            stages = {"embed": 1.0, "search": 1.0}
            answer = replace(
                answer, status="abstained", mode="quoted", citations=(), timings=Timings(2.0, None, 3.0, 0.0, stages),
                usage=Usage(),
            )  # fmt: skip
        else:
            yield CitationFound(CITATION, 1)
        yield AnswerDone(answer)

    def answer(self, question):
        return [event for event in self.ask(question) if isinstance(event, AnswerDone)][0].answer  # noqa: RUF015


@pytest.fixture
def scripted(tmp_path, monkeypatch):
    made = Scripted()

    @contextmanager
    def opened(plan, variant, home):
        yield made

    def null(plan, variant, home):
        return serving.Order(plan, variant, home, null_ms=0.0)

    monkeypatch.setattr(product, "opened", opened)
    monkeypatch.setattr(product, "with_samples", lambda plan: tmp_path)
    monkeypatch.setattr(single_stream, "Order", null)
    monkeypatch.setattr(server, "Order", null)
    return made


def planned(tmp_path, questions=9, **options):
    return Plan(
        command=["fieldmate"], scratch=str(tmp_path), models="", variants=[Variant.of_generator("one")],
        default_generator="one", questions=questions, repetitions=2, options=options,
    )  # fmt: skip


def rows(scenario, plan, variant=None):
    found = list(scenario.measure(plan, variant or plan.variants[0]))
    encoded = msgspec.json.encode(found)
    assert b"SECRET" not in encoded
    for text in chosen(plan).texts:
        assert msgspec.json.encode(text)[1:-1] not in encoded
    for row in found:
        assert len(row.keys) in (0, len(row.samples))
        assert len(set(row.keys)) == len(row.keys)
        assert row.samples or row.summary
    return found


def one(found, metric, **fields):
    matching = [row for row in found if row.metric == metric and all(getattr(row, k) == v for k, v in fields.items())]
    assert len(matching) == 1, [row.metric for row in found]
    return matching[0]


def generated(plan):
    questions = chosen(plan)
    pairs = zip(questions.ids, questions.texts, strict=True)
    return {name for name, text in pairs if sum(map(ord, text)) % 3}


def test_every_scenario_of_the_table_can_be_loaded():
    for entry in ENTRIES:
        assert callable(entry.load(""))
        assert entry.suite == "run"
        assert entry.generators is (entry.name != "overhead")


def test_single_stream_has_every_metric_and_stage(tmp_path, scripted):
    plan = planned(tmp_path)
    found = rows(single_stream, plan)
    ids = set(chosen(plan).ids)
    for metric in ("full answer", "first text", "total", "stage embed", "stage search", "harness time per question"):
        assert set(one(found, metric, state="warm").keys) == ids, metric
    for metric in ("first token", "time per output token", "stage prefill", "stage decode"):
        assert set(one(found, metric, state="warm").keys) == generated(plan), metric
    assert {row.state for row in found} == {"", "cold", "warm"}
    assert one(found, "time per output token").samples == pytest.approx([10.0] * len(generated(plan)))


def test_questions_without_a_generator_are_counted_and_are_in_no_first_token_figure(tmp_path, scripted):
    plan = planned(tmp_path)
    row = one(rows(single_stream, plan), "first token", state="warm")
    assert len(row.samples) == len(generated(plan)) < 9
    assert row.samples == [30.0] * len(row.samples)
    assert row.detail["not_generated"] == 9 - len(generated(plan)) == row.detail["outcomes"]["abstained"]


def test_a_run_without_any_generated_answer_has_no_first_token_row_and_does_not_fail(tmp_path, scripted, monkeypatch):
    plan = planned(tmp_path, questions=9)
    only = [item for item in product.sample_questions() if sum(map(ord, item["question"])) % 3 == 0]
    monkeypatch.setattr(product, "sample_questions", lambda: only)
    metrics = {row.metric for row in rows(single_stream, plan)}
    assert "full answer" in metrics
    assert not metrics & {"first token", "time per output token", "stage decode"}


def test_the_row_says_mode_validity_and_the_rules_that_were_not_met(tmp_path, scripted):
    said = one(rows(single_stream, planned(tmp_path)), "full answer", state="warm").detail["loadgen"]
    assert (said["mode"], said["result_validity"]) == ("short", "INVALID")
    assert said["not_met"] == ["minimum duration", "minimum number of questions", "early stopping"]
    assert "64 queries" in said["early_stopping"]
    assert said["percentiles_ms"].keys() == {"p50", "p90", "p99"}


def test_reused_tokens_are_in_the_detail_of_the_full_answer(tmp_path, scripted):
    detail = one(rows(single_stream, planned(tmp_path)), "full answer", state="warm").detail
    assert sorted(set(detail["reused_tokens"])) == [0, 60]
    assert len(detail["reused_tokens"]) == 9


def test_cold_rows_are_of_fresh_processes_with_loading_apart(tmp_path, scripted):
    plan = planned(tmp_path)
    cold = [row for row in rows(single_stream, plan) if row.state == "cold"]
    assert {"load", "full answer", "first text"} <= {row.metric for row in cold}
    assert all(len(row.samples) == plan.repetitions and set(row.keys) <= generated(plan) for row in cold)


def test_a_deliberate_slow_down_is_in_the_rows_and_marked(tmp_path, scripted):
    plan = planned(tmp_path)
    slow = rows(single_stream, plan, msgspec.structs.replace(plan.variants[0], slow_down=0.5))
    row = one(slow, "stage decode")
    assert row.samples == [150.0] * len(generated(plan))
    assert row.detail["slow_down"] == 0.5


def test_equal_answers_are_shown_to_be_equal(tmp_path, scripted):
    found = rows(single_stream, planned(tmp_path))
    assert one(found, "same answer as in the accuracy run").value == 1.0
    assert one(found, "answered").value == pytest.approx(one(found, "generated").value)
    assert one(found, "abstained").value == pytest.approx(1 - one(found, "answered").value)
    assert one(found, "citations per answer").value == pytest.approx(one(found, "answered").value)


@pytest.mark.parametrize("scenario", [single_stream, offline])
def test_answers_that_change_are_found(tmp_path, scripted, scenario):
    scripted.changes = True
    row = one(rows(scenario, planned(tmp_path)), "same answer as in the accuracy run")
    assert row.value == 0.0
    assert not row.target.met(row.value)


def test_offline_gives_throughput_of_questions_and_tokens(tmp_path, scripted):
    plan = planned(tmp_path)
    found = rows(offline, plan)
    questions, tokens = (one(found, "throughput", unit=unit) for unit in ("questions/s", "tokens/s"))
    taken = one(found, "time per question")
    assert questions.value == pytest.approx(1000 / taken.value, rel=1e-3)
    assert tokens.value == pytest.approx(questions.value * 11 * len(generated(plan)) / 9, rel=1e-3)
    assert questions.interval[0] <= questions.value <= questions.interval[1]
    assert questions.detail["loadgen"]["not_met"] == ["minimum duration"]


def test_the_server_gives_times_from_the_arrival_and_a_highest_rate(tmp_path, scripted):
    plan = planned(tmp_path, server={"rate": 40.0, "rates": 2, "limit_ms": 30_000.0})
    found = rows(server, plan)
    waited, text, full = (
        one(found, name, subset="first rate").samples
        for name in ("wait in the queue", "arrival to first text", "arrival to full answer")
    )
    assert all(0 <= a <= b <= c for a, b, c in zip(waited, text, full, strict=True))
    highest = one(found, "highest rate within the limit")
    assert highest.value >= 40.0
    assert len(highest.detail["tried"]) <= 2
    assert one(found, "same answer as in the accuracy run").value == 1.0


def test_a_server_that_no_rate_suits_gives_zero(tmp_path, scripted):
    plan = planned(tmp_path, server={"rate": 40.0, "rates": 2, "limit_ms": 1e-6})
    highest = one([*server.measure(plan, plan.variants[0])], "highest rate within the limit")
    assert highest.value == 0.0
    assert highest.samples == []
    assert [each["held"] for each in highest.detail["tried"]] == [False, False]


def test_overhead_is_measured_on_the_path_of_the_product_with_its_share(tmp_path, scripted):
    plan = planned(tmp_path)
    found = rows(overhead, plan, Variant(""))
    subsets = ["answers at once", "works for 5 ms", "answers at once, in the server"]
    assert [row.subset for row in found] == [*subsets, ""]
    assert all(len(row.samples) == 90 for row in found[:3])
    assert all(sample >= 0 for row in found[:3] for sample in row.samples)
    share = one(found, "harness time / full answer")
    assert share.variant == "one"
    assert set(share.keys) == set(chosen(plan).ids)
    assert share.target.limit == 0.01


def test_overhead_can_be_measured_alone(tmp_path, scripted):
    found = rows(overhead, planned(tmp_path, overhead={"against": "none"}), Variant(""))
    assert len(found) == 3
    assert scripted.asked == []


def test_overhead_against_an_unknown_variant_is_refused_before_anything_is_measured(tmp_path, scripted):
    with pytest.raises(BenchmarkError, match="is 'two'; give one of one, or \"none\""):
        next(overhead.measure(planned(tmp_path, overhead={"against": "two"}), Variant("")))


@pytest.mark.parametrize("scenario", [single_stream, server, offline])
def test_a_wrong_mode_is_refused_before_anything_is_loaded(tmp_path, scripted, scenario):
    plan = planned(tmp_path, **{scenario.NAME: {"mode": "quick"}})
    with pytest.raises(BenchmarkError, match="mode of"):
        next(scenario.measure(plan, plan.variants[0]))
    assert scripted.asked == []


@pytest.mark.parametrize("scenario", [single_stream, offline])
def test_a_product_that_fails_fails_the_scenario_with_its_own_sentence(tmp_path, scripted, scenario, monkeypatch):
    def broken(question):
        raise BenchmarkError("The model is damaged; pull it again.")
        yield

    monkeypatch.setattr(scripted, "ask", broken)
    with pytest.raises(BenchmarkError, match="The model is damaged"):
        list(scenario.measure(planned(tmp_path), Variant.of_generator("one")))


def test_more_questions_than_there_are_is_all_of_them(tmp_path):
    assert len(chosen(planned(tmp_path, questions=100_000))) == 90


# With real weights


@pytest.mark.engine
def test_a_real_model_gives_the_same_answers_in_both_runs_and_the_harness_takes_next_to_nothing(
    tmp_path, models_dir, smollm2, monkeypatch
):
    plan = planned(tmp_path, questions=4)
    plan = msgspec.structs.replace(plan, models=str(models_dir), repetitions=1)
    monkeypatch.setattr(product, "with_samples", added)
    found = rows(single_stream, plan, Variant.of_generator(SMALL))
    assert one(found, "same answer as in the accuracy run").value == 1.0
    share = one(found, "harness time / full answer")
    assert share.target.met(share.value)
    assert one(found, "stage prefill", state="warm").value > one(found, "stage fuse", state="warm").value


def added(plan):
    """The sample manuals, added without the command."""
    home = plan.folder("samples")
    if not (home / "complete").exists():
        with product.opened(plan, Variant.of_generator(SMALL), home) as fieldmate:
            fieldmate.add([product.MANUALS])
        (home / "complete").touch()
    return home
