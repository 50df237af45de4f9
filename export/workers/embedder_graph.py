"""Rewrites of an encoder's ONNX graph that change its speed or how well it quantizes, never its float function.

Knows graphs and arrays. It knows no recipe, file or tokenizer, and no names of layers: it finds its places by what
feeds a matrix product. Runs inside the embedder toolchain, the only place that has onnx.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BALANCE = 0.65
"""Between 0 (leave activations as they are) and 1 (make all their channels equally large). From 0.5 to 0.8 recall
differed by less than 0.01."""
FLOOR = 2.0**-6
"""Smallest divisor of a row: rows of zeros stay zeros."""
BLOCK = 128
LARGE = 1_000_000
"""Values; tables of embeddings above it are worth their own scales."""
CONTRIB = "com.microsoft"
"""The set of operators that onnxruntime adds to ONNX, on every processor."""

Array = NDArray[Any]


class Graph:
    """An ONNX model in hand, its weights by name."""

    def __init__(self, model: Any) -> None:
        self.model = model
        if not any(each.domain == CONTRIB for each in model.opset_import):
            model.opset_import.append(_helper().make_opsetid(CONTRIB, 1))
        self.nodes = model.graph.node
        self.weights = {each.name: each for each in model.graph.initializer}

    def array(self, name: str) -> Array:
        """Return a weight."""
        return np.asarray(_numpy_helper().to_array(self.weights[name]))

    def put(self, name: str, value: Array) -> str:
        """Add a weight or replace it, and return its name."""
        tensor = _numpy_helper().from_array(np.ascontiguousarray(value), name)
        if name in self.weights:
            self.weights[name].CopyFrom(tensor)
        else:
            self.model.graph.initializer.append(tensor)
            self.weights[name] = self.model.graph.initializer[-1]
        return name

    def drop(self, name: str) -> None:
        """Remove a weight that nothing reads any more."""
        self.model.graph.initializer.remove(self.weights.pop(name))

    def insert(self, position: int, *nodes: Any) -> None:
        """Insert nodes, in order."""
        for offset, node in enumerate(nodes):
            self.nodes.insert(position + offset, node)

    def products(self) -> dict[str, list[Any]]:
        """Return the matrix products with a weight on their right, by the name of their left input."""
        found: dict[str, list[Any]] = {}
        for node in self.nodes:
            if node.op_type == "MatMul" and node.input[1] in self.weights:
                found.setdefault(node.input[0], []).append(node)
        return found

    def producer(self, name: str) -> str:
        """Return the operator that makes this value, "" for an input."""
        return next((node.op_type for node in self.nodes if name in node.output), "")

    def first(self, nodes: list[Any]) -> int:
        """Return the position of the first of these nodes."""
        return min(position for position, node in enumerate(self.nodes) if node in nodes)


def split_residuals(graph: Graph) -> None:
    """Make the additions before LayerNormalization Sums, which onnxruntime does not fuse when it loads the graph."""
    inputs = {node.input[0] for node in graph.nodes if node.op_type == "LayerNormalization"}
    for node in graph.nodes:
        if node.op_type == "Add" and inputs.intersection(node.output) and not graph.weights.keys() & set(node.input):
            node.op_type = "Sum"


def balance(graph: Graph, largest: Mapping[str, Array]) -> None:
    """Divide outlying channels of the products' inputs by powers of two, and multiply the weights' rows by them.

    `largest` has the largest absolute value of each channel, by input; inputs that it lacks stay as they are. Powers
    of two are exact, and the last digits of `largest`, which differ from processor to processor, do not change them.
    """
    helper = _helper()
    for name, nodes in graph.products().items():
        if name not in largest:
            continue
        rows = np.max([np.abs(graph.array(node.input[1])).max(axis=1) for node in nodes], axis=0)
        ratio = np.maximum(largest[name], 1e-5) ** BALANCE / np.maximum(rows, 1e-5) ** (1 - BALANCE)
        factors = np.exp2(np.maximum(np.round(np.log2(ratio / np.median(ratio))), 0)).astype(np.float32)
        inverse = graph.put(f"{name}_balance", 1 / factors)
        graph.insert(graph.first(nodes), helper.make_node("Mul", [name, inverse], [f"{name}_balanced"]))
        for node in nodes:
            graph.put(node.input[1], graph.array(node.input[1]) * factors[:, None])
            node.input[0] = f"{name}_balanced"


def scale_rows(graph: Graph, *, everywhere: bool) -> None:
    """Bring each row of the products' inputs to the largest value 1 and scale the products' rows back.

    Only behind GELU and ReLU, where no value is far below zero, unless `everywhere`.
    """
    helper = _helper()
    axis = graph.put("last_axis", np.array([-1], dtype=np.int64))
    floor = graph.put("row_floor", np.array(FLOOR, dtype=np.float32))
    for name, nodes in graph.products().items():
        positive = graph.producer(name) in ("Gelu", "FastGelu", "BiasGelu", "Relu")
        if not (positive or everywhere):
            continue
        size = name if positive else f"{name}_absolute"
        new = [] if positive else [helper.make_node("Abs", [name], [size])]
        new += [
            helper.make_node("ReduceMax", [size, axis], [f"{name}_largest"], keepdims=1),
            helper.make_node("Max", [f"{name}_largest", floor], [f"{name}_row"]),
            helper.make_node("Reciprocal", [f"{name}_row"], [f"{name}_inverse"]),
            helper.make_node("Mul", [name, f"{name}_inverse"], [f"{name}_rows"]),
        ]
        graph.insert(graph.first(nodes), *new)
        for node in nodes:
            result = node.output[0]
            node.input[0], node.output[0] = f"{name}_rows", f"{result}_rows"
            back = helper.make_node("Mul", [f"{result}_rows", f"{name}_row"], [result])
            graph.insert(graph.first([node]) + 1, back)


def quantize_embeddings(graph: Graph) -> None:
    """Store large tables of embeddings as int8 with a scale for each row; what is gathered becomes float again."""
    helper = _helper()
    for node in [each for each in graph.nodes if each.op_type == "Gather" and each.input[0] in graph.weights]:
        name, rows = node.input[0], node.input[1]
        table = graph.array(name)
        if table.dtype != np.float32 or table.ndim != 2 or table.size < LARGE:
            continue
        scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, 1e-12).astype(np.float32)
        graph.drop(name)
        values = graph.put(f"{name}_int8", np.rint(table / scales).astype(np.int8))
        graph.put(f"{name}_scales", scales)
        position = graph.first([node])
        graph.nodes.remove(node)
        graph.insert(
            position,
            helper.make_node("Gather", [values, rows], [f"{name}_rows"]),
            helper.make_node("Cast", [f"{name}_rows"], [f"{name}_float"], to=1),
            helper.make_node("Gather", [f"{name}_scales", rows], [f"{name}_scale"]),
            helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [node.output[0]]),
        )


def quantize_blocks(graph: Graph) -> None:
    """Make the products MatMulNBits: int8 weights with a scale every BLOCK values, activations scaled likewise."""
    helper = _helper()
    for node in [each for nodes in graph.products().values() for each in nodes]:
        name = node.input[1]
        weight = graph.array(name)
        depth, width = weight.shape
        if depth % BLOCK:
            continue
        blocks = weight.T.reshape(width, depth // BLOCK, BLOCK)
        scales = np.maximum(np.abs(blocks).max(axis=2) / 127, 1e-12).astype(np.float32)
        graph.drop(name)
        values = graph.put(f"{name}_blocks", (np.rint(blocks / scales[:, :, None]) + 128).astype(np.uint8))
        inputs = [node.input[0], values, graph.put(f"{name}_scales", scales.reshape(-1))]
        facts = {"K": depth, "N": width, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        new = helper.make_node("MatMulNBits", inputs, list(node.output), node.name, domain=CONTRIB, **facts)
        position = graph.first([node])
        graph.nodes.remove(node)
        graph.insert(position, new)


def _helper() -> Any:
    return importlib.import_module("onnx.helper")


def _numpy_helper() -> Any:
    return importlib.import_module("onnx.numpy_helper")
