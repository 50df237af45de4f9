"""What the bundles' tests do in processes of their own: `python child.py TASK ARGUMENTS…`."""

# ruff: noqa: T201  # What it prints is what it reports to the test.

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from assistant.bundles.container import opened
from assistant.errors import FieldmateError
from assistant.store import Store
from tests.unit.bundles.devices import Device, Workstation
from tests.unit.store.samples import flipped

STEPS = {"open", "os.rename", "os.remove", "sqlite3.connect"}
"""Audited events between which a process may die; SQLite's own writes are covered by the random kills."""


def prepared(root: Path) -> tuple[Workstation, Device]:
    """A device with version 1 of a bundle and a document of its own; version 2 is at `root`/2, its delta at 2-delta."""
    workstation, device = Workstation(root / "workstation"), Device(root / "device")
    device.trust(workstation.key)
    for number in range(4):
        workstation.put(f"manual-{number}.md", 20, seed=number)
    workstation.publish(root / "1", version=1)
    device.put("mine.md", 3, seed=99)
    device.update(root / "1")
    workstation.put("manual-1.md", 25, seed=51)
    workstation.remove("manual-2.md")
    workstation.put("manual-4.md", 10, seed=4)
    workstation.publish(root / "2", version=2)
    workstation.publish(root / "2-delta", version=2, since=root / "1")
    return workstation, device


def outcome(action: Callable[[], object]) -> str:
    """ "done", the exit code with which the command would end, or what went wrong."""
    try:
        action()
    except FieldmateError as error:
        clear = str(error).endswith(".") and "\n" not in str(error) and error.exit_code in (3, 5)
        return str(error.exit_code) if clear else f"unclear: {error}"
    except Exception as error:
        return repr(error)
    return "done"


def mutate(root: str, first: str, last: str) -> None:
    """Apply damaged copies of a good bundle; print what came of each, and each change of the knowledge base."""
    _, device = prepared(Path(root))
    good, bad, outcomes = [Path(root, name).read_bytes() for name in ("2", "2-delta")], Path(root, "bad"), {}
    before, generation = device.said(with_ids=True), _generation(device)
    for seed in range(int(first), int(last)):
        bad.write_bytes(flipped(good[seed % 2], np.random.default_rng(seed)))
        if bad.read_bytes() in good:
            continue
        said = outcome(lambda: device.update(bad))
        outcomes[said] = outcomes.get(said, 0) + 1
        if _generation(device) != generation or device.left():
            print(f"seed {seed}: changed something")
    if device.said(with_ids=True) != before or device.problems():
        print("the knowledge base has changed")
    print(json.dumps(outcomes))


def mutate_signed(root: str, first: str, last: str) -> None:
    """The same where the payload was damaged before it was signed; it may be taken only if nothing of it was hurt."""
    workstation, device = prepared(Path(root))
    with opened(Path(root, "2")) as bundle:
        manifest = bundle.manifest()
        bundle.unpack(manifest.payload, Path(root, "content"))
    data, outcomes = Path(root, "content").read_bytes(), {}
    before, template = device.said(with_ids=True), Path(root, "template")
    shutil.copytree(device.root, template)
    device.update(Path(root, "2"))
    right = device.said()
    for seed in range(int(first), int(last)):
        shutil.rmtree(device.root)
        shutil.copytree(template, device.root)
        Path(root, "content").write_bytes(flipped(data, np.random.default_rng(seed)))
        workstation.forge(Path(root, "bad"), Path(root, "content"), manifest)
        said = outcome(lambda: device.update(Path(root, "bad")))
        outcomes[said] = outcomes.get(said, 0) + 1
        found = device.said(with_ids=True)
        if (said == "done" and device.said() != right) or (said != "done" and found != before) or device.problems():
            print(f"seed {seed}: {said}, and the knowledge base is not what it should be")
    print(json.dumps(outcomes))


def _generation(device: Device) -> int:
    with Store.open(device.database, create=False) as store:
        return store.generation


# Kills

Act = Callable[[Path, Workstation, Device], object]
Kill = Callable[[int, float], None]
"""Given the process and how long it would take; in the process itself, given 0, it arms itself."""

ACTIONS: dict[str, Act] = {
    "update": lambda root, workstation, device: device.update(root / "2"),
    "delta": lambda root, workstation, device: device.update(root / "2-delta"),
    "rollback": lambda root, workstation, device: device.roll_back(),
    "bundle": lambda root, workstation, device: workstation.publish(root / "out", version=9),
}


def kill_at_random(root: str, name: str, first: str, last: str) -> None:
    """Kill an action at random instants; print whatever it leaves that is neither the old state nor the new one."""
    _each(Path(root), name, [_after_a_while(seed) for seed in range(int(first), int(last))])


def kill_at_steps(root: str, name: str) -> None:
    """Kill an action at each of its steps, until it comes to its end."""
    _each(Path(root), name, map(_at_step, range(1, 10_000)), until_it_ends=True)


def _each(root: Path, name: str, kills: Iterable[Kill], *, until_it_ends: bool = False) -> None:
    workstation, device = prepared(root)
    if name == "rollback":
        device.update(root / "2")
    shutil.copyfile(root / "1", root / "out")
    begun = root / "begun"
    begun.mkdir()
    for kept in ("workstation", "device", "out"):
        (root / kept).rename(begun / kept)
    _reset(begun, root)
    before = device.said()
    started = time.monotonic()
    ACTIONS[name](root, workstation, device)
    lasts, after = time.monotonic() - started, device.said()
    counts = {"old": 0, "new": 0, "ended": 0}
    for number, kill in enumerate(kills):
        _reset(begun, root)
        ended = _forked(lambda: ACTIONS[name](root, workstation, device), kill, lasts)
        found = device.said()
        is_new = found == after != before
        counts["ended" if ended else "new" if is_new else "old"] += 1
        wrong = [found not in (before, after), ended and found != after, *device.problems()]
        wrong += _wrong_bundle(root, workstation) + _wrong_again(name, root, workstation, device, is_new)
        wrong += [device.said() != after, *device.problems()]
        if any(wrong):
            print(f"kill {number} of {name}: {wrong}")
        if ended and until_it_ends:
            break
    print(json.dumps(counts))


def _wrong_bundle(root: Path, workstation: Workstation) -> list[str]:
    """What is wrong with the published file: it must be the old one or the new one."""
    with opened(root / "out") as bundle:
        good = bundle.signed_by([workstation.key.public]) and bundle.manifest().version in (1, 9)
    return [] if good else ["neither the old bundle nor the new one"]


def _wrong_again(name: str, root: Path, workstation: Workstation, device: Device, done: bool) -> list[str]:
    """What is wrong when the same command is run again: it must complete, and leave nothing unfinished."""
    said = outcome(lambda: ACTIONS[name](root, workstation, device))
    wrong = []
    if said != ("3" if name == "rollback" and done else "done"):  # the way back is one step only
        wrong.append(f"the same command again: {said}")
    left = [*workstation.folder.iterdir(), *device.folder.iterdir(), *root.glob(".*")]
    names = sorted(path.name for path in left if path.name not in (".lock", "trusted-keys"))
    ways_back = [one for one in names if one.startswith("undo-")]
    if names != ways_back or len(ways_back) > 1:
        wrong.append(f"left {names}")
    return wrong


def _reset(begun: Path, root: Path) -> None:
    for kept in begun.iterdir():
        target = root / kept.name
        if kept.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(kept, target)
        else:
            shutil.copyfile(kept, target)


def _after_a_while(seed: int) -> Kill:
    def after_a_while(child: int, lasts: float) -> None:
        if child:
            time.sleep(random.Random(seed).uniform(0, lasts))
            os.kill(child, signal.SIGKILL)

    return after_a_while


def _at_step(step: int) -> Kill:
    def at_step(child: int, lasts: float) -> None:
        if child:
            return
        left = [step]

        def hook(event: str, _: object) -> None:
            if event in STEPS:
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)

    return at_step


def _forked(action: Callable[[], object], kill: Kill, lasts: float) -> bool:
    """Whether the action came to its end before its process was killed."""
    child = os.fork()
    if not child:
        kill(0, lasts)
        action()
        os._exit(0)
    kill(child, lasts)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code == 0


# A disk that takes no more


def limited(root: str, *limits: str) -> None:
    """Publish and update where no file may grow beyond a limit, then with the limit lifted."""
    workstation, device = prepared(Path(root))
    before = device.said(with_ids=True)
    for limit in map(int, limits):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        said = [
            outcome(lambda: device.update(Path(root, "2"))),
            outcome(lambda: workstation.publish(Path(root, "out"))),
        ]
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        same = device.said(with_ids=True) == before and not device.problems() and not device.left()
        print(
            json.dumps(
                [limit, *said, same, Path(root, "out").exists(), [path.name for path in Path(root).glob(".out*")]]
            )
        )
    print(outcome(lambda: device.update(Path(root, "2"))), outcome(lambda: workstation.publish(Path(root, "out"))))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
