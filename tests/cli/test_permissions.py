# SPDX-License-Identifier: Apache-2.0
"""Files that may not be read and folders that may not be written: a message with the path, exit code 1, nothing lost."""
import json
import os
import subprocess

import numpy as np
import pytest
from safetensors.numpy import save_file

NXM = os.environ["NXM_BIN"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
H, FFN = 16, 32
RECIPE = """
seed = 1
threads = 1
device = "cpu"
[model]
path = "model"
[task]
kind = "classification"
train = "train.tsv"
dev = "dev.tsv"
text = ["text"]
label = "label"
labels = ["no", "yes"]
metrics = ["accuracy"]
[[stage]]
method = "dense"
epochs = 1
batch = 8
lr = 1e-3
"""


@pytest.fixture(scope="module")
def bound(tmp_path_factory):
    """What to put before a command so that permissions bind it: root's come with a capability, which is taken away."""
    if os.geteuid() != 0:
        return []
    file = tmp_path_factory.mktemp("probe") / "secret"
    file.touch(mode=0)
    dropped = "-dac_override,-dac_read_search"
    prefix = ["setpriv", "--bounding-set", dropped, "--inh-caps", dropped]
    can_run, can_read = (subprocess.run([*prefix, *command], capture_output=True).returncode == 0
                         for command in ([NXM, "--version"], ["cat", file]))
    if not can_run or can_read:
        pytest.skip("runs as root, and setpriv cannot take root's right to every file away here")
    return prefix


@pytest.fixture
def nxm(bound, tmp_path):
    def run(*args, text="", **env):
        settings = {k: v for k, v in os.environ.items() if not k.startswith("HF_")} | env
        return subprocess.run([*bound, NXM, *map(str, args)], cwd=tmp_path, input=text, capture_output=True, text=True, timeout=600,
                              env=settings)  # fmt: skip

    yield run
    for folder, _, _ in os.walk(tmp_path):  # or else pytest could not clean up
        os.chmod(folder, 0o755)


@pytest.fixture
def work(tmp_path):
    """model/ (2:4, answers), train.tsv and dev.tsv, recipe.toml."""
    rng = np.random.default_rng(1)
    tensors = {}

    def linear(name, outputs, inputs, sparse=True):
        weight = rng.standard_normal((outputs, inputs)).astype(np.float32)
        if sparse:
            weight.reshape(-1, 4)[:, 2:] = 0
        tensors[name + ".weight"], tensors[name + ".bias"] = weight, np.zeros(outputs, np.float32)

    def norm(name):
        tensors[name + ".weight"], tensors[name + ".bias"] = np.ones(H, np.float32), np.zeros(H, np.float32)

    for table, rows in (("word", len(WORDS)), ("position", 128), ("token_type", 2)):
        tensors[f"bert.embeddings.{table}_embeddings.weight"] = rng.standard_normal((rows, H)).astype(np.float32)
    norm("bert.embeddings.LayerNorm")
    layer = "bert.encoder.layer.0."
    for part in ("self.query", "self.key", "self.value", "output.dense"):
        linear(f"{layer}attention.{part}", H, H)
    linear(layer + "intermediate.dense", FFN, H)
    linear(layer + "output.dense", H, FFN)
    norm(layer + "attention.output.LayerNorm")
    norm(layer + "output.LayerNorm")
    linear("bert.pooler.dense", H, H, sparse=False)
    linear("classifier", 2, H, sparse=False)
    (tmp_path / "model").mkdir()
    save_file(tensors, tmp_path / "model" / "model.safetensors")
    labels = ["no", "yes"]
    config = {"model_type": "bert", "vocab_size": len(WORDS), "hidden_size": H, "num_hidden_layers": 1, "num_attention_heads": 2,
              "intermediate_size": FFN, "max_position_embeddings": 128, "id2label": dict(enumerate(labels)),
              "label2id": {label: i for i, label in enumerate(labels)}}  # fmt: skip
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    rows = "text\tlabel\n" + "good film\tyes\nbad film\tno\n" * 8
    (tmp_path / "train.tsv").write_text(rows)
    (tmp_path / "dev.tsv").write_text(rows)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "locked").mkdir()
    return tmp_path


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refused(result, path, code=1):
    assert result.returncode == code and result.stdout == "", (result.returncode, result.stdout, result.stderr)
    assert str(path) in result.stderr and "Permission denied" in result.stderr, result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    assert "internal error" not in result.stderr and lines[0].startswith("nxm: "), result.stderr


def trains(nxm):
    return json.loads(nxm("info", "--json").stdout)["torch"] is not None


COMMANDS = {
    "inspect": ["inspect", "model"],
    "predict": ["predict", "--model", "model"],
    "tokenize": ["tokenize", "--model", "model"],
    "bench": ["bench", "--model", "model", "--tokens", "4"],
    "pack": ["pack", "model", "--out", "new", "--pattern", "2:4"],
    "check": ["data", "check", "--recipe", "recipe.toml"],
    "eval": ["eval", "--model", "model", "--recipe", "recipe.toml"],
    "finetune": ["finetune", "recipe.toml", "--out", "new"],
}
MODEL = ["model/config.json", "model/model.safetensors", "model/vocab.txt"]
READS = {"inspect": MODEL, "predict": MODEL, "tokenize": ["model/vocab.txt"], "bench": MODEL, "pack": MODEL,
         "check": ["model/vocab.txt", "train.tsv", "dev.tsv", "recipe.toml"],
         "eval": [*MODEL, "dev.tsv", "recipe.toml"],
         "finetune": [*MODEL, "train.tsv", "dev.tsv", "recipe.toml"]}  # fmt: skip


@pytest.mark.parametrize("verb", COMMANDS)
def test_all_is_well_with_permission(nxm, work, verb):
    """So that the refusals below are for want of permission and nothing else."""
    if verb == "finetune" and not trains(nxm):
        pytest.skip("built without LibTorch")
    result = nxm(*COMMANDS[verb], text="good film\n")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("verb, file", [(verb, file) for verb, files in READS.items() for file in files])
def test_files_without_read_permission(nxm, work, verb, file):
    if verb == "finetune" and not trains(nxm):
        pytest.skip("built without LibTorch")
    (work / file).chmod(0)
    refused(nxm(*COMMANDS[verb], text="good film\n"), file)
    assert not (work / "new").exists()


@pytest.mark.parametrize("verb", ["inspect", "predict", "tokenize", "bench", "pack", "eval"])
@pytest.mark.parametrize("mode", [0, 0o644])  # the second lists names, but opens nothing
def test_model_folders_that_cannot_be_entered(nxm, work, verb, mode):
    (work / "model").chmod(mode)
    refused(nxm(*COMMANDS[verb], text="good film\n"), "model")
    assert not (work / "new").exists()


@pytest.mark.parametrize("file", ["model.safetensors.index.json", "part-2.safetensors"])
def test_shards(nxm, work, file):
    model = work / "model"
    (model / "model.safetensors").unlink()
    for part in ("1", "2"):
        save_file({part: np.ones(1, np.float32)}, model / f"part-{part}.safetensors")
    index = {"weight_map": {part: f"part-{part}.safetensors" for part in ("1", "2")}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    (model / file).chmod(0)
    refused(nxm("inspect", "model"), file)


def test_token_file(nxm, work):
    (work / "token").write_text("hf_secret")
    (work / "token").chmod(0)
    refused(nxm("fetch", "org/name", HF_TOKEN_PATH=str(work / "token"), HF_ENDPOINT="http://127.0.0.1:9"), "token")


# --- folders that may not be written


def test_new_outputs_in_a_read_only_folder(nxm, work):
    (work / "locked").chmod(0o555)
    refused(nxm("pack", "model", "--out", "locked/new"), "locked/new")
    refused(nxm("bench", "--shape", "minilm", "--save", "locked/new", "--tokens", "2"), "locked/new")
    refused(nxm("init", "--out", "locked/recipe.toml"), "locked/recipe.toml")
    (work / "mrpc").mkdir()
    (work / "mrpc" / "test.tsv").write_text("index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tgood film\tbad film\n")
    config = json.loads((work / "model" / "config.json").read_text())
    config |= {"id2label": {"0": "not_equivalent", "1": "equivalent"}, "label2id": {"not_equivalent": 0, "equivalent": 1}}
    (work / "model" / "config.json").write_text(json.dumps(config))
    refused(nxm("eval", "--model", "model", "--task", "mrpc", "--data", "mrpc", "--split", "test", "--submission", "locked/new"), "locked/new")
    assert not any((work / "locked").iterdir())


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_a_packed_model_in_a_read_only_folder_stays(nxm, work, precision):
    packed = work / "packed"
    assert nxm("pack", "model", "--out", packed).returncode == 0
    before = snapshot(packed)
    packed.chmod(0o555)
    refused(nxm("pack", "model", "--out", packed, "--force", "--precision", precision), "packed")
    assert snapshot(packed) == before


def test_runs_in_a_read_only_folder_stay(nxm, work):
    if not trains(nxm):
        pytest.skip("built without LibTorch")
    (work / "locked").chmod(0o555)
    refused(nxm("finetune", "recipe.toml", "--out", "locked/new"), "locked/new")
    refused(nxm("finetune", "recipe.toml", "--out", "locked"), "locked")
    assert not any((work / "locked").iterdir())
    run = work / "run"
    assert nxm("finetune", "recipe.toml", "--out", run).returncode == 0
    before = snapshot(run)
    run.chmod(0o555)
    for flags in (["--force"], ["--force", "--set", "stage.0.lr=2e-3"]):
        refused(nxm("finetune", "recipe.toml", "--out", run, *flags), "run")
        assert snapshot(run) == before
    assert nxm("finetune", "recipe.toml", "--out", run, "--resume").returncode == 0  # finished: nothing to be written
    assert snapshot(run) == before
