"""Makes `tiny-embedder/`: a real encoder of one layer in ONNX, small enough to commit and exact enough to assert on.

Run with onnx, numpy and tokenizers installed (no test needs onnx): `python tests/artifacts/make_tiny_embedder.py`.

Every weight comes from one seeded generator. `golden.json` holds what the encoder must say, computed here in plain
numpy from the same weights: a reference that knows neither onnxruntime nor `assistant.engines.onnx`.
"""

from __future__ import annotations

import hashlib
import json
import math
import string
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

FOLDER = Path(__file__).with_name("tiny-embedder")
IDENT = "tiny-embedder"
DIMENSIONS = 32
HEADS = 2
INNER = 64
POSITIONS = 64
EPSILON = 1e-5
MASKED = -1e4

WORDS = """
    a about above after again all alarm an and are as at automatic bar be before below bleed boiler bolt button by
    cable cabinet calibrate call cannot cause change check clean clear close closed code coffee cold control cover
    daily day defect degrees device display do does door down drain drive dry electric empty end error every fan fault
    filter fill first five flow for four from frost full fuse gasket grease grinder ground heat heater high hold hot
    hour hours how i if in inlet install is it key kiosk kw large leak least level light limit long low machine main
    maintenance manual max maximum mean means menu milk min minimum minutes mode month months motor mount must name
    never no normal not number of off often oil on one open operation or outlet output overload part parts pipe power
    press pressure procedure pump rated relief replace reset room run running safety same screw seal second seconds
    section sensor service set short should shows shut sign size small speed stage standby start starts step steps stop
    stops supply switch table tank tap temperature ten test that the then there three tight time timeout to too torque
    turn two unit until up use valve volt voltage wait warning was water weekly what wheel when where which why wire
    with without year years you
"""

TEXTS = (
    "",
    "pump",
    "What does error E07 mean?",
    "Error E07: the pump is running dry. Open the inlet valve and reset the unit.",
    "Replace the milk filter every 6 months.",
    "Prüfe Ventil Y1 · 水泵 5.5 kW",
    "the valve " * 200,
)


def tokenizer() -> Tokenizer:
    """WordPiece over a few hundred words, with every letter and digit as a piece so that no word is unknown."""
    symbols = string.ascii_lowercase + string.digits
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokens += [*string.punctuation, *symbols, *(f"##{symbol}" for symbol in symbols)]
    tokens += [word for word in sorted(set(WORDS.split())) if word not in tokens]
    made = Tokenizer(models.WordPiece({token: index for index, token in enumerate(tokens)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", tokens.index("[CLS]")), ("[SEP]", tokens.index("[SEP]"))],
    )
    return made


def weights(vocabulary: int) -> dict[str, np.ndarray]:
    """All weights by name; the same ones at every call."""
    random = np.random.default_rng(20260101)

    def normal(*shape: int, scale: float) -> np.ndarray:
        return (random.standard_normal(shape) * scale).astype(np.float32)

    made = {
        "words": normal(vocabulary, DIMENSIONS, scale=1.0),
        "positions": normal(POSITIONS, DIMENSIONS, scale=0.05),
        "kinds": normal(2, DIMENSIONS, scale=0.05),
    }
    for name in ("query", "key", "value", "mix"):
        made[f"{name}_weight"] = normal(DIMENSIONS, DIMENSIONS, scale=0.5 / math.sqrt(DIMENSIONS))
        made[f"{name}_bias"] = normal(DIMENSIONS, scale=0.05)
    made["up_weight"] = normal(DIMENSIONS, INNER, scale=0.5 / math.sqrt(DIMENSIONS))
    made["up_bias"] = normal(INNER, scale=0.05)
    made["down_weight"] = normal(INNER, DIMENSIONS, scale=0.5 / math.sqrt(INNER))
    made["down_bias"] = normal(DIMENSIONS, scale=0.05)
    for name in ("first", "second", "third"):
        made[f"{name}_scale"] = (1 + normal(DIMENSIONS, scale=0.1)).astype(np.float32)
        made[f"{name}_shift"] = normal(DIMENSIONS, scale=0.05)
    return made


def graph(weight: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The encoder as ONNX: embeddings, one layer of attention and feed-forward, normalized behind each."""
    nodes: list[onnx.NodeProto] = []
    constants = dict(weight)

    def constant(name: str, value: Any) -> str:
        constants[name] = value
        return name

    def op(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def dense(name: str, source: str) -> str:
        return op("Add", [op("MatMul", [source, f"{name}_weight"], f"{name}_product"), f"{name}_bias"], name)

    def normed(name: str, source: str) -> str:
        inputs = [source, f"{name}_scale", f"{name}_shift"]
        return op("LayerNormalization", inputs, name, axis=-1, epsilon=EPSILON)

    split = constant("split", np.array([0, 0, HEADS, DIMENSIONS // HEADS], dtype=np.int64))
    joined = constant("joined", np.array([0, 0, DIMENSIONS], dtype=np.int64))

    def heads(name: str, source: str, order: list[int]) -> str:
        parts = op("Reshape", [dense(name, source), split], f"{name}_split")
        return op("Transpose", [parts], f"{name}_heads", perm=order)

    op("Gather", ["words", "input_ids"], "word_states")
    op("Gather", ["kinds", "token_type_ids"], "kind_states")
    op("Shape", ["input_ids"], "shape")
    op("Gather", ["shape", constant("one", np.array(1, dtype=np.int64))], "length")
    zero, step = constant("zero", np.array(0, dtype=np.int64)), "one"
    op("Range", [zero, "length", step], "range")
    op("Gather", ["positions", "range"], "position_states")
    op("Add", [op("Add", ["word_states", "kind_states"], "typed"), "position_states"], "embedded")
    states = normed("first", "embedded")

    scale = constant("scale", np.array(math.sqrt(DIMENSIONS // HEADS), dtype=np.float32))
    query, key = heads("query", states, [0, 2, 1, 3]), heads("key", states, [0, 2, 3, 1])
    op("Div", [op("MatMul", [query, key], "raw_scores"), scale], "scores")
    op("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    op("Sub", [constant("ones", np.array(1, dtype=np.float32)), "mask"], "hidden")
    op("Mul", ["hidden", constant("masked", np.array(MASKED, dtype=np.float32))], "penalty")
    op("Unsqueeze", ["penalty", constant("axes", np.array([1, 2], dtype=np.int64))], "penalties")
    op("Softmax", [op("Add", ["scores", "penalties"], "masked_scores")], "attention", axis=-1)
    op("MatMul", ["attention", heads("value", states, [0, 2, 1, 3])], "attended")
    op("Reshape", [op("Transpose", ["attended"], "attended_back", perm=[0, 2, 1, 3]), joined], "gathered")
    states = normed("second", op("Add", [dense("mix", "gathered"), states], "attention_sum"))
    down = dense("down", op("Relu", [dense("up", states)], "active"))
    op("Identity", [normed("third", op("Add", [down, states], "feed_sum"))], "last_hidden_state")

    whole = ["batch", "tokens"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, whole)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*whole, DIMENSIONS])]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, IDENT, inputs, outputs, tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="make_tiny_embedder",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def reference(ids: list[int], weight: dict[str, np.ndarray]) -> np.ndarray:
    """The mean of the token states of one text, scaled to length 1, in float64 numpy."""
    exact = {name: value.astype(np.float64) for name, value in weight.items()}

    def normed(name: str, value: np.ndarray) -> np.ndarray:
        centred = value - value.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return scaled * exact[f"{name}_scale"] + exact[f"{name}_shift"]

    def dense(name: str, value: np.ndarray) -> np.ndarray:
        return value @ exact[f"{name}_weight"] + exact[f"{name}_bias"]

    states = normed("first", exact["words"][ids] + exact["kinds"][0] + exact["positions"][: len(ids)])
    query, key, value = (
        dense(name, states).reshape(len(ids), HEADS, -1).transpose(1, 0, 2) for name in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(DIMENSIONS // HEADS)
    odds = np.exp(scores - scores.max(-1, keepdims=True))
    attended = (odds / odds.sum(-1, keepdims=True)) @ value
    states = normed("second", dense("mix", attended.transpose(1, 0, 2).reshape(len(ids), -1)) + states)
    states = normed("third", dense("down", np.maximum(dense("up", states), 0)) + states)
    mean = states.mean(0)
    return mean / np.linalg.norm(mean)


def main() -> None:
    """Write the folder, manifest last."""
    FOLDER.mkdir(exist_ok=True)
    tokens = tokenizer()
    weight = weights(tokens.get_vocab_size())
    (FOLDER / "model.onnx").write_bytes(graph(weight).SerializeToString(deterministic=True))
    tokens.save(str(FOLDER / "tokenizer.json"), pretty=False)
    golden = []
    for text in TEXTS:
        ids = tokens.encode(text).ids
        cut = ids if len(ids) <= POSITIONS else [*ids[: POSITIONS - 1], ids[-1]]
        vector = [round(float(number), 7) for number in reference(cut, weight)]
        golden.append({"text": text, "tokens": len(ids), "vector": vector})
    (FOLDER / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", "utf-8")
    files = []
    for name in ("model.onnx", "tokenizer.json"):
        data = (FOLDER / name).read_bytes()
        files.append({"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    manifest = {
        "schema": 1,
        "id": IDENT,
        "role": "embedder",
        "format": "onnx",
        "licence": "Apache-2.0",
        "dimensions": DIMENSIONS,
        "max_tokens": POSITIONS,
        "pooling": "mean",
        "normalize": True,
        "files": files,
        "command": "python tests/artifacts/make_tiny_embedder.py",
    }
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
