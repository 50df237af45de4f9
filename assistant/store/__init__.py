"""The knowledge base on disk: SQLite is the truth, the vector index a cache.

It knows nothing of settings, the command line, readers or generators.
"""

from assistant.store.database import Store
from assistant.store.index import VectorIndex
from assistant.store.records import DocumentRecord, EmbedderRecord, NameTaken, Outcome, Problem, Statistics

__all__ = [
    "DocumentRecord",
    "EmbedderRecord",
    "NameTaken",
    "Outcome",
    "Problem",
    "Statistics",
    "Store",
    "VectorIndex",
]
