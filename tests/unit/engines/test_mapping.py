"""Claims about giving pages back: they leave the process, their content does not, and nothing else is touched."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from assistant.engines import llama, llama_context, mapping

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux only")
SIZE = 8 << 20
TINY = Path(__file__).parents[2] / "artifacts" / "tiny-generator" / "tiny-f16.gguf"


def resident(path: Path) -> int:
    """KiB of this file in this process."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text("utf-8").splitlines():
        if "-" in line.split()[0] and not line.split()[0].endswith(":"):
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "weights with a space.gguf"
    made.write_bytes(bytes(range(256)) * (SIZE // 256))
    return made


def test_pages_leave_the_process_and_their_content_stays(path: Path) -> None:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        before = mapped[:]
        assert resident(path) == SIZE // 1024
        mapping.release(path)
        assert resident(path) == 0
        assert mapped[:] == before


def test_what_was_written_to_a_private_copy_stays(path: Path) -> None:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, flags=mmap.MAP_PRIVATE) as mapped:
        mapped[0:4] = b"mine"
        mapping.release(path)
        assert mapped[0:4] == b"mine"


def test_other_files_keep_their_pages(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(bytes(SIZE))
    with other.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert mapped[:] == bytes(SIZE)
        mapping.release(path)
        assert resident(other) == SIZE // 1024


def test_loading_goes_on_after_each_tensor_and_gives_back_now_and_then(path: Path) -> None:
    loaded = mapping.release_now_and_then(path)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert len(mapped[:]) == SIZE
        assert all(loaded(0.5, None) is True for _ in range(8))
        assert resident(path) == 0


def test_ctrl_c_while_a_model_is_loaded_is_not_taken_for_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object, __: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(llama_context, "release_now_and_then", lambda _: interrupted)
    with pytest.raises(KeyboardInterrupt):
        llama.LlamaGenerator(TINY, "tiny", context_tokens=64)
