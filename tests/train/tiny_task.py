# SPDX-License-Identifier: Apache-2.0
"""A model of two small layers and a task it can learn: does the text hold the word "good"?"""

import random

import torch
from transformers import BertConfig, BertForSequenceClassification

# The recipe's [task], beside the files that write_tiny_task() writes.
TASK = """
[task]
kind = "classification"
train = "train.tsv"
dev = "dev.tsv"
text = ["text"]
label = "label"
labels = ["no", "yes"]
metrics = ["accuracy"]
"""
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"] + [f"w{c}" for c in "abcdefghij"]


def write_tiny_model(folder, seed=1, **more):
    torch.manual_seed(seed)
    BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                                             intermediate_size=32, max_position_embeddings=128, **more)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")


def write_tiny_task(folder, rows, labels=("no", "yes")):
    """`rows`: of each split, {"train": 48, "dev": 16}."""
    rng = random.Random(2)
    for name, count in rows.items():
        lines = ["text\tlabel"]
        for _ in range(count):
            good = rng.random() < 0.5
            sentence = [rng.choice(WORDS[6:]) for _ in range(rng.randint(2, 8))] + ["good"] * good
            lines.append(" ".join(sentence) + "\t" + labels[good])
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
