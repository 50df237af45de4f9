"""Runs inside the tflite toolchain: a Hugging Face folder -> TFLite float32 -> int8 -> LiteRT-LM bundle.

A script, started as `python -I -s generator_tflite.py REQUEST.json RESULT.json`. It knows nothing of manifests,
catalogues or where its files came from, imports nothing of this project, and opens no connection. Request: source,
bundle, scratch (paths), prefill_tokens (list), cache_tokens. Result: float32_graph, int8_graph (paths in scratch),
their bytes, recipe, start_token, stop_tokens, has_template, tools.
"""

import hashlib
import importlib
import importlib.metadata
import json
import os
import re
import sys
import uuid
from pathlib import Path
from typing import Any

TOOLS = (
    "ai-edge-litert", "ai-edge-quantizer", "litert-converter", "litert-lm-builder", "litert-torch", "tokenizers",
    "torch", "transformers",
)  # fmt: skip
RECIPE = "dynamic_wi8_afp32"
"""int8 weights, one scale an output channel; activations float32 outside the products, quantized on the fly in them."""
NAMESPACE = uuid.UUID("8a2c3f64-0f6b-5d8b-9a35-5b0a6e2d7c11")
"""Bundles carry an identifier and a date; both follow from the content, so that the same input gives the same bytes."""
DATE = "1970-01-01T00:00:00+00:00"

# LiteRT-LM's conversations hand over content as a list of parts, which most templates do not expect. The rewritten
# template turns each list into its text first and then goes on as the model's maker wrote it.
FLATTEN = (
    "{%- set flat = namespace(messages=[]) -%}"
    "{%- for given in messages -%}"
    "{%- set joined = namespace(text='') -%}"
    "{%- if given['content'] is string -%}{%- set joined.text = given['content'] -%}"
    "{%- else -%}"
    "{%- for part in given['content'] -%}"
    "{%- set joined.text = joined.text + (part if part is string else part['text']) -%}"
    "{%- endfor -%}"
    "{%- endif -%}"
    "{%- set flat.messages = flat.messages + [{'role': given['role'], 'content': joined.text}] -%}"
    "{%- endfor -%}"
    "{%- set messages = flat.messages -%}"
)
GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")
"""Marks for training that no runtime knows."""


def export_graphs(source: Path, scratch: Path, prefill: list[int], cache: int) -> tuple[Path, Path]:
    """Write the float32 graph and the int8 graph and return both files."""
    torch: Any = importlib.import_module("torch")
    exporter: Any = importlib.import_module("litert_torch.generative.export_hf.export")
    torch.manual_seed(0)
    folder = scratch / "graph"
    exporter.export(
        model=os.fspath(source), output_dir=os.fspath(folder), keep_temporary_files=True, bundle_litert_lm=False,
        prefill_lengths=prefill, cache_length=cache, quantization_recipe=RECIPE, trust_remote_code=False,
    )  # fmt: skip
    return folder / "model.tflite", folder / "model_quantized.tflite"


def load_tokenizer(source: Path) -> Any:
    """Return the source's tokenizer."""
    transformers: Any = importlib.import_module("transformers")
    return transformers.AutoTokenizer.from_pretrained(os.fspath(source), local_files_only=True, trust_remote_code=False)


def write_tokenizer(tokenizer: Any, scratch: Path) -> Path:
    """Write tokenizer.json and return the file.

    Without the truncation and padding of its training, and without the tokens that it would put around every text: the
    parts of a prompt are tokenized apart, and the start token is in the bundle's metadata.
    """
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    described |= {"truncation": None, "padding": None, "post_processor": None}
    path = scratch / "tokenizer.json"
    path.write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    return path


def template_of(tokenizer: Any) -> str:
    """Return the chat template for the bundle, empty for a model without one.

    Raises ValueError when the rewritten template does not say what the model's own says.
    """
    own = tokenizer.chat_template
    if not own:
        return ""
    rewritten = FLATTEN + GENERATION.sub("", own)
    plain = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    parts = [message | {"content": [{"type": "text", "text": message["content"]}]} for message in plain]
    for messages in (plain, [*plain, {"role": "assistant", "content": "So."}, plain[1]]):
        expected = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        for given in (messages, [*parts, *messages[2:]]):
            said = tokenizer.apply_chat_template(
                given, chat_template=rewritten, tokenize=False, add_generation_prompt=True
            )
            if said != expected:
                raise ValueError("the chat template cannot be rewritten for content in parts")
    return rewritten


def start_token(tokenizer: Any) -> str:
    """Return the token that the runtime must put in front of every prompt, or an empty string.

    A template that spells the token out itself must not get a second one.
    """
    bos = tokenizer.bos_token
    if not bos:
        return ""
    if not tokenizer.chat_template:
        return str(bos) if tokenizer("x").input_ids[:1] == [tokenizer.bos_token_id] else ""
    turn = [{"role": "user", "content": "a"}]
    spelled = tokenizer.apply_chat_template(turn, tokenize=False, bos_token="")
    return "" if spelled.startswith(bos) or "bos_token" not in tokenizer.chat_template else str(bos)


def stop_tokens(source: Path, tokenizer: Any) -> list[int]:
    """Return the tokens that end an answer: those of both configurations and of the template's end of a turn."""
    found: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        path = source / name
        given = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.exists() else None
        found.update(given if isinstance(given, list) else [] if given is None else [given])
    if not found and tokenizer.eos_token_id is not None:
        found.add(tokenizer.eos_token_id)
    if tokenizer.chat_template:
        turn = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "SAID"}]
        behind = tokenizer.apply_chat_template(turn, tokenize=False).split("SAID")[-1]
        ids = tokenizer(behind, add_special_tokens=False).input_ids
        if ids and ids[0] in tokenizer.all_special_ids:
            found.add(ids[0])
    return sorted(found)


def metadata(template: str, start: str, stops: list[int], cache: int, model_type: str) -> Any:
    """Return the LlmMetadata message."""
    messages: Any = importlib.import_module("litert_lm_builder.runtime.proto.llm_metadata_pb2")
    found = messages.LlmMetadata()
    if start:
        found.start_token.token_str = start
    for stop in stops:
        found.stop_tokens.add().token_ids.ids.append(stop)
    found.max_num_tokens = cache
    found.jinja_prompt_template = template
    kind = {"qwen2": "qwen2p5", "qwen3": "qwen3", "gemma3_text": "gemma3"}.get(model_type, "generic_model")
    getattr(found.llm_model_type, kind).SetInParent()
    return found


def write_bundle(target: Path, graph: Path, tokenizer: Path, message: Any, scratch: Path) -> None:
    """Write the bundle."""
    builder: Any = importlib.import_module("litert_lm_builder.litertlm_builder")
    described = message.SerializeToString(deterministic=True)
    (scratch / "metadata.pb").write_bytes(described)
    digest = hashlib.sha256(described + graph.read_bytes() + tokenizer.read_bytes()).hexdigest()
    strings = {"Authors": "fieldmate", "uuid": str(uuid.uuid5(NAMESPACE, digest)), "creation_timestamp": DATE}
    fixed = [builder.Metadata(key=key, value=value, dtype=builder.DType.STRING) for key, value in strings.items()]
    builder.populate_system_metadata = lambda _: fixed  # it would put the time and a random number in
    bundle = builder.LitertLmFileBuilder()
    bundle.add_llm_metadata(os.fspath(scratch / "metadata.pb"))
    bundle.add_hf_tokenizer(os.fspath(tokenizer))
    bundle.add_tflite_model(os.fspath(graph), builder.TfLiteModelType.PREFILL_DECODE)
    with target.open("wb") as file:
        bundle.build(file)


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Write the bundle and return the result object."""
    source, scratch = Path(request["source"]), Path(request["scratch"])
    cache = int(request["cache_tokens"])
    tokenizer = load_tokenizer(source)
    template, start, stops = template_of(tokenizer), start_token(tokenizer), stop_tokens(source, tokenizer)
    float32, int8 = export_graphs(source, scratch, list(request["prefill_tokens"]), cache)
    model_type = json.loads((source / "config.json").read_text(encoding="utf-8")).get("model_type", "")
    message = metadata(template, start, stops, cache, model_type)
    write_bundle(Path(request["bundle"]), int8, write_tokenizer(tokenizer, scratch), message, scratch)
    return {
        "float32_graph": os.fspath(float32),
        "int8_graph": os.fspath(int8),
        "float32_bytes": float32.stat().st_size,
        "int8_bytes": int8.stat().st_size,
        "recipe": RECIPE,
        "start_token": start,
        "stop_tokens": stops,
        "has_template": bool(template),
        "tools": {name: importlib.metadata.version(name) for name in TOOLS},
    }


if __name__ == "__main__":
    # The libraries read these while they are imported, which the functions above do only when they are called.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TF_CPP_MIN_LOG_LEVEL="3")
    answer = convert(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")
