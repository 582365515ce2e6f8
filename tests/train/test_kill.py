# SPDX-License-Identifier: Apache-2.0
"""A run that is killed, refused a system call or out of space loses nothing: resumed, it ends in the same bytes."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest
from tiny_task import TASK, write_tiny_model, write_tiny_task

NXM = os.environ["NXM_BIN"]
RECIPE = """
seed = 4
threads = 1
device = "cpu"
precision = "fp32"
checkpoint_every = 2
keep_stages = true
[model]
path = "model"
""" + TASK + """[[stage]]
method = "dense"
epochs = 1
batch = 8
lr = 1e-3
[[stage]]
method = "admm"
epochs = 2
batch = 8
lr = 1e-3
dual = 0.5
rho = 1e-3
rho_schedule = "balanced"
every = "2"
[[stage]]
method = "masked"
epochs = 1
batch = 8
lr = 1e-3
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill")
    write_tiny_model(folder / "model")
    write_tiny_task(folder, {"train": 48, "dev": 16})
    (folder / "recipe.toml").write_text(RECIPE)
    assert finetune(folder, folder / "straight").returncode == 0
    return folder


def command(folder, out):
    return [NXM, "finetune", folder / "recipe.toml", "--out", out, "--resume", "--json"]


def finetune(folder, out, wrapper=()):
    return subprocess.run([*wrapper, *command(folder, out)], capture_output=True, text=True, timeout=300)


def digests(run):
    names = [p for p in run.rglob("*") if p.name == "model.safetensors" or p.name == "run.jsonl"]
    return {str(p.relative_to(run)): hashlib.sha256(p.read_bytes()).hexdigest() for p in names}


def finish_and_compare(folder, out):
    done = finetune(folder, out)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["stages"]) == 3
    assert digests(out) == digests(folder / "straight")
    assert not list(out.rglob("*.tmp*")), "a save that was cut short left files behind"


def test_straight_run_is_repeatable(work, tmp_path):
    finish_and_compare(work, tmp_path / "again")


def test_sigkill_at_random_moments(work, tmp_path):
    seed = random.randrange(10**6)
    print("seed", seed)
    rng = random.Random(seed)
    out = tmp_path / "run"
    for _ in range(12):
        process = subprocess.Popen(command(work, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    finish_and_compare(work, out)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_exit(work, tmp_path, number):
    out = tmp_path / "run"
    stopped = 0
    for _ in range(6):
        process = subprocess.Popen(command(work, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:  # the handlers are in place once the run has introduced itself
            if "train rows" in line:
                break
        process.send_signal(number)
        _, text = process.communicate(timeout=120)
        if process.returncode == 128 + number:
            stopped += 1
            assert "--resume" in text
        else:
            assert process.returncode == 0, text
    assert stopped >= 1
    finish_and_compare(work, out)


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: tools/setup --test")
CALLS = ["fsync", "rename,renameat,renameat2", "unlink,unlinkat,rmdir", "mkdir,mkdirat"]


def injected(work, tmp_path, calls, what, when):
    out = tmp_path / "run"
    if not out.exists():  # a run with a checkpoint behind it
        shutil.copytree(work / "half", out)
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{what}:when={when}"]
    return out, finetune(work, out, trace)


@pytest.fixture(scope="module")
def half(work):
    """A run stopped early, so that what follows must replace a checkpoint."""
    out = work / "half"
    process = subprocess.Popen(command(work, out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "train rows" in line:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    return out


@needs_strace
@pytest.mark.parametrize("calls", CALLS)
@pytest.mark.parametrize("when", [1, 2, 3, 5, 8])
def test_killed_at_a_system_call(work, half, tmp_path, calls, when):
    out, result = injected(work, tmp_path, calls, "signal=SIGKILL", when)
    if result.returncode == 0:
        pytest.skip("the run made fewer such calls")
    finish_and_compare(work, out)


@needs_strace
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("when", [1, 3, 6])
@pytest.mark.parametrize("calls", ["fsync", "rename,renameat,renameat2", "mkdir,mkdirat"])
def test_refused_system_call(work, half, tmp_path, calls, error, when):
    out, result = injected(work, tmp_path, calls, f"error={error}", when)
    if result.returncode != 0:
        assert result.returncode == 1, result.stderr
        assert {"EIO": "Input/output error", "ENOSPC": "No space left"}[error] in result.stderr
    finish_and_compare(work, out)


def test_full_tmpfs(work, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        result = finetune(work, disk / "run")
        assert result.returncode == 1
        assert "No space left" in result.stderr
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        finish_and_compare(work, disk / "run")
    finally:
        subprocess.run(["umount", disk], check=True)
