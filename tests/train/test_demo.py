# SPDX-License-Identifier: Apache-2.0
"""`nxm demo` as a newcomer sees it, on a terminal; its assets stand for a tiny model and a tiny task."""

import fcntl
import os
import pathlib
import pty
import re
import shlex
import struct
import subprocess
import termios

import pytest
from tiny_task import write_tiny_model, write_tiny_task

NXM = os.environ["NXM_BIN"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    write_tiny_model(folder / "demo" / "model")
    (folder / "demo" / "reviews").mkdir()
    write_tiny_task(folder / "demo" / "reviews", {"train": 4000, "dev": 64}, labels=("negative", "positive"))
    return folder


def environment(cache):
    settings = {key: value for key, value in os.environ.items() if key != "GLIBC_TUNABLES"}
    return settings | {"NXM_CACHE": str(cache), "TERM": "xterm", "NXM_THREADS": "1"}


def on_a_terminal(command, cwd, env, columns):
    """The exit code, everything that the terminal was sent, and the environment of the program that sent it."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    seen = b""
    settings = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # EIO: the other side is closed
            break
        settings = settings or pathlib.Path(f"/proc/{process.pid}/environ").read_bytes()
        seen += piece
    os.close(leader)
    return process.wait(timeout=60), seen.decode(), settings.split(b"\0")


@pytest.fixture(scope="module")
def shown(cache, tmp_path_factory):
    work = tmp_path_factory.mktemp("demo")
    code, text, settings = on_a_terminal([NXM, "demo"], work, environment(cache), columns=80)
    assert code == 0, text
    assert b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1" in settings  # nxm sets it for nxm-train
    return work, text


def test_the_bar_says_how_far_how_fast_and_how_long_and_fits_the_line(shown):
    bars = [part for part in re.split(r"\r(?:\x1b\[K|\n)", shown[1]) if "tok/s" in part]
    for title in ("dense 1/4", "admm 3/4", "masked 4/4"):  # drawn ten times a second, and at a stage's end
        assert any(re.match(rf"{title} █+ (\d+)/\1 ", bar) for bar in bars), bars
    for bar in bars:
        assert re.fullmatch(r"\S+.* \d+/\d+  loss \d+\.\d{4}  \S+( [kM])? tok/s  ETA (\d+:)?\d+:\d\d", bar), bar
        assert len(bar) < 80, bar
    assert any("█" in bar and "░" in bar for bar in bars)


def test_the_end_is_a_table_three_answers_and_where_everything_is(shown):
    work, text = shown
    lines = text.replace("\r\n", "\n").split("\n")
    head = next(i for i, line in enumerate(lines) if re.search(r"^stage .*score +zeros +size +time", line))
    rows = [line for line in lines[head + 1:head + 6] if re.search(r"\b(dense|oneshot|admm|masked)\b", line)]
    assert [re.search(r"dense|oneshot|admm|masked", row)[0] for row in rows] == ["dense", "oneshot", "admm", "masked"], text
    assert len(re.findall(r"(?:negative|positive) +[01]\.\d\d", text)) == 3
    for path in ("runs/demo/model/model.safetensors", "runs/demo/run.jsonl"):
        assert (work / path).stat().st_size > 0
    assert list((work / "runs/demo/runs").rglob("events.out.tfevents.*"))
    commands = [shlex.split(line[12:]) for line in lines if re.search(r"nxm (inspect|pack) ", line)]
    assert [command[1] for command in commands] == ["inspect", "pack"]
    for command in commands:
        result = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr


def test_run_again_it_only_shows_the_end(cache, shown):
    work, first = shown
    again = subprocess.run([NXM, "demo"], cwd=work, env=environment(cache), capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() in first.replace("\r\n", "\n")
    assert "\r" not in again.stderr and "tok/s" not in again.stderr


def test_without_the_assets_it_says_how_to_get_them(tmp_path):
    result = subprocess.run([NXM, "demo"], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert result.returncode != 0
    assert "tools/demo_assets" in result.stderr and str(tmp_path / "demo" / "model") in result.stderr
    assert not (tmp_path / "runs").exists()
