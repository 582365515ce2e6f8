# SPDX-License-Identifier: Apache-2.0
"""Runs nxm_io_tool, the room's readers and writers as a program."""
import json
import os
import pathlib
import subprocess

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_io_tool"


def call(*args):
    """The answer {"ok": …} or {"error": …} to one command."""
    out = subprocess.run([TOOL, *map(str, args)], capture_output=True, check=True, text=True, timeout=300)
    return json.loads(out.stdout)


def ok(*args):
    answer = call(*args)
    assert "ok" in answer, answer
    return answer["ok"]


class Lines:
    """`check` or `configs`: one path in, one answer out."""

    def __init__(self, verb):
        self.process = subprocess.Popen([TOOL, verb], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, path):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the program ended with {self.process.wait()}"
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
