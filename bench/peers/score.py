# SPDX-License-Identifier: Apache-2.0
"""Dense fine-tuning by nxm and by Hugging Face + PyTorch with the same settings, seed by seed: are the dev scores alike?

    .venv/bin/python bench/peers/score.py --model MODEL_DIR --data GLUE_DIR [--task mrpc] [--seeds 1 2 3] [--epochs 3]
        [--lr 1e-4] [--batch 32] [--rows N]

Both draw the head, the order of the rows and dropout from the seed, each in its own way, so equal means equal up to the
spread over seeds. Scores are the mean of the task's GLUE metrics.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import types

import torch
from finetune import ROOT, cpu_name, rows_of
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup

METRICS = {
    "mrpc": (accuracy_score, f1_score),
    "stsb": (lambda y, p: pearsonr(y, p)[0], lambda y, p: spearmanr(y, p)[0]),
    "sst2": (accuracy_score,),
    "cola": (matthews_corrcoef,),
    "rte": (accuracy_score,),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nxm", default=ROOT / "build/release/nxm", type=pathlib.Path)
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path, help="folder of the GLUE folders")
    parser.add_argument("--task", default="mrpc", choices=METRICS)
    parser.add_argument("--seeds", default=[1, 2, 3], type=int, nargs="+")
    parser.add_argument("--epochs", default=3, type=int)
    parser.add_argument("--lr", default=1e-4, type=float)
    parser.add_argument("--batch", default=32, type=int)
    parser.add_argument("--rows", default=10**9, type=int)
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def by_length(encodings, order, batch):
    """Batches of near-equal lengths: chunks of the order, sorted and cut."""
    batches = []
    for begin in range(0, len(order), batch * 32):
        part = sorted(order[begin:begin + batch * 32], key=lambda i: len(encodings[i]["input_ids"]))
        batches += [part[at:at + batch] for at in range(0, len(part), batch)]
    return [batches[i] for i in torch.randperm(len(batches))]


def peer_score(args, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(args.threads)
    regression = args.task == "stsb"
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=1 if regression else 2)
    splits = []
    for split, rows in (("train", args.rows), ("dev", 10**9)):
        texts, labels = rows_of(types.SimpleNamespace(data=args.data, task=args.task, rows=rows), split)
        splits.append(([tokenizer(*text, truncation=True, max_length=128) for text in texts], labels))
    (train, labels), (dev, dev_labels) = splits

    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.0)
    steps = args.epochs * -(-len(train) // args.batch)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, steps)
    model.train()
    for _ in range(args.epochs):
        for chosen in by_length(train, torch.randperm(len(train)).tolist(), args.batch):
            inputs = tokenizer.pad([train[i] for i in chosen], return_tensors="pt")
            model(**inputs, labels=torch.tensor([labels[i] for i in chosen])).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()

    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(**tokenizer.pad(dev[at:at + 64], return_tensors="pt")).logits for at in range(0, len(dev), 64)])
    predictions = logits[:, 0].tolist() if regression else logits.argmax(1).tolist()
    return statistics.mean(float(metric(dev_labels, predictions)) for metric in METRICS[args.task])


def nxm_score(args, seed):
    with tempfile.TemporaryDirectory() as folder:
        recipe = pathlib.Path(folder) / "recipe.toml"
        recipe.write_text(f"""
seed = {seed}
threads = {args.threads}
precision = "fp32"
[model]
path = "{args.model.resolve()}"
[task]
name = "{args.task}"
data = "{args.data.resolve()}"
limit = {args.rows}
[[stage]]
method = "dense"
epochs = {args.epochs}
lr = {args.lr}
warmup = 0
batch = {args.batch}
""")
        out = subprocess.run([args.nxm, "finetune", recipe, "--out", pathlib.Path(folder) / "run", "--json"], check=True,
                             capture_output=True, text=True).stdout
        return json.loads(out)["stages"][-1]["score"]


def main():
    args = arguments()
    ours, theirs = [], []
    for seed in args.seeds:
        ours.append(nxm_score(args, seed))
        theirs.append(peer_score(args, seed))
        if not args.json:
            print(f"seed {seed}: nxm {100 * ours[-1]:.2f}, Hugging Face {100 * theirs[-1]:.2f}", flush=True)
    result = dict(task=args.task, epochs=args.epochs, lr=args.lr, batch=args.batch, seeds=args.seeds, nxm=ours, peer=theirs,
                  cpu=cpu_name(), torch=torch.__version__)
    if args.json:
        print(json.dumps(result))
        return
    for name, scores in (("nxm", ours), ("Hugging Face", theirs)):
        spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
        print(f"{name:13} {100 * statistics.mean(scores):6.2f} +- {100 * spread:.2f}  ({len(scores)} seeds)")


if __name__ == "__main__":
    main()
