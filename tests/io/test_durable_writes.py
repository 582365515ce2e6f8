# SPDX-License-Identifier: Apache-2.0
"""A write that a device error or a kill stops at any system call leaves the old file or the new one, whole."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_io_tool"
CALLS = ["write", "fsync", "close", "rename"]


def strace_works():
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-e", "trace=none", "true"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not strace_works(), reason="strace is missing or may not trace here")


@pytest.fixture
def files(tmp_path):
    """A new file to copy over an old one of the same names, in a folder of its own."""
    (tmp_path / "out").mkdir()
    save_file({"w": torch.zeros(1000)}, tmp_path / "out" / "m")
    save_file({"w": torch.ones(1000), "v": torch.ones(3)}, tmp_path / "new")
    return tmp_path


def copy(files, *options):
    command = ["strace", "-f", "-o", files / "trace", *options, TOOL, "copy", files / "new", files / "out" / "m"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def calls_on_output(files):
    """How many times a copy makes each system call, and which of them come after the output was opened."""
    assert copy(files, "-e", f"trace=openat,{','.join(CALLS)}").returncode == 0
    counts = dict.fromkeys(CALLS, 0)
    after = []
    opened = False
    for line in (files / "trace").read_text().splitlines():
        call = line.split(maxsplit=1)[1].split("(")[0]
        opened |= call == "openat" and "O_EXCL" in line
        if call in counts:
            counts[call] += 1
            if opened:
                after.append((call, counts[call]))
        if call == "write" and line.split("(")[1].startswith("1,"):
            after.pop()  # the answer on stdout
    save_file({"w": torch.zeros(1000)}, files / "out" / "m")
    return after


def is_old_or_new(files):
    value = load_file(files / "out" / "m")
    old = value.keys() == {"w"} and bool((value["w"] == 0).all())
    new = value.keys() == {"w", "v"} and bool((value["w"] == 1).all())
    assert old or new, value
    return "old" if old else "new"


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_device_errors(files, error):
    seen = set()
    calls = calls_on_output(files)
    assert {call for call, _ in calls} == set(CALLS), calls
    for call, number in calls:
        result = copy(files, "-e", f"inject={call}:error={error}:when={number}")
        assert result.returncode == 0, result
        answer = json.loads(result.stdout)
        if "error" in answer:
            assert {"EIO": "Input/output error", "ENOSPC": "No space left"}[error] in answer["error"], (call, number, answer)
            assert "out" in answer["error"]
        else:
            assert call == "close", (call, number)  # of a folder, after its fsync
        seen.add((is_old_or_new(files), "error" in answer))
        assert [p.name for p in (files / "out").iterdir()] == ["m"], (call, number)
        save_file({"w": torch.zeros(1000)}, files / "out" / "m")
    assert ("old", True) in seen


def test_kills(files):
    seen = set()
    for call, number in calls_on_output(files):
        result = copy(files, "-e", f"inject={call}:signal=KILL:when={number}")
        assert result.returncode != 0, (call, number)
        seen.add(is_old_or_new(files))
        shutil.rmtree(files / "out")
        (files / "out").mkdir()
        save_file({"w": torch.zeros(1000)}, files / "out" / "m")
    assert seen == {"old", "new"}
