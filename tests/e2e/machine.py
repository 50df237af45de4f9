"""A machine with Fieldmate on it: runs the installed command in processes of its own and keeps an eye on them.

Everything that a process may believe to be its user's (home, caches, temporary files, working folder) lies below one
folder, so that a test can list what appeared outside the data folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import sqlite3
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
MANUALS = REPOSITORY / "samples" / "manuals"
SMALL = "smollm2-135m-instruct"
MODELS = Path(os.environ.get("FIELDMATE_MODELS_DIR") or REPOSITORY / "models" / "artifacts").absolute()
PATIENCE_S = 120
"""How long an event may take that is sure to come. Nothing here is measured: a loaded machine is only slower."""

_SCRIPT = Path(sys.executable).with_name("fieldmate")
COMMAND = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-c", "from assistant.cli.main import main; main()"]
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_NOISE = re.compile(r"llama_|ggml|gguf_init|onnxruntime|Traceback|Warning:|Exception ignored")


@dataclass(frozen=True)
class Ended:
    """A process that is over."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object that it printed."""
        assert self.out.count("\n") == 1, self
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The objects that it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def sentence(self) -> str:
        """What it said on standard error: exactly one line for people, and nothing on standard output."""
        said = [line for line in self.err.splitlines() if line.strip()]
        assert len(said) == 1, self
        assert self.out == "", self
        assert re.fullmatch(r"fieldmate: .+\.", said[0]), self
        assert "bug in Fieldmate" not in said[0], self
        return said[0].removeprefix("fieldmate: ")


@dataclass
class Machine:
    """One data folder and one user's folders."""

    root: Path
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables on top of the usual ones."""
    prefix: list[str] = field(default_factory=list)
    """What the command is started by: an empty network, a small disk."""
    command: list[str] = field(default_factory=lambda: list(COMMAND))
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in self._user_folders().values():
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        """The data folder."""
        return self.root / "data"

    @property
    def database(self) -> Path:
        return self.home / "knowledge.db"

    def _user_folders(self) -> dict[str, Path]:
        user = self.root / "user"
        return {
            "HOME": user,
            "XDG_CACHE_HOME": user / "cache",
            "XDG_CONFIG_HOME": user / "config",
            "XDG_DATA_HOME": user / "share",
            "XDG_STATE_HOME": user / "state",
            "XDG_RUNTIME_DIR": user / "run",
            "TMPDIR": user / "tmp",
            "PWD": user / "work",
        }

    def strays(self) -> list[str]:
        """Everything that appeared among the user's folders."""
        user = self.root / "user"
        given = set(self._user_folders().values())
        return sorted(str(path.relative_to(user)) for path in user.rglob("*") if path not in given)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        checkout = {} if self.command != COMMAND or _SCRIPT.exists() else {"PYTHONPATH": str(REPOSITORY)}
        return {
            **kept,
            **checkout,
            **{name: str(folder) for name, folder in self._user_folders().items()},
            "FIELDMATE_HOME": str(self.home),
            "FIELDMATE_MODELS_DIR": str(MODELS),
            "FIELDMATE_GENERATOR__ID": SMALL,
            "FIELDMATE_GENERATOR__MAX_TOKENS": "24",
            # Tests run side by side: threads that wait for each other on a shared core would only spin.
            "FIELDMATE_GENERATOR__DECODE_THREADS": "1",
            "FIELDMATE_GENERATOR__PREFILL_THREADS": "1",
            "FIELDMATE_ANSWERING__PROMPT_TOKENS": "320",
            "FIELDMATE_ANSWERING__WORDING": "generated",  # what this generator is not asked for of itself
            **self.settings,
        }

    def start(self, *arguments: str | Path, settings: Mapping[str, str] = {}, **options: Any) -> subprocess.Popen[str]:
        """Start `fieldmate ARGUMENTS…`; it is ended with the test if it is still there."""
        pipe = subprocess.PIPE
        process: subprocess.Popen[str] = subprocess.Popen(
            [*self.prefix, *self.command, *map(str, arguments)],
            **{
                "env": self.environment() | settings,
                "cwd": self._user_folders()["PWD"],
                "stdin": pipe,
                "stdout": pipe,
                "stderr": pipe,
                "text": True,
                "encoding": "utf-8",
            }
            | options,
        )
        self.started.append(process)
        return process

    def run(
        self, *arguments: str | Path, said: str | None = None, settings: Mapping[str, str] = {}, **options: Any
    ) -> Ended:
        """Run `fieldmate ARGUMENTS…` to its end, with `said` on standard input."""
        return ended(self.start(*arguments, settings=settings, **options), said)

    def done(self, *arguments: str | Path, **options: Any) -> Ended:
        """The same, where it must go well."""
        over = self.run(*arguments, **options)
        assert over.code == 0, over
        return over

    def documents(self) -> dict[str, tuple[str, int]]:
        """Name -> (content hash, passages) of what is stored, as the command lists it."""
        listed = self.done("docs", "list", "--json").json["documents"]
        return {record["name"]: (record["content_hash"], record["passages"]) for record in listed}

    def stored(self) -> int:
        """How many documents are stored; may be asked while another process adds."""
        if not self.database.exists():
            return 0
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            try:
                return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])
            except sqlite3.OperationalError:  # no tables yet, or not yet a database
                return 0

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait(PATIENCE_S)


def ended(process: subprocess.Popen[str], said: str | None = None) -> Ended:
    """Wait for the end of `process`, and check that nobody but Fieldmate has spoken."""
    out, err = process.communicate(said, timeout=PATIENCE_S * 2)
    assert not _NOISE.search(err), err
    return Ended(process.returncode, out or "", err or "")


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until `condition` holds; `process` must still be running by then."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert process is None or process.poll() is None, f"ended with {process.returncode}: {process.communicate()}"
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.02)


def copy_of(machine: Machine, root: Path) -> Machine:
    """Another machine with the same knowledge base."""
    twin = Machine(root, dict(machine.settings))
    shutil.copytree(machine.home, twin.home)
    return twin


def _take_terminal() -> None:
    """Make the terminal on standard input that of this process: its keys are signals then."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A process on a terminal of its own: what it shows is collected as it comes."""

    def __init__(self, machine: Machine, *arguments: str, settings: Mapping[str, str] = {}) -> None:
        self._master, slave = pty.openpty()
        self.process = machine.start(
            *arguments,
            settings={"TERM": "xterm", **settings},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.shown = ""

    def wait_for(self, pattern: str) -> None:
        """Read on until `pattern` has been shown."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.shown):
            assert self._read(), f"the terminal closed before {pattern!r}: {self.shown!r}"
            assert time.monotonic() < end, f"no {pattern!r} in {self.shown!r}"

    def type(self, text: str) -> None:
        """Type `text`."""
        os.write(self._master, text.encode())

    def finish(self) -> int:
        """Read to the end; returns the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE_S)
        assert ready, f"nothing more after {self.shown!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)

    def close(self) -> None:
        os.close(self._master)


class Namespace:
    """Keeps a network or mount namespace alive; `prefix` starts a command inside."""

    def __init__(self, kinds: Sequence[str], prepare: str = "true") -> None:
        """`kinds` are unshare's letters, `prepare` a shell command that runs inside first."""
        flags = [f"-{kind}" for kind in kinds]
        if os.geteuid() != 0:
            flags.append("-r")
        self._holder = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", f"{prepare} && echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        self.ready = self._holder.stdout.readline() == "ready\n"
        self.pid = self._holder.pid
        user = ["-U", "--preserve-credentials"] if os.geteuid() != 0 else []
        self.prefix = ["nsenter", "-t", str(self.pid), *user, *flags[: len(kinds)], f"--wd={Path.cwd()}"]

    def do(self, *command: str) -> str:
        """Run a command inside; returns what it printed."""
        return subprocess.run([*self.prefix, *command], check=True, capture_output=True, text=True).stdout

    def close(self) -> str:
        """End it; returns why it was not ready, if it was not."""
        return self._holder.communicate()[1]


def write_folder(folder: Path, files: int, sections: int = 4) -> Path:
    """A folder of invented service notes, each file different."""
    folder.mkdir(parents=True)
    for number in range(files):
        title = f"# Service note {number:02d} for the Lumen {number + 40} street lamp\n"
        parts = [_section(number, section) for section in range(sections)]
        (folder / f"note-{number:02d}.md").write_text("\n".join((title, *parts)), "utf-8")
    return folder


def _section(number: int, section: int) -> str:
    return (
        f"## Fault L-{number:02d}{section}\n\n"
        f"Fault L-{number:02d}{section} means that driver board {section + 1} of lamp {number + 40} reports "
        f"{number * 7 + section * 3 + 11} °C. Switch the lamp off for {section + 2} minutes, clean the heat "
        f"sink of board {section + 1} and tighten its two M4 screws to 1.{number % 10} Nm. Replace the board "
        f"when the fault comes back within {number + section + 5} hours; the part number is "
        f"LB-{number:02d}-{section}.\n"
    )
