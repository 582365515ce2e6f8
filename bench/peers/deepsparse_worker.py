# SPDX-License-Identifier: Apache-2.0
"""DeepSparse in a process of its own, for runtime.py: it needs an older Python and NumPy than the other engines.

    python deepsparse_worker.py MODEL.onnx THREADS

A line in, {"inputs": [[[int]]], "seconds": s}, the three inputs (batch, tokens); a line out, {"logits", "median_ms"}.
"""

import json
import statistics
import sys
import time

import numpy as np
from deepsparse import compile_model

path, threads = sys.argv[1], int(sys.argv[2])
engines = {}
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    inputs = [np.array(value, dtype=np.int64) for value in asked["inputs"]]
    shape = inputs[0].shape
    if shape not in engines:
        engines.clear()  # one at a time, as in its own benchmark
        engines[shape] = compile_model(path, shape[0], num_cores=threads, input_shapes=[list(shape)] * 3)
    run = engines[shape].run
    logits = run(inputs)[0]
    times = []
    end = time.monotonic() + asked["seconds"]
    while len(times) < 5 or time.monotonic() < end:
        start = time.perf_counter()
        run(inputs)
        times.append(1e3 * (time.perf_counter() - start))
    print(json.dumps({"logits": logits.tolist(), "median_ms": statistics.median(times[2:])}), flush=True)
