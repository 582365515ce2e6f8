# SPDX-License-Identifier: Apache-2.0
"""What the tests of `nxm fetch` share: a stub hub with one model, an environment that points to it, and the program."""
import os
import pathlib
import subprocess

import pytest
from stub_hub import File, StubHub

NXM = os.environ["NXM_BIN"]
TOKEN = "hf_secretTokenOfTheTest"
REPO = "org/tiny-model"
WEIGHTS = bytes(range(256)) * 1200  # 300 KiB
CDN = "127.0.0.2"


def model_files():
    return {
        "config.json": File(b'{"model_type": "bert"}'),
        "tokenizer.json": File(b"{}"),
        "vocab.txt": File(b"[PAD]\n[UNK]\n"),
        "model.safetensors": File(WEIGHTS, lfs=True),
        "pytorch_model.bin": File(b"a pickle", lfs=True),
        "README.md": File(b"# a card"),
    }


@pytest.fixture
def hub():
    with StubHub() as stub:
        stub.commit = stub.add(REPO, model_files())
        yield stub


@pytest.fixture
def environment(hub, tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING", "TRANSFORMERS", "XDG"))}
    kept = {k: v for k, v in kept.items() if not k.lower().endswith("_proxy")}
    return kept | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HOME": str(tmp_path / "home")}


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "hf" / "hub"


@pytest.fixture
def storage(cache):
    return cache / "models--org--tiny-model"


@pytest.fixture
def fetch(environment):
    def run(name=REPO, *flags, prefix=(), **env):
        settings = environment | {k: str(v) for k, v in env.items()}
        command = [*prefix, NXM, "fetch", name, *flags]
        return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60)

    return run


def good(result):
    assert result.returncode == 0, result.stderr
    return pathlib.Path(result.stdout.strip())


def bad(result, *words, code=1):
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr, result.stderr
    return result.stderr


def partial_of(storage, etag):
    return storage / "blobs" / f"{etag}.006e786d.incomplete"
