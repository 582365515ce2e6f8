# SPDX-License-Identifier: Apache-2.0
"""What int8 costs a model's logits, and what smoothing (SmoothQuant, arXiv 2211.10438) would save, by rounding in PyTorch.

    .venv/bin/python bench/peers/int8_error.py --model MODEL_DIR --sst2 GLUE_DIR/SST-2/dev.tsv

Weights: 127 levels a side for each output. Activations: 2^bits levels for each token, from its least to its largest, as
nxm's kernels have them (7 bits on AVX2 and NEON, 8 with VNNI). Smoothing divides each input channel by
s = max|x|^a / max|w|^(1-a), the maxima taken over these very rows, and multiplies the weights by it. Prints the root mean
square and the largest change of a logit, changed labels, and accuracy.
"""

import argparse

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--sst2", required=True)
arguments = parser.parse_args()

torch.set_num_threads(1)
model = AutoModelForSequenceClassification.from_pretrained(arguments.model).eval()
tokenizer = AutoTokenizer.from_pretrained(arguments.model)
with open(arguments.sst2, encoding="utf8") as file:
    rows = [line.rstrip("\n").split("\t") for line in file][1:]
rows.sort(key=lambda row: len(row[0]))
labels = torch.tensor([int(row[1]) for row in rows])
linears = {name: module for name, module in model.named_modules()
           if isinstance(module, torch.nn.Linear) and ".encoder." in name}
weights = {name: module.weight.data.clone() for name, module in linears.items()}
hooks = []


def logits():
    with torch.no_grad():
        return torch.cat([model(**tokenizer([row[0] for row in rows[i:i + 64]], padding=True, return_tensors="pt")).logits
                          for i in range(0, len(rows), 64)])


def hook(change):
    """`change(name, x)` before each linear layer, in place of what was there."""
    while hooks:
        hooks.pop().remove()
    for name, module in linears.items():
        hooks.append(module.register_forward_pre_hook(lambda _, inputs, name=name: (change(name, inputs[0]),)))


def rounded_rows(w):
    step = w.abs().amax(1, keepdim=True) / 127
    return (w / step).round() * step


def rounded_tokens(x, bits):
    low, high, levels = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True).clamp(min=0), 2**bits - 1
    step = (high - low) / levels
    zero = (-low / step).round()
    return (((x / step).round() + zero).clamp(0, levels) - zero) * step


def report(title, bits, scales):
    for name, module in linears.items():
        module.weight.data = rounded_rows(weights[name] * scales.get(name, 1))
    hook(lambda name, x: rounded_tokens(x / scales.get(name, 1), bits))
    new = logits()
    accuracy = 100 * (new.argmax(1) == labels).float().mean()
    print(f"{title:28} {(new - exact).square().mean().sqrt():8.4f} {(new - exact).abs().max():8.3f} "
          f"{(new.argmax(1) != exact.argmax(1)).sum():8} {accuracy:9.2f}", flush=True)


largest = {}


def remember(name, x):
    most = x.abs().flatten(0, -2).amax(0)
    largest[name] = torch.maximum(largest.get(name, most), most)
    return x


hook(remember)
exact = logits()


def smoothing(exponent, kinds):
    scales, groups = {}, {}
    for name in linears:
        if any(kind in name for kind in kinds):
            groups.setdefault(name.rsplit(".", 1)[0] if ".self." in name else name, []).append(name)
    for names in groups.values():  # query, key and value have one input
        most = torch.stack([weights[name].abs().amax(0) for name in names]).amax(0).clamp(min=1e-5)
        scale = largest[names[0]].clamp(min=1e-5) ** exponent / most ** (1 - exponent)
        scales.update(dict.fromkeys(names, scale / scale.mean()))
    return scales


normed = [".self.", "intermediate"]  # inputs that come from a LayerNorm
print(f"{'':28} {'rms':>8} {'largest':>8} {'changed':>8} {'accuracy':>9}")
print(f"{'f32':28} {'':8} {'':8} {'':8} {100 * (exact.argmax(1) == labels).float().mean():9.2f}")
for bits in (7, 8):
    report(f"{bits} bits", bits, {})
    report(f"{bits} bits, after LayerNorms", bits, smoothing(0.5, normed))
    report(f"{bits} bits, all inputs", bits, smoothing(0.5, [*normed, "output"]))
