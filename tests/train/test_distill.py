# SPDX-License-Identifier: Apache-2.0
"""The losses of distillation against transformers and PyTorch, computed one text at a time."""

import json
import os
import subprocess

import pytest
import torch
from tiny_task import TASK, WORDS, write_tiny_model, write_tiny_task
from torch.nn.functional import cross_entropy, log_softmax, softmax
from transformers import BertForSequenceClassification

NXM = os.environ["NXM_BIN"]
LABELS = ["no", "yes"]
RECIPE = """
device = "cpu"
precision = "fp32"
threads = 1
[model]
path = "student"
""" + TASK + """[[stage]]
method = "dense"
epochs = 10
batch = 24
lr = 1e-12
warmup = 0
teacher = "teacher"
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distill")
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.3,
             "id2label": dict(enumerate(LABELS)), "label2id": {label: i for i, label in enumerate(LABELS)}}
    write_tiny_model(folder / "student", seed=1, **quiet)
    write_tiny_model(folder / "teacher", seed=2, **quiet)
    write_tiny_task(folder, {"train": 24, "dev": 8})
    return folder


def loss_of(work, out, keys):
    """The mean loss of ten steps over all rows, at a learning rate that changes nothing."""
    (work / "recipe.toml").write_text(RECIPE + keys)
    result = subprocess.run([NXM, "finetune", work / "recipe.toml", "--out", out], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in (out / "run.jsonl").read_text().splitlines()]
    return next(line["loss"] for line in lines if line["kind"] == "step")


def looked_at(model, ids):
    """Hidden states behind each layer, and its attention scores before the softmax."""
    hidden = model.bert(input_ids=ids, output_hidden_states=True).hidden_states
    scores = []
    for layer, x in zip(model.bert.encoder.layer, hidden[:-1], strict=True):
        part = layer.attention.self
        query, key = (linear(x).view(1, -1, 2, 8).transpose(1, 2) for linear in (part.query, part.key))
        scores.append(query @ key.transpose(-1, -2) / 8**0.5)
    return hidden[1:], scores


@pytest.fixture(scope="module")
def expected(work):
    student, teacher = (BertForSequenceClassification.from_pretrained(work / name).eval() for name in ("student", "teacher"))
    total, rows = {"ce": 0.0, "kl": 0.0}, [line.split("\t") for line in (work / "train.tsv").read_text().splitlines()[1:]]
    apart = {(kind, i, j): [] for kind in ("hidden", "attention") for i in range(2) for j in range(2)}
    with torch.no_grad():
        for text, label in rows:
            ids = torch.tensor([[WORDS.index(word) for word in ["[CLS]", *text.split(), "[SEP]"]]])
            mine, theirs = student(ids).logits, teacher(ids).logits
            total["ce"] += cross_entropy(mine, torch.tensor([LABELS.index(label)])).item() / len(rows)
            soft = softmax(theirs / 3, 1)
            total["kl"] += 9 * (soft * (soft.log() - log_softmax(mine / 3, 1))).sum().item() / len(rows)
            for kind, of_student, of_teacher in zip(("hidden", "attention"), looked_at(student, ids), looked_at(teacher, ids), strict=True):
                for i in range(2):
                    for j in range(2):
                        apart[kind, i, j].append(((of_student[i] - of_teacher[j]) ** 2).flatten())
    return total, {key: torch.cat(values).mean().item() for key, values in apart.items()}


@pytest.mark.parametrize("alpha", [0.3, 0.0])
def test_logits(work, expected, tmp_path, alpha):
    total, _ = expected
    loss = loss_of(work, tmp_path / "run", f"alpha = {alpha}\ntemperature = 3\n")
    assert loss == pytest.approx(alpha * total["ce"] + (1 - alpha) * total["kl"], rel=1e-5)


@pytest.mark.parametrize("kind", ["hidden", "attention"])
@pytest.mark.parametrize("layers", [[1, 2], [2, 1], [2, 2]])
def test_layers(work, expected, tmp_path, kind, layers):
    total, apart = expected
    loss = loss_of(work, tmp_path / "run", f"alpha = 1\n{kind} = 0.5\nlayers = {layers}\n")
    between = sum(apart[kind, i, layer - 1] for i, layer in enumerate(layers)) / 2
    assert loss == pytest.approx(total["ce"] + 0.5 * between, rel=1e-5)
