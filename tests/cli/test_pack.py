# SPDX-License-Identifier: Apache-2.0
"""`nxm pack`: its files read and written by numpy from docs/formats.md alone, there and back, and damaged in every way."""
import json
import os
import subprocess

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

NXM = os.environ["NXM_BIN"]
LAYERS = [f"bert.encoder.layer.{i}.{part}.weight" for i in range(2) for part in (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "intermediate.dense", "output.dense")]
TABLE = "bert.embeddings.word_embeddings.weight"


def run(verb, *args):
    return subprocess.run([NXM, verb, *map(str, args)], capture_output=True, text=True, timeout=60)


def answer(verb, *args):
    result = run(verb, *args, "--json")
    assert result.returncode == 0 and result.stderr == "" and result.stdout.count("\n") == 1, result.stderr
    return json.loads(result.stdout)


def shape_of(name, hidden):
    if ".intermediate." in name:
        return 2 * hidden, hidden
    return (hidden, 2 * hidden) if name.endswith("output.dense.weight") and "attention" not in name else (hidden, hidden)


def sparse(rng, shape, keep, of, share=1):
    weight = rng.standard_normal(shape).astype(np.float32)
    order = np.argsort(rng.random((shape[0] // share, shape[1] // of, of)), axis=2)
    return np.where(np.repeat(order < keep, share, axis=0).reshape(shape), weight, np.float32(0))


def write_model(folder, keep=2, of=4, share=1, hidden=32, seed=0, **config):
    """A sparse model as `nxm finetune` leaves it."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    settings = {"model_type": "bert", "vocab_size": 20, "hidden_size": hidden, "num_hidden_layers": 2,
                "num_attention_heads": 1, "intermediate_size": 2 * hidden, "max_position_embeddings": 16} | config
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n")
    tensors = {name: sparse(rng, shape_of(name, hidden), keep, of, share) for name in LAYERS}
    for name in LAYERS:
        bias = name.replace(".weight", ".bias")
        tensors[bias] = rng.standard_normal(shape_of(name, hidden)[0]).astype(np.float32)
    tensors[TABLE] = rng.standard_normal((20, hidden)).astype(np.float32)
    save_file(tensors, folder / "model.safetensors")
    return folder, tensors


def raw_tensors(folder):
    """Name -> (dtype, shape, bytes), also for BF16, which numpy does not have."""
    data = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    return {name: (info["dtype"], info["shape"], data[8 + size:][slice(*info["data_offsets"])])
            for name, info in header.items() if name != "__metadata__"}


def numbers(dtype, data):
    if dtype == "BF16":
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(data, {"F32": np.float32, "F16": np.float16, "I8": np.int8}[dtype]).astype(np.float32)


def unpack(raw, layer, shape, keep, of, share):
    """The format as docs/formats.md tells it."""
    base = layer.removesuffix(".weight")
    dtype, value_shape, data = raw[base + ".nm_values"]
    assert value_shape == [shape[0], shape[1] // of, keep]
    values = numbers(dtype, data).reshape(value_shape)
    if dtype == "I8":
        assert raw[base + ".nm_scales"][:2] == ("F32", [shape[0]])
        values = values * numbers("F32", raw[base + ".nm_scales"][2])[:, None, None]
    bits = (of - 1).bit_length()
    kind, index_shape, data = raw[base + ".nm_indices"]
    count = shape[1] // of * keep
    assert kind == "U8" and index_shape == [shape[0] // share, -(-count * bits // 8)]
    stream = np.unpackbits(np.frombuffer(data, np.uint8).reshape(index_shape), axis=1, bitorder="little")
    assert not stream[:, count * bits:].any()
    positions = (stream[:, :count * bits].reshape(-1, bits) << np.arange(bits)).sum(axis=1)
    positions = np.repeat(positions.reshape(shape[0] // share, -1, keep), share, axis=0)
    assert (np.diff(positions, axis=2) > 0).all() and positions.max() < of
    dense = np.zeros((shape[0], shape[1] // of, of), np.float32)
    np.put_along_axis(dense, positions, values, axis=2)
    return dense.reshape(shape)


PATTERNS = [(2, 4, 1, 32), (1, 2, 1, 32), (4, 8, 1, 32), (8, 16, 1, 32), (1, 4, 2, 32), (2, 4, 4, 32), (3, 7, 1, 14),
            (1, 64, 1, 64), (63, 64, 2, 64), (5, 12, 3, 24)]


@pytest.mark.parametrize("keep, of, share, hidden", PATTERNS)
@pytest.mark.parametrize("precision", ["f32", "bf16", "f16", "int8"])
def test_numpy_reads_what_was_packed(tmp_path, keep, of, share, hidden, precision):
    folder, tensors = write_model(tmp_path / "m", keep, of, share, hidden)
    pattern = f"{keep}:{of}" + (f"x{share}" if share > 1 else "")
    told = answer("pack", folder, "--out", tmp_path / "p", "--precision", precision, "--pattern", pattern)
    assert (told["pattern"], told["precision"]) == (pattern, precision)
    raw = raw_tensors(tmp_path / "p")
    largest = 0
    for layer, entry in zip(LAYERS, told["layers"], strict=True):
        assert layer not in raw and entry["name"] == layer
        dense = tensors[layer]
        got = unpack(raw, layer, dense.shape, keep, of, share)
        if precision == "f32":
            assert (got == dense).all()
        elif precision == "f16":
            assert (got == dense.astype(np.float16)).all()
        elif precision == "bf16":
            assert (np.abs(got - dense) <= np.abs(dense) * 2.0**-8).all()
        else:
            assert (np.abs(got - dense) <= np.abs(dense).max(axis=1, keepdims=True) / 254 * 1.001).all()
        stored = sum(len(raw[name][2]) for name in raw if name.startswith(layer.removesuffix("weight") + "nm_"))
        assert entry["bytes"] == stored and entry["bits_per_weight"] == pytest.approx(8 * stored / dense.size)
        assert entry["largest_error"] == pytest.approx(np.abs(got.astype(float) - dense).max())
        largest = max(largest, entry["largest_error"])
    assert told["largest_error"] == largest
    assert told["bytes"] == (tmp_path / "p" / "model.safetensors").stat().st_size
    assert told["bytes_before"] == (folder / "model.safetensors").stat().st_size
    assert raw[TABLE][0] == ("F32" if precision == "f32" else "BF16")
    assert all(dtype == "F32" for name, (dtype, _, _) in raw.items() if name.endswith("bias"))
    config = json.loads((tmp_path / "p" / "config.json").read_text())
    assert config["nxm"] == {"version": 1, "pattern": pattern, "precision": precision, "layers": LAYERS}
    assert (tmp_path / "p" / "vocab.txt").read_text() == (folder / "vocab.txt").read_text()


@pytest.mark.parametrize("bits, precision", [(17, "f32"), (9, "bf16"), (9, "f16"), (5, "int8")])
def test_sizes_are_the_arithmetic(tmp_path, bits, precision):
    folder, tensors = write_model(tmp_path / "m")
    told = answer("pack", folder, "--out", tmp_path / "p", "--precision", precision)
    for entry in told["layers"]:
        rows, cols = entry["shape"]
        assert entry["bytes"] * 8 == rows * cols * bits + (32 * rows if precision == "int8" else 0)
        assert entry["bytes_before"] == 4 * rows * cols


@pytest.mark.parametrize("keep, of, share, hidden", PATTERNS)
def test_there_and_back(tmp_path, keep, of, share, hidden):
    folder, tensors = write_model(tmp_path / "m", keep, of, share, hidden, nxm={"pattern": f"{keep}:{of}x{share}"})
    answer("pack", folder, "--out", tmp_path / "p")
    told = answer("pack", tmp_path / "p", "--undo", "--out", tmp_path / "u")
    assert told["undo"] is True and told["bits_per_weight"] == 32
    back = load_file(tmp_path / "u" / "model.safetensors")
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype and back[name].tobytes() == tensor.tobytes(), name
    assert "layers" not in json.loads((tmp_path / "u" / "config.json").read_text())["nxm"]
    with safe_open(tmp_path / "u" / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}


@pytest.mark.parametrize("keep, of", [(2, 4), (1, 4), (4, 8), (1, 2)])
def test_the_pattern_is_found(tmp_path, keep, of):
    folder, _ = write_model(tmp_path / "m", keep, of)
    assert answer("pack", folder, "--out", tmp_path / "p")["pattern"] == f"{keep}:{of}"
    assert answer("pack", folder, "--out", tmp_path / "q", "--pattern", "16:32")["pattern"] == "16:32"
    found = answer("inspect", tmp_path / "q")  # what the files say, not what would be tightest
    assert (found["pattern"], found["valid"]) == ("16:32", True)


def test_the_pattern_of_the_config_counts(tmp_path):
    folder, _ = write_model(tmp_path / "m", share=2, nxm={"pattern": "2:4x2"})
    assert answer("pack", folder, "--out", tmp_path / "p")["pattern"] == "2:4x2"


@pytest.mark.parametrize("precision", ["f32", "bf16", "f16", "int8"])
def test_inspect_of_a_packed_model(tmp_path, precision):
    folder, _ = write_model(tmp_path / "m")
    before = answer("inspect", folder)
    told = answer("pack", folder, "--out", tmp_path / "p", "--precision", precision)
    after = answer("inspect", tmp_path / "p")
    assert "packed" not in before and after.pop("packed") == precision
    assert after["bytes"] == told["bytes"] < before["bytes"]
    assert (after["pattern"], after["valid"]) == ("2:4", True)
    for old, new in zip(before["layers"], after["layers"], strict=True):
        assert new["density"] == pytest.approx(old["density"], abs=0.02)  # small weights may round to 0
        assert {**new, "density": 0} == {**old, "density": 0}
    words = run("inspect", tmp_path / "p").stdout
    assert f"12 of the layers are packed: 2:4 in {precision}" in words
    assert run("inspect", tmp_path / "p", "--pattern", "1:4").returncode == 1


def test_words(tmp_path):
    folder, _ = write_model(tmp_path / "m")
    words = run("pack", folder, "--out", tmp_path / "p", "--precision", "int8").stdout
    assert all(layer in words for layer in LAYERS)
    assert "12 layers packed as 2:4 in int8: 5.8" in words and "largest error 0.0" in words
    assert "12 layers unpacked from 2:4 in int8" in run("pack", tmp_path / "p", "--undo", "--out", tmp_path / "u").stdout


# --- with a task


def write_classifier(folder):
    """A whole random model. Feature 0 of what the layers see is 0, so their large weights for it say nothing; but their
    int8 scales are set by them, and the other weights vanish."""
    rng = np.random.default_rng(1)
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] good bad film plot actor dull very not".split()
    folder, tensors = write_model(folder, id2label={"0": "negative", "1": "positive"}, vocab_size=len(words))
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    tensors |= {TABLE: rng.standard_normal((len(words), 32)), "classifier.bias": np.zeros(2),
                "classifier.weight": rng.standard_normal((2, 32)), "bert.pooler.dense.bias": np.zeros(32),
                "bert.pooler.dense.weight": rng.standard_normal((32, 32)) / 4,
                "bert.embeddings.position_embeddings.weight": rng.standard_normal((16, 32)),
                "bert.embeddings.token_type_embeddings.weight": np.zeros((2, 32))}
    norms = ["bert.embeddings"] + [f"bert.encoder.layer.{i}.{part}" for i in range(2) for part in ("attention.output", "output")]
    for norm in norms:
        tensors[f"{norm}.LayerNorm.weight"], tensors[f"{norm}.LayerNorm.bias"] = np.ones(32), np.zeros(32)
        tensors[f"{norm}.LayerNorm.weight"][0] = 0
    for layer in LAYERS:
        if "self" in layer or "intermediate" in layer:
            tensors[layer][:, :4] = [1e6, 0, 0, 0]
    save_file({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, folder / "model.safetensors")
    texts = [" ".join(rng.choice(words[5:], 6)) for _ in range(200)]
    lines = subprocess.run([NXM, "predict", "--model", folder, "--json"], input="\n".join(texts) + "\n",
                           capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    labels = [int(json.loads(line)["label"] == "positive") for line in lines]
    assert 20 < sum(labels) < 180
    (folder.parent / "data").mkdir()
    (folder.parent / "data" / "dev.tsv").write_text(
        "sentence\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in zip(texts, labels, strict=True)))
    return folder, ["--task", "sst2", "--data", folder.parent / "data"]


def test_the_score_may_not_drop(tmp_path):
    folder, task = write_classifier(tmp_path / "m")
    told = answer("pack", folder, "--out", tmp_path / "f32", *task, "--max-drop", "0")
    assert (told["task"], told["score_before"], told["score"]) == ("sst2", 1, 1)
    result = run("pack", folder, "--out", tmp_path / "int8", "--precision", "int8", *task, "--json")
    told = json.loads(result.stdout)
    assert result.returncode == 1 and told["score_before"] == 1 and told["score"] < 0.95
    assert "the score drops by" in result.stderr and answer("inspect", tmp_path / "int8")["packed"] == "int8"
    scored = answer("eval", "--model", tmp_path / "int8", *task)
    assert scored["score"] == told["score"]
    for drop in ("nan", "-nan", "-1", "101", "much"):
        refused(tmp_path, 2, "--max-drop", folder, "--out", tmp_path / "p", *task, f"--max-drop={drop}")
    refused(tmp_path, 2, "which score", folder, "--out", tmp_path / "p", "--max-drop", "0.5")
    words = run("pack", folder, "--out", tmp_path / "loose", "--precision", "int8", *task, "--max-drop", "100")
    assert words.returncode == 0 and "sst2 on dev: 100.00 before" in words.stdout


def test_a_task_that_cannot_be_scored(tmp_path):
    folder, task = write_classifier(tmp_path / "m")
    refused(tmp_path, 2, "--data", folder, "--out", tmp_path / "p", "--task", "sst2")
    refused(tmp_path, 2, "which task", folder, "--out", tmp_path / "p", "--data", task[3])
    refused(tmp_path, 2, "did you mean 'sst2'", folder, "--out", tmp_path / "p", "--task", "sst3", "--data", task[3])
    refused(tmp_path, 1, "dev.tsv", folder, "--out", tmp_path / "p", "--task", "sst2", "--data", tmp_path)


# --- refusals


def refused(tmp_path, code, words, *args):
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    result = run("pack", *args)
    assert result.returncode == code and result.stdout == "", result
    assert words in result.stderr, result.stderr
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_models_out_of_the_pattern(tmp_path):
    folder, tensors = write_model(tmp_path / "m")
    for name in LAYERS[3:8]:
        tensors[name][5, 8:12] = 1
    save_file(tensors, folder / "model.safetensors")
    out = tmp_path / "p"
    refused(tmp_path, 1, f"2:4 does not hold in 5 of 12 layers: '{LAYERS[3]}', '{LAYERS[4]}', '{LAYERS[5]}' and 2 more",
            folder, "--out", out)
    refused(tmp_path, 1, "nxm finetune", folder, "--out", out, "--pattern", "2:4")
    refused(tmp_path, 1, "does not divide", folder, "--out", out, "--pattern", "3:7")
    for name in LAYERS:
        tensors[name][:] = 1
    save_file(tensors, folder / "model.safetensors")
    refused(tmp_path, 1, "no N:M pattern found", folder, "--out", out)


def test_weights_that_a_precision_cannot_store(tmp_path):
    folder, tensors = write_model(tmp_path / "m")
    tensors[LAYERS[2]][1, :4] = [0, 1e6, 0, 0]
    save_file(tensors, folder / "model.safetensors")
    refused(tmp_path, 1, "row 1, column 1 is 1000000, which F16 cannot store", folder, "--out", tmp_path / "p",
            "--precision", "f16")
    tensors[LAYERS[2]][1, 1] = np.nan
    save_file(tensors, folder / "model.safetensors")
    for precision in ("f32", "bf16", "f16", "int8"):
        refused(tmp_path, 1, LAYERS[2], folder, "--out", tmp_path / "p", "--precision", precision)
    tensors[LAYERS[2]][1, 1] = 0
    other = "bert.pooler.dense.bias"
    tensors[other] = np.array([0, np.inf], np.float32)
    save_file(tensors, folder / "model.safetensors")
    for precision in ("f32", "int8"):
        refused(tmp_path, 1, f"[{other}] holds NaN or infinite", folder, "--out", tmp_path / "p", "--precision", precision)


def test_flags(tmp_path):
    folder, _ = write_model(tmp_path / "m")
    out = tmp_path / "p"
    refused(tmp_path, 2, "--out", folder)
    refused(tmp_path, 2, "expected f32, bf16, f16 or int8, got 'int4'", folder, "--out", out, "--precision", "int4")
    refused(tmp_path, 2, "4:2", folder, "--out", out, "--pattern", "4:2")
    refused(tmp_path, 2, "--undo", folder, "--out", out, "--undo", "--pattern", "2:4")
    refused(tmp_path, 1, "expected packed weights, found none", folder, "--out", out, "--undo")
    refused(tmp_path, 1, "no-such", tmp_path / "no-such", "--out", out)


def test_outputs(tmp_path):
    folder, _ = write_model(tmp_path / "m")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(folder)
    for force in ([], ["--force"]):
        for out in (folder, folder / "p", tmp_path / "link", tmp_path / "full" / ".." / "m"):
            refused(tmp_path, 1, "is the model's folder", folder, "--out", out, *force)
    for force in ([], ["--force"]):
        refused(tmp_path, 1, "not a model's", folder, "--out", tmp_path / "full", *force)
    refused(tmp_path, 1, "found a file", folder, "--out", tmp_path / "full" / "notes.txt", "--force")
    (tmp_path / "full" / "config.json").write_text('{"my": "settings"}')
    refused(tmp_path, 1, "not a model's", folder, "--out", tmp_path / "full", "--force")
    assert (tmp_path / "full" / "config.json").read_text() == '{"my": "settings"}'
    weights = (folder / "model.safetensors").read_bytes()
    (tmp_path / "full" / "model-00001-of-00001.safetensors").write_bytes(weights)
    (tmp_path / "full" / "model.safetensors.index.json").write_text("{}")
    refused(tmp_path, 1, "replace it by --force", folder, "--out", tmp_path / "full")
    answer("pack", folder, "--out", tmp_path / "full", "--force")
    assert not list((tmp_path / "full").glob("model*0*")) and not list((tmp_path / "full").glob("*index*")), "of the old model"
    assert (tmp_path / "full" / "notes.txt").read_text() == "mine"
    answer("pack", folder, "--out", tmp_path / "full", "--force", "--precision", "int8")
    assert answer("inspect", tmp_path / "full")["packed"] == "int8"


def test_a_full_disk_leaves_no_model(tmp_path):
    folder, _ = write_model(tmp_path / "m")
    limited = subprocess.run(["bash", "-c", 'ulimit -f 8; exec "$@"', "-", NXM, "pack", folder, "--out", tmp_path / "p"],
                             capture_output=True, text=True, timeout=60)
    assert limited.returncode == 1 and "File too large" in limited.stderr
    assert not (tmp_path / "p" / "config.json").exists() and not (tmp_path / "p" / "model.safetensors").exists()


def test_a_full_disk_leaves_the_model_that_would_be_replaced(tmp_path):
    folder, _ = write_model(tmp_path / "m")
    out = tmp_path / "p"
    answer("pack", folder, "--out", out, "--precision", "int8")
    (out / "notes.txt").write_text("mine")
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    for flags in ([], ["--undo"]):
        source = folder if not flags else tmp_path / "again"
        if flags:
            answer("pack", folder, "--out", source)
        limited = subprocess.run(["bash", "-c", 'ulimit -f 8; exec "$@"', "-", NXM, "pack", source, "--out", out, "--force", *flags],
                                 capture_output=True, text=True, timeout=60)
        assert limited.returncode == 1 and "File too large" in limited.stderr
        assert {file.name: file.read_bytes() for file in out.iterdir()} == before


# --- hostile files


def damaged(tmp_path, precision, change, share=1):
    """A packed model after `change(tensors, config)`, written by the reference implementation of safetensors."""
    folder, _ = write_model(tmp_path / "m", share=share)
    pattern = f"2:4x{share}" if share > 1 else "2:4"
    answer("pack", folder, "--out", tmp_path / "p", "--precision", precision, "--pattern", pattern)
    config = json.loads((tmp_path / "p" / "config.json").read_text())
    tensors = {}
    for name, (dtype, shape, data) in raw_tensors(tmp_path / "p").items():
        kind = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "U8": np.uint8}.get(dtype)
        tensors[name] = (numbers(dtype, data) if kind is None else np.frombuffer(data, kind)).reshape(shape).copy()
    change(tensors, config)
    save_file(tensors, tmp_path / "p" / "model.safetensors")
    (tmp_path / "p" / "config.json").write_text(json.dumps(config))
    return tmp_path / "p"


def set_to(part, value, at=(0, 0)):
    def change(tensors, config):
        tensors[BASE + part][at] = value
    return change


def reshaped(part, shape):
    def change(tensors, config):
        tensors[BASE + part] = np.zeros(shape, tensors[BASE + part].dtype)
    return change


def without(part):
    return lambda tensors, config: tensors.pop(BASE + part)


def config_with(**keys):
    return lambda tensors, config: config["nxm"].update(keys)


def dense_twin(tensors, config):
    tensors[BASE + "weight"] = np.zeros((32, 32), np.float32)


def no_nxm(tensors, config):
    del config["nxm"]


def unpacked(tensors, config):
    for name in list(tensors):
        if ".nm_" in name:
            del tensors[name]


BASE = LAYERS[0].removesuffix("weight")
HOSTILE = {
    "repeating": ("f32", set_to("nm_indices", 0b01_01_01_00), "ascending indices, found 1 after 1"),
    "descending": ("f32", set_to("nm_indices", 0b01_00_01_11), "ascending indices, found 1 after 3"),
    "all ones": ("int8", set_to("nm_indices", 255, at=...), "ascending indices"),
    "-128": ("int8", set_to("nm_values", -128, at=(31, 7, 1)), "found -128"),
    "scale 0": ("int8", set_to("nm_scales", 0, at=3), "row 3: expected a scale above 0, found 0"),
    "scale < 0": ("int8", set_to("nm_scales", -1, at=3), "expected a scale above 0, found -1"),
    "scale nan": ("int8", set_to("nm_scales", np.nan, at=3), "expected a scale above 0, found nan"),
    "scale inf": ("int8", set_to("nm_scales", np.inf, at=3), "expected a scale above 0, found inf"),
    "scale huge": ("int8", set_to("nm_scales", 3.4e38, at=...), "expected a finite number"),
    "value nan": ("f32", set_to("nm_values", np.nan, at=(2, 1, 0)), "row 2: value 2 is nan"),
    "value inf": ("f16", set_to("nm_values", -np.inf, at=(2, 1, 0)), "row 2: value 2 is -inf"),
    "fewer values": ("f32", reshaped("nm_values", (32, 8, 1)), "expected F32 [32, 8, 2] by config.json, found F32 [32, 8, 1]"),
    "more rows": ("f32", reshaped("nm_values", (33, 8, 2)), "[33, 8, 2]"),
    "flat values": ("f32", reshaped("nm_values", (512,)), "[512]"),
    "no values at all": ("f32", reshaped("nm_values", (0, 8, 2)), "[0, 8, 2]"),
    "short indices": ("f32", reshaped("nm_indices", (32, 3)), "expected U8 [32, 4]"),
    "short scales": ("int8", reshaped("nm_scales", (31,)), "expected F32 [32]"),
    "another type": ("f32", config_with(precision="f16"), "expected F16"),
    "lost values": ("f32", without("nm_values"), "no tensor '" + BASE + "nm_values'"),
    "lost indices": ("f32", without("nm_indices"), "no tensor '" + BASE + "nm_indices'"),
    "lost scales": ("int8", without("nm_scales"), "no tensor '" + BASE + "nm_scales'"),
    "all lost": ("f32", unpacked, "no tensor"),
    "dense too": ("f32", dense_twin, "is there dense, and packed"),
    "scales too": ("f32", lambda t, c: t.update({BASE + "nm_scales": np.ones(32, np.float32)}), "says nothing at $.nxm"),
    "config silent": ("f32", no_nxm, "says nothing at $.nxm"),
    "layer unlisted": ("f32", config_with(layers=LAYERS[1:]), "says nothing at $.nxm"),
    "future": ("f32", config_with(version=2), "this build reads packed weights of version 1, got 2"),
    "version text": ("f32", config_with(version="1"), "$.nxm.version"),
    "unknown key": ("f32", config_with(patern="2:4"), "did you mean 'pattern'?"),
    "pattern": ("f32", config_with(pattern="1:4"), "[32, 8, 1]"),
    "pattern turned": ("f32", config_with(pattern="4:2"), "$.nxm.pattern"),
    "pattern that does not fit": ("f32", config_with(pattern="3:7"), "does not divide"),
    "precision": ("f32", config_with(precision="fp8"), "$.nxm.precision"),
    "layer twice": ("f32", config_with(layers=LAYERS + LAYERS[:1]), "$.nxm.layers"),
    "strange layer": ("f32", config_with(layers=LAYERS + ["../../etc/passwd"]), "$.nxm.layers"),
    "nxm is a list": ("f32", lambda t, c: c.update(nxm=[1]), "$.nxm: expected an object"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files(tmp_path, kind):
    precision, change, words = HOSTILE[kind]
    folder = damaged(tmp_path, precision, change)
    for command in (["inspect", folder], ["pack", folder, "--undo", "--out", tmp_path / "u"],
                    ["pack", folder, "--out", tmp_path / "u"]):
        result = run(*command)
        assert result.returncode == 1 and result.stdout == "", result
        assert words in result.stderr and len(result.stderr) < 1000, result.stderr
    assert not (tmp_path / "u").exists()


def test_index_outside_a_group(tmp_path):
    folder, _ = write_model(tmp_path / "m", 3, 7, 1, 14)
    answer("pack", folder, "--out", tmp_path / "p", "--pattern", "3:7")
    tensors = load_file(tmp_path / "p" / "model.safetensors")
    tensors[BASE + "nm_indices"][4] = [0b11_001_000, 0b10_001_00_1, 0]  # 0 1 7, which a group of 7 does not have
    save_file(tensors, tmp_path / "p" / "model.safetensors")
    result = run("inspect", tmp_path / "p")
    assert result.returncode == 1 and "row 4, group 0: index 7 is outside a group of 7" in result.stderr


def test_padding_must_be_zero(tmp_path):
    folder, _ = write_model(tmp_path / "m", 3, 7, 1, 14)  # 18 bits a row
    answer("pack", folder, "--out", tmp_path / "p", "--pattern", "3:7")
    tensors = load_file(tmp_path / "p" / "model.safetensors")
    tensors[BASE + "nm_indices"][13, 2] |= 0b100
    save_file(tensors, tmp_path / "p" / "model.safetensors")
    result = run("inspect", tmp_path / "p")
    assert result.returncode == 1 and "row 13: expected zeros after the last index" in result.stderr


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bits(tmp_path, seed):
    """Any bit of the file: an error, or a model whose layers keep the pattern."""
    rng = np.random.default_rng(seed)
    folder, _ = write_model(tmp_path / "m")
    answer("pack", folder, "--out", tmp_path / "p", "--precision", ["f32", "bf16", "f16", "int8"][seed % 4])
    path = tmp_path / "p" / "model.safetensors"
    data = bytearray(path.read_bytes())
    for _ in range(1 + seed % 3):
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    path.write_bytes(data)
    result = run("inspect", tmp_path / "p", "--json")
    assert result.returncode in (0, 1)
    assert json.loads(result.stdout)["valid"] if result.returncode == 0 else result.stderr.startswith("nxm: [")
