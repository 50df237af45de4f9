"""Claims about benchmarks.runner: every scenario leaves a row, whatever becomes of it, and the others still run."""

from __future__ import annotations

import sys

import pytest

from benchmarks.entries import Entry
from benchmarks.plan import Plan, Variant
from benchmarks.runner import Runner, duration, jobs

MEASURES = """
import sys, json
order = json.loads(sys.stdin.buffer.read())
print(json.dumps({"metric": "m", "unit": "s", "statistic": "median", "value": 1.5, "samples": [1.0, 2.0],
                  "variant": order["plan"]["data"] or ""}), flush=True)
"""
CHILD = f"""
import os, signal, sys, time, json
{MEASURES}
scenario = order["scenario"]
if scenario == "fails":
    print("Traceback", file=sys.stderr)
    print("The model x is not here; pull it.", file=sys.stderr)
    sys.exit(1)
if scenario == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if scenario == "late":
    time.sleep(60)
"""
SILENT = "import sys; sys.stdin.read()"


def made(**plan):
    variants = [Variant.of_generator("one"), Variant.of_generator("two")]
    return Plan(command=["fieldmate"], scratch="", models="", variants=variants, default_generator="one", **plan)


def runner(rows, child=CHILD, timeout=30.0, **plan):
    card, command = {"cpu": "Example"}, [sys.executable, "-c", child]
    return Runner(made(**plan), "run", card, rows.extend, lambda _: None, timeout=timeout, child=command)


def planned(*entries, blocks=1):
    return jobs(made(), entries, blocks)


def entry(name, **more):
    return Entry(name, "nowhere:nothing", "run", **more)


def test_a_scenario_that_fails_leaves_a_row_and_the_others_run():
    rows = []
    failed = runner(rows).all(planned(entry("fails"), entry("good")))
    assert failed == 1
    assert [(row.scenario, row.status) for row in rows] == [("fails", "ok"), ("fails", "failed"), ("good", "ok")]
    assert rows[1].reason == "The model x is not here; pull it."
    assert rows[1].value is None


def test_a_scenario_that_is_killed_leaves_a_row_that_names_the_signal():
    rows = []
    assert runner(rows).all(planned(entry("killed"))) == 1
    assert rows[-1].reason == "It was ended by signal 9."


def test_a_scenario_that_is_late_is_ended_and_says_so():
    rows = []
    assert runner(rows, timeout=1.0).all(planned(entry("late"), entry("good"))) == 1
    assert "longer than 1 s" in rows[1].reason
    assert rows[-1].scenario == "good"


def test_a_scenario_that_measures_nothing_has_failed():
    rows = []
    assert runner(rows, child=SILENT).all(planned(entry("silent"))) == 1
    assert rows[0].reason == "It ended without a measurement."


def test_a_scenario_that_writes_rubbish_has_failed_and_the_others_run():
    rows = []
    failed = runner(rows, child="import sys; sys.stdin.read(); print('no json')").all(planned(entry("a"), entry("b")))
    assert failed == 2
    assert [row.status for row in rows] == ["failed", "failed"]


def test_samples_environment_and_settings_are_in_every_row():
    rows = []
    runner(rows).all(planned(entry("good", generators=True)))
    assert [row.variant for row in rows] == ["one", "two"]
    assert rows[0].samples == [1.0, 2.0]
    assert rows[0].environment["cpu"] == "Example"
    assert rows[1].environment["settings"]["generator"]["id"] == "two"
    assert not {"data_dir", "models_dir"} & rows[0].environment["settings"].keys()


def test_a_measurement_may_name_its_own_variant():
    rows = []
    runner(rows, data="dense only").all(planned(entry("good")))
    assert rows[0].variant == "dense only"


def test_parts_run_apart():
    rows = []
    runner(rows).all(planned(entry("set", parts=("x", "y"))))
    assert [row.scenario for row in rows] == ["set/x", "set/y"]


@pytest.mark.parametrize("scenario", ["no-such-scenario", "help/part", "retrieval", "retrieval/no-such-set"])
def test_the_real_child_refuses_an_unknown_scenario_in_a_sentence(scenario):
    rows = []
    plan = Plan(command=[], scratch="", models="", variants=[], default_generator="")
    failed = Runner(plan, "run", {}, rows.extend, lambda _: None).all(planned(entry(scenario)))
    assert failed == 1
    assert rows[0].reason.startswith(f"There is no scenario {scenario}; choose from ")


def test_variants_take_turns_and_every_second_block_turns_them_round():
    order = planned(entry("a", generators=True), entry("b"), blocks=2)
    assert [job.name for job in order] == ["0/a/one", "0/a/two", "0/b/", "1/a/two", "1/a/one", "1/b/"]


def test_a_scenario_that_waits_for_the_product_is_a_row_and_no_failure():
    rows = []
    assert runner(rows).all(planned(entry("voice_turn", waits_for="the voice loop"), entry("good"))) == 0
    assert [(row.status, row.reason) for row in rows] == [("skipped", "It waits for the voice loop."), ("ok", "")]


def test_rows_of_a_job_come_together_and_say_how_many_they_are():
    written = []
    Runner(
        made(), "run", {}, written.append, lambda _: None, child=[sys.executable, "-c", CHILD]
    ).all(planned(entry("fails"), entry("good")))  # fmt: skip
    assert [[(row.job, row.of) for row in rows] for rows in written] == [[("0/fails/", 2)] * 2, [("0/good/", 1)]]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (95, "1 min 35 s"), (650, "10 min"), (7300, "2 h 1 min")]
)
def test_durations_are_said_as_people_say_them(seconds, said):
    assert duration(seconds) == said
