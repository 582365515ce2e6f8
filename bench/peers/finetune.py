# SPDX-License-Identifier: Apache-2.0
"""Training speed of nxm and of Hugging Face + PyTorch on the same job, in one run: tokens a second, padding not counted.

    .venv/bin/python bench/peers/finetune.py --model MODEL_DIR --data GLUE_DIR [--task cola mrpc] [--method admm]
        [--batch 16 32] [--threads 1 2] [--rows 960] [--rounds 5] [--precision fp32 bf16]

Prints a row for each combination of what may be several.
The peer at its best settings: batches grouped by length and padded to their longest, SDPA attention, fused AdamW,
foreach clipping, bf16 autocast if asked for. The two take turns; the ratio of each pair counts.
"""

import argparse
import itertools
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = {  # folder, text columns, label column, header
    "mrpc": ("MRPC", ("#1 String", "#2 String"), "Quality"),
    "stsb": ("STS-B", ("sentence1", "sentence2"), "score"),
    "sst2": ("SST-2", ("sentence",), "label"),
    "cola": ("CoLA", (3,), 1),
    "rte": ("RTE", ("sentence1", "sentence2"), "label"),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nxm", default=ROOT / "build/release/nxm", type=pathlib.Path)
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path, help="folder of the GLUE folders")
    parser.add_argument("--task", default=["mrpc"], choices=FILES, nargs="+")
    parser.add_argument("--method", default="dense", choices=["dense", "asp", "admm"])
    parser.add_argument("--batch", default=[32], type=int, nargs="+")
    parser.add_argument("--threads", default=[len(os.sched_getaffinity(0))], type=int, nargs="+")
    parser.add_argument("--rows", default=960, type=int)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--precision", default=["fp32"], choices=["fp32", "bf16"], nargs="+")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def rows_of(args, split="train"):
    folder, columns, label = FILES[args.task]
    lines = (args.data / folder / f"{split}.tsv").read_text(encoding="utf-8-sig").splitlines()
    header = [] if isinstance(label, int) else lines.pop(0).split("\t")
    place = lambda column: column if isinstance(column, int) else header.index(column)
    rows = [line.split("\t") for line in lines][: args.rows]
    texts = [tuple(row[place(column)] for column in columns) for row in rows]
    labels = [row[place(label)] for row in rows]
    if args.task == "stsb":
        return texts, [float(value) for value in labels]
    words = sorted(set(labels))
    return texts, [words.index(word) for word in labels]


class Peer:
    """One epoch of Hugging Face + PyTorch over the rows."""

    def __init__(self, args):
        self.args = args
        torch.set_num_threads(args.threads)
        texts, self.labels = rows_of(args)
        tokenizer = AutoTokenizer.from_pretrained(args.model)
        self.encodings = [tokenizer(*pair, truncation=True, max_length=128) for pair in texts]
        self.tokens = sum(len(encoding["input_ids"]) for encoding in self.encodings)
        self.tokenizer = tokenizer
        self.regression = args.task == "stsb"

    def batches(self):
        order = torch.randperm(len(self.encodings), generator=torch.Generator().manual_seed(1)).tolist()
        chunk = self.args.batch * 32
        for begin in range(0, len(order), chunk):
            part = sorted(order[begin:begin + chunk], key=lambda i: len(self.encodings[i]["input_ids"]))
            for at in range(0, len(part), self.args.batch):
                yield part[at:at + self.args.batch]

    def run(self):
        torch.manual_seed(1)
        model = AutoModelForSequenceClassification.from_pretrained(
            self.args.model, num_labels=1 if self.regression else 2, attn_implementation="sdpa")
        model.train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.0, fused=True)
        batches = []
        for chosen in self.batches():
            inputs = self.tokenizer.pad([self.encodings[i] for i in chosen], return_tensors="pt")
            batches.append((inputs, torch.tensor([self.labels[i] for i in chosen])))
        start = time.perf_counter()
        for inputs, labels in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.args.precision == "bf16"):
                loss = model(**inputs, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return self.tokens / (time.perf_counter() - start)


def run_nxm(args):
    with tempfile.TemporaryDirectory() as folder:
        recipe = pathlib.Path(folder) / "recipe.toml"
        recipe.write_text(f"""
seed = 1
threads = {args.threads}
precision = "{args.precision}"
[model]
path = "{args.model.resolve()}"
[task]
name = "{args.task}"
data = "{args.data.resolve()}"
limit = {args.rows}
[[stage]]
method = "{args.method}"
epochs = 1
batch = {args.batch}
""")
        out = subprocess.run([args.nxm, "finetune", recipe, "--out", pathlib.Path(folder) / "run", "--json"], check=True,
                             capture_output=True, text=True).stdout
        return json.loads(out)["stages"][-1]["tokens_per_second"]


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def compare(args):
    peer = Peer(args)
    peer.run()  # warm-up
    ours, theirs = [], []
    for _ in range(args.rounds):
        ours.append(run_nxm(args))
        theirs.append(peer.run())
    ratios = [a / b for a, b in zip(ours, theirs)]
    return dict(task=args.task, method=args.method, batch=args.batch, threads=args.threads, precision=args.precision,
                rows=args.rows, cpu=cpu_name(), torch=torch.__version__, nxm_tokens_per_second=statistics.median(ours),
                peer_tokens_per_second=statistics.median(theirs), ratio_median=statistics.median(ratios),
                ratio_min=min(ratios), ratio_max=max(ratios))


def main():
    args = arguments()
    if not args.json:
        print(f"{args.method}, {args.rows} rows, {args.rounds} pairs; {cpu_name()}; torch {torch.__version__}; tokens a second\n")
        print("| task | batch | threads | precision | nxm | peer | ratio, median (least to most) |")
        print("| --- | ---: | ---: | --- | ---: | ---: | --- |")
    names = ("task", "batch", "threads", "precision")
    for values in itertools.product(*(getattr(args, name) for name in names)):
        result = compare(argparse.Namespace(**{**vars(args), **dict(zip(names, values))}))
        if args.json:
            print(json.dumps(result), flush=True)
            continue
        cells = [str(value) for value in values]
        cells += [f"{result['nxm_tokens_per_second']:,.0f}", f"{result['peer_tokens_per_second']:,.0f}"]
        cells += [f"{result['ratio_median']:.2f} ({result['ratio_min']:.2f} to {result['ratio_max']:.2f})"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
