# SPDX-License-Identifier: Apache-2.0
"""The frame of the program: help, exit codes, nearest names, streams; and the verbs `info` and `inspect`."""
import json
import os
import pathlib
import re
import subprocess

import numpy as np
import pytest
from safetensors.numpy import save_file

NXM = os.environ["NXM_BIN"]
FULL = [f"bert.encoder.layer.{i}.{part}.weight" for i in range(2) for part in (
    "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
    "intermediate.dense", "output.dense")]


def run(*args, **env):
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "NXM_THREADS"))} | env
    return subprocess.run([NXM, *map(str, args)], capture_output=True, text=True, timeout=60, env=settings)


def verbs():
    listing = run("--help").stdout.split("Subcommands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listing.splitlines() if re.match(r"  \w", line)]


def subverbs(verb):
    parts = run(verb, "--help").stdout.split("Subcommands:\n")
    return [line.split()[0] for line in parts[1].split("\n\n")[0].splitlines() if re.match(r"  \w", line)] if len(parts) > 1 else []


# --- help


def test_the_verbs_are_listed():
    assert {"fetch", "finetune", "inspect", "info", "init"} <= set(verbs())


@pytest.mark.parametrize("verb", verbs())
def test_the_documents_name_every_verb(verb):
    root = pathlib.Path(__file__).parents[2]
    assert re.search(rf"nxm {verb}\b|`{verb}`", (root / "README.md").read_text())
    table = (root / "docs" / "cli.md").read_text().split("\n## ")[0]
    assert re.search(rf"^\| `{verb}\b", table, re.M)


def every_help():
    yield []
    for verb in verbs():
        yield [verb]
        yield from ([verb, sub] for sub in subverbs(verb))


@pytest.mark.parametrize("words", list(every_help()), ids=" ".join)
def test_help_ends_with_an_example_whose_flags_exist(words):
    result = run(*words, "--help")
    assert result.returncode == 0 and result.stderr == ""
    assert "Example" in result.stdout, result.stdout
    example = result.stdout.split("Example")[-1]
    command = next(line.strip() for line in example.splitlines() if line.startswith("  "))
    nxm = re.search(r"\bnxm (.*)", command)
    if nxm and words:
        assert nxm[1].split()[: len(words)] == words
        deepest = words + [word for word in nxm[1].split()[len(words):][:1] if word in subverbs(words[0])]
        flags = run(*deepest, "--help").stdout.split("Example")[0]
        for flag in re.findall(r"(?<!\S)--[a-z-]+", nxm[1]):
            assert flag in flags, f"{flag} is not a flag of {deepest}"


def test_version():
    result = run("--version")
    assert result.returncode == 0 and re.fullmatch(r"nxm \d+\.\d+\.\d+\n", result.stdout)


# --- usage


@pytest.mark.parametrize("args, words", [
    ([], "a verb is missing"),
    (["inspct"], "unknown verb 'inspct' (did you mean 'inspect'?)"),
    (["FETCH"], "did you mean 'fetch'?"),
    (["zzzzzzzz"], "unknown verb 'zzzzzzzz'\n"),
    (["inspct", "--help"], "unknown verb 'inspct' (did you mean 'inspect'?)"),
    (["--versoin"], "unknown flag '--versoin' (did you mean '--version'?)"),
    (["info", "--jsn"], "unknown flag '--jsn' (did you mean '--json'?)"),
    (["inspect", "--patern", "2:4"], "unknown flag '--patern' (did you mean '--pattern'?)"),
    (["inspect", "--patern=2:4", "DIR"], "did you mean '--pattern'?"),
    (["data", "check", "--qqqqqqqqqq"], "Try `nxm data check --help`."),
    (["zzzzzzzz"], "Try `nxm --help`."),
    (["inspect", "--qqqqqqqqqq"], "unknown flag '--qqqqqqqqqq'\n"),
    (["inspect", "a", "b"], "unknown argument 'b'"),
    (["inspect"], "DIR is required"),
    (["inspect", "DIR", "--pattern"], "--pattern"),
    (["inspect", ""], "DIR: expected a value, got an empty one"),
    (["pack", "DIR", "--out", ""], "--out: expected a value, got an empty one"),
    (["inspect", "DIR", "--pattern", "4:2"], "4:2"),
    (["inspect", "DIR", "--pattern", "0:4"], "0:4"),
    (["inspect", "DIR", "--pattern", "2:4:8"], "2:4:8"),
])
def test_usage_errors(args, words):
    result = run(*args)
    assert result.returncode == 2 and result.stdout == ""
    assert words in result.stderr, result.stderr


def test_bad_environment_is_a_usage_error():
    result = run("info", NXM_THREADS="many")
    assert result.returncode == 2 and "NXM_THREADS" in result.stderr


# --- tokenize


def tokenize(folder, *flags, stdin):
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n")
    return subprocess.run([NXM, "tokenize", "--model", folder, *flags], stdin=stdin, capture_output=True, text=True,
                          timeout=60)


@pytest.mark.parametrize("source, code, words", [
    ("/dev/null", 0, ""),
    ("/", 1, "[stdin] cannot read it: Is a directory"),
    ("/dev/zero", 1, "line 1: over 1048576 bytes"),
])
def test_tokenize_reads_what_is_no_text(tmp_path, source, code, words):
    descriptor = os.open(source, os.O_RDONLY)
    result = tokenize(tmp_path, stdin=descriptor)
    os.close(descriptor)
    assert result.returncode == code and result.stdout == "" and words in result.stderr, result.stderr


@pytest.mark.parametrize("length", ["-1", "0", "1.5", "99999999999999999999", "x"])
def test_tokenize_lengths(tmp_path, length):
    result = tokenize(tmp_path, "--max-length", length, stdin=subprocess.DEVNULL)
    assert result.returncode == 2 and "--max-length" in result.stderr, result.stderr


# --- streams


def test_closed_pipe_ends_quietly():
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run([NXM, "info"], stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert result.returncode == 141 and result.stderr == b""


def test_closed_stderr_changes_no_exit_code():
    read, write = os.pipe()
    os.close(read)
    results = [subprocess.run([NXM, *args], stdout=subprocess.PIPE, stderr=write, timeout=60)
               for args in (["no-such-verb"], ["inspect", "/no/such/folder"])]
    os.close(write)
    assert [result.returncode for result in results] == [2, 1]


def test_full_disk_is_told():
    with open("/dev/full", "w") as full:
        result = subprocess.run([NXM, "info"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert result.returncode == 1 and "No space left" in result.stderr


# --- info


def test_info_json():
    result = run("info", "--json", NXM_THREADS="3", HF_TOKEN="hf_secret", HF_HOME="/somewhere")
    assert result.returncode == 0 and result.stderr == "" and result.stdout.count("\n") == 1
    info = json.loads(result.stdout)
    assert (info["threads"], info["threads_reason"]) == (3, "NXM_THREADS")
    assert info["hub"]["token"] is True and "hf_secret" not in result.stdout
    assert info["hub"]["cache"] == "/somewhere/hub"
    with open("/proc/cpuinfo") as file:
        flags = set(re.search(r"^(?:flags|Features)\s*: (.*)$", file.read(), re.M)[1].split())
    assert info["isa"] and set(info["isa"]) <= flags
    assert ("avx2" in flags) == ("avx2" in info["isa"])


def test_info_counts_what_affinity_leaves():
    one = min(os.sched_getaffinity(0))
    result = subprocess.run([NXM, "info", "--json"], capture_output=True, text=True, timeout=60,
                            preexec_fn=lambda: os.sched_setaffinity(0, {one}))
    info = json.loads(result.stdout)
    assert info["threads"] == 1
    assert "affinity" in info["threads_reason"] or "quota" in info["threads_reason"]


def test_info_in_words_says_the_same():
    info, words = json.loads(run("info", "--json").stdout), run("info").stdout
    for value in [info["cpu"], info["threads_reason"], info["hub"]["cache"], info["cache"], *info["libraries"].values()]:
        assert value in words


# --- inspect


def shape_of(name):
    return {"intermediate": (64, 32), "output": (32, 64)}.get(name.split(".")[4] if "attention" not in name else "", (32, 32))


def sparse(rng, shape, keep, of):
    weight = rng.standard_normal(shape).astype(np.float32)
    groups = weight.reshape(-1, of)
    order = np.argsort(rng.random(groups.shape), axis=1)
    np.put_along_axis(groups, order[:, keep:], 0, axis=1)
    return weight


def write_model(folder, layers, **config):
    folder.mkdir(exist_ok=True)
    settings = {"model_type": "bert", "vocab_size": 20, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                "intermediate_size": 64, "max_position_embeddings": 16} | config
    (folder / "config.json").write_text(json.dumps(settings))
    rest = {"bert.embeddings.word_embeddings.weight": np.ones((20, 32), np.float32)}
    save_file(layers | rest, folder / "model.safetensors")
    return folder


def inspect(folder, *flags):
    result = run("inspect", folder, "--json", *flags)
    assert result.stderr == "" and result.stdout.count("\n") == 1, result.stderr
    return result.returncode, json.loads(result.stdout)


def bad_groups(weight, keep, of):
    return int(((weight.reshape(-1, of) != 0).sum(axis=1) > keep).sum())


@pytest.mark.parametrize("keep, of", [(1, 2), (1, 4), (2, 4), (1, 8), (4, 8), (4, 16), (8, 16), (16, 32)])
def test_finds_the_tightest_pattern(tmp_path, keep, of):
    rng = np.random.default_rng(keep * 100 + of)
    layers = {name: sparse(rng, shape_of(name), keep, of) for name in FULL}
    code, answer = inspect(write_model(tmp_path / "m", layers))
    assert code == 0 and answer["pattern"] == f"{keep}:{of}" and answer["valid"] is True
    assert answer["density"] == pytest.approx(keep / of)
    assert answer["bytes"] == (tmp_path / "m" / "model.safetensors").stat().st_size
    assert [layer["name"] for layer in answer["layers"]] == FULL
    assert [tuple(layer["shape"]) for layer in answer["layers"]] == [shape_of(name) for name in FULL]


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_numpys(tmp_path, seed):
    rng = np.random.default_rng(seed)
    layers = {name: (rng.standard_normal(shape_of(name)) * (rng.random(shape_of(name)) < rng.random())).astype(np.float32)
              for name in FULL}
    layers[FULL[seed]][0, 0] = -0.0
    folder = write_model(tmp_path / "m", layers)
    for keep, of in [(2, 4), (1, 2), (3, 8), (8, 16)]:
        code, answer = inspect(folder, "--pattern", f"{keep}:{of}")
        expected = [bad_groups(layers[name], keep, of) for name in FULL]
        assert [layer["bad_groups"] for layer in answer["layers"]] == expected
        assert [layer["valid"] for layer in answer["layers"]] == [count == 0 for count in expected]
        assert [layer["density"] for layer in answer["layers"]] == pytest.approx([np.mean(layers[n] != 0) for n in FULL])
        assert answer["density"] == pytest.approx(np.mean(np.concatenate([layers[n].ravel() for n in FULL]) != 0))
        assert answer["valid"] is all(count == 0 for count in expected)
        assert code == (0 if answer["valid"] else 1)


def test_dense_model(tmp_path):
    rng = np.random.default_rng(0)
    folder = write_model(tmp_path / "m", {name: rng.standard_normal(shape_of(name)).astype(np.float32) for name in FULL})
    code, answer = inspect(folder)
    assert code == 0 and answer["pattern"] is None and answer["valid"] is False and answer["density"] == 1
    assert all(layer["bad_groups"] is None for layer in answer["layers"])
    assert "No N:M pattern found" in run("inspect", folder).stdout
    assert inspect(folder, "--pattern", "2:4")[0] == 1


def test_zeros_show_no_pattern(tmp_path):
    folder = write_model(tmp_path / "m", {name: np.zeros(shape_of(name), np.float32) for name in FULL})
    code, answer = inspect(folder)
    assert code == 0 and answer["pattern"] is None
    code, answer = inspect(folder, "--pattern", "2:4")
    assert code == 0 and answer["valid"] is True


def test_one_broken_layer_is_named(tmp_path):
    rng = np.random.default_rng(1)
    layers = {name: sparse(rng, shape_of(name), 2, 4) for name in FULL}
    layers[FULL[3]][5, 8:12] = 1
    folder = write_model(tmp_path / "m", layers)
    code, answer = inspect(folder)  # found, not named: an answer, not a failure
    assert code == 0 and answer["pattern"] == "2:4" and answer["valid"] is False
    assert [layer["name"] for layer in answer["layers"] if not layer["valid"]] == [FULL[3]]
    words = run("inspect", folder, "--pattern", "2:4")
    assert words.returncode == 1 and "2:4 is broken in 1 of 12 layers" in words.stdout
    row = next(line for line in words.stdout.splitlines() if FULL[3] in line)
    assert "32 x 32" in row and " 1 " in row


def test_pattern_of_the_config_is_a_named_one(tmp_path):
    rng = np.random.default_rng(2)
    layers = {name: sparse(rng, shape_of(name), 1, 4) for name in FULL}
    code, answer = inspect(write_model(tmp_path / "m", layers, nxm={"pattern": "2:4"}))
    assert code == 0 and answer["pattern"] == "2:4" and answer["valid"] is True
    layers[FULL[0]][:] = 1
    code, answer = inspect(write_model(tmp_path / "m", layers, nxm={"pattern": "2:4"}))
    assert code == 1 and answer["pattern"] == "2:4"
    result = run("inspect", write_model(tmp_path / "m", layers, nxm={"pattern": "4:2"}))
    assert result.returncode == 1 and "$.nxm.pattern" in result.stderr


def test_shared_rows(tmp_path):
    rng = np.random.default_rng(3)
    layers = {name: np.repeat(sparse(rng, (shape_of(name)[0] // 2, shape_of(name)[1]), 2, 4), 2, axis=0) for name in FULL}
    folder = write_model(tmp_path / "m", layers)
    assert inspect(folder, "--pattern", "2:4x2")[0] == 0
    assert inspect(folder, "--pattern", "2:4x4")[0] == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_that_are_no_numbers_are_named(tmp_path, dtype):
    """In every tensor of the model, not only in the layers that are looked through for a pattern."""
    rng = np.random.default_rng(5)
    layers = {name: sparse(rng, shape_of(name), 2, 4) for name in FULL}
    layers["classifier.bias"] = np.ones(2, dtype)
    layers["some.counter"] = np.ones(3, np.int64)
    code, answer = inspect(write_model(tmp_path / "m", layers))
    assert code == 0 and answer["not_finite"] == []
    assert "NaN" not in run("inspect", tmp_path / "m").stdout
    layers[FULL[7]][0, :2] = [np.nan, -np.inf]  # still 2:4
    layers[FULL[7]][0, 2:4] = 0
    layers["classifier.bias"][1] = np.inf
    folder = write_model(tmp_path / "m", layers)
    for flags in ([], ["--pattern", "2:4"]):
        code, answer = inspect(folder, *flags)
        assert code == 1 and answer["pattern"] == "2:4" and answer["valid"] is True
        assert answer["not_finite"] == [{"name": FULL[7], "count": 2}, {"name": "classifier.bias", "count": 1}]
        words = run("inspect", folder, *flags)
        assert words.returncode == 1 and f"{FULL[7]} holds 2 values that are NaN or infinite" in words.stdout


@pytest.mark.parametrize("change, words", [
    ("no folder", "no-such"),
    ("pattern that does not fit", "query"),
    ("lost layer", "query"),
    ("vector", "expected shape"),
    ("fewer layers in config.json", "is of none of the 1 layers"),
])
def test_what_cannot_be_inspected(tmp_path, change, words):
    rng = np.random.default_rng(4)
    layers = {name: sparse(rng, shape_of(name), 2, 4) for name in FULL}
    if change == "lost layer":
        del layers[FULL[0]]
    if change == "vector":
        layers[FULL[0]] = np.ones(1024, np.float32)
    folder = write_model(tmp_path / "m", layers)
    if change.startswith("fewer"):
        config = json.loads((folder / "config.json").read_text())
        assert config["num_hidden_layers"] > 1
        (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    pattern = "2:5" if "fit" in change else "2:4"
    result = run("inspect", folder if change != "no folder" else tmp_path / "no-such", "--pattern", pattern)
    assert result.returncode == 1 and result.stdout == ""
    assert words in result.stderr, result.stderr
