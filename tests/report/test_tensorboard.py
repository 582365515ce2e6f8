# SPDX-License-Identifier: Apache-2.0
"""Event files as TensorBoard's own reader sees them."""
import math
import os
import pathlib
import struct
import subprocess

import numpy as np
import pytest

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_report_tool"


def write(folder, rows):
    text = "".join(f"{tag} {step} {value!r}\n" for tag, step, value in rows)
    subprocess.run([TOOL, "events", folder], input=text, text=True, check=True)


def read(folder):
    events = accumulator.EventAccumulator(str(folder), size_guidance={accumulator.SCALARS: 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_thousands_of_scalars_come_back(tmp_path):
    rng = np.random.default_rng(1)
    tags = ["train/loss", "dev/accuracy", "admm/" + "x" * 300, "ümläut/語"]
    rows, steps = [], dict.fromkeys(tags, 0)
    for _ in range(4000):
        tag = tags[rng.integers(len(tags))]
        steps[tag] += int(rng.integers(1, 2 ** rng.integers(1, 40)))
        rows.append((tag, steps[tag], float(rng.normal() * 10.0 ** rng.integers(-30, 30))))
    write(tmp_path, rows)
    found = read(tmp_path)
    assert sorted(found) == sorted(tags)
    for tag in tags:
        expected = [(step, struct.unpack("f", struct.pack("f", value))[0]) for t, step, value in rows if t == tag]
        assert found[tag] == expected


def test_nan_and_infinities_are_kept(tmp_path):
    write(tmp_path, [("loss", 1, math.inf), ("loss", 2, -math.inf), ("loss", 3, math.nan)])
    values = [value for _, value in read(tmp_path)["loss"]]
    assert values[:2] == [math.inf, -math.inf] and math.isnan(values[2])


def test_a_resumed_run_adds_to_the_first(tmp_path):
    write(tmp_path, [("loss", step, 1.0) for step in range(5)])
    write(tmp_path, [("loss", step, 2.0) for step in range(5, 9)])
    assert [step for step, _ in read(tmp_path)["loss"]] == list(range(9))


def test_a_changed_byte_is_found_out(tmp_path):
    """So the reader does check the sums that we write."""
    write(tmp_path, [("loss", step, 1.0) for step in range(3)])
    file, = tmp_path.iterdir()
    whole = file.read_bytes()
    assert len(read(tmp_path)["loss"]) == 3
    broken = bytearray(whole)
    broken[-6] ^= 1
    file.write_bytes(bytes(broken))
    assert len(read(tmp_path).get("loss", [])) < 3
