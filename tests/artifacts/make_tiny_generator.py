"""Makes `tiny-generator/`: a real Llama of two layers with random weights, small enough to be committed.

Run from the checkout with the runtime's packages installed: `python tests/artifacts/make_tiny_generator.py`. `source/`
needs numpy alone; the GGUF file and `golden.json` come out of the exporter's gguf toolchain, which the script creates
where it is not there.

Every weight comes from one seeded generator. `golden.json` holds what transformers says of fixed windows of tokens in
float32: a reference that knows neither llama.cpp nor `export.measure`.
"""

from __future__ import annotations

import json
import string
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).with_name("tiny-generator")
SOURCE = FOLDER / "source"
GGUF = FOLDER / "tiny-f16.gguf"
HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, POSITIONS = 64, 128, 2, 4, 2, 2048
EPSILON = 1e-5
SPECIAL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
CHARACTERS = "▁" + string.ascii_letters + string.digits + string.punctuation + "\n"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = (ROOT / "export" / "workers" / "sentences.txt").read_text("utf-8")[:4000]
WINDOW, WINDOWS = 64, 8


def vocabulary() -> list[str]:
    """Special tokens, all bytes and single characters: no merges, so every library splits a text alike."""
    return [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *CHARACTERS]


def tokenizer() -> dict[str, Any]:
    """A tokenizer.json of the kind that Llama 2 has."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    steps = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    decoders = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    model = {
        "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
        "vocab": {token: number for number, token in enumerate(vocabulary())}, "merges": [],
    }  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": number, "content": token, **flags} for number, token in enumerate(SPECIAL)],
        "normalizer": {"type": "Sequence", "normalizers": steps}, "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders}, "model": model,
    }  # fmt: skip


def config() -> dict[str, Any]:
    """What transformers and llama.cpp's converter read of the model's shape."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": HIDDEN,
        "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS, "head_dim": HIDDEN // HEADS, "max_position_embeddings": POSITIONS,
        "rms_norm_eps": EPSILON, "rope_theta": 10000.0, "tie_word_embeddings": True, "vocab_size": len(vocabulary()),
        "bos_token_id": 1, "eos_token_id": 4, "attention_bias": False, "mlp_bias": False, "torch_dtype": "float16",
    }  # fmt: skip


def weights() -> dict[str, np.ndarray]:
    """All weights by name, float16; the same ones at every call."""
    random = np.random.default_rng(20261121)

    def normal(*shape: int, scale: float) -> np.ndarray:
        return (random.standard_normal(shape) * scale).astype(np.float16)

    made = {"model.embed_tokens.weight": normal(len(vocabulary()), HIDDEN, scale=0.4)}
    inner, kv = HIDDEN**-0.5, HIDDEN // HEADS * KV_HEADS
    for layer in range(LAYERS):
        name = f"model.layers.{layer}"
        for part, rows in (("q", HIDDEN), ("k", kv), ("v", kv), ("o", HIDDEN)):
            made[f"{name}.self_attn.{part}_proj.weight"] = normal(rows, HIDDEN, scale=inner)
        for part in ("gate", "up"):
            made[f"{name}.mlp.{part}_proj.weight"] = normal(INNER, HIDDEN, scale=inner)
        made[f"{name}.mlp.down_proj.weight"] = normal(HIDDEN, INNER, scale=INNER**-0.5)
        for part in ("input", "post_attention"):
            made[f"{name}.{part}_layernorm.weight"] = (1 + normal(HIDDEN, scale=0.1)).astype(np.float16)
    made["model.norm.weight"] = (1 + normal(HIDDEN, scale=0.1)).astype(np.float16)
    return made


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    """The tensors as a safetensors file."""
    header, data = {}, b""
    for name, tensor in sorted(tensors.items()):
        span = [len(data), len(data) + tensor.nbytes]
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": span}
        data += tensor.tobytes()
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write_source(folder: Path) -> None:
    """The Hugging Face folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"bos_token": "<s>", "eos_token": "<|im_end|>", "unk_token": "<unk>"}
    special = {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True, **names}
    for name, value in {
        "config.json": config(), "tokenizer.json": tokenizer(), "tokenizer_config.json": special
    }.items():  # fmt: skip
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    (folder / "model.safetensors").write_bytes(safetensors(weights()))


def windows() -> dict[str, Any]:
    """Fixed runs of characters of our own sentences, each behind the beginning token."""
    number = {token: index for index, token in enumerate(vocabulary())}
    ids = [number["▁"], *(number.get("▁" if character == " " else character, 0) for character in TEXT)]
    found = [[1, *ids[begin + 1 : begin + WINDOW]] for begin in range(0, WINDOW * WINDOWS, WINDOW)]
    return {"windows": found, "scored": WINDOW // 2, "compared": [0], "text_ids": ids}


def write_golden() -> None:
    """The GGUF file and what transformers says of the windows."""
    sys.path.insert(0, str(ROOT))
    from export import environments
    from export.gguf import building
    from export.gguf.building import Workshop

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        shop = Workshop(scratch, print)
        folder = scratch / "folder"
        write_source(folder)
        building.convert(shop, folder, "tiny", "Apache-2.0", None).replace(GGUF)
        (scratch / "windows.json").write_text(json.dumps(windows()))
        (scratch / "text.txt").write_text(TEXT)
        request = {
            "source": str(SOURCE), "windows": str(scratch / "windows.json"), "text": str(scratch / "text.txt"),
            "distributions": str(scratch / "kept.npy"), "threads": 1,
        }  # fmt: skip
        said = shop.work(environments.ensure(environments.GGUF, print), "generator_reference.py", request)
        first = np.load(scratch / "kept.npy")[0, 0]
    golden = {**windows(), "nll": said["nll"], "first_logs": [round(float(each), 5) for each in first]}
    (FOLDER / "golden.json").write_text(json.dumps(golden) + "\n", "utf-8")


if __name__ == "__main__":
    write_source(SOURCE)
    write_golden()
