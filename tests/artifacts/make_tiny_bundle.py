"""Makes `tiny-bundle/tiny-int8.litertlm`: the tiny Llama of `make_tiny_generator.py` as a real LiteRT-LM bundle.

Run from the checkout: `python tests/artifacts/make_tiny_bundle.py`. The first run creates the exporter's tflite
toolchain. The same source gives the same bytes: `tests/export/test_tflite_toolchain.py` makes it again and compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("tiny-generator") / "source"
BUNDLE = Path(__file__).with_name("tiny-bundle") / "tiny-int8.litertlm"
CACHE_TOKENS = 512


def main() -> None:
    """Write the bundle."""
    sys.path.insert(0, str(ROOT))
    from export import tflite

    BUNDLE.parent.mkdir(exist_ok=True)
    tflite.convert(SOURCE, BUNDLE, print, debug=False, cache_tokens=CACHE_TOKENS)


if __name__ == "__main__":
    main()
