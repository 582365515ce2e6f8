# SPDX-License-Identifier: Apache-2.0
"""`nxm sweep`: what it refuses, and what it says without running anything. Whole sweeps: tests/train/test_sweep.py."""
import json
import os
import subprocess

import pytest

NXM = os.environ["NXM_BIN"]
RECIPE = """
[model]
path = "model"
[task]
name = "mrpc"
[[stage]]
method = "dense"
[[stage]]
method = "asp"
"""
AXES = '[axes]\nseed = [1, 2]\n"stage.asp.lr" = [1e-4, 2e-4]\n'


@pytest.fixture
def write(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)

    def write(text):
        (tmp_path / "sweep.toml").write_text('recipe = "recipe.toml"\n' + text)
        return tmp_path / "sweep.toml"
    return write


def sweep(*args):
    return subprocess.run([NXM, "sweep", *map(str, args)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("text, words", [
    ("", "needs [axes]"),
    ("[axes]\n", "[axes] is empty"),
    ("[axes]\nseed = []\n", "sweep.toml:3] axis 'seed' is empty"),
    ("[axes]\nsed = [1]\n", "unknown key \"sed\" in the top level (did you mean 'seed'?)"),
    ("[axes]\nstage.asp.epoch = [1]\n", "did you mean 'epochs'?"),
    ("baselin = 'asp'\n" + AXES, "did you mean 'baseline'?"),
    ("baseline = 'as'\n" + AXES, "no stage 'as' (did you mean 'asp'?); it has 'dense' and 'asp'"),
    (AXES + "[[exclude]]\nseed = [1, 2]\n", "every run is excluded"),
    (AXES + "[[exclude]]\nsed = 1\n", "no axis 'sed' (did you mean 'seed'?)"),
    ("axes = 1", "write [axes]"),
    ("[axes", "sweep.toml:2"),
])
def test_wrong_sweep_files(write, tmp_path, text, words):
    result = sweep(write(text), "--out", tmp_path / "out")
    assert result.returncode == 2 and result.stdout == "", result.stderr
    assert words in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flags, words", [
    (["--jobs", "0"], "--jobs"),
    (["--jobs", "x"], "--jobs"),
    (["--export", "bash"], "slurm"),
    (["--export", "slurm", "--dry-run"], "--dry-run"),
    (["--set", "seeds=1"], "did you mean 'seed'?"),
    (["--set", "seed=1"], "the runs seed=1,stage.asp.lr=0.0001 and seed=2,stage.asp.lr=0.0001 are the same"),
    (["--reusme"], "unknown flag '--reusme'"),
])
def test_wrong_flags(write, tmp_path, flags, words):
    result = sweep(write(AXES), "--out", tmp_path / "out", *flags)
    assert result.returncode == 2 and words in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_there(write, tmp_path):
    assert sweep(tmp_path / "no.toml", "--out", tmp_path / "out").returncode == 1
    file = write(AXES)
    (tmp_path / "recipe.toml").unlink()
    result = sweep(file, "--out", tmp_path / "out")
    assert result.returncode == 1 and "recipe.toml" in result.stderr


def test_dry_run_touches_nothing(write, tmp_path):
    file = write(AXES)
    names = [f"seed={seed},stage.asp.lr={lr}" for seed in (1, 2) for lr in ("0.0001", "0.0002")]
    result = sweep(file, "--out", tmp_path / "out", "--dry-run")
    assert result.returncode == 0 and result.stdout.split() == [word for name in names for word in ("new", name)]
    assert "4 runs, 0 done" in result.stderr
    answer = json.loads(sweep(file, "--out", tmp_path / "out", "--dry-run", "--json").stdout)
    assert [run["name"] for run in answer["runs"]] == names and answer["done"] == 0
    assert answer["runs"][3]["combination"] == {"seed": "2", "stage.asp.lr": "0.0002"}
    assert not (tmp_path / "out").exists()


def test_jobs_follow_the_cores(write, tmp_path):
    def jobs(text):
        settings = os.environ | {"NXM_THREADS": "8"}
        result = subprocess.run([NXM, "sweep", write('set = ["device=cpu"]\n' + text), "--out", tmp_path / "out", "--dry-run"],
                                capture_output=True, text=True, timeout=60, env=settings)
        return int(result.stderr.split("; ")[1].split()[0])
    assert jobs(AXES) == 8
    assert jobs("threads = 3\n" + AXES) == 2
    assert jobs("threads = 9\n" + AXES) == 1
    assert jobs("threads = 2\n" + AXES + 'threads = [2, 4]\n') == 2


def test_other_peoples_folder(write, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    for flags in ([], ["--dry-run"]):
        result = sweep(write(AXES), "--out", tmp_path / "out", *flags)
        assert result.returncode == 1 and "holds files that are not a sweep's" in result.stderr
    assert os.listdir(tmp_path / "out") == ["notes.txt"]


def test_export_writes_the_recipes_it_names(write, tmp_path):
    result = sweep(write(AXES), "--out", tmp_path / "out", "--export", "parallel")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert len(lines) == 4 and all(line.startswith(os.path.realpath(NXM)) for line in lines)
    assert len(list((tmp_path / "out" / "recipes").iterdir())) == 4
    changed = sweep(write(AXES), "--out", tmp_path / "out", "--export", "parallel", "--set", "stage.dense.lr=1e-3")
    assert changed.returncode == 2 and "stage.0.lr: 5e-05 -> 0.001" in changed.stderr
