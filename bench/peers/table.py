# SPDX-License-Identifier: Apache-2.0
"""The table of README.md, from nothing but a built nxm and its .venv: installs the peers, runs runtime.py for both
shapes with one and two threads, and prints Markdown.

    .venv/bin/python bench/peers/table.py [--rounds 2] [--seconds 0.7] [--threads 1,2] [--shapes minilm,bert-base]

What runtime.py measured is kept as build/peers/<shape>-<threads>.jsonl, which chart.py reads. DeepSparse needs a
Python 3.11 of its own and is left out, with a line, where there is none or it cannot be installed.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
KEPT = HERE.parents[1] / "build" / "peers"
CASES = {"minilm": "1x32,1x128,8x128", "bert-base": "1x32,1x128"}
NAMES = {"minilm": "MiniLM-L6", "bert-base": "BERT-base"}
DENSE_PEERS = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "torch": "PyTorch"}
OTHERS = {"nxm": "nxm 2:4", "nxm dense": "nxm dense", **DENSE_PEERS, "deepsparse": "DeepSparse, 2:4"}


def list_of(text):
    return text.split(",")


def install_deepsparse():
    """Its Python, or None."""
    python = KEPT / "deepsparse" / "bin" / "python"
    if python.exists() and subprocess.run([python, "-c", "import deepsparse"], capture_output=True).returncode == 0:
        return python
    found = shutil.which("python3.11")
    if found and subprocess.run([found, "-m", "venv", python.parents[1]]).returncode == 0:
        if subprocess.run([python, "-m", "pip", "install", "-q", "deepsparse==1.8.0"]).returncode == 0:
            return python
    print("DeepSparse is left out: it needs a Python 3.11 and could not be installed", file=sys.stderr)
    return None


def measure(shape, threads, args, deepsparse):
    command = [sys.executable, HERE / "runtime.py", "--json", "--shape", shape, "--threads", threads]
    command += ["--cases", CASES[shape], "--rounds", str(args.rounds), "--seconds", str(args.seconds)]
    command += ["--deepsparse", deepsparse] if deepsparse else []
    print(f"{NAMES[shape]}, {threads} thread(s) …", file=sys.stderr)
    output = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
    lines = [line for line in output.splitlines() if line.startswith("{")]
    (KEPT / f"{shape}-{threads}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return [json.loads(line) for line in lines]


def row_of(shape, threads, row):
    ratios = [row[f"{name} / nxm"] for name in DENSE_PEERS if name in row]
    cells = [f"{NAMES[shape]} {row['case'].replace('x', ' x ')}", threads, row["precision"]]
    cells += [f"{row[name]:.2f}" if name in row else "–" for name in OTHERS]
    cells += [f"{min(ratios):.2f}", f"{row['deepsparse / nxm']:.2f}" if "deepsparse" in row else "–"]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", default=2, type=int)
    parser.add_argument("--seconds", default=0.7, type=float)
    parser.add_argument("--threads", default="1,2", type=list_of)
    parser.add_argument("--shapes", default="minilm,bert-base", type=list_of)
    args = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    wanted = HERE / "requirements.txt"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-r", wanted], check=True)
    deepsparse = install_deepsparse()
    table = []
    for shape in args.shapes:
        for threads in args.threads:
            rows = measure(shape, threads, args, deepsparse)
            table += [row_of(shape, threads, row) for row in rows]
    print(f"{rows[0]['cpu']}, target {rows[0]['target']}; medians in milliseconds\n")
    heads = ["model, batch x tokens", "threads", "", *OTHERS.values(), "x", "x DS"]
    print("| " + " | ".join(heads) + " |")
    print("| " + " | ".join("---" for _ in heads) + " |")
    print("\n".join(table))


if __name__ == "__main__":
    main()
