# SPDX-License-Identifier: Apache-2.0
"""The cache of `nxm fetch`: locks, odd file systems, no network, and huggingface_hub reading and writing the same."""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from hub_fixtures import CDN, NXM, REPO, TOKEN, WEIGHTS, bad, good, model_files
from hub_fixtures import cache, environment, fetch, hub, storage  # noqa: F401 (fixtures)
from stub_hub import Fault


def huggingface(environment, code, **env):
    """What `code` prints with huggingface_hub in a fresh process."""
    settings = environment | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"} | env
    result = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


# --- locks and odd file systems


def test_waits_for_the_lock_of_another_process(hub, environment, cache):
    etag = model_files()["model.safetensors"].etag
    lock = cache / ".locks" / "models--org--tiny-model" / f"{etag}.lock"
    lock.parent.mkdir(parents=True)
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen([NXM, "fetch", REPO], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = ""
        while "waiting" not in line:
            line = process.stderr.readline()
            assert line, "ended without waiting"
        assert "model.safetensors" in line
        assert not hub.seen("GET", CDN)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_two_at_a_time_download_once(hub, environment):
    runs = [subprocess.Popen([NXM, "fetch", REPO], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    outputs = {run.communicate(timeout=60)[0] for run in runs}
    assert [run.returncode for run in runs] == [0] * 4 and len(outputs) == 1
    assert len(hub.seen("GET", CDN)) == 1


def strace(*flags):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    # A sanitizer's search for leaks does not work under strace.
    return ("strace", "-f", "-o", os.devnull, "-E", "ASAN_OPTIONS=detect_leaks=0", *flags)


def test_copies_where_links_cannot_be_made(hub, fetch):
    folder = good(fetch(prefix=strace("-e", "trace=symlink,symlinkat", "-e", "inject=symlink,symlinkat:error=EPERM")))
    assert not (folder / "model.safetensors").is_symlink()
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert good(fetch(HF_HUB_OFFLINE=1)) == folder


def test_write_that_fails(hub, fetch, storage):
    bad(fetch(prefix=("prlimit", "--fsize=100000")), "incomplete", "File too large")
    assert not (storage / "snapshots" / hub.commit / "model.safetensors").exists()
    good(fetch())


# --- offline, and a network that is down


def test_offline_opens_no_socket(hub, fetch, tmp_path):
    folder = good(fetch())
    hub.requests.clear()
    trace = tmp_path / "trace"
    prefix = [flag if flag != os.devnull else str(trace) for flag in strace("-e", "trace=%network")]
    for setting in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        assert good(fetch(prefix=prefix, **{setting: "on"})) == folder
        assert "socket(" not in trace.read_text()
        bad(fetch("org/other", prefix=prefix, **{setting: "1"}), "offline", "org/other")
        assert "socket(" not in trace.read_text()
    assert not hub.requests
    good(fetch(prefix=prefix))
    assert "socket(" in trace.read_text(), "the trace shows no socket at all"


def test_first_of_the_offline_variables_decides(hub, fetch):
    good(fetch(HF_HUB_OFFLINE=0, TRANSFORMERS_OFFLINE=1))
    assert hub.requests


def test_offline_with_part_of_a_model(hub, fetch, storage):
    hub.faults["model.safetensors"] = [Fault(status=404)]
    bad(fetch())
    bad(fetch(HF_HUB_OFFLINE=1), "without model.safetensors")
    good(fetch())
    for name in ("tokenizer.json", "vocab.txt"):
        (storage / "snapshots" / hub.commit / name).unlink()
    bad(fetch(HF_HUB_OFFLINE=1), "without tokenizer.json or vocab.txt")


def test_commit_on_disk_needs_no_network(hub, fetch):
    folder = good(fetch())
    hub.requests.clear()
    assert good(fetch(f"{REPO}@{hub.commit}")) == folder
    assert good(fetch(f"{REPO}@{hub.commit}", HF_HUB_OFFLINE=1)) == folder
    assert not hub.requests


@pytest.mark.parametrize("fault", ["refused", "status", "gated", "not a hub"])
def test_falls_back_on_the_cache(hub, fetch, fault):
    folder = good(fetch())
    env = {}
    if fault == "refused":
        env["HF_ENDPOINT"] = "http://127.0.0.1:1"
    elif fault == "status":
        hub.head_faults["config.json"] = [Fault(status=500)]
    elif fault == "gated":
        hub.gated.add(REPO)
    else:
        hub.extra_headers["config.json"] = {"X-Repo-Commit": None}
    result = fetch(**env)
    assert good(result) == folder
    assert "Taking what the cache holds" in result.stderr


def test_deleted_revision_is_not_papered_over(hub, fetch):
    good(fetch())
    del hub.repos[REPO]["refs"]["main"]
    bad(fetch(), "no revision 'main'")


def test_spoilt_ref(hub, fetch, storage):
    good(fetch())
    (storage / "refs" / "main").write_text("../../elsewhere")
    bad(fetch(HF_HUB_OFFLINE=1), "refs/main", "40 hexadecimal digits")


# --- where the cache is


@pytest.mark.parametrize("setting, place", [
    ({"HF_HUB_CACHE": "a"}, "a"),
    ({"HUGGINGFACE_HUB_CACHE": "b"}, "b"),
    ({"HF_HUB_CACHE": "a", "HUGGINGFACE_HUB_CACHE": "b"}, "a"),
    ({"HF_HOME": "c"}, "c/hub"),
    ({"HF_HOME": "", "XDG_CACHE_HOME": "d"}, "d/huggingface/hub"),
    ({"HF_HOME": ""}, "home/.cache/huggingface/hub"),
    ({"HF_HOME": "~/e"}, "home/e/hub"),
])
def test_cache_folders(hub, fetch, environment, tmp_path, setting, place):
    env = {k: v if not v or v.startswith("~") else str(tmp_path / v) for k, v in setting.items()}
    folder = good(fetch(**env))
    assert folder.is_relative_to(tmp_path / place / "models--org--tiny-model")
    theirs = {k: v for k, v in (environment | env).items() if v}
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    assert huggingface(theirs, code) == str(tmp_path / place)


# --- huggingface_hub itself

DOWNLOAD = """
from huggingface_hub import snapshot_download
print(snapshot_download("org/tiny-model", allow_patterns=["*.json", "*.txt", "*.safetensors"]))
"""
LOCAL = """
from huggingface_hub import snapshot_download, try_to_load_from_cache, _CACHED_NO_EXIST, scan_cache_dir
print(snapshot_download("org/tiny-model", local_files_only=True))
assert isinstance(try_to_load_from_cache("org/tiny-model", "model.safetensors"), str)
assert try_to_load_from_cache("org/tiny-model", "special_tokens_map.json") is _CACHED_NO_EXIST
report = scan_cache_dir()
assert not report.warnings, report.warnings
assert [repo.repo_id for repo in report.repos] == ["org/tiny-model"]
print(sorted(f.file_name for r in report.repos for v in r.revisions for f in v.files))
"""


def test_huggingface_hub_downloads_from_the_stub(hub, environment):
    folder = pathlib.Path(huggingface(environment, DOWNLOAD, HF_TOKEN=TOKEN))
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert all("Authorization" not in {k.title() for k in r.headers} for r in hub.seen(host=CDN))


def test_huggingface_hub_reads_our_cache(hub, fetch, environment):
    folder = good(fetch())
    hub.requests.clear()
    path, names = huggingface(environment, LOCAL).splitlines()
    assert path == str(folder)
    assert names == "['config.json', 'model.safetensors', 'tokenizer.json', 'vocab.txt']"
    assert not hub.requests
    assert huggingface(environment, DOWNLOAD) == str(folder)
    assert not hub.seen("GET", CDN), "it downloads again what we have"


def test_we_read_huggingface_hubs_cache(hub, fetch, environment):
    folder = pathlib.Path(huggingface(environment, DOWNLOAD))
    hub.requests.clear()
    assert good(fetch(HF_HUB_OFFLINE=1)) == folder
    assert not hub.requests
    assert good(fetch()) == folder
    assert not hub.seen("GET")


def test_same_files_on_disk(hub, fetch, environment, tmp_path):
    def tree(root):
        return {str(p.relative_to(root)): os.readlink(p) if p.is_symlink() else p.read_bytes()
                for p in (root / "models--org--tiny-model").rglob("*") if not p.is_dir()}

    good(fetch(HF_HUB_CACHE=tmp_path / "ours"))
    huggingface(environment, DOWNLOAD, HF_HUB_CACHE=str(tmp_path / "theirs"))
    ours, theirs = tree(tmp_path / "ours"), tree(tmp_path / "theirs")
    beyond = {name for name in ours.keys() ^ theirs.keys()}
    assert all("/.no_exist/" in name or "/trees/" in name for name in beyond), beyond
    assert all(ours[name] == theirs[name] for name in ours.keys() & theirs.keys())


def test_two_hop_links_of_the_shared_store(hub, fetch, cache, storage):
    folder = good(fetch())
    blob = (folder / "model.safetensors").resolve()
    shared = cache / "blobs" / "ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(f"../../blobs/ab/{shared.name}")
    assert good(fetch(HF_HUB_OFFLINE=1)) == folder
    hub.requests.clear()
    assert (good(fetch()) / "model.safetensors").read_bytes() == WEIGHTS
    assert not hub.seen("GET")


@pytest.fixture
def as_nobody(storage):
    """What to put before a command so that permissions bind it, the tests' folders open to it."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed")
    storage.mkdir(parents=True, exist_ok=True)
    for parent in [storage, *storage.parents]:
        if parent == pathlib.Path("/tmp"):
            break
        parent.chmod(0o755)
    return ("setpriv", "--reuid=65534", "--clear-groups")


def test_read_only_cache(hub, fetch, storage, as_nobody):
    folder = good(fetch())
    assert good(fetch(prefix=as_nobody)) == folder


def test_cache_that_cannot_be_written(hub, fetch, cache, as_nobody):
    """What is not in it cannot be fetched, and that is said before anything is downloaded."""
    cache.chmod(0o555)
    said = bad(fetch("org/tiny-model", prefix=as_nobody), str(cache), "Permission denied")
    assert "internal error" not in said and not hub.seen("GET")
