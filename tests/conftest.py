"""What every test has: no network, no settings or home of the machine it runs on, repeatable hypothesis runs."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from assistant.engines.onnx import OnnxEmbedder
from assistant.ingest.describing import Describer
from assistant.settings import AnsweringSettings, EmbedderSettings, GeneratorSettings, Settings
from tests.artifacts.tiny import TINY, TINY_ID, open_tiny_embedder

REPOSITORY = Path(__file__).parents[1]
BUNDLED = REPOSITORY / "models" / "all-minilm-l6-v2-int8"
_MODELS = Path(os.environ.get("FIELDMATE_MODELS_DIR") or REPOSITORY / "models" / "artifacts")
_CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_blocked: list[str] = []

settings.register_profile("fieldmate", derandomize=True, deadline=None, database=None)
settings.load_profile("fieldmate")


@pytest.fixture(scope="session", autouse=True)
def _one_identifier_of_languages() -> None:
    """Load what tells languages apart once instead of for every test that adds something: it takes half a second."""
    identifier: list[Any] = []

    def shared(describer: Describer) -> Any:
        if not identifier:
            identifier.append(load(describer))
        return identifier[0]

    load = Describer._identifier.func  # type: ignore[attr-defined]  # of a cached property
    Describer._identifier = property(shared)  # type: ignore[assignment]


def is_local(host: object) -> bool:
    """Whether a host is this machine itself; names are not looked up."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name in (None, "", "localhost", "0.0.0.0", "::"):
        return True
    try:
        return ipaddress.ip_address(str(name).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection and every look-up of a name that leaves this machine."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in _CONNECTING and isinstance(arguments[1], tuple):  # other families: a path on this machine
        host = arguments[1][0]
    else:
        return
    if not is_local(host):
        _blocked.append(f"{event} {host}")
        raise PermissionError(f"tests open no connection beyond loopback: {event} {host}")


sys.addaudithook(_guard)


@pytest.fixture
def blocked() -> list[str]:
    """Connections that this test tried to open beyond loopback; what is left in it at the end fails the test."""
    return _blocked


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    _blocked.clear()  # whatever a fixture of a wider scope did has been raised there
    yield
    tried, _blocked[:] = list(_blocked), []
    assert not tried, f"the test tried to leave this machine: {tried}"


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of the machine reaches a test, and none of its folders is written to."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FIELDMATE_")]:
            patch.delenv(name)
        # Before HOME is another: what pip has built once (llama.cpp takes minutes) is not built again for a test.
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        patch.setenv("PIP_CACHE_DIR", os.environ.get("PIP_CACHE_DIR") or str(Path(cache) / "pip"))
        patch.setenv("HOME", str(home))
        for name, folder in {"DATA": ".local/share", "CACHE": ".cache", "CONFIG": ".config", "STATE": ".state"}.items():
            patch.setenv(f"XDG_{name}_HOME", str(home / folder))
        yield


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of pulled models: FIELDMATE_MODELS_DIR, else models/artifacts of this checkout."""
    return _MODELS


@pytest.fixture(scope="session")
def smollm2(models_dir: Path) -> Path:
    """The smallest real generator's file; the test is skipped where it has not been pulled."""
    name = "smollm2-135m-instruct"
    files = sorted((models_dir / name).glob("*.gguf"))
    if not (models_dir / name / "manifest.json").is_file() or not files:
        pytest.skip(f"{name} is not in {models_dir}; run `fieldmate models pull {name}` or set FIELDMATE_MODELS_DIR")
    return files[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 2 MB; the test is skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system of limited size can be mounted here: {error}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def tiny_settings(tmp_path: Path) -> Settings:
    """Settings of a new data folder whose only model is the tiny embedder, installed as an owner's own."""
    shutil.copytree(TINY, tmp_path / "data" / "models" / TINY_ID, ignore=shutil.ignore_patterns("golden.json"))
    return Settings(
        data_dir=tmp_path / "data",
        generator=GeneratorSettings(id="smollm2-135m-instruct"),
        embedder=EmbedderSettings(id=TINY_ID, threads=1),
        answering=AnsweringSettings(caution="low", wording="generated"),
    )


@pytest.fixture
def tiny_embedder() -> Iterator[OnnxEmbedder]:
    """The committed tiny embedder, loaded."""
    embedder = open_tiny_embedder()
    yield embedder
    embedder.close()


@pytest.fixture(scope="session")
def bundled_embedder() -> Iterator[OnnxEmbedder]:
    """The default embedder, loaded once: it takes a third of a second."""
    embedder = OnnxEmbedder(BUNDLED, "bundled", dimensions=384, max_tokens=256)
    yield embedder
    embedder.close()
