# SPDX-License-Identifier: Apache-2.0
"""`nxm init`: what it prints, where it writes, and what another TOML reader makes of it."""
import json
import os
import subprocess
import tomllib

import pytest

NXM = os.environ["NXM_BIN"]


def nxm(*arguments, code=0):
    done = subprocess.run([NXM, "init", *arguments], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.parametrize("task", [None, "custom", "mrpc", "STS-B", "mnli", "reviews"])
def test_prints_a_recipe(task):
    done = nxm(*[task] if task else [])
    recipe = tomllib.loads(done.stdout)
    assert [stage["method"] for stage in recipe["stage"]] == ["dense", "oneshot", "admm", "masked"]
    assert ("train" in recipe["task"]) == (task in (None, "custom"))
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    for key in ["seed", "precision", "path", "name", "data", "method", "lr", "pattern", "rho", "every"]:
        first = next(i for i, line in enumerate(lines) if line.startswith(key + " = "))
        assert lines[first - 1].startswith("# "), key


def test_json_is_one_object():
    done = nxm("mrpc", "--json")
    assert json.loads(done.stdout) == {"recipe": nxm("mrpc").stdout}


def test_writes_a_file_and_never_over_another(tmp_path):
    file = tmp_path / "r.toml"
    done = nxm("rte", "--out", file)
    assert done.stdout == "" and str(file) in done.stderr
    assert file.read_text() == nxm("rte").stdout
    assert "--force" in nxm("cola", "--out", file, code=2).stderr
    assert file.read_text() == nxm("rte").stdout
    nxm("cola", "--out", file, "--force")
    assert file.read_text() == nxm("cola").stdout
    assert nxm("rte", "--out", tmp_path / "no" / "r.toml", code=1).stderr


def test_an_unknown_task_gets_the_nearest():
    assert "did you mean 'mrpc'?" in nxm("mrcp", code=2).stderr


def test_keys_are_the_reference_of_the_docs():
    docs = os.path.join(os.environ["NXM_SOURCE"], "docs", "recipes.md")
    assert nxm("--keys").stdout in open(docs).read()


def test_help_ends_with_an_example():
    assert nxm("--help").stdout.rstrip().splitlines()[-1].strip().startswith("nxm ")
