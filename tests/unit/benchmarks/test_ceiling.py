"""Claims about the theoretical card: the header of a model file, the bytes that follow, bandwidth, rates."""

from __future__ import annotations

import struct
import sys

import pytest

from assistant.types import Answer, Timings, Usage
from benchmarks import bandwidth, gguf
from benchmarks.errors import BenchmarkError
from benchmarks.plan import ROOT, Plan, Variant
from benchmarks.scenarios import ceiling

UINT32, FLOAT32, STRING, ARRAY = 4, 6, 8, 9
LAYERS = {
    "general.architecture": "tiny", "tiny.block_count": 2, "tiny.embedding_length": 64, "tiny.attention.head_count": 4,
    "tiny.attention.head_count_kv": 2,
}  # fmt: skip


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def typed(value):
    if isinstance(value, str):
        return struct.pack("<I", STRING) + text(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(text, value))
    if isinstance(value, list):
        return struct.pack("<IIQ", ARRAY, UINT32, len(value)) + struct.pack(f"<{len(value)}I", *value)
    return struct.pack("<II", UINT32, value)


def model(metadata=LAYERS, tensors=(("token_embd.weight", 640), ("blk.0.attn_q.weight", 96)), version=3):
    """A file with zeros for weights; sizes are multiples of 32, as alignment wants them."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(text(name) + typed(value) for name, value in metadata.items())
    place = 0
    for name, size in tensors:
        head += text(name) + struct.pack("<IQQ", 2, 8, 8) + struct.pack("<IQ", 0, place)
        place += size
    return head + bytes(-len(head) % 32) + bytes(place)


def stored(tmp_path, data):
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    return path


def test_bytes_of_tensors_follow_from_where_the_next_begins(tmp_path):
    vocabulary = {"tokenizer.ggml.tokens": ["a", "bc"] * 700, "tokenizer.ggml.token_type": [1] * 1400}
    header = gguf.read(stored(tmp_path, model(LAYERS | vocabulary)))
    assert header.tensors == {"token_embd.weight": 640, "blk.0.attn_q.weight": 96}
    assert header.metadata == LAYERS  # the vocabulary is passed over


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut or damaged"),
        (b"GGML" + bytes(100), "does not begin with GGUF"),
        (b"GGUF", "cut or damaged"),
        (model(version=1), "version is 1"),
        (model()[:120], "cut"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 1), "more than any model"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, STRING, 2**62), "cut"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 99), "cut or damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**63), "cut"),
        (model(LAYERS | {"general.alignment": 0}), "cut or damaged"),
        (model()[:-736], "beyond its end"),
    ],
)  # fmt: skip
def test_what_is_no_model_file_is_one_sentence_with_the_next_step(tmp_path, data, words):
    with pytest.raises(BenchmarkError, match=rf"model.gguf .*{words}.*; pull the model again"):
        gguf.read(stored(tmp_path, data))


def test_a_model_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(BenchmarkError, match="cannot be read"):
        gguf.read(tmp_path / "none.gguf")


def card(metadata=LAYERS, state=1, **tensors):
    return ceiling.card_of(gguf.Header(dict(metadata), tensors or {"token_embd.weight": 640}), state)


def test_state_of_a_token_is_keys_and_values_of_all_layers():
    # 2 layers x 2 key-value heads x (16 + 16) values of 2 bytes: 64 / 4 heads = 16 values a head.
    assert card().state_bytes == 256
    assert card(state=0).state_bytes == 512
    assert card(state=8).state_bytes == 136


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"tiny.attention.key_length": 32, "tiny.attention.value_length": 8}, 2 * 2 * 40 * 2),
        ({"tiny.attention.head_count_kv": [1, 3]}, 4 * 32 * 2),
    ],
)
def test_heads_of_another_size_or_by_layer_are_counted(changed, expected):
    assert card(LAYERS | changed).state_bytes == expected


def test_a_model_without_grouped_heads_has_keys_and_values_of_all_heads():
    assert card({name: value for name, value in LAYERS.items() if not name.endswith("_kv")}).state_bytes == 512


@pytest.mark.parametrize(
    ("metadata", "state", "words"),
    [
        ({"general.architecture": "tiny"}, 1, "lacks the sizes"),
        (LAYERS | {"tiny.attention.head_count": 0}, 1, "lacks the sizes"),
        (LAYERS | {"tiny.block_count": "two"}, 1, "lacks the sizes"),
        (LAYERS | {"tiny.ssm.conv_kernel": 4}, 1, "no keys and values"),
        (LAYERS | {"tiny.attention.kv_lora_rank": 512}, 1, "no keys and values"),
        (LAYERS, 77, "type 77"),
    ],
)
def test_a_model_of_an_unknown_kind_gets_no_guess(metadata, state, words):
    with pytest.raises(BenchmarkError, match=words):
        card(metadata, state)


def test_a_table_of_words_counts_only_where_it_is_the_output_as_well():
    tensors = {"token_embd.weight": 640, "blk.0.attn_q.weight": 96}
    assert card(**tensors).weight_bytes == 736
    assert card(**tensors, **{"output.weight": 640}).weight_bytes == 736
    assert card(**tensors, **{"per_layer_token_embd.weight": 9999}).weight_bytes == 736


def test_of_experts_those_that_are_used_count():
    experts = {"tiny.expert_count": 8, "tiny.expert_used_count": 2}
    tensors = {"token_embd.weight": 100, "blk.0.ffn_up_exps.weight": 800}
    assert card(LAYERS | experts, **tensors).weight_bytes == 300


def test_the_ceiling_is_bandwidth_over_what_a_token_reads():
    made = ceiling.Card(900_000_000, 100_000.0, "F16", {})
    assert made.ceiling(10.0, 1000) == pytest.approx(10.0)
    assert made.ceiling(10.0, 0) == pytest.approx(11.1, abs=0.02)


def test_the_rate_leaves_out_the_token_that_prefill_gave():
    timings = Timings(first_token=1.0, total=2000.0, stages={"decode": 500.0})
    answer = Answer("q", "t", "answered", "generated", 1.0, timings=timings, usage=Usage(100, 0, 11))
    assert ceiling._rate(answer) == 20.0
    assert ceiling._context(answer) == 105.5


@pytest.mark.parametrize(("cores", "counts"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (6, [1, 2, 4, 6])])
def test_bandwidth_is_tried_with_a_few_and_with_all_threads(cores, counts):
    assert bandwidth.thread_counts(cores) == counts


def test_bandwidth_reads_as_much_as_it_says_and_keeps_the_fastest_way():
    found = bandwidth.measured(8_000_000, [1, 2])
    assert found.megabytes in (7, 8)
    assert found.threads in (1, 2)
    assert len(found.gb_per_s) == 10
    assert found.best == max(found.gb_per_s) > 0


@pytest.mark.engine
def test_the_state_that_llama_cpp_holds_grows_by_what_the_card_says(smollm2):
    import llama_cpp

    made = ceiling.card_of(gguf.read(smollm2), ceiling.state_type())
    llama = llama_cpp.Llama(str(smollm2), n_ctx=256, n_batch=64, verbose=False)
    sizes = []
    for count in (40, 80):
        llama.reset()
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(llama.ctx), True)
        llama.eval([1] * count)
        sizes.append(llama_cpp.llama_state_seq_get_size(llama.ctx, 0))
    # Beside keys and values, a stored state has the position of each token, a dozen bytes.
    assert (sizes[1] - sizes[0]) / 40 == pytest.approx(made.state_bytes, abs=32)
    assert made.weight_bytes <= smollm2.stat().st_size


@pytest.mark.engine
def test_the_card_is_measured_with_a_real_model(smollm2, tmp_path):
    ident = smollm2.parent.name
    command = tmp_path / "fieldmate"
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from assistant.cli.main import main\nsys.exit(main())\n"
    )
    command.chmod(0o755)
    variant = Variant.of_generator(ident)
    plan = Plan([str(command)], str(tmp_path), str(smollm2.parent.parent), [variant], ident, questions=1)
    rows = {row.metric: row for row in ceiling.measure(plan, variant)}
    share = rows["decode"].samples[0] / rows["decode ceiling"].samples[0]
    assert rows["share of the ceiling"].value == pytest.approx(share)
    assert rows["decode"].keys == rows["decode ceiling"].keys
