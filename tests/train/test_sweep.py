# SPDX-License-Identifier: Apache-2.0
"""Whole sweeps over a tiny model: results, resuming after a kill, damage, failures, two at once, a full disk."""

import csv
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from tiny_task import TASK, write_tiny_model, write_tiny_task

NXM = os.environ["NXM_BIN"]
RECIPE = """
device = "cpu"
precision = "fp32"
[model]
path = "model"
""" + TASK + """[[stage]]
method = "dense"
batch = 8
lr = 1e-3
epochs = 1
[[stage]]
method = "asp"
batch = 8
lr = 1e-3
epochs = 1
[[stage]]
method = "admm"
batch = 8
lr = 1e-3
epochs = 1
"""
SWEEP = """
recipe = "recipe.toml"
baseline = "asp"
[axes]
task = [{ label = "half", set = "task.limit=24" }, { label = "all", set = "task.limit=0" }]
seed = [1, 2, 3]
"""
RUNS = [f"task={task},seed={seed}" for task in ("half", "all") for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    write_tiny_model(folder / "model")
    write_tiny_task(folder, {"train": 48, "dev": 32})
    (folder / "recipe.toml").write_text(RECIPE)
    (folder / "sweep.toml").write_text(SWEEP)
    return folder


def command(work, out, *flags, file="sweep.toml"):
    return [NXM, "sweep", work / file, "--out", out, *flags]


def sweep(work, out, *flags, file="sweep.toml", timeout=300, **kwargs):
    return subprocess.run(command(work, out, *flags, file=file), capture_output=True, text=True, timeout=timeout, **kwargs)


@pytest.fixture(scope="module")
def done(work):
    result = sweep(work, work / "done", "--jobs", "2", "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def copy(work, done, tmp_path):
    """A finished sweep to spoil."""
    shutil.copytree(work / "done", tmp_path / "out")
    return tmp_path / "out"


def scores_of(folder):
    """{run: {stage: score}} from what the runs themselves left."""
    return {run.name: {stage["name"]: stage["score"] for stage in json.loads((run / "all_results.json").read_text())["stages"]}
            for run in (folder / "runs").iterdir()}


def without_time(rows):
    return [{k: v for k, v in row.items() if k not in ("seconds", "tokens_per_second")} for row in rows]


def children(pid):
    return [int(x) for x in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs_on(pid):
    """False also for a process that has ended and that nobody has waited for: init may be slow to, or never do it in a container."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


# --- results


def test_rows_are_numpys(work, done):
    assert [run["name"] for run in done["runs"]] == RUNS and done["done"] == 6
    assert all(run["state"] == "done" for run in done["runs"])
    scores = scores_of(work / "done")
    rows = {(row["combination"]["task"], row["stage"]): row for row in done["rows"]}
    assert len(rows) == 9
    for stage in ("dense", "asp", "admm"):
        table = np.array([[scores[f"task={task},seed={seed}"][stage] for seed in (1, 2, 3)] for task in ("half", "all")])
        base = np.array([[scores[f"task={task},seed={seed}"]["asp"] for seed in (1, 2, 3)] for task in ("half", "all")])
        for name, values, diffs in [("half", table[0], (table - base)[0]), ("all", table[1], (table - base)[1]),
                                    ("average", table.mean(axis=0), (table - base).mean(axis=0))]:
            row = rows[name, stage]
            assert row["n"] == 3
            assert row["mean"] == pytest.approx(values.mean(), abs=1e-12)
            assert row["sd"] == pytest.approx(values.std(ddof=1), abs=1e-12)
            if stage == "asp":
                assert row["difference"] is None and row["interval"] is None
            else:
                assert row["difference"] == pytest.approx(diffs.mean(), abs=1e-12)
                assert row["interval"][0] - 1e-12 <= row["difference"] <= row["interval"][1] + 1e-12


def test_files_say_the_same(work, done):
    folder = work / "done"
    assert json.loads((folder / "results.json").read_text()) == done
    with open(folder / "results.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(line["mean"]) for line in table] == [row["mean"] for row in done["rows"]]
    assert [float(line["low"]) if line["low"] else None for line in table] == [row["interval"] and row["interval"][0] for row in done["rows"]]
    markdown = (folder / "results.md").read_text()
    assert markdown.count("\n|") >= 9 and "vs asp" in markdown and "6 of 6 runs" in markdown


def test_the_table_lines_up_and_a_second_start_runs_nothing(work, done):
    before = {run: os.stat(work / "done" / "runs" / run / "all_results.json").st_mtime_ns for run in RUNS}
    start = time.monotonic()
    result = sweep(work, work / "done")
    assert result.returncode == 0 and result.stderr == "" and time.monotonic() - start < 20
    assert before == {run: os.stat(work / "done" / "runs" / run / "all_results.json").st_mtime_ns for run in RUNS}
    lines = result.stdout.split("\n\n")[0].splitlines()
    columns = [match.start() for match in re.finditer(r"(?<=  )\S|^\S", lines[1])]
    assert all(column == 0 or line[column - 1] == " " for line in lines[2:] if line for column in columns)


def test_a_run_is_what_finetune_makes(work, done, tmp_path):
    result = subprocess.run([NXM, "finetune", work / "recipe.toml", "--out", tmp_path / "run", "--json", "--set", "threads=1",
                             "--set", "seed=2", "--set", "task.limit=24"], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    swept = next(run for run in done["runs"] if run["name"] == "task=half,seed=2")
    assert without_time(swept["stages"]) == without_time(json.loads(result.stdout)["stages"])


def test_a_sweep_may_grow(work, copy):
    (work / "more.toml").write_text(SWEEP.replace("[1, 2, 3]", "[1, 2, 3, 4]"))
    result = sweep(work, copy, "--json", file="more.toml")
    assert result.returncode == 0 and json.loads(result.stdout)["done"] == 8, result.stderr
    assert "8 runs, 6 done; " in result.stderr


def test_one_seed_has_no_interval(work, tmp_path):
    (work / "one.toml").write_text('recipe = "recipe.toml"\nbaseline = "asp"\n[axes]\n"stage.admm.rho" = [0, 0.01]\n')
    result = sweep(work, tmp_path / "out", "--json", file="one.toml")
    assert result.returncode == 0, result.stderr
    for row in json.loads(result.stdout)["rows"]:
        assert row["n"] == 1 and row["sd"] is None and row["interval"] is None
    words = sweep(work, tmp_path / "out", file="one.toml").stdout
    assert "All rows are of one seed (n = 1)" in words and "±" not in words.split("Scores")[0]


# --- kills and signals


def finish_and_compare(work, out, done):
    result = sweep(work, out, "--json")
    assert result.returncode == 0, result.stderr
    got = json.loads(result.stdout)
    assert got["rows"] == done["rows"]
    assert [without_time(run["stages"]) for run in got["runs"]] == [without_time(run["stages"]) for run in done["runs"]]
    assert not list(out.rglob("*.tmp"))


def test_killed_at_random_moments(work, done, tmp_path):
    seed = random.randrange(10**6)
    print("seed", seed)
    rng = random.Random(seed)
    out = tmp_path / "out"
    for _ in range(5):
        process = subprocess.Popen(command(work, out, "--jobs", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.2, 3))
        process.kill()
        process.wait()
    finish_and_compare(work, out, done)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_runs_and_end_the_sweep(work, done, tmp_path, number):
    out = tmp_path / "out"
    process = subprocess.Popen(command(work, out, "--jobs", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    logs = [out / "logs" / f"{run}.log" for run in RUNS[:2]]
    while not all(log.exists() and "train rows" in log.read_text() for log in logs):
        assert process.poll() is None
        time.sleep(0.01)
    runs = children(process.pid)
    assert len(runs) == 2
    process.send_signal(number)
    _, words = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "stopping: 2 runs save" in words and "The same command goes on" in words
    assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in runs)
    finish_and_compare(work, out, done)


def test_the_runs_end_with_a_sweep_that_is_killed(work, done, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(command(work, out, "--jobs", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (out / "logs" / f"{RUNS[1]}.log").exists():
        time.sleep(0.01)
    runs = children(process.pid)
    process.kill()
    process.wait()
    finish_and_compare(work, out, done)  # at once: it waits for runs that are still saving
    assert not any(runs_on(pid) for pid in runs)


# --- what is damaged, fails or is refused


@pytest.mark.parametrize("spoil", ["results", "model", "tokenizer", "recipe", "strange"])
def test_a_damaged_run_is_named_and_not_counted(work, copy, spoil):
    run = copy / "runs" / RUNS[4]
    if spoil == "results":
        os.truncate(run / "all_results.json", 100)
    elif spoil == "model":
        os.truncate(run / "model" / "model.safetensors", 1000)
    elif spoil == "tokenizer":
        (run / "model" / "tokenizer.json").unlink()
    elif spoil == "recipe":
        (run / "recipe.toml").write_text((run / "recipe.toml").read_text().replace("lr = 0.001", "lr = 0.002"))
    else:
        shutil.rmtree(run)
        run.mkdir()
        (run / "notes.txt").write_text("mine")
    result = sweep(work, copy, "--json")
    answer = json.loads(result.stdout)
    assert result.returncode == 1
    assert f"run {RUNS[4]} is damaged and does not count" in result.stderr and "5 of 6 runs are done" in result.stderr
    assert answer["done"] == 5 and answer["runs"][4]["state"] == "damaged" and answer["runs"][4]["stages"] == []
    assert {row["n"] for row in answer["rows"] if row["combination"]["task"] == "all"} == {2}
    for flags in (["--dry-run"], ["--export", "parallel"]):
        result = sweep(work, copy, *flags)
        assert result.returncode == 1 and f"run {RUNS[4]} is damaged and does not count" in result.stderr
    assert run.exists()
    shutil.rmtree(run)
    result = sweep(work, copy)
    assert result.returncode == 0, result.stderr


def test_lost_results_are_written_again_by_the_finished_run(work, copy, done):
    lost = copy / "runs" / RUNS[2] / "all_results.json"
    before = json.loads(lost.read_text())
    lost.unlink()
    assert json.loads(sweep(work, copy, "--dry-run", "--json").stdout)["baseline"] == "asp"
    result = sweep(work, copy, "--json")
    assert result.returncode == 0 and json.loads(result.stdout)["rows"] == done["rows"], result.stderr
    assert json.loads(lost.read_text()) == before


def test_no_table_is_left_of_runs_that_do_not_count(work, copy):
    for name in RUNS:
        os.truncate(copy / "runs" / name / "all_results.json", 100)
    result = sweep(work, copy)
    assert result.returncode == 1 and "0 of 6 runs are done" in result.stderr
    assert not list(copy.glob("results.*"))


def test_the_report_shows_the_comparison(work, done, tmp_path):
    page = tmp_path / "report.html"
    assert subprocess.run([NXM, "report", work / "done", "--out", page], capture_output=True, timeout=60).returncode == 0
    text = page.read_text()
    assert "vs asp" in text
    for row in done["rows"]:
        assert f"{100 * row['mean']:.2f} ± {100 * row['sd']:.2f}" in text
        if row.get("difference") is not None:
            assert f"{100 * row['difference']:+.2f}" in text
            assert "{:+.2f} to {:+.2f}".format(*(100 * end for end in row["interval"])) in text


def test_a_failing_run_stops_no_other(work, tmp_path):
    (work / "bad.toml").write_text('recipe = "recipe.toml"\n[axes]\nm = [{label = "bad", set = "task.dev=no.tsv"}, {label = "good", set = []}]\n')
    result = sweep(work, tmp_path / "out", "--json", "--jobs", "1", file="bad.toml")
    assert result.returncode == 1
    assert "m=bad: failed with exit code 1" in result.stderr and "no.tsv" in result.stderr
    assert "no.tsv" in (tmp_path / "out" / "logs" / "m=bad.log").read_text()
    assert [run["state"] for run in json.loads(result.stdout)["runs"]] == ["new", "done"]


def test_two_sweeps_on_one_folder(work, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(command(work, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(out.glob("logs/*.log")):
        time.sleep(0.01)
    result = sweep(work, out)
    assert result.returncode == 1 and "another nxm sweep is at work" in result.stderr
    process.terminate()
    assert process.wait(60) == 143


def test_a_folder_of_another_sweep(work, copy):
    (work / "other.toml").write_text(SWEEP + '[[exclude]]\nseed = 3\n')
    result = sweep(work, copy, "--set", "stage.asp.lr=1e-4", file="other.toml")
    assert result.returncode == 2 and result.stdout == ""
    assert "task=half,seed=1: stage.1.lr: 0.001 -> 0.0001" in result.stderr
    assert "task=half,seed=3: is not a run of this sweep" in result.stderr


def test_full_disk(work, done, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        result = sweep(work, disk / "out")
        assert result.returncode == 1
        assert "No space left" in result.stderr
        subprocess.run(["mount", "-o", "remount,size=60m", disk], check=True)
        finish_and_compare(work, disk / "out", done)
    finally:
        subprocess.run(["umount", disk], check=True)


# --- exported lists


@pytest.mark.parametrize("kind", ["slurm", "parallel"])
def test_an_exported_list_does_the_same(work, done, tmp_path, kind):
    out = tmp_path / "a b's $(out)"
    result = sweep(work, out, "--export", kind)
    assert result.returncode == 0 and not list(out.glob("runs/*")), result.stderr
    script = tmp_path / "script.sh"
    if kind == "parallel":
        lines = result.stdout.splitlines()
        assert len(lines) == 6
        for line in lines:
            subprocess.run(["sh", "-c", line], check=True, timeout=300)
    else:
        script.write_text(result.stdout)
        assert "#SBATCH --array=0-5\n" in result.stdout
        for task in range(6):
            subprocess.run(["sh", script], check=True, timeout=300, env=os.environ | {"SLURM_ARRAY_TASK_ID": str(task)})
    assert sweep(work, out, "--export", kind).stdout.count("finetune") == 0
    finish_and_compare(work, out, done)
