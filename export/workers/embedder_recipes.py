"""The ways to make an ONNX file out of a sentence encoder, and which of them ships. Data; knows no ONNX.

All float recipes compute the same function; an int8 recipe rounds weights and activations. What each costs and gains
was measured on all-MiniLM-L6-v2 (Smart-TV manual: 444 passages, 684 questions; `export embedder --passages` repeats
it), and the choice is recorded here, so that it hangs on no machine's speed and on no file outside the checkout.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to the encoder's graph, in this order: fuse, balance, rows, quantize, embeddings."""

    name: str
    quantization: str = "dynamic"
    """"none", "float16", "dynamic" (activations' range found at each call), "static" (found on sentences before) or
    "blockwise" (MatMulNBits: a scale every 128 values of a row)."""
    fuse: str = ""
    """"all": what onnxruntime's optimizer fuses by itself, attention as one QAttention. "lean": attention and GELU,
    but no SkipLayerNormalization, whose kernel took ten times as long as addition and LayerNormalization apart."""
    balance: str = ""
    """Move outliers from activations into weights, by powers of two: of "norm" (outputs of LayerNormalization) or of
    "all" matrix products' inputs."""
    rows: str = ""
    """Divide each token's row by its largest value before the product and multiply after it: of "gelu" outputs,
    where one token holds values ten times those of its neighbours, or of "all" inputs."""
    per_channel: bool = True
    """A scale for each column of a weight, not one for all."""
    reduce_range: bool = False
    """7-bit weights: the AVX2 kernels without VNNI add pairs of products in 16 bits, which can overflow."""
    exclude: tuple[str, ...] = ()
    """Ends of names of matrix products that stay in float."""
    embeddings: str = "tensor"
    """Word embeddings: "tensor" (int8, one scale), "rows" (int8, a scale a word) or "float"."""
    suffix: str = ""
    """Behind the source's name in the artifact's id; "" puts the recipe's name there."""

    @property
    def ending(self) -> str:
        """What the artifact's id ends with."""
        return self.suffix or self.name

    def options(self) -> dict[str, Any]:
        """Return what differs from the plainest recipe, for the manifest."""
        plain = asdict(Recipe("", quantization=""))
        told = {key: value for key, value in asdict(self).items() if value != plain[key] and key not in OWN}
        return told if self.quantization in ("none", "float16") else {**told, "per_channel": self.per_channel}


OWN = ("name", "suffix")
BALANCED = Recipe("balanced", fuse="lean", balance="norm", embeddings="rows")

RECIPES = (
    Recipe("float32", "none"),
    Recipe("float16", "float16"),
    Recipe("per-tensor", per_channel=False),
    Recipe("per-channel"),
    Recipe("per-channel-first-output-float", exclude=("layer.0/output/dense/MatMul",)),
    Recipe("per-channel-embeddings-float", embeddings="float"),
    Recipe("per-channel-embeddings-rows", embeddings="rows"),
    Recipe("static", "static", embeddings="rows"),
    Recipe("smooth", balance="all", embeddings="rows"),
    Recipe("fused", fuse="all", embeddings="rows"),
    Recipe("lean", fuse="lean", embeddings="rows"),
    BALANCED,
    replace(BALANCED, name="balanced-rows", rows="gelu", suffix="int8"),
    replace(BALANCED, name="balanced-rows-avx2", rows="gelu", reduce_range=True, suffix="int8-avx2"),
    replace(BALANCED, name="balanced-all-rows", rows="all"),
    Recipe("blockwise", "blockwise", fuse="lean", embeddings="rows"),
)
REFERENCE = "float32"
DEFAULT = "balanced-rows"
CONTROLS = ("per-tensor", "per-channel")
"""Recipes that every export makes and compares too, so that a manifest shows what the default gains."""


def named(name: str) -> Recipe:
    """Return the recipe of this name; a KeyError is a bug, the command line offers only known names."""
    return {recipe.name: recipe for recipe in RECIPES}[name]
