# SPDX-License-Identifier: Apache-2.0
"""nxm's readers against Python's csv and json modules, and on GLUE's files against columns cut by Python."""
import csv
import io
import json
import os
import pathlib
import random
import subprocess

import pytest

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_reader_tool"
GLUE = pathlib.Path(os.environ.get("NXM_GLUE_DIR") or pathlib.Path(os.environ["NXM_SOURCE"]) / "../shared/data/glue")
PIECES = ["x", "word ", '"', '""', ",", "'", "\\", "é", "日本", "😀", "{", "\u2028", "\x0b", "\x00", "\x7f"]


def read(*arguments):
    out = subprocess.run([TOOL, *arguments], capture_output=True, check=True).stdout.decode()
    return [json.loads(line) for line in out.split("\n") if line]


def random_rows(rng, pieces):
    text = lambda: "".join(rng.choices(pieces, k=rng.randrange(8)))
    return [["t" + text(), text(), rng.choice(["no", "yes"])] for _ in range(rng.randrange(1, 30))]


def wanted(rows):
    return [[a, b, float(label == "yes")] for a, b, label in rows]


@pytest.mark.parametrize("seed", range(40))
def test_csv(tmp_path, seed):
    rng = random.Random(seed)
    rows = random_rows(rng, [p for p in PIECES if p != "\x00"] + ["\n", "\r\n"])
    with open(tmp_path / "f", "w", encoding=rng.choice(["utf-8", "utf-8-sig"]), newline="") as file:
        writer = csv.writer(file, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
                            lineterminator=rng.choice(["\n", "\r\n"]))
        writer.writerows([["a", "b", "y"], *rows])
    assert read("csv", tmp_path / "f", "a", "b", "y") == wanted(rows)
    with open(tmp_path / "f", encoding="utf-8-sig", newline="") as file:  # and Python reads what nxm read
        assert wanted(list(csv.reader(file))[1:]) == wanted(rows)


@pytest.mark.parametrize("seed", range(20))
def test_jsonl(tmp_path, seed):
    rng = random.Random(seed)
    rows = random_rows(rng, PIECES + ["\n", "\t", "\r"])
    lines = [json.dumps(dict(rng.sample([("a", a), ("b", b), ("y", y), ("id", None)], 4)), ensure_ascii=rng.random() < 0.5)
             for a, b, y in rows]
    (tmp_path / "f").write_bytes("\n".join(lines).encode())
    assert read("jsonl", tmp_path / "f", "a", "b", "y") == wanted(rows)


@pytest.mark.parametrize("seed", range(20))
def test_tsv(tmp_path, seed):
    rng = random.Random(seed)
    rows = random_rows(rng, PIECES)
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
    writer.writerows([["b", "y", "a"], *([b, y, a] for a, b, y in rows)])
    (tmp_path / "f").write_bytes(buffer.getvalue().encode())
    assert read("tsv", tmp_path / "f", "a", "b", "y") == wanted(rows)


NLI = {"entailment": 0, "neutral": 1, "contradiction": 2}
QA = {"entailment": 0, "not_entailment": 1}
# task: folder, files of the splits, columns of the texts and the label by number, label -> id (Hugging Face's order)
TASKS = {
    "cola": ("CoLA", {"train": "train.tsv", "dev": "dev.tsv"}, [3], 1, int),
    "sst2": ("SST-2", {"train": "train.tsv", "dev": "dev.tsv"}, [0], 1, int),
    "mrpc": ("MRPC", {"train": "train.tsv", "dev": "dev.tsv"}, [3, 4], 0, int),
    "stsb": ("STS-B", {"train": "train.tsv", "dev": "dev.tsv"}, [7, 8], 9, float),
    "qqp": ("QQP", {"train": "train_partial.tsv", "dev": "dev_partial.tsv"}, [3, 4], 5, int),
    "mnli": ("MNLI", {"train": "train_partial.tsv", "dev": "dev_matched.tsv"}, [8, 9], -1, NLI.get),
    "qnli": ("QNLI", {"train": "train_partial.tsv", "dev": "dev.tsv"}, [1, 2], 3, QA.get),
    "rte": ("RTE", {"train": "train.tsv", "dev": "dev.tsv"}, [1, 2], 3, QA.get),
    "wnli": ("WNLI", {"train": "train.tsv", "dev": "dev.tsv"}, [1, 2], 3, int),
}


@pytest.mark.skipif(not GLUE.is_dir(), reason="GLUE's files are not here; set NXM_GLUE_DIR to their folder")
@pytest.mark.parametrize("task", TASKS)
def test_glue(task):
    folder, files, texts, label, number = TASKS[task]
    for split, name in files.items():
        lines = (GLUE / folder / name).read_bytes().decode("utf-8-sig").removesuffix("\n").split("\n")
        rows = [line.split("\t") for line in (lines if task == "cola" else lines[1:])]
        expected = [[row[texts[0]], row[texts[1]] if len(texts) > 1 else None, float(number(row[label]))] for row in rows]
        got = read(task, split, GLUE)
        assert len(got) == len(expected)
        for one, other in zip(got, expected):
            assert one[:2] == other[:2] and one[2] == pytest.approx(other[2], rel=1e-6)
