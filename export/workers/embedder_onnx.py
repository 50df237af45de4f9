"""Runs inside the embedder toolchain: safetensors -> ONNX float32 -> one file a recipe, compared with the float32.

A script, started as `python -I -s embedder_onnx.py REQUEST.json RESULT.json`. It knows nothing of manifests,
catalogues or where its files came from, imports nothing of this project but the two modules beside it, and opens no
connection. Request: source, target, scratch and sentences (paths), max_tokens, pooling, recipes (names). It writes
tokenizer.json into target and variants/RECIPE/model.onnx into scratch. Result: candidates (one a recipe, as asked),
dimensions, float32_bytes, sentences, tools.
"""

import importlib
import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

if __name__ == "__main__":
    sys.path.insert(0, os.fspath(Path(__file__).resolve().parents[2]))

from export.workers import embedder_graph
from export.workers.embedder_graph import Graph
from export.workers.embedder_recipes import Recipe, named

TOOLS = ("numpy", "onnx", "onnxruntime", "optimum", "optimum-onnx", "tokenizers", "torch", "transformers")

Vectors = NDArray[np.float32]
Tokens = list[list[int]]


def export_float32(source: Path, scratch: Path) -> Path:
    """Write the encoder as ONNX with the output last_hidden_state and return the file."""
    exporters: Any = importlib.import_module("optimum.exporters.onnx")
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(0)
    exporters.main_export(
        os.fspath(source), output=scratch / "float32", task="feature-extraction", library_name="transformers",
        device="cpu", dtype="fp32", local_files_only=True, trust_remote_code=False,
    )  # fmt: skip
    return scratch / "float32" / "model.onnx"


def write_tokenizer(source: Path, target: Path) -> Any:
    """Write tokenizer.json without the truncation and padding of its training, and return the tokenizer."""
    tokenizers: Any = importlib.import_module("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(os.fspath(source / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(os.fspath(target / "tokenizer.json"), pretty=False)
    return tokenizer


def fuse(model: Path, kind: str, config: dict[str, Any]) -> Any:
    """Return the model with attention and GELU as single operators; see `Recipe.fuse` for the kinds."""
    options = importlib.import_module("onnxruntime.transformers.fusion_options").FusionOptions("bert")
    options.enable_embed_layer_norm = False
    if kind == "lean":
        options.use_multi_head_attention = True
        options.enable_skip_layer_norm = options.enable_bias_skip_layer_norm = options.enable_bias_gelu = False
    optimizer: Any = importlib.import_module("onnxruntime.transformers.optimizer")
    heads, hidden = config.get("num_attention_heads", 0), config.get("hidden_size", 0)
    done = optimizer.optimize_model(os.fspath(model), "bert", heads, hidden, options, opt_level=0)
    done.topological_sort()
    return done.model


def make(recipe: Recipe, float32: Path, config: dict[str, Any], encoded: Tokens, scratch: Path) -> Path:
    """Write the model of one recipe and return the file."""
    onnx: Any = importlib.import_module("onnx")
    target = scratch / "variants" / recipe.name / "model.onnx"
    target.parent.mkdir(parents=True)
    graph = Graph(fuse(float32, recipe.fuse, config) if recipe.fuse else onnx.load(float32))
    if recipe.fuse == "lean":
        embedder_graph.split_residuals(graph)
    if recipe.balance:
        inputs = [name for name in graph.products() if recipe.balance == "all" or _is_norm(graph, name)]
        embedder_graph.balance(graph, largest_values(graph.model, inputs, encoded))
    if recipe.rows:
        embedder_graph.scale_rows(graph, everywhere=recipe.rows == "all")
    quantize(recipe, graph, encoded, target)
    if recipe.embeddings == "rows":
        finished = Graph(onnx.load(target))
        embedder_graph.quantize_embeddings(finished)
        onnx.save(finished.model, target)
    return target


def _is_norm(graph: Graph, name: str) -> bool:
    return graph.producer(name) == "LayerNormalization"


def quantize(recipe: Recipe, graph: Graph, encoded: Tokens, target: Path) -> None:
    """Write the rewritten graph in the numbers of the recipe."""
    onnx: Any = importlib.import_module("onnx")
    if recipe.quantization == "float16":
        float16: Any = importlib.import_module("onnxruntime.transformers.float16")
        onnx.save(float16.convert_float_to_float16(graph.model, keep_io_types=True), target)
        return
    if recipe.quantization == "blockwise":
        embedder_graph.quantize_blocks(graph)
    if recipe.quantization in ("none", "blockwise"):
        onnx.save(graph.model, target)
        return
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    rewritten = target.with_name("rewritten.onnx")
    onnx.save(graph.model, rewritten)
    int8, uint8 = quantization.QuantType.QInt8, quantization.QuantType.QUInt8
    options: dict[str, Any] = {
        "per_channel": recipe.per_channel,
        "reduce_range": recipe.reduce_range,
        "nodes_to_exclude": [node.name for node in graph.nodes if node.name.endswith(recipe.exclude or "\0")],
        "op_types_to_quantize": _operators(recipe),
        "extra_options": {"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
        "weight_type": int8,
    }
    if recipe.quantization == "static":
        texts = Sentences(encoded, _inputs(graph.model))
        quantization.quantize_static(rewritten, target, texts, activation_type=uint8, **options)
    else:
        quantization.quantize_dynamic(rewritten, target, **options)
    rewritten.unlink()


def _operators(recipe: Recipe) -> list[str]:
    attention, gather = recipe.fuse == "all", recipe.embeddings == "tensor"
    return ["MatMul"] + ["Attention"] * attention + ["Gather"] * gather


class Sentences:
    """The tokens of sentences, one a call, as onnxruntime's static quantizer asks for them."""

    def __init__(self, encoded: Tokens, inputs: set[str]) -> None:
        self._feeds = iter([feeds(ids, inputs) for ids in encoded])

    def get_next(self) -> dict[str, Any] | None:
        """Return the next sentence, None behind the last."""
        return next(self._feeds, None)


def _inputs(model: Any) -> set[str]:
    return {node.name for node in model.graph.input}


def feeds(ids: list[int], inputs: set[str]) -> dict[str, Any]:
    """Return one text as the encoder takes it."""
    row = np.array([ids], dtype=np.int64)
    given = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
    return {name: value for name, value in given.items() if name in inputs}


def session(model: str | bytes) -> Any:
    """Return the model ready to run; one thread, so that no figure wanders."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def largest_values(model: Any, names: list[str], encoded: Tokens) -> dict[str, NDArray[Any]]:
    """Return the largest absolute value of each channel of these values over the sentences."""
    helper: Any = importlib.import_module("onnx.helper")
    probed = type(model)()
    probed.CopyFrom(model)
    probed.graph.output.extend(helper.make_tensor_value_info(name, 1, None) for name in names)
    running, inputs = session(probed.SerializeToString()), _inputs(model)
    found: dict[str, NDArray[Any]] = {}
    for ids in encoded:
        for name, value in zip(names, running.run(names, feeds(ids, inputs)), strict=True):
            largest = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            found[name] = np.maximum(found.get(name, largest), largest)
    return found


def embed(model: Path, encoded: Tokens, pooling: str) -> Vectors:
    """Return unit vectors, one text a call."""
    running = session(os.fspath(model))
    inputs = {node.name for node in running.get_inputs()}
    states = [running.run(["last_hidden_state"], feeds(ids, inputs))[0][0] for ids in encoded]
    pooled = np.array([each[0] if pooling == "cls" else each.mean(axis=0) for each in states], dtype=np.float32)
    return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), dtype=np.float32)


def nearest(vectors: Vectors) -> NDArray[np.intp]:
    """Return the position of each vector's nearest other vector."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2.0)
    return np.asarray(similarity.argmax(axis=1), dtype=np.intp)


def compare(recipe: Recipe, model: Path, vectors: Vectors, reference: Vectors) -> dict[str, Any]:
    """Return the size of a recipe's model and how near its vectors are to float32 (cosine, 4 decimals)."""
    cosines = (vectors * reference).sum(axis=1)
    return {
        "recipe": recipe.name,
        "bytes": model.stat().st_size,
        "mean_cosine": round(float(cosines.mean()), 4),
        "min_cosine": round(float(cosines.min()), 4),
        "same_nearest": round(float((nearest(vectors) == nearest(reference)).mean()), 4),
    }


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Write the tokenizer and the recipes' models and return the result object."""
    source, target, scratch = Path(request["source"]), Path(request["target"]), Path(request["scratch"])
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    sentences = Path(request["sentences"]).read_text(encoding="utf-8").splitlines()
    tokenizer, pooling = write_tokenizer(source, target), request["pooling"]
    cut = request["max_tokens"] - 1
    everything = [tokenizer.encode(sentence).ids for sentence in sentences]
    encoded = [ids if len(ids) <= cut else [*ids[:cut], ids[-1]] for ids in everything]
    float32 = export_float32(source, scratch)
    reference = embed(float32, encoded, pooling)
    candidates = []
    for recipe in map(named, request["recipes"]):
        model = make(recipe, float32, config, encoded, scratch)
        candidates.append(compare(recipe, model, embed(model, encoded, pooling), reference))
    return {
        "candidates": candidates,
        "dimensions": int(reference.shape[1]),
        "float32_bytes": float32.stat().st_size,
        "sentences": len(sentences),
        "tools": {name: importlib.metadata.version(name) for name in TOOLS},
    }


if __name__ == "__main__":
    # The libraries read these while they are imported, which the functions above do only when they are called.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", ORT_DISABLE_TELEMETRY="1")
    answer = convert(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
