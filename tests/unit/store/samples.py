"""Documents, passages, tokens and vectors for the store's tests: small, seeded, and consistent with each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from assistant.store import Store
from assistant.store.vectors import Vectors
from assistant.types import Block, BlockKind, Document, Passage

FINGERPRINT = "test-embedder:1"
DIMENSIONS = 16

Parts = tuple[Document, list[Passage], list[tuple[str, str]], Vectors, str]


def unit_vectors(count: int, seed: int, dimensions: int = DIMENSIONS) -> Vectors:
    """Directions around a few hundred centres, as embeddings lie."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((200, dimensions))
    vectors = centres[random.integers(len(centres), size=count)] + 0.5 * random.standard_normal((count, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def parts(name: str, count: int = 3, seed: int = 0, fingerprint: str = FINGERPRINT) -> Parts:
    """What `Store.put` takes, for a document of `count` passages whose words name it, its seed and the passage."""
    bodies = [f"passage {ordinal} of {name} says {seed}" for ordinal in range(count)]
    text = "\n".join(bodies)
    document = Document(
        source=f"/manuals/{name}",
        name=name,
        title=f"The title of {name}",
        text=text,
        blocks=(Block(BlockKind.PARAGRAPH, 0, len(text), page=2),),
        content_hash="sha256:" + hashlib.sha256(text.encode()).hexdigest(),
        media_type="text/markdown",
        revised="2024-05-01",
    )
    passages, start = [], 0
    for ordinal, body in enumerate(bodies):
        end = start + len(body)
        passages.append(
            Passage(
                name, document.title, ordinal, start, end, body, ("Service", "Pump"), "Code | Cause", 2, document.dated
            )
        )
        start = end + 1
    tokens = [("service pump", body) for body in bodies]
    return document, passages, tokens, unit_vectors(count, seed), fingerprint


def filled(path: Path, documents: int = 3, passages: int = 4) -> dict[str, list[Passage]]:
    """A closed knowledge base at `path`; returns what it holds by document name."""
    held = {}
    with Store.open(path, create=True) as store:
        for number in range(documents):
            sample = parts(f"manual-{number}.md", passages, seed=number)
            store.put(*sample)
            held[sample[0].name] = sample[1]
    return held


def flipped(data: bytes, random: np.random.Generator) -> bytes:
    """The same bytes after one of the things that happen to files: cut, flipped, zeroed, overwritten, moved."""
    changed = bytearray(data)
    kind, place = random.integers(5), int(random.integers(len(data)))
    length = int(random.integers(1, 4096))
    if kind == 0:
        return bytes(changed[:place])
    if kind == 1:
        for _ in range(int(random.integers(1, 9))):
            changed[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
    elif kind == 2:
        changed[place : place + length] = bytes(len(changed[place : place + length]))
    elif kind == 3:
        changed[place : place + length] = random.bytes(len(changed[place : place + length]))
    else:
        other = int(random.integers(len(data)))
        size = min(length, len(data) - max(place, other))
        changed[place : place + size] = data[other : other + size]
    return bytes(changed)
