"""What an owner types as an address, and that Ray is not there for anybody who types none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assistant.cluster.connecting import connected
from assistant.errors import UsageError
from tests.e2e.machine import REPOSITORY

WITHOUT = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize("address", ["", "cluster", "host:", ":1", "host:port", "http://host:1", "a/b:1"])
def test_what_is_no_address_is_refused_before_anything_is_opened(address: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.raises(UsageError, match=r"is no address of a cluster; use auto, local"), connected(address):
        pass


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "fieldmate\[ray\]"'), connected("auto"):
        pass


def test_everything_but_on_ray_works_where_there_is_no_ray() -> None:
    program = (
        WITHOUT
        + "import assistant.cli.documents, assistant.wiring, assistant.cluster.work\nassert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


def test_adding_without_on_ray_loads_neither_ray_nor_what_uses_it(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Lamp\n\nThe fuse is rated 4 A.\n")
    program = (
        "import sys\nfrom assistant.cli.main import main\n"
        "try:\n    main(['add', sys.argv[1], '--data-dir', sys.argv[2]])\n"
        "except SystemExit as exc:\n    assert not exc.code\n"
        "assert [name for name in sys.modules if name == 'ray' or name.startswith('assistant.cluster')] == []"
    )
    arguments = [str(tmp_path / "note.md"), str(tmp_path / "data")]
    subprocess.run([sys.executable, "-c", program, *arguments], cwd=REPOSITORY, check=True, capture_output=True)


def test_an_address_from_outside_is_refused_with_the_way_out() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.raises(UsageError, match=r"run the command on a machine of the cluster with --on-ray auto\.$"):
        with connected("ray://127.0.0.1:10001"):
            pass
