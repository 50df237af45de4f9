from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.bundles.devices import Device, Workstation


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """With three documents."""
    made = Workstation(tmp_path / "workstation")
    for number in range(3):
        made.put(f"manual-{number}.md", 4, seed=number)
    return made


@pytest.fixture
def device(tmp_path: Path, workstation: Workstation) -> Device:
    """Trusts the workstation, and holds nothing."""
    made = Device(tmp_path / "device")
    made.trust(workstation.key)
    return made
