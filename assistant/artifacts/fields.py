"""Constraints that catalogue, manifests and pins share.

Knows no file: only which strings and numbers may stand in one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Role = Literal["generator", "embedder"]
Format = Literal["gguf", "onnx", "tflite", "litertlm"]

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 in lower-case hexadecimal.")]
Positive = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]

ArtifactId = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$", description="Name of an artifact, and of its folder.")
]

# One folder deep at most, no hidden names and no "..": a manifest from a USB stick must not reach outside its folder.
FileName = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+-]{0,120}(/[A-Za-z0-9_][A-Za-z0-9._+-]{0,120})?$"),
]


class ArtifactFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an artifact whose bytes are known."""

    path: FileName
    """Below the artifact's folder, with forward slashes."""
    bytes: Positive
    sha256: Sha256


class ExpectedFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an artifact, as far as its bytes are known."""

    path: FileName
    bytes: Positive | None = None
    sha256: Sha256 | None = None
