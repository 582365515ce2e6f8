# SPDX-License-Identifier: Apache-2.0
"""An installed nxm serves a program outside this tree: find_package(nxm), the C++ example, the C interface."""
import json
import os
import pathlib
import subprocess

import pytest

NXM, BUILD, SOURCE = os.environ["NXM_BIN"], os.environ["NXM_BUILD"], pathlib.Path(os.environ["NXM_SOURCE"])


def run(*command, **options):
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    root = tmp_path_factory.mktemp("package")
    run("cmake", "--install", BUILD, "--prefix", root / "prefix")
    run("cmake", "-S", SOURCE / "tests" / "package", "-B", root / "build", f"-DCMAKE_PREFIX_PATH={root / 'prefix'}",
        "-DCMAKE_BUILD_TYPE=Release")
    run("cmake", "--build", root / "build")
    return root


def test_both_interfaces_answer_as_the_program_does(consumer):
    model = consumer / "model"
    run(NXM, "bench", "--shape", "minilm", "--pattern", "2:4", "--save", model, "--tokens", "2", "--json")
    text = "word7 word8 word9 " * 100  # all three cut it to the same length
    answer = json.loads(run(NXM, "predict", "--model", model, "--json", input=text + "\n"))
    label, score = run(consumer / "build" / "predict", model, input=text + "\n").split("\t")
    assert label == answer["label"] and float(score) == pytest.approx(answer["score"], abs=1e-5)
    rows = [line.split("\t") for line in run(consumer / "build" / "c_consumer", model, text).splitlines()]
    assert [row[0] for row in rows] == ["negative", "positive"]
    assert [float(row[1]) for row in rows] == pytest.approx(answer["logits"], abs=1e-5)
