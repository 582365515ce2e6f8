# SPDX-License-Identifier: Apache-2.0
"""Latency of nxm and of other engines on the same 2:4 weights, in one run.

    .venv/bin/pip install -r bench/peers/requirements.txt
    .venv/bin/python bench/peers/runtime.py [--shape minilm] [--pattern 2:4] [--threads 1] [--rounds 3]
        [--cases 1x32,1x128,8x128] [--precisions f32,bf16,int8] [--deepsparse PYTHON]

The peers: ONNX Runtime (all graph optimisations; int8: dynamic quantisation per channel, 7-bit weights where the CPU has
no VNNI, as its docs advise), OpenVINO (latency hint, one stream; int8: NNCF's post-training quantisation for
transformers, calibrated on random tokens), PyTorch (inference mode, SDPA; int8: dynamic) and, f32 only, DeepSparse 1.8.0,
which has to be in a Python of its own: python3.11 -m venv ds && ds/bin/pip install deepsparse==1.8.0, then
--deepsparse ds/bin/python. bf16 is compared where the CPU has it, else with the f32 engines.
Every engine's logits are compared with PyTorch's before anything is timed. In each round every engine runs
for --seconds in turn; a ratio is the median over rounds of peer / nxm within a round. Times in milliseconds, medians.
"""

import argparse
import copy
import json
import logging
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nxm", default=ROOT / "build/release/nxm", type=pathlib.Path)
    parser.add_argument("--shape", default="minilm", choices=["minilm", "bert-base"])
    parser.add_argument("--pattern", default="2:4")
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--seconds", default=2.0, type=float)
    parser.add_argument("--cases", default="1x32,1x128,8x128", type=lambda text: text.split(","))
    parser.add_argument("--precisions", default="f32,bf16,int8", type=lambda text: text.split(","))
    parser.add_argument("--deepsparse", metavar="PYTHON", help="a Python that has deepsparse")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


args = arguments()
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ["OMP_NUM_THREADS"] = str(args.threads)  # before the engines start
warnings.simplefilter("ignore")  # of exporters, about their own future

import nncf  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import openvino as ov  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402
from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402

torch.set_num_threads(args.threads)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
logging.disable(logging.WARNING)
CPU_FLAGS = pathlib.Path("/proc/cpuinfo").read_text()
HAS_BF16, HAS_AMX = "avx512_bf16" in CPU_FLAGS, "amx_bf16" in CPU_FLAGS


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits


def onnx_sessions(model, folder, example):
    plain, int8 = folder / "model.onnx", folder / "int8.onnx"
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        model, example, plain, input_names=names, output_names=["logits"], dynamo=False, opset_version=17,
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names},
    )
    reduced = "vnni" not in CPU_FLAGS
    quantize_dynamic(plain, int8, per_channel=True, reduce_range=reduced, weight_type=QuantType.QInt8)

    def session(path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = args.threads
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        made = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda inputs: made.run(None, dict(zip(names, inputs)))[0]

    return {"f32": session(plain), "int8": session(int8)}


def openvino_sessions(model, example):
    converted = ov.convert_model(model, example_input=example)
    samples = [list(inputs_of(1, tokens, seed=tokens)) for tokens in range(16, 128, 4)]
    small = nncf.quantize(converted, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER)

    def session(which, precision):
        settings = {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": args.threads, "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": precision,
        }
        request = ov.Core().compile_model(which, "CPU", settings).create_infer_request()
        return lambda inputs: request.infer(list(inputs))[0].copy()

    around = "bf16" if HAS_AMX else "f32"  # what is not int8, as OpenVINO itself would choose
    return {"f32": session(converted, "f32"), "bf16": session(converted, "bf16"), "int8": session(small, around)}


def torch_session(model):
    def run(inputs):
        with torch.inference_mode():
            return model(*(torch.from_numpy(value) for value in inputs)).float().numpy()

    return run


class DeepSparse:
    """deepsparse_worker.py on the other end of a pipe."""

    def __init__(self, model):
        worker = pathlib.Path(__file__).with_name("deepsparse_worker.py")
        self.process = subprocess.Popen(
            [args.deepsparse, worker, model, str(args.threads)], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        while self.process.stdout.readline() != "ready\n":
            assert self.process.poll() is None, f"{args.deepsparse} has no deepsparse that runs"

    def ask(self, inputs, seconds):
        self.process.stdin.write(json.dumps({"inputs": [v.tolist() for v in inputs], "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        while not line.startswith("{"):  # it greets
            assert line, "DeepSparse stopped"
            line = self.process.stdout.readline()
        return json.loads(line)

    def __call__(self, inputs):
        return np.array(self.ask(inputs, 0)["logits"])


def peers(folder, scratch):
    model = Logits(AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="sdpa").eval())
    example = tuple(torch.ones(1, 16, dtype=torch.int64) for _ in range(3))
    with torch.inference_mode():
        onnx = onnx_sessions(model, scratch, example)
        openvino = openvino_sessions(model, example)
    small = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    engines = {
        "f32": {"onnxruntime": onnx["f32"], "openvino": openvino["f32"], "torch": torch_session(model)},
        "int8": {"onnxruntime": onnx["int8"], "openvino": openvino["int8"], "torch": torch_session(small)},
    }
    if args.deepsparse:
        engines["f32"]["deepsparse"] = DeepSparse(scratch / "model.onnx")
    if HAS_BF16:
        half = copy.deepcopy(model).bfloat16()
        engines["bf16"] = {"openvino": openvino["bf16"], "torch": torch_session(half)}
    else:
        engines["bf16"] = engines["f32"]
    return {precision: engines[precision] for precision in ["f32", *args.precisions]}


def inputs_of(batch, tokens, vocabulary=30522, seed=0):
    ids = np.random.default_rng(seed).integers(5, vocabulary, (batch, tokens))
    return ids, np.ones_like(ids), np.zeros_like(ids)


def verify(folder, engines):
    """Every engine's logits for one text, nxm's included, beside PyTorch's in f32."""
    text = " ".join(f"word{n}" for n in range(100, 130))
    encoded = AutoTokenizer.from_pretrained(folder)(text)
    inputs = [np.array([encoded[name]]) for name in ("input_ids", "attention_mask", "token_type_ids")]
    expected = engines["f32"]["torch"](inputs)
    bounds = {"f32": 1e-4, "bf16": 2e-2, "int8": 5e-2}
    for precision, group in engines.items():
        for name, run in group.items():
            error = np.abs(run(inputs) - expected).max()
            assert error <= bounds[precision], f"{name} {precision}: logits are off by {error}"
    for precision in args.precisions:
        command = [args.nxm, "predict", "--model", folder, "--precision", precision, "--json"]
        output = subprocess.run(command, input=text + "\n", text=True, check=True, capture_output=True).stdout
        error = np.abs(np.array(json.loads(output)["logits"]) - expected[0]).max()
        assert error <= bounds[precision], f"nxm {precision}: logits are off by {error}"


def time_peer(run, inputs):
    if isinstance(run, DeepSparse):
        return run.ask(inputs, args.seconds)["median_ms"]
    times = []
    end = time.monotonic() + args.seconds
    while len(times) < 5 or time.monotonic() < end:
        start = time.perf_counter()
        run(inputs)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[2:])


def time_nxm(folder, precision, batch, tokens, *more):
    command = [args.nxm, "bench", "--model", folder, "--precision", precision, "--batch", str(batch)]
    command += ["--tokens", str(tokens), "--threads", str(args.threads), "--json", *more]
    return json.loads(subprocess.run(command, text=True, check=True, capture_output=True).stdout)


def main():
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        folder = scratch / "weights"
        made = [args.nxm, "bench", "--shape", args.shape, "--pattern", args.pattern, "--save", folder]
        subprocess.run([*made, "--batch", "1", "--tokens", "8", "--json"], check=True, capture_output=True)
        engines = peers(folder, scratch)
        verify(folder, engines)
        for case in args.cases:
            batch, tokens = map(int, case.split("x"))
            inputs = inputs_of(batch, tokens)
            for precision in args.precisions:
                rounds = []
                for _ in range(args.rounds):
                    sparse = time_nxm(folder, precision, batch, tokens)
                    times = {"nxm": sparse["median_ms"]}
                    times["nxm dense"] = time_nxm(folder, precision, batch, tokens, "--dense")["median_ms"]
                    for name, run in engines[precision].items():
                        times[name] = time_peer(run, inputs)
                    rounds.append(times)
                row = {"case": case, "precision": precision, "cpu": sparse["cpu"], "target": sparse["target"]}
                for name in rounds[0]:
                    row[name] = statistics.median(times[name] for times in rounds)
                    if name != "nxm":
                        row[f"{name} / nxm"] = statistics.median(times[name] / times["nxm"] for times in rounds)
                rows.append(row)
                if args.json:
                    print(json.dumps(row), flush=True)
    if not args.json:
        print(f"{args.shape}, {args.pattern}, {args.threads} thread(s), {rows[0]['cpu']}, {rows[0]['target']}")
        names = ["nxm", "nxm dense", "onnxruntime", "openvino", "torch", "deepsparse"]
        print(f"{'batch x tokens':15} {'':5}" + "".join(f"{name:>14}" for name in names) + "   ratios to nxm")
        for row in rows:
            cells = "".join(f"{row[name]:14.2f}" if name in row else f"{'–':>14}" for name in names)
            ratios = "  ".join(f"{row[f'{name} / nxm']:.2f}" for name in names[1:] if name in row)
            print(f"{row['case']:15} {row['precision']:5}{cells}   {ratios}")


if __name__ == "__main__":
    main()
