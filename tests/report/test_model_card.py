# SPDX-License-Identifier: Apache-2.0
"""The model card and all_results.json as huggingface_hub and scripts for run_glue.py read them."""
import json
import os
import pathlib
import subprocess
import warnings

import pytest

hub = pytest.importorskip("huggingface_hub")
yaml = pytest.importorskip("yaml")

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_report_tool"


def stage(name="admm", pattern="2:4", **metrics):
    metrics = metrics or {"f1": 0.868, "accuracy": 0.804}
    return {"index": 0, "name": name, "method": name, "pattern": pattern, "metrics": metrics, "order": list(metrics),
            "score": sum(metrics.values()) / len(metrics), "sparsity": 0.5, "seconds": 61.5, "tokens_per_second": 1234.5,
            "bytes": 91 * 10**6}


def run(*arguments, stages):
    done = subprocess.run([TOOL, *arguments], input=json.dumps(stages), capture_output=True, text=True, check=True)
    return done.stdout


def card(*arguments, stages):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return hub.ModelCard(run("card", *arguments, stages=stages), ignore_metadata_errors=False)


def test_the_hub_reads_name_base_task_and_metrics(caplog):
    found = card("mrpc-2-4", "nreimers/MiniLM-L6-H384-uncased", "mrpc", stages=[stage("dense", ""), stage()])
    data = found.data
    assert data.model_name == "mrpc-2-4"
    assert data.base_model == "nreimers/MiniLM-L6-H384-uncased"
    assert data.library_name == "transformers" and data.pipeline_tag == "text-classification"
    assert [(r.metric_type, r.metric_value) for r in data.eval_results] == [("f1", 0.868), ("accuracy", 0.804)]
    assert {(r.task_type, r.dataset_name, r.dataset_split) for r in data.eval_results} == {
        ("text-classification", "mrpc", "dev")}
    assert not caplog.records
    assert "| dense" in found.text and " 2:4 |" in found.text and "50.0 %" in found.text


def test_metrics_have_hugging_faces_names():
    found = card("x", "a/b", "stsb", stages=[stage(pearson=0.85, spearman=0.845)])
    assert [r.metric_type for r in found.data.eval_results] == ["pearson", "spearmanr"]
    found = card("x", "a/b", "cola", stages=[stage(matthews=-0.1)])
    assert [(r.metric_type, r.metric_value) for r in found.data.eval_results] == [("matthews_correlation", -0.1)]


@pytest.mark.parametrize("base", ["/secret/my-bert", "my-bert", "./me/my-bert"])
def test_a_local_base_model_is_not_a_hub_name(base):
    text = run("card", "x", base, "mrpc", stages=[stage()])
    assert "secret" not in text and "`my-bert`" in text
    assert hub.ModelCard(text).data.base_model is None


@pytest.mark.parametrize("name", ['a "quoted": name', "- dash", "yes", "1.5", "#x", "語 é", "a\\b", "{}", "---"])
def test_names_that_yaml_could_misread(name):
    found = card(name, "a/b", name, stages=[stage()])
    assert found.data.model_name == name
    assert found.data.eval_results[0].dataset_name == name


def test_metadata_written_by_the_hub_reads_the_same(tmp_path):
    text = run("card", "x", "a/b", "mrpc", stages=[stage()])
    (tmp_path / "README.md").write_text(text)
    before = hub.metadata_load(tmp_path / "README.md")
    hub.ModelCard(text).save(tmp_path / "again.md")
    assert hub.metadata_load(tmp_path / "again.md") == before
    assert before["model-index"][0]["results"][0]["metrics"] == [{"type": "f1", "value": 0.868},
                                                                 {"type": "accuracy", "value": 0.804}]


def test_all_results_has_the_keys_of_run_glue():
    results = json.loads(run("results", stages=[stage("dense", ""), stage()]))
    assert results["eval_f1"] == 0.868 and results["eval_accuracy"] == 0.804
    assert results["eval_combined_score"] == pytest.approx(0.836)
    assert results["eval_samples"] == 50 and results["train_samples"] == 100
    assert results["train_runtime"] == 123.0
    assert [s["name"] for s in results["stages"]] == ["dense", "admm"]
    results = json.loads(run("results", stages=[stage(matthews=0.25)]))
    assert results["eval_matthews_correlation"] == 0.25 and "eval_combined_score" not in results
