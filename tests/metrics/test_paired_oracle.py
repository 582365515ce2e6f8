# SPDX-License-Identifier: Apache-2.0
"""Mean, deviation and bootstrap interval against NumPy's and SciPy's, and against every possible draw."""
import itertools
import os
import pathlib
import subprocess

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats")

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_metrics_tool"


def run(cases):
    text = "\n".join(" ".join([str(len(groups)), *(" ".join([str(len(g)), *map(repr, map(float, g))]) for g in groups)])
                     for groups in cases)
    lines = subprocess.run([TOOL, "paired"], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    return [list(map(float, line.split())) for line in lines]


def test_mean_and_deviation():
    rng = np.random.default_rng(1)
    cases = [[rng.normal(size=rng.integers(1, 20)) * 10.0 ** rng.integers(-4, 5)] for _ in range(200)]
    for (values,), (mean, deviation, *interval) in zip(cases, run(cases)):
        assert mean == pytest.approx(np.mean(values), rel=1e-12)
        assert deviation == (pytest.approx(np.std(values, ddof=1), rel=1e-12) if len(values) > 1 else -1)
        assert len(interval) == (2 if len(values) > 1 else 0)


def monte_carlo_error(draws):
    """Of a percentile of 10,000 draws: the distance between quantiles three standard errors apart in rank."""
    share = 3 * np.sqrt(0.025 * 0.975 / 10000)
    low = np.percentile(draws, [100 * (0.025 - share), 100 * (0.025 + share)], method="inverted_cdf")
    high = np.percentile(draws, [100 * (0.975 - share), 100 * (0.975 + share)], method="inverted_cdf")
    return low, high


def within(interval, draws):
    low, high = monte_carlo_error(draws)
    slack = 1e-12 * np.max(np.abs(draws))
    return low[0] - slack <= interval[0] <= low[1] + slack and high[0] - slack <= interval[1] <= high[1] + slack


def test_one_group_is_scipys_percentile_bootstrap():
    rng = np.random.default_rng(2)
    cases = [[rng.normal(rng.normal(), 0.01, size=rng.integers(5, 30))] for _ in range(40)]
    for (values,), (_, _, *interval) in zip(cases, run(cases)):
        scipys = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=100_000, rng=3)
        assert within(interval, scipys.bootstrap_distribution)
        spread = scipys.bootstrap_distribution.std()
        assert interval == pytest.approx([scipys.confidence_interval.low, scipys.confidence_interval.high], abs=0.1 * spread)


@pytest.mark.parametrize("sizes", [(2,), (3,), (5,), (3, 3), (2, 3, 4)])
def test_every_draw(sizes):
    """With few values the exact distribution is the list of all draws; groups are drawn apart and averaged."""
    rng = np.random.default_rng(sum(sizes))
    groups = [rng.normal(size=n) for n in sizes]
    means = [[np.mean(draw) for draw in itertools.product(group, repeat=len(group))] for group in groups]
    draws = [np.mean(one) for one in itertools.product(*means)]
    (_, _, *interval), = run([groups])
    assert within(interval, draws)


def test_repeatable_and_silent_about_single_values():
    assert run([[[1, 2, 4]], [[1, 2, 4]]])[0] == run([[[1, 2, 4]]])[0]
    assert len(run([[[1, 2, 4], [5]]])[0]) == 2
    assert run([[[0.25, 0.25, 0.25]]])[0][2:] == [0.25, 0.25]
