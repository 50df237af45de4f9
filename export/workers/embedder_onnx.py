"""Runs inside the embedder toolchain: safetensors -> ONNX float32 -> int8, measured against the float32.

A script, started as `python -I -s embedder_onnx.py REQUEST.json RESULT.json`. It knows nothing of manifests,
catalogues or where its files came from, imports nothing of this project, and opens no connection. Request: source,
target, scratch and sentences (paths), max_tokens. Result: chosen, options, candidates, dimensions, float32_bytes,
sentences, tools.
"""

import importlib
import importlib.metadata
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOOLS = ("numpy", "onnx", "onnxruntime", "optimum", "optimum-onnx", "tokenizers", "torch", "transformers")
SIZE_LIMIT = 24_000_000
"""Bytes. A recipe above it is measured, to show in the manifest what more bytes would buy, but never chosen."""

Vectors = NDArray[np.float32]

# Keyword arguments of quantize_dynamic; "exclude" stands for the ends of node names that stay in float32.
RECIPES: dict[str, dict[str, Any]] = {
    "per-channel": {"per_channel": True},
    "per-channel-reduced-range": {"per_channel": True, "reduce_range": True},
    "per-channel-first-output-float": {"per_channel": True, "exclude": ("layer.0/output/dense/MatMul",)},
    "per-channel-embeddings-float": {"per_channel": True, "op_types_to_quantize": ["MatMul"]},
    "per-tensor": {"per_channel": False},
}


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


def quantize(float32: Path, name: str, scratch: Path) -> Path:
    """Write the int8 model of one recipe and return the file."""
    quantization: Any = importlib.import_module("onnxruntime.quantization")
    onnx: Any = importlib.import_module("onnx")
    options = dict(RECIPES[name])
    ends = options.pop("exclude", ())
    names = [node.name for node in onnx.load(float32).graph.node if ends and node.name.endswith(ends)]
    target = scratch / f"{name}.onnx"
    quantization.quantize_dynamic(
        float32, target, weight_type=quantization.QuantType.QInt8, nodes_to_exclude=names, **options
    )
    return target


def embed(model: Path, encoded: list[list[int]]) -> Vectors:
    """Return unit vectors, pooled by the mean; one text a call and one thread, so that no figure wanders."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(os.fspath(model), options, providers=["CPUExecutionProvider"])
    wanted = {node.name for node in session.get_inputs()}
    rows = []
    for ids in encoded:
        row = np.array([ids], dtype=np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        given = {name: value for name, value in feeds.items() if name in wanted}
        states = session.run(["last_hidden_state"], given)[0]
        pooled = states[0].mean(axis=0)
        rows.append(pooled / np.linalg.norm(pooled))
    return np.array(rows, dtype=np.float32)


def nearest(vectors: Vectors) -> NDArray[np.intp]:
    """Return the position of each vector's nearest other vector."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -2.0)
    return np.asarray(similarity.argmax(axis=1), dtype=np.intp)


def compare(name: str, model: Path, reference: Vectors, encoded: list[list[int]]) -> dict[str, Any]:
    """Return the size of a recipe's model and how near its vectors are to float32 (cosine, 4 decimals)."""
    vectors = embed(model, encoded)
    cosines = (vectors * reference).sum(axis=1)
    return {
        "recipe": name,
        "bytes": model.stat().st_size,
        "mean_cosine": round(float(cosines.mean()), 4),
        "min_cosine": round(float(cosines.min()), 4),
        "same_nearest": round(float((nearest(vectors) == nearest(reference)).mean()), 4),
    }


def choose(candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the candidate nearest to float32 within the size limit: mean first, then the worst sentence."""
    small = [candidate for candidate in candidates if candidate["bytes"] <= SIZE_LIMIT]
    return max(small or candidates, key=lambda candidate: (candidate["mean_cosine"], candidate["min_cosine"]))


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Write model.onnx and tokenizer.json into the target folder and return the result object."""
    source, target, scratch = Path(request["source"]), Path(request["target"]), Path(request["scratch"])
    sentences = Path(request["sentences"]).read_text(encoding="utf-8").splitlines()
    tokenizer = write_tokenizer(source, target)
    cut = request["max_tokens"] - 1
    everything = [tokenizer.encode(sentence).ids for sentence in sentences]
    encoded = [ids if len(ids) <= cut else [*ids[:cut], ids[-1]] for ids in everything]
    float32 = export_float32(source, scratch)
    reference = embed(float32, encoded)
    candidates = [compare(name, quantize(float32, name, scratch), reference, encoded) for name in RECIPES]
    chosen = choose(candidates)
    shutil.copyfile(scratch / f"{chosen['recipe']}.onnx", target / "model.onnx")
    return {
        "chosen": chosen,
        "options": {**RECIPES[chosen["recipe"]], "weight_type": "QInt8"},
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
