"""The public data sets as documents and questions. Reads the folder given with --data; knows no metric.

Licences differ from set to set: they are for measuring, and nothing of them is kept in the repository or in rows.
"""

from __future__ import annotations

from benchmarks.datasets.abstracts import vaswani
from benchmarks.datasets.challenges import UNKNOWN, Contested, Email, Order, bipia, clinc150, rgb
from benchmarks.datasets.conversations import Conversation, conversations, mtrag
from benchmarks.datasets.manuals import emanual, myfixit
from benchmarks.datasets.paragraphs import noiseqa, squad2, xquad, xquad_german
from benchmarks.datasets.values import DataSet, Question, write

__all__ = [
    "UNKNOWN",
    "Contested",
    "Conversation",
    "DataSet",
    "Email",
    "Order",
    "Question",
    "bipia",
    "clinc150",
    "conversations",
    "emanual",
    "mtrag",
    "myfixit",
    "noiseqa",
    "rgb",
    "squad2",
    "vaswani",
    "write",
    "xquad",
    "xquad_german",
]
