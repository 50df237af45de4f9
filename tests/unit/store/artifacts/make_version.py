"""Makes `version-N.db.gz`: a knowledge base as version N of the schema, the present one, writes it.

A file that is there is not made again: it stands for the knowledge bases that are out there.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

from assistant.store.schema import MIGRATIONS
from tests.unit.store.samples import filled

if __name__ == "__main__":
    target = Path(__file__).with_name(f"version-{len(MIGRATIONS)}.db.gz")
    if target.exists():
        raise SystemExit(f"{target} stands for what is out there; it is not made again.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "knowledge.db"
        filled(path, documents=2, passages=3)
        target.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
