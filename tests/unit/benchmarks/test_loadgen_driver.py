"""Claims about running the real LoadGen: order, what is joined from its logs, and how a failing system ends a run."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

from benchmarks import statistics
from benchmarks.errors import BenchmarkError
from benchmarks.loadgen import driver, stopping
from benchmarks.loadgen.local import Local
from benchmarks.loadgen.null import NullAssistant
from benchmarks.loadgen.offline import steps
from benchmarks.loadgen.questions import Questions
from benchmarks.loadgen.rules import Rules

SCENARIOS = ("SingleStream", "Server", "Offline")


@pytest.fixture(autouse=True)
def _loadgen(request):
    if "missing" not in request.node.name:
        pytest.importorskip("mlperf_loadgen")


def numbered(count):
    return Questions(
        tuple(f"q-{number}" for number in range(count)), tuple(f"text {number}" for number in range(count))
    )


class Recording(NullAssistant):
    """Keeps what it was asked; fails at the question numbered `fails_at`."""

    def __init__(self, fails_at=None, error=None):
        super().__init__()
        self.asked = []
        self.fails_at = fails_at
        self.error = error

    def ask(self, question):
        self.asked.append(question)
        if len(self.asked) - 1 == self.fails_at:
            raise self.error
        return super().ask(question)


def ran(tmp_path, scenario="SingleStream", count=5, assistant=None, seed=3, **rules):
    questions = numbered(count)
    rules = {"rate": 50.0} | rules
    system = Local(assistant or NullAssistant(), questions)
    return driver.run(Rules(scenario, count, seed, **rules), system, tmp_path)


# Order and keys


@pytest.mark.parametrize("accuracy", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_questions_arrive_in_loadgens_order_and_each_is_asked_once(tmp_path, scenario, accuracy):
    assistant = Recording()
    found = ran(tmp_path, scenario, 7, assistant, accuracy=accuracy)
    assert assistant.asked == [f"text {index}" for index in found.order]
    assert sorted(found.order) == list(range(7))
    assert (found.verdict is None) is accuracy


def test_the_order_follows_the_seed(tmp_path):
    first, again, other = (ran(tmp_path, count=20, seed=seed).order for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_question_that_comes_again_has_a_key_of_its_own():
    assert numbered(3).keys([2, 0, 2, 2]) == ["q-2", "q-0", "q-2#2", "q-2#3"]


def test_a_set_of_one_question_is_good(tmp_path):
    assert ran(tmp_path, count=1).order == [0]


# Figures against LoadGen's own


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    pytest.importorskip("mlperf_loadgen")
    return ran(tmp_path_factory.mktemp("many"), count=700)


def test_loadgens_percentiles_are_neighbours_of_ours(many):
    """LoadGen takes a sample, we the line between two: both must stand on the same pair of samples."""
    samples = np.asarray([sample.latency for sample in many.samples])
    for q in (50, 90, 99):
        own = many.verdict.percentiles_ms[f"p{q}"]
        assert np.percentile(samples, q, method="lower") <= own <= np.percentile(samples, q, method="higher")
        assert abs(own - statistics.percentile(samples.tolist(), q)) <= np.diff(np.sort(samples)).max()


def test_loadgens_mean_and_extremes_are_ours(many):
    samples = [sample.latency for sample in many.samples]
    summary = statistics.summarize(samples)
    for name, own in (("min", "result_min_latency_ns"), ("max", "result_max_latency_ns")):
        assert summary[name] == pytest.approx(many.verdict.number(own) / 1e6, abs=1e-9)
    # LoadGen's mean is a whole number of nanoseconds.
    assert summary["mean"] == pytest.approx(many.verdict.number("result_mean_latency_ns") / 1e6, abs=1.1e-6)


def test_our_early_stopping_is_loadgens(many):
    samples = [sample.latency for sample in many.samples]
    assert set(many.verdict.estimates_ms) == {"p90", "p99"}
    assert stopping.estimates(samples) == pytest.approx(many.verdict.estimates_ms)


def test_a_run_with_too_few_questions_has_no_estimate_and_names_the_rules(tmp_path):
    verdict = ran(tmp_path).verdict
    assert verdict.estimates_ms == {}
    assert verdict.not_met == ["minimum duration", "minimum number of questions", "early stopping"]
    assert verdict.values["result_validity"] == "INVALID"


def test_no_short_run_is_called_valid(tmp_path):
    for scenario in SCENARIOS:
        verdict = ran(tmp_path, scenario).verdict
        assert verdict.values["result_validity"] == "INVALID"
        assert "minimum duration" in verdict.not_met


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_full_run_meets_every_rule(tmp_path, monkeypatch, scenario):
    """With a minimum of one second in place of ten minutes, and an assistant whose work takes 2 ms at least."""
    monkeypatch.setattr("benchmarks.loadgen.rules.OFFICIAL_SECONDS", 1)
    rules = {"mode": "full", "expected_ms": 2.0, "rate": 600.0, "limit_ms": 60_000.0}
    assistant = NullAssistant(2.0 if scenario != "Server" else 0.0)
    found = ran(tmp_path, scenario, 16, assistant, **rules)
    assert found.verdict.values["result_validity"] == "VALID"
    assert found.verdict.not_met == []
    assert found.verdict.within_limit is (scenario == "Server")
    counts = [found.order.count(index) for index in range(16)]
    assert max(counts) - min(counts) <= 1  # all equally often, but for a last round that was not finished
    assert len(set(numbered(16).keys(found.order))) == len(found.order) > 450


def test_the_steps_of_an_offline_run_add_up_to_loadgens_throughput(tmp_path):
    found = ran(tmp_path, "Offline", 40)
    taken = steps(found)
    assert all(step >= 0 for step in taken)
    assert 1000 * len(taken) / sum(taken) == pytest.approx(found.verdict.number("result_samples_per_second"), rel=1e-3)


def test_times_of_a_sample_are_in_order(tmp_path):
    for sample in ran(tmp_path, "Server", 10).samples:
        assert 0 <= sample.waited <= sample.first_text <= sample.latency


def test_loadgen_keeps_the_digest_of_every_answer_in_both_modes(tmp_path):
    for accuracy in (False, True):
        for sample in ran(tmp_path, accuracy=accuracy).samples:
            assert sample.digest == sample.answer.digest


def test_an_audit_config_in_the_current_folder_is_not_obeyed(tmp_path, monkeypatch):
    (tmp_path / "audit.config").write_text("*.*.performance_issue_same = 1\n*.*.mode = 2\n")
    monkeypatch.chdir(tmp_path)
    assert sorted(ran(tmp_path, count=6).order) == list(range(6))


# Failures


@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_system_that_fails_ends_the_run_with_its_own_error(tmp_path, scenario, at):
    assistant = Recording(at, BenchmarkError("The pump is dry."))
    with pytest.raises(BenchmarkError, match="The pump is dry"):
        ran(tmp_path, scenario, assistant=assistant)
    assert len(assistant.asked) == at + 1  # nothing more is asked of it
    assert ran(tmp_path, scenario).order  # and LoadGen can be used again


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), MemoryError(), ValueError("x")])
def test_whatever_is_raised_waits_until_loadgen_has_ended(tmp_path, error):
    with pytest.raises(type(error)):
        ran(tmp_path, assistant=Recording(1, error))
    assert ran(tmp_path).order


class Dies:
    """Answers two questions, and fails from another thread while others wait."""

    def __init__(self, questions):
        self.local = Local(NullAssistant(), questions)
        self.open = []
        self.threads = []

    def take(self, ticket):
        self.open.append(ticket)
        if len(self.open) <= 2:
            self.local.take(ticket)
        elif len(self.open) == 4:
            thread = threading.Thread(target=ticket.fail, args=(BenchmarkError("It died."),))
            self.threads.append(thread)
            thread.start()


def test_questions_that_wait_when_the_system_dies_do_not_hold_loadgen(tmp_path):
    system = Dies(numbered(12))
    with pytest.raises(BenchmarkError, match="It died"):
        driver.run(Rules("Server", 12, 1, rate=50.0), system, tmp_path)
    for thread in system.threads:
        thread.join()


def test_a_dead_server_does_not_sleep_until_the_last_arrival(tmp_path):
    """A full run is 600 s of arrivals: LoadGen stops at its limit of open questions instead."""
    rules = Rules("Server", 4, 1, "full", rate=50.0, limit_ms=1.0)
    with pytest.raises(BenchmarkError, match="It died"):
        driver.run(rules, Dies(numbered(4)), tmp_path)


def test_too_many_open_questions_end_the_run_and_the_rate_is_not_held(tmp_path, monkeypatch):
    questions, flushed = numbered(40), threading.Event()
    plain = driver._Session.flush
    monkeypatch.setattr(driver._Session, "flush", lambda self: (flushed.set(), plain(self)))
    local, waiting = Local(NullAssistant(), questions), []

    def answer_all():
        assert flushed.wait(60)
        for ticket in waiting:
            local.take(ticket)

    worker = threading.Thread(target=answer_all)
    worker.start()
    rules = Rules("Server", 40, 1, rate=50.0, limit_ms=1.0)
    found = driver.run(rules, type("Queue", (), {"take": lambda self, ticket: waiting.append(ticket)})(), tmp_path)
    worker.join()
    assert len(found.samples) == rules.queue + 1 == 17
    assert found.verdict.overrun
    assert not found.verdict.within_limit


def test_a_ticket_is_completed_once(tmp_path):
    class Twice(Local):
        def take(self, ticket):
            super().take(ticket)
            ticket.finish(ticket.answer)

    questions = numbered(4)
    found = driver.run(Rules("SingleStream", 4, 1), Twice(NullAssistant(), questions), tmp_path)
    assert sorted(found.order) == [0, 1, 2, 3]


def test_logs_that_cannot_be_written_are_told_before_loadgen_begins(tmp_path):
    with pytest.raises(BenchmarkError, match="LoadGen's logs cannot be written"):
        ran(tmp_path / "gone")


def test_a_missing_loadgen_is_one_sentence_that_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(BenchmarkError, match="pip install mlcommons-loadgen"):
        ran(tmp_path)
