# SPDX-License-Identifier: Apache-2.0
"""`nxm data check`: its JSON, its warnings, its errors."""
import json
import os
import subprocess

import pytest

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]


def nxm(*arguments):
    return subprocess.run([os.environ["NXM_BIN"], "data", "check", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(name="folder")
def make_folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "vocab.txt").write_text("\n".join(VOCAB) + "\n")
    (tmp_path / "train.tsv").write_text("sentence\tlabel\na b\t1\na b\t0\nc d e f g h\t1\n")
    (tmp_path / "dev.tsv").write_text("sentence\tlabel\na b\t1\nc\t0\n")
    return tmp_path


def test_json(folder):
    result = nxm("--task", "SST-2", "--data", folder, "--model", folder / "model", "--max-length", 5, "--json")
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    answer = json.loads(line)
    assert (answer["task"], answer["max_length"]) == ("sst2", 5)
    train, dev = answer["splits"]
    assert train.pop("file") == str(folder / "train.tsv") and dev.pop("file") == str(folder / "dev.tsv")
    assert train == {"split": "train", "rows": 3, "skipped": 0, "empty": 0, "duplicates": 1, "conflicts": 1, "in_train": 0,
                     "truncated": 1, "longest": 8, "mean_length": pytest.approx(16 / 3), "labels": {"negative": 1, "positive": 2}}
    assert dev == {"split": "dev", "rows": 2, "skipped": 0, "empty": 0, "duplicates": 0, "conflicts": 0, "in_train": 1,
                   "truncated": 0, "longest": 4, "mean_length": 3.5, "labels": {"negative": 1, "positive": 1}}
    assert answer["warnings"] == result.stderr.splitlines()
    assert any("dev: 1 of 2 rows (50.0 %) also stand in train" in warning for warning in answer["warnings"])


def test_table_and_a_task_described_by_a_recipe(folder):
    (folder / "scores.csv").write_text("text one,text two,value\na,b,-1.5\nc,d,4\n")
    (folder / "recipe.toml").write_text(
        '[model]\npath = "model"\n[task]\nkind = "regression"\ntrain = "scores.csv"\ndev = "scores.csv"\n'
        'text = ["text one", "text two"]\nlabel = "value"\nmetrics = ["pearson"]\n[[stage]]\nmethod = "dense"\n')
    result = nxm("--recipe", folder / "recipe.toml")
    assert result.returncode == 0, result.stderr
    assert "-1.5 to 4, mean 1.25" in result.stdout and "2" in result.stdout


@pytest.mark.parametrize("arguments, code, says", [
    (["--model", "{f}/model"], 2, "--task NAME and --data FOLDER, or --recipe FILE"),
    (["--task", "sst2", "--model", "{f}/model"], 2, "--data FOLDER"),
    (["--task", "sst2", "--data", "{f}"], 2, "--model FOLDER"),
    (["--task", "ssst2", "--data", "{f}", "--model", "{f}/model"], 2, "did you mean 'sst2'"),
    (["--task", "sst2", "--data", "{f}", "--model", "{f}/model", "--recipe", "{f}/r.toml"], 2, "--recipe excludes"),
    (["--task", "sst2", "--data", "{f}", "--model", "{f}/model", "--max-length", "0"], 2, "--max-length"),
    (["--task", "rte", "--data", "{f}/model", "--model", "{f}/model"], 1, "RTE/train.tsv"),
    (["--task", "mrpc", "--data", "{f}", "--model", "{f}/model"], 1, "train.tsv:1] no column '#1 String'"),
])
def test_errors(folder, arguments, code, says):
    result = nxm(*(argument.format(f=folder) for argument in arguments))
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert says in result.stderr


def test_help_ends_with_an_example():
    assert nxm("--help").stdout.rstrip().splitlines()[-1].startswith("  nxm data check")
