# SPDX-License-Identifier: Apache-2.0
"""nxm's metrics against scikit-learn's and SciPy's on random and degenerate cases."""
import os
import pathlib
import subprocess
import warnings

import numpy as np
import pytest

sklearn_metrics = pytest.importorskip("sklearn.metrics")
stats = pytest.importorskip("scipy.stats")

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_metrics_tool"
CASES = 1500


def classes(rng):
    n, count = rng.integers(1, 80), rng.integers(1, 6)
    truth = rng.integers(0, count, n)
    keep = rng.random(n) < rng.random()  # from unrelated to equal
    return np.where(keep, truth, rng.integers(0, count, n)), truth


def values(rng):
    n = rng.integers(1, 80)
    truth = rng.normal(size=n) * 10.0 ** rng.integers(-6, 7) + rng.integers(-3, 4)
    predicted = truth * rng.normal() + rng.normal(size=n) * rng.choice([0, 0.1, 1, 100])
    if rng.random() < 0.5:  # ties
        truth, predicted = np.round(truth), np.round(predicted, 1)
    return predicted, truth


def expected(name, predicted, truth):
    predicted, truth = predicted.astype(np.float64), truth.astype(np.float64)
    if name in ("pearson", "spearman"):
        if len(set(predicted)) < 2 or len(set(truth)) < 2:
            return 0.0  # SciPy: NaN
        return (stats.pearsonr if name == "pearson" else stats.spearmanr)(predicted, truth).statistic
    if name == "accuracy":
        return sklearn_metrics.accuracy_score(truth, predicted)
    if name == "matthews":
        return sklearn_metrics.matthews_corrcoef(truth, predicted)
    if name == "f1":  # class 1 against the others
        return sklearn_metrics.f1_score(truth == 1, predicted == 1, zero_division=0)
    return sklearn_metrics.f1_score(truth, predicted, average="macro", zero_division=0)


@pytest.mark.parametrize("make, names", [
    (classes, {"accuracy", "f1", "macro_f1", "matthews", "pearson", "spearman"}),
    (values, {"pearson", "spearman"}),
])
def test_equal_to_the_reference(make, names):
    rng = np.random.default_rng(20)
    cases = [tuple(side.astype(np.float32) for side in make(rng)) for _ in range(CASES)]
    text = "\n".join(" ".join([str(len(p)), *map(repr, p.tolist()), *map(repr, t.tolist())]) for p, t in cases)
    header, *lines = subprocess.run([TOOL], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == CASES and names <= set(header.split())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for (predicted, truth), line in zip(cases, lines):
            for name, got in zip(header.split(), map(float, line.split())):
                if name in names:
                    assert got == pytest.approx(expected(name, predicted, truth), abs=1e-9), (name, predicted, truth)
