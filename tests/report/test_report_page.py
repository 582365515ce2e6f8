# SPDX-License-Identifier: Apache-2.0
"""`nxm report` as a parser and a browser read its page; and what it says of runs that are damaged or hostile."""
import html.parser
import json
import os
import re
import resource
import shutil
import subprocess
import xml.dom.minidom

import pytest

NXM = os.environ["NXM_BIN"]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome", "chromium-browser"))), None)
RECIPE = """seed = {seed}
[model]
path = "/nowhere"
[task]
name = "mrpc"
data = "/nowhere"
[[stage]]
method = "dense"
name = '{dense}'
[[stage]]
method = "admm"
from = '{dense}'
rho = {rho}
"""


def report(*arguments, **options):
    done = subprocess.run([NXM, "report", *map(str, arguments)], capture_output=True, text=True, **options)
    return done.returncode, done.stdout, done.stderr


def write_run(folder, seed=1, rho=0.001, dense="dense", steps=40):
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(RECIPE.format(seed=seed, rho=rho, dense=dense))
    stages, lines = [], []
    for index, (name, method, pattern) in enumerate([(dense, "dense", ""), ("admm", "admm", "2:4")]):
        f1, accuracy = 0.9 - 0.0123456789 * seed - 3 * rho - index / 97, 0.8 - 0.0023456789 * seed - 2 * rho - index / 89
        stages.append({"index": index, "name": name, "method": method, "pattern": pattern,
                       "metrics": {"f1": f1, "accuracy": accuracy}, "score": (f1 + accuracy) / 2,
                       "sparsity": index / 2.001, "seconds": 61.123456 * (index + seed), "tokens_per_second": 1.5})
        for step in range(10, steps + 1, 10):
            lines.append({"kind": "step", "stage": name, "step": step, "loss": 5 / step, "lr": 1e-5})
            if index:
                lines.append({"kind": "admm", "stage": name, "step": step, "primal": 0.1 / step, "dual": 0.2 / step,
                              "mask_moved": 0.0 if step == steps else 0.01 / step, "mask_moved_from_first": 1e-3 * step})
        for epoch, of in ((1, "dense"), (1, "pruned"), (2, "final")) if index else ((1, "dev"), (2, "final")):
            lines.append({"kind": "score", "stage": name, "step": 10 * epoch, "epoch": epoch, "of": of,
                          "metrics": stages[-1]["metrics"], "score": stages[-1]["score"]})
    (folder / "run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "all_results.json").write_text(json.dumps({"eval_f1": 0.5, "stages": stages}))
    bench = {"precision": "f32", "pattern": "2:4", "batch": 1, "tokens": 128, "threads": 1, "median_ms": 4.5, "p99_ms": 5.5,
             "tokens_per_second": 28444.4, "cpu": "a CPU", "layers": []}
    (folder / "bench.json").write_text(json.dumps(bench) + "\n" + json.dumps({**bench, "pattern": "dense", "median_ms": 9}))
    return stages


class Page(html.parser.HTMLParser):
    """Tables as rows of (text, exact number or None), every attribute, and whether tags are closed in order."""
    VOID = {"meta", "link", "br", "img"}

    def __init__(self, text):
        super().__init__()
        self.tables, self.attributes, self.open, self.tags, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append(["", None])
        elif tag == "data":
            self.tables[-1][-1][-1][1] = float(dict(attrs)["value"])
        if tag not in self.VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or tag != self.open[-1]:
            assert tag in ("path",), (tag, self.open)  # <path …/>
            return
        self.open.pop()

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1][0] += data


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    results = {f"seed={seed},rho={rho}": write_run(folder / "runs" / f"seed={seed},rho={rho}", seed, rho)
               for seed in (1, 2, 3) for rho in (0.001, 0.01, 0.1)}
    code, out, err = report(folder, "--out", folder / "report.html", "--json")
    assert (code, err) == (0, "")
    return folder, results, (folder / "report.html").read_text(), json.loads(out)


def test_every_number_of_the_table_is_that_of_all_results(sweep):
    _, results, text, answer = sweep
    header, *rows = Page(text).tables[0]
    assert [cell[0] for cell in header] == ["run", "stage", "method", "pattern", "score", "accuracy", "f1", "zeros", "seconds"]
    expected = [(run, stage) for run in sorted(results) for stage in results[run]]
    assert len(rows) == len(expected) == 18
    for row, (run, stage) in zip(rows, expected):
        assert [cell[0] for cell in row[:4]] == [run, stage["name"], stage["method"], stage["pattern"] or "dense"]
        exact = [stage["score"], stage["metrics"]["accuracy"], stage["metrics"]["f1"], stage["sparsity"], stage["seconds"]]
        assert [cell[1] for cell in row[4:]] == exact
        shown = [float(cell[0].split()[0]) for cell in row[4:]]
        assert shown == [pytest.approx(value, abs=half) for value, half in
                         zip([*exact[:3], 100 * exact[3], exact[4]], [6e-5, 6e-5, 6e-5, 0.06, 0.06])]
    for run in answer["runs"]:
        assert run["finished"] and run["problems"] == []
        assert [stage["metrics"] for stage in run["stages"]] == [stage["metrics"] for stage in results[run["name"]]]


def test_figures_are_files_of_their_own(sweep, tmp_path):
    folder, _, text, _ = sweep
    figures = tmp_path / "a" / "figures"
    code, _, err = report(folder, "--out", tmp_path / "one.html", "--figures", figures)
    assert (code, err.splitlines()[0]) == (0, f"{figures}: {text.count('<figure>')} figures")
    files = sorted(figures.iterdir())
    assert len(files) == text.count("<figure>")
    assert {"training-loss-stage-dense.svg", "residuals-stage-admm.svg", "mask-movement-stage-admm.svg",
            "score-and-latency-by-pattern.svg"} <= {file.name for file in files}
    for file in files:
        root = xml.dom.minidom.parse(str(file)).documentElement  # well-formed, unlike much of HTML
        assert root.tagName == "svg" and root.getElementsByTagName("path") and root.getElementsByTagName("style")
        assert not re.search("href|url\\(|<script|import", file.read_text())
        titles = [node.firstChild.data for node in root.childNodes if node.nodeName == "text"]
        assert f"<h3>{titles[0]}</h3>" in text and len(titles) >= 2  # the title, then the legend
    before = {file: file.read_bytes() for file in files}
    files[0].unlink()
    code, _, err = report(folder, "--out", tmp_path / "two.html", "--figures", figures)
    assert code == 1 and "exists; replace it by --force" in err and not files[0].exists()
    assert not (tmp_path / "two.html").exists()
    (tmp_path / "a file").touch()
    code, _, err = report(folder, "--out", tmp_path / "two.html", "--figures", tmp_path / "a file")
    assert code == 1 and f"[{tmp_path / 'a file'}] is no folder; --figures needs one" in err
    assert not (tmp_path / "two.html").exists()
    code, _, _ = report(folder, "--out", tmp_path / "two.html", "--figures", figures, "--force")
    assert code == 0 and {file: file.read_bytes() for file in files} == before


def test_means_over_seeds(sweep):
    statistics = pytest.importorskip("statistics")
    _, results, text, answer = sweep
    header, *rows = Page(text).tables[1]
    assert len(rows) == 6 and len(answer["means"]) == 3
    for row, rho in zip(rows[1::2], (0.001, 0.01, 0.1)):
        scores = [results[f"seed={seed},rho={rho}"][1]["score"] for seed in (1, 2, 3)]
        assert row[1][0] == "3" and row[5][1] == pytest.approx(statistics.mean(scores), rel=1e-12)
        mean, deviation = map(float, row[5][0].split(" ± "))
        assert deviation == pytest.approx(statistics.stdev(scores), abs=6e-5)
    points = re.findall(r"<title>score: ([\d.]+), ([\d.]+) ± ([\d.]+)</title>", text)
    assert sorted(float(x) for x, _, _ in points) == [0.001, 0.01, 0.1]
    for x, mean, deviation in points:
        scores = [results[f"seed={seed},rho={float(x)}"][1]["score"] for seed in (1, 2, 3)]
        assert float(mean) == pytest.approx(statistics.mean(scores), rel=1e-3)
        assert float(deviation) == pytest.approx(statistics.stdev(scores), rel=1e-3)
    assert answer["means"][0]["stages"][1]["score"]["sd"] == pytest.approx(
        statistics.stdev(results[f"seed={seed},rho=0.001"][1]["score"] for seed in (1, 2, 3)))


def test_the_page_fetches_nothing_and_has_its_figures(sweep):
    page = Page(sweep[2])
    for tag, name, value in page.attributes:
        assert name not in ("src", "srcset", "action", "data", "poster", "background") and not name.startswith("on")
        assert name not in ("href", "xlink:href") or value == "data:,", (tag, name, value)
    assert not {"script", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?:", sweep[2])
    titles = re.findall(r"<h3>(.*?)</h3>", sweep[2])
    assert titles == ["Training loss, stage dense", "Training loss, stage admm", "Residuals, stage admm",
                      "Mask movement, stage admm", "Dev score, stage dense", "Dev score, stage admm",
                      "Score of admm by stage.admm.rho", "Score and latency by pattern"]
    figures = re.findall(r"<figure>.*?</figure>", sweep[2], re.S)
    for figure in figures:
        assert figure.count("class=\"mid name\"") == 2 and "<ul class=legend><li>" in figure
        assert re.search(r"<figcaption>[^<]{40,}\.</figcaption>", figure)
        assert "nan" not in figure and "inf" not in figure.replace("info", "")
    assert "weights of a sparse stage" in page.text


def test_the_same_runs_give_the_same_bytes(sweep, tmp_path):
    assert report(sweep[0], "--out", tmp_path / "again.html")[0] == 0
    assert (tmp_path / "again.html").read_text() == sweep[2]


def test_names_are_not_markup(tmp_path):
    name = "<title><img src=x onerror=alert(1)> &amp; \"x\""
    write_run(tmp_path / name, dense="<b>&\"x")
    (tmp_path / name / "all_results.json").write_text("<script>alert(1)</script>")
    code, _, err = report(tmp_path, "--out", tmp_path / "r.html")
    assert code == 0 and "all_results.json" in err
    page = Page((tmp_path / "r.html").read_text())
    assert not {"img", "script", "b"} & set(page.tags)
    assert "<title><img src=x onerror=alert(1)> &amp; \"x\" (unfinished)" in [cell[0] for cell in page.tables[0][1]]


def damage_cut(run):
    (run / "run.jsonl").write_text((run / "run.jsonl").read_text()[:-30])


def damage_results(run):
    (run / "all_results.json").write_text("{\"stages\": [")


def damage_missing(run):
    (run / "all_results.json").unlink()


def damage_log(run):
    (run / "run.jsonl").write_text("{}\n" * 5 + (run / "run.jsonl").read_text())


@pytest.mark.parametrize("damage, said, counts", [
    (damage_cut, "is cut off", True), (damage_results, "all_results.json is damaged", False),
    (damage_missing, "all_results.json is missing", False), (damage_log, "5 damaged lines", True)])
def test_damage_is_named_and_never_counted_silently(tmp_path, damage, said, counts):
    for seed in (1, 2, 3):
        write_run(tmp_path / f"run{seed}", seed)
    damage(tmp_path / "run2")
    code, out, err = report(tmp_path, "--out", tmp_path / "r.html", "--json")
    assert code == 0 and err.startswith("run2: ") and said in err
    text = (tmp_path / "r.html").read_text()
    assert "Damaged or unfinished" in text and said in text
    assert ("run2 (unfinished)" in text) == (not counts)
    answer = json.loads(out)
    assert [run["name"] for run in answer["runs"] if run["problems"]] == ["run2"]
    assert answer["means"][0]["runs"] == (["run1", "run2", "run3"] if counts else ["run1", "run3"])
    assert f"<td class=n><data value=\"{3 if counts else 2}\">" in text


def test_errors_say_what_is_wrong_and_leave_no_file(tmp_path):
    write_run(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.html").write_text("old")
    for arguments, code, said in [
            ([tmp_path / "empty", "--out", tmp_path / "r.html"], 1, "is no run and holds none"),
            ([tmp_path / "absent", "--out", tmp_path / "r.html"], 1, "is no folder"),
            ([tmp_path / "a", "--out", tmp_path / "old.html"], 1, "--force"),
            ([tmp_path / "a", "--out", tmp_path / "empty"], 1, "is a folder"),
            ([tmp_path / "a", "--out", tmp_path / "absent" / "r.html"], 1, "absent"),
            ([tmp_path / "a"], 2, "--out")]:
        got, out, err = report(*arguments)
        assert (got, out) == (code, "") and said in err, arguments
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "empty", "old.html"]
    assert (tmp_path / "old.html").read_text() == "old"
    assert report(tmp_path / "a", "--out", tmp_path / "old.html", "--force")[0] == 0
    assert (tmp_path / "old.html").read_text().startswith("<!doctype html>")


def test_no_room_for_the_page(tmp_path):
    write_run(tmp_path / "a")
    (tmp_path / "old.html").write_text("old")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    code, _, err = report(tmp_path / "a", "--out", tmp_path / "old.html", "--force", preexec_fn=limit)
    assert code == 1 and "old.html" in err and "File too large" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "old.html"]
    assert (tmp_path / "old.html").read_text() == "old"


def test_a_long_log_takes_little_memory(tmp_path):
    write_run(tmp_path / "a")
    line = "".join(json.dumps({"kind": "step", "stage": "admm", "step": i, "loss": 1.5}) + "\n" for i in range(1000))
    with open(tmp_path / "a" / "run.jsonl", "w") as log:
        for _ in range(500):  # 27 MB
            log.write(line)
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (2 ** 28, 2 ** 28))
    code, _, err = report(tmp_path / "a", "--out", tmp_path / "r.html", preexec_fn=limit)
    assert code == 0, err
    assert (tmp_path / "r.html").stat().st_size < 300_000


def browse(page, profile):
    """The page as headless Chromium has it after loading, and what it logs; a script's error or markup that it cannot
    read has the word CONSOLE."""
    done = subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                           "--enable-logging=stderr", "--v=0", "--dump-dom", page.as_uri()],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (tools/setup --test): the page was not opened in a browser")
def test_a_browser_has_nothing_to_complain_about(sweep, tmp_path):
    text = sweep[2]
    for name, broken, complaint in [
            ("script", text.replace("default-src 'none'", "script-src 'unsafe-inline'") + "<script>absent()</script>", "absent is not"),
            ("policy", text + "<script>absent()</script>", "Content Security Policy"),
            ("path", text.replace("V220H388", "Vinf", 1), "Vinf")]:
        assert broken != text
        (tmp_path / f"{name}.html").write_text(broken)
        _, log = browse(tmp_path / f"{name}.html", tmp_path / "profile")
        assert re.search(f"CONSOLE.*{complaint}", log), log
    page, log = browse(sweep[0] / "report.html", tmp_path / "profile")
    assert "CONSOLE" not in log, log
    assert page.count("<figure>") == 8 and page.rstrip().endswith("</html>")
