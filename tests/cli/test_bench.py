# SPDX-License-Identifier: Apache-2.0
"""`nxm bench`: what it says is what it ran; saved weights load in transformers."""
import json
import os
import subprocess

import pytest

NXM = os.environ["NXM_BIN"]
SMALL = ["--batch", "2", "--tokens", "8", "--threads", "1"]


def bench(*flags):
    result = subprocess.run([NXM, "bench", *map(str, flags)], capture_output=True, text=True)
    return result.returncode, result.stdout, result.stderr


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "minilm"
    code, out, err = bench("--shape", "minilm", "--pattern", "2:4", "--save", folder, *SMALL, "--json")
    assert code == 0, err
    return folder, json.loads(out)


def test_json(saved):
    _, answer = saved
    assert (answer["precision"], answer["pattern"], answer["batch"], answer["tokens"], answer["threads"]) == (
        "f32", "2:4", 2, 8, 1)
    assert 0 < answer["median_ms"] <= answer["p99_ms"]
    assert answer["tokens_per_second"] == pytest.approx(16e3 / answer["median_ms"])
    # The word table counts as weights, but lies in the file, and little of it is read.
    assert 0 < answer["weight_bytes"] and 0 < answer["resident_bytes"] < 3 * answer["weight_bytes"]
    assert len(answer["layers"]) == 5 * 4 + 5 + 2
    assert all(layer["ms"] >= 0 and layer["kernel"] and layer["why"] for layer in answer["layers"])
    assert sum(layer["ms"] for layer in answer["layers"]) < 1.5 * answer["median_ms"]


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_saved_weights_run_dense_and_sparse(saved, precision):
    for flags, pattern in (([], "2:4"), (["--dense"], "dense")):
        code, out, err = bench("--model", saved[0], "--precision", precision, *SMALL, *flags, "--json")
        assert code == 0, err
        answer = json.loads(out)
        assert (answer["pattern"], answer["precision"]) == (pattern, precision)


def test_config_is_saved_last(saved):
    """A folder with config.json is whole."""
    written = {file.name: file.stat().st_mtime_ns for file in saved[0].iterdir()}
    assert set(written) == {"config.json", "model.safetensors", "vocab.txt"}
    assert written["vocab.txt"] < written["model.safetensors"] < written["config.json"]


def test_words(saved):
    code, out, err = bench("--model", saved[0], *SMALL, "--explain")
    assert code == 0 and err == ""
    assert "bert.encoder.layer.5.output.dense" in out and "median ms" in out and "runs on" in out


def test_saved_weights_load_in_transformers(saved):
    transformers = pytest.importorskip("transformers")
    model, said = transformers.AutoModelForSequenceClassification.from_pretrained(saved[0], output_loading_info=True)
    assert not said["missing_keys"] and not said["unexpected_keys"]
    weight = model.bert.encoder.layer[0].intermediate.dense.weight
    assert int((weight.view(-1, 4) != 0).sum(1).max()) == 2


@pytest.mark.parametrize("flags, code, says", [
    ([], 2, "--model DIR or --shape"),
    (["--shape", "gpt"], 2, "minilm or bert-base"),
    (["--model", "x", "--pattern", "2:4"], 2, "belong to --shape"),
    (["--shape", "minilm", "--tokens", "513"], 2, "512 positions"),
    (["--shape", "minilm", "--pattern", "2:5"], 1, "cannot be 2:5"),
])
def test_errors(flags, code, says):
    result = bench(*flags)
    assert result[0] == code and says in result[2], result[2]
