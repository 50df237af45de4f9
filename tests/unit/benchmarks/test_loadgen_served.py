"""Claims about the server process under test: killed, silent, broken or gone, it ends a run with a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import psutil
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.loadgen import driver
from benchmarks.loadgen.questions import Questions
from benchmarks.loadgen.rules import Rules
from benchmarks.loadgen.served import Served
from benchmarks.loadgen.serving import Order
from benchmarks.plan import ROOT, Plan, Variant

QUESTIONS = Questions(tuple(f"q-{number}" for number in range(8)), tuple(f"text {number}" for number in range(8)))
PLAN = Plan(command=[], scratch="", models="", variants=[], default_generator="")
NULL = Order(PLAN, Variant("v"), "", null_ms=0.0)
STUCK = Order(PLAN, Variant("v"), "", null_ms=600_000.0)
"""Takes ten minutes for an answer."""


class Killed:
    """Kills the server for real as soon as `alive` questions were sent."""

    def __init__(self, served, alive):
        self.served = served
        self.left = alive

    def take(self, ticket):
        self.served.take(ticket)
        self.left -= 1
        if self.left == 0:
            os.kill(self.served.pid, signal.SIGKILL)


@pytest.mark.parametrize(("scenario", "alive"), [("Server", 1), ("Server", 3), ("Server", 8), ("SingleStream", 1)])
def test_a_killed_server_ends_the_run_with_a_sentence(tmp_path, scenario, alive):
    pytest.importorskip("mlperf_loadgen")
    with Served(STUCK, QUESTIONS) as served:
        with pytest.raises(BenchmarkError, match=r"The server was ended by signal 9 \(SIGKILL\); \d of its questions"):
            driver.run(Rules(scenario, 8, 1, rate=50.0), Killed(served, alive), tmp_path)


def test_a_server_that_was_killed_between_runs_fails_the_next_one(tmp_path):
    pytest.importorskip("mlperf_loadgen")
    with Served(NULL, QUESTIONS) as served:
        assert len(driver.run(Rules("SingleStream", 8, 1), served, tmp_path).samples) == 8
        os.kill(served.pid, signal.SIGKILL)
        served._listener.join(30)
        with pytest.raises(BenchmarkError, match="signal 9"):
            driver.run(Rules("Server", 8, 1, rate=50.0), served, tmp_path)


def test_a_silent_server_is_ended():
    with Served(STUCK, QUESTIONS, patience_s=0.1) as served:
        with pytest.raises(BenchmarkError, match="silent for 0 s while questions waited"):
            served.answer(0)
        assert not psutil.pid_exists(served.pid) or psutil.Process(served.pid).status() == psutil.STATUS_ZOMBIE


def test_a_server_that_rests_is_not_ended():
    with Served(NULL, QUESTIONS) as served:
        served.answer(0)
        served._patience = 0.1
        assert not threading.Event().wait(1.2)  # it is looked at twice in this time
        served._patience = 300.0
        assert served.answer(1).outcome == "quoted"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit('No model; pull one.')", r"ended with code 1: No model; pull one\.$"),
        ("import sys; sys.exit(7)", "ended with code 7: it said nothing"),
        ("print('no event', flush=True); import time; time.sleep(60)", "wrote something that is no event"),
        ('print(\'{"kind": "done", "number": 5}\', flush=True); import time; time.sleep(60)', "is no event"),
        ("import os; os.kill(os.getpid(), 11)", r"ended by signal 11 \(SIGSEGV\)"),
    ],
)
def test_a_server_that_cannot_begin_says_why(code, expected):
    with pytest.raises(BenchmarkError, match=expected):
        Served(NULL, QUESTIONS, command=(sys.executable, "-c", code)).__enter__()


def test_a_server_that_says_nothing_at_all_is_ended():
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(BenchmarkError, match="silent for 1 s"):
        Served(NULL, QUESTIONS, patience_s=0.6, command=command).__enter__()


def test_closing_ends_the_process_even_when_it_is_busy(monkeypatch):
    monkeypatch.setattr("benchmarks.loadgen.served._END_S", 0.1)
    served = Served(STUCK, QUESTIONS).__enter__()
    failed = []
    served.take(driver.Ticket(0, 0, 0.0, lambda *_: None, failed.append))
    served.close()
    served.close()
    assert isinstance(failed[0], BenchmarkError)
    assert not psutil.pid_exists(served.pid)


def test_a_variant_that_cannot_be_opened_fails_with_the_products_sentence(tmp_path):
    """No knowledge base is there: the first question ends the server with what the product says of it."""
    plan = Plan(command=[], scratch="", models=str(tmp_path), variants=[], default_generator="")
    with Served(Order(plan, Variant("v"), str(tmp_path / "none")), QUESTIONS) as served:
        with pytest.raises(BenchmarkError, match=r"The server ended with code 1: .+; 1 of its questions were open\."):
            served.answer(0)


def test_a_server_ends_when_its_client_is_gone():
    code = (
        "import os, sys\n"
        "from benchmarks.loadgen.served import Served\n"
        "from tests.unit.benchmarks.test_loadgen_served import NULL, QUESTIONS\n"
        "served = Served(NULL, QUESTIONS).__enter__()\n"
        "print(served.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    pid = int(done.stdout)
    with suppress(psutil.NoSuchProcess):  # it may be gone before we look
        psutil.Process(pid).wait(30)
    assert not psutil.pid_exists(pid)


def test_a_question_of_many_lines_or_of_any_character_is_one_question():
    odd = Questions(("a",), ("line\nline\r\n\u2028\x00\U0001f600",))
    with Served(NULL, odd) as served:
        assert served.answer(0).outcome == "quoted"
        assert served.answer(0).outcome == "quoted"
