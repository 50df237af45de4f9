"""Fieldmate: an assistant that answers from your documents, on your device, and shows where each sentence comes from.

`Assistant` and `Settings` are the public surface; the names are loaded when first used, so that starting stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.settings import Settings

__all__ = ["Assistant", "Settings", "__version__"]
__version__ = "0.1.0"

_WHERE = {"Assistant": "assistant.assistant", "Settings": "assistant.settings"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)
