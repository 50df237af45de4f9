"""Made `version-1.db.gz`: a knowledge base as version 1 of the schema wrote it, for the migrations to come.

Not to be run again: the file stands for those that are out there. A later schema gets a file of its own.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

from tests.unit.store.samples import filled

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "knowledge.db"
        filled(path, documents=2, passages=3)
        Path(__file__).with_name("version-1.db.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
