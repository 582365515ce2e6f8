# SPDX-License-Identifier: Apache-2.0
"""Sentences a second of nxm's tokenizer and of Hugging Face's tokenizers, one thread each, in one run.

    .venv/bin/python bench/peers/tokenizer.py --model MODEL_DIR [--texts FILE | --data GLUE_DIR] [--rounds 7]

Needs the preset with benchmarks (build/release/bench/text_bench). The ids, types and offsets of all texts are compared
before anything is timed. Then the two take turns; medians and spreads are over the rounds. tokenizers is timed twice:
encode_batch as people call it, and encode_batch_fast, which leaves out the offsets. Its encodings stay unread.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread

import tokenizers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build/release", type=pathlib.Path)
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--texts", type=pathlib.Path, help="a file of one text a line, instead of CoLA's sentences")
    parser.add_argument("--data", default=ROOT.parent / "shared/data/glue", type=pathlib.Path, help="folder of CoLA/")
    parser.add_argument("--rounds", default=7, type=int)
    return parser.parse_args()


def cola(folder):
    lines = [line for name in ("train", "dev") for line in (folder / "CoLA" / f"{name}.tsv").read_text("utf-8").splitlines()]
    return [line.split("\t")[3] for line in lines]


def cpu():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())


def compare(nxm, model, texts, reference):
    run = subprocess.run([nxm, "tokenize", "--model", model, "--json"], input="".join(t + "\n" for t in texts).encode(),
                         capture_output=True, check=True)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(texts)
    for text, answer, e in zip(texts, answers, reference.encode_batch(texts)):
        places = [len(text[:i].encode()) for i in range(len(text) + 1)]
        offsets = [[places[a], places[b]] for a, b in e.offsets]
        assert (answer["ids"], answer["type_ids"], answer["offsets"]) == (e.ids, e.type_ids, offsets), text


def time_nxm(bench, model, path):
    run = subprocess.run([bench, model, path, "--benchmark_filter=encode", "--benchmark_format=json", "--benchmark_min_time=1"],
                         capture_output=True, check=True)
    return json.loads(run.stdout)["benchmarks"][0]["items_per_second"]


def time_calls(call, texts):
    done, start = 0, time.process_time()
    while time.process_time() - start < 1:
        call(texts)
        done += len(texts)
    return done / (time.process_time() - start)


def main():
    args = arguments()
    texts = args.texts.read_text("utf-8").splitlines() if args.texts else cola(args.data)
    reference = tokenizers.Tokenizer.from_file(str(args.model / "tokenizer.json"))
    reference.no_padding()
    reference.no_truncation()
    compare(args.build / "nxm", args.model, texts, reference)
    rates = {"nxm": [], "tokenizers encode_batch": [], "tokenizers encode_batch_fast": []}
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write("".join(text + "\n" for text in texts))
        file.flush()
        for _ in range(args.rounds):
            rates["nxm"].append(time_nxm(args.build / "bench/text_bench", args.model, file.name))
            rates["tokenizers encode_batch"].append(time_calls(reference.encode_batch, texts))
            rates["tokenizers encode_batch_fast"].append(time_calls(reference.encode_batch_fast, texts))
    size = sum(len(text.encode()) for text in texts) / len(texts)
    print(f"{cpu()}, one thread; tokenizers {tokenizers.__version__}; {len(texts)} texts of {size:.1f} bytes; all equal")
    for name, values in rates.items():
        print(f"{name:30} {statistics.median(values):12,.0f} a second ({min(values):,.0f} to {max(values):,.0f})")


if __name__ == "__main__":
    main()
