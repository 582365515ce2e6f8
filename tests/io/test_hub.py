# SPDX-License-Identifier: Apache-2.0
"""`nxm fetch` against a hub on the loopback interface: what it asks for, whom it trusts, how it goes on."""
import json
import os
import subprocess
import threading

import pytest
from hub_fixtures import CDN, NXM, REPO, TOKEN, WEIGHTS, bad, good, model_files, partial_of
from hub_fixtures import cache, environment, fetch, hub, storage  # noqa: F401 (fixtures)
from stub_hub import Fault, File


# --- the usual case, and the layout on disk


def test_layout(hub, fetch, cache, storage):
    folder = good(fetch())
    assert folder == storage / "snapshots" / hub.commit
    assert sorted(os.listdir(folder)) == ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"]
    for name, file in model_files().items():
        if (folder / name).exists():
            assert (folder / name).read_bytes() == file.data
            assert os.readlink(folder / name) == f"../../blobs/{file.etag}"
    assert (storage / "refs" / "main").read_text() == hub.commit
    for absent in ("tokenizer_config.json", "special_tokens_map.json"):
        assert (storage / ".no_exist" / hub.commit / absent).read_bytes() == b""
    assert (cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    lock = cache / ".locks" / "models--org--tiny-model" / f"{model_files()['config.json'].etag}.lock"
    assert lock.exists()
    assert not list(storage.rglob("*.incomplete")) and not list(storage.rglob("*.tmp"))
    assert not any("pytorch_model.bin" in r.path for r in hub.requests)


def test_json(hub, fetch, storage):
    answer = json.loads(fetch(REPO, "--json").stdout)
    files = ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"]
    assert answer == {"repo": REPO, "revision": "main", "commit": hub.commit, "files": files,
                      "path": str(storage / "snapshots" / hub.commit)}


def test_all_files_come_from_the_commit_of_the_first(hub, fetch):
    good(fetch())
    assert [r.path.split("/")[4] for r in hub.seen("HEAD")] == ["main"] + [hub.commit] * 5
    assert all(r.headers["Accept-Encoding"] == "identity" for r in hub.requests)


def test_second_fetch_asks_only_for_the_revision(hub, fetch):
    good(fetch())
    hub.requests.clear()
    good(fetch())
    assert [(r.method, r.path) for r in hub.requests] == [("HEAD", f"/{REPO}/resolve/main/config.json")]


def test_unchanged_blobs_are_shared_between_commits(hub, fetch, storage):
    good(fetch())
    hub.add(REPO, model_files() | {"config.json": File(b'{"model_type": "bert", "new": 1}')})
    hub.requests.clear()
    folder = good(fetch())
    assert json.loads((folder / "config.json").read_text())["new"] == 1
    assert [r.path.rsplit("/", 1)[1] for r in hub.seen("GET")] == ["config.json"]
    assert len(os.listdir(storage / "snapshots")) == 2


def test_revision_is_percent_encoded_and_becomes_a_nested_ref(hub, fetch, storage):
    commit = hub.add(REPO, model_files() | {"vocab.txt": File(b"[PR]\n")}, revision="refs/pr/2")
    assert good(fetch(f"{REPO}@refs/pr/2")).name == commit
    assert hub.requests[0].path == f"/{REPO}/resolve/refs%2Fpr%2F2/config.json"
    assert (storage / "refs" / "refs" / "pr" / "2").read_text() == commit


def test_shards(hub, fetch):
    index = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "part/model-2-of-2.safetensors"}}
    files = model_files() | {
        "model.safetensors.index.json": File(json.dumps(index).encode()),
        "model-1-of-2.safetensors": File(b"first" * 100, lfs=True),
        "part/model-2-of-2.safetensors": File(b"second" * 100, lfs=True),
    }
    del files["model.safetensors"]
    hub.add(REPO, files)
    folder = good(fetch())
    nested = folder / "part" / "model-2-of-2.safetensors"
    assert nested.read_bytes() == b"second" * 100
    assert os.readlink(nested).startswith("../../../blobs/")
    assert good(fetch(HF_HUB_OFFLINE=1)) == folder
    nested.unlink()
    bad(fetch(HF_HUB_OFFLINE=1), "part/model-2-of-2.safetensors")


@pytest.mark.parametrize("shard", ["../x.safetensors", "/etc/x.safetensors", "a/../../x.safetensors", "x.bin", "", ".x.safetensors", 3])
def test_hostile_shard_names(hub, fetch, shard):
    files = model_files() | {"model.safetensors.index.json": File(json.dumps({"weight_map": {"a": shard}}).encode())}
    del files["model.safetensors"]
    hub.add(REPO, files)
    bad(fetch(), "model.safetensors.index.json", "$.weight_map.a")


def test_index_without_files(hub, fetch):
    files = model_files() | {"model.safetensors.index.json": File(b'{"weight_map": {}}')}
    del files["model.safetensors"]
    hub.add(REPO, files)
    bad(fetch(), "weight_map names no file")


def test_shard_that_is_not_there(hub, fetch):
    files = model_files() | {"model.safetensors.index.json": File(b'{"weight_map": {"a": "lost.safetensors"}}')}
    del files["model.safetensors"]
    hub.add(REPO, files)
    bad(fetch(), "no 'lost.safetensors', which its index names")


def test_only_pickles(hub, fetch):
    files = model_files()
    del files["model.safetensors"]
    hub.add(REPO, files)
    bad(fetch(), "no model.safetensors", "Pickled weights are never read")
    assert not any("pytorch_model.bin" in r.path for r in hub.requests)


def test_no_config(hub, fetch):
    files = model_files()
    del files["config.json"]
    hub.add(REPO, files)
    bad(fetch(), "no config.json")


# --- redirects and the token


def test_token_stays_on_the_hub(hub, fetch):
    hub.need_token = TOKEN
    good(fetch(HF_TOKEN=TOKEN))
    assert all(r.headers["Authorization"] == f"Bearer {TOKEN}" for r in hub.seen(host="127.0.0.1"))
    cdn = hub.seen(host=CDN)
    assert cdn and all("Authorization" not in r.headers for r in cdn)


def test_cdn_that_redirects_back_to_the_hub_host_and_on(hub, fetch):
    """Off-hub hop by hop: the token is decided anew at each."""
    sha = model_files()["model.safetensors"].etag
    again = f"{hub.cdn_url}/cdn/{sha}/model.safetensors?again=1"
    hub.faults["model.safetensors"] = [Fault(status=302, headers={"Location": again})]
    good(fetch(HF_TOKEN=TOKEN))
    cdn = hub.seen("GET", CDN)
    assert len(cdn) == 2 and "again=1" in cdn[1].path
    assert all("Authorization" not in r.headers for r in cdn)


@pytest.mark.parametrize("where", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HOME"])
def test_token_sources(hub, fetch, tmp_path, where):
    hub.need_token = TOKEN
    if where.endswith("TOKEN"):
        good(fetch(**{where: TOKEN + "\n"}))
    elif where == "HF_TOKEN_PATH":
        (tmp_path / "my-token").write_text(f" {TOKEN}\r\n")
        good(fetch(HF_TOKEN_PATH=tmp_path / "my-token"))
    else:
        (tmp_path / "hf").mkdir()
        (tmp_path / "hf" / "token").write_text(TOKEN)
        good(fetch())


def test_implicit_token_can_be_disabled(hub, fetch):
    good(fetch(HF_TOKEN=TOKEN, HF_HUB_DISABLE_IMPLICIT_TOKEN=1))
    assert not any("Authorization" in r.headers for r in hub.requests)


def test_token_with_a_line_of_its_own_is_refused_without_showing_it(hub, fetch):
    said = bad(fetch(HF_TOKEN="hf_a b"), "HF_TOKEN", code=2)
    assert "hf_a" not in said and not hub.requests


def test_token_is_never_shown(hub, fetch):
    hub.need_token = "another"
    said = bad(fetch(HF_TOKEN=TOKEN), "token is refused")
    assert TOKEN not in said


def test_renamed_repository(hub, fetch, cache):
    hub.moved["old/name"] = REPO
    hub.need_token = TOKEN
    folder = good(fetch("old/name", HF_TOKEN=TOKEN))
    assert folder == cache / "models--old--name" / "snapshots" / hub.commit


def test_endless_redirects(hub, fetch):
    hub.moved[REPO] = REPO
    bad(fetch(), "more than 20 redirects")


def test_redirect_to_another_scheme(hub, fetch):
    hub.extra_headers["model.safetensors"] = {"Location": "file:///etc/passwd"}
    bad(fetch(), "expected http://host")


def test_signed_urls_are_not_shown(hub, fetch):
    hub.faults["model.safetensors"] = [Fault(cut=10, headers={"Retry-After": "0"}, body=b"")] + [Fault(status=418)]
    assert "secret-of-the-url" not in bad(fetch())


# --- etags, sizes, hashes


def test_wrong_bytes_are_caught_by_sha256(hub, fetch, storage):
    forged = bytes(len(WEIGHTS))
    hub.faults["model.safetensors"] = [Fault(body=forged)]
    etag = model_files()["model.safetensors"].etag
    bad(fetch(), "expected SHA-256 " + etag, "fetch again")
    assert not (storage / "blobs" / etag).exists() and not partial_of(storage, etag).exists()
    good(fetch())


@pytest.mark.parametrize("lfs", [True, False])
def test_longer_than_promised(hub, fetch, lfs):
    name = "model.safetensors" if lfs else "vocab.txt"
    hub.faults[name] = [Fault(body=model_files()[name].data + b"more")]
    bad(fetch(), "got more", name)


def test_shorter_than_promised(hub, fetch):
    short = Fault(body=model_files()["vocab.txt"].data[:-3], headers={"Retry-After": "0"}, ignore_range=True)
    hub.faults["vocab.txt"] = [short] * 10
    bad(fetch(), "vocab.txt", "expected 12 bytes, got 9")


def test_weak_etag_and_missing_size(hub, fetch, storage):
    hub.extra_headers["vocab.txt"] = {"ETag": 'W/"abc123"', "Content-Length": None, "Connection": "close"}
    good(fetch())
    assert (storage / "blobs" / "abc123").read_bytes() == model_files()["vocab.txt"].data


@pytest.mark.parametrize("tag", ['"../../evil"', '"a/b"', '""', '".hidden"', None, '"' + "a" * 300 + '"', '"a b"'])
def test_hostile_etags(hub, fetch, storage, tag):
    hub.extra_headers["vocab.txt"] = {"ETag": tag}
    bad(fetch(), "vocab.txt", "ETag")
    assert not list(storage.rglob("*evil*"))


@pytest.mark.parametrize("commit", ["../../../evil", "abc", "A" * 40, "/" * 40])
def test_hostile_commits(hub, fetch, cache, commit):
    hub.extra_headers["config.json"] = {"X-Repo-Commit": commit}
    bad(fetch(), "X-Repo-Commit")
    assert not cache.exists()


def test_commit_that_changes_on_the_way(hub, fetch):
    hub.extra_headers["vocab.txt"] = {"X-Repo-Commit": "b" * 40}
    bad(fetch(), "vocab.txt", "asked for commit")


@pytest.mark.parametrize("size", ["-1", "1e9", "99999999999999999999999", "ten"])
def test_hostile_sizes(hub, fetch, size):
    hub.extra_headers["model.safetensors"] = {"X-Linked-Size": size}
    bad(fetch(), "expected a size in bytes")


def test_huge_headers(hub, fetch):
    hub.extra_headers["config.json"] = {f"X-Filler-{i}": "x" * 30000 for i in range(60)}
    bad(fetch(), "more than 256 KiB of headers")


def test_not_a_hub(hub, fetch):
    hub.extra_headers["config.json"] = {"X-Repo-Commit": None}
    bad(fetch(), "not answered by a model hub", "HF_ENDPOINT", "proxy")


# --- errors


def test_missing_repository(hub, fetch):
    bad(fetch("org/nothing"), "no 'org/nothing', or it is private", "HF_TOKEN")


def test_missing_revision(hub, fetch):
    bad(fetch(f"{REPO}@nope"), "no revision 'nope'", "Invalid rev id: nope")


def test_gated(hub, fetch):
    hub.gated.add(REPO)
    said = bad(fetch(), "is gated", "Access to model org/tiny-model is restricted.")
    assert "\x1b" not in said


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_transient_statuses_are_tried_again(hub, fetch, status):
    again = Fault(status=status, headers={"Retry-After": "0"})
    hub.head_faults["config.json"] = [again] * 5
    hub.faults["model.safetensors"] = [again] * 5
    result = fetch()
    good(result)
    assert f"HTTP status {status}; trying again" in result.stderr


def test_transient_statuses_end(hub, fetch):
    hub.head_faults["config.json"] = [Fault(status=503, headers={"Retry-After": "0"})] * 6
    bad(fetch(), "HTTP status 503")
    assert len(hub.requests) == 6


@pytest.mark.parametrize("status", [400, 403, 404, 418, 501])
def test_other_statuses_are_not_tried_again(hub, fetch, status):
    hub.head_faults["config.json"] = [Fault(status=status)]
    bad(fetch(), f"HTTP status {status}")
    assert len(hub.requests) == 1


def test_silent_server(hub, fetch):
    held = threading.Event()
    hub.faults["model.safetensors"] = [Fault(cut=1000, hold=held)]
    try:
        result = fetch(HF_HUB_DOWNLOAD_TIMEOUT=1)
        good(result)
        assert "no byte for 1 s" in result.stderr
    finally:
        held.set()


@pytest.mark.parametrize("name", ["..", "a/../b", "/org/name", "org/name/more", "org//name", "org/na me", "org/name@",
                                  "org/name@../x", "org/na--me", "org/name@a\\b", "org/.name", "örg/name", "-/x", ""])
def test_illegal_names(hub, fetch, name):
    bad(fetch(name), code=2)
    assert not hub.requests


@pytest.mark.parametrize("variable, value", [("HF_ENDPOINT", "ftp://x"), ("HF_ENDPOINT", "nonsense"),
                                             ("HF_HUB_ETAG_TIMEOUT", "soon"), ("HF_HUB_DOWNLOAD_TIMEOUT", "-1")])
def test_bad_settings(hub, fetch, variable, value):
    bad(fetch(**{variable: value}), variable, code=2)


# --- resuming


def test_resumes_within_a_run(hub, fetch):
    hub.faults["model.safetensors"] = [Fault(cut=n) for n in (1000, 5000)]
    folder = good(fetch())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert [r.headers.get("Range") for r in hub.seen("GET", CDN)] == [None, "bytes=1000-", "bytes=6000-"]


def test_progress_resets_the_tries(hub, fetch):
    hub.faults["model.safetensors"] = [Fault(cut=1000, headers={"Retry-After": "0"})] * 20
    good(fetch())
    assert len(hub.seen("GET", CDN)) == 21


def test_no_progress_does_not(hub, fetch):
    hub.faults["model.safetensors"] = [Fault(cut=0, headers={"Retry-After": "0"})] * 20
    bad(fetch(), "model.safetensors", "fetch again to go on")
    assert len(hub.seen("GET", CDN)) == 6


def test_resumes_across_runs(hub, fetch, storage):
    hub.faults["model.safetensors"] = [Fault(cut=70000), Fault(status=404)]
    bad(fetch())
    etag = model_files()["model.safetensors"].etag
    assert partial_of(storage, etag).read_bytes() == WEIGHTS[:70000]
    hub.requests.clear()
    folder = good(fetch())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert [r.headers.get("Range") for r in hub.seen("GET", CDN)] == ["bytes=70000-"]


def test_range_that_is_ignored_starts_afresh(hub, fetch):
    hub.faults["model.safetensors"] = [Fault(cut=70000), Fault(ignore_range=True)]
    folder = good(fetch())
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_another_range_than_asked_for(hub, fetch):
    hub.faults["model.safetensors"] = [Fault(cut=70000), Fault(range_shift=8)]
    bad(fetch(), "asked for 'bytes 70000-", "another range")
    good(fetch())


def leave_partial(storage, data):
    etag = model_files()["model.safetensors"].etag
    (storage / "blobs").mkdir(parents=True)
    partial_of(storage, etag).write_bytes(data)


def test_partial_of_another_file_is_found_out(fetch, storage):
    leave_partial(storage, b"x" * 1000)
    bad(fetch(), "expected SHA-256")
    good(fetch())


@pytest.mark.parametrize("data", [WEIGHTS, WEIGHTS + b"more"])
def test_whole_and_overlong_partials(hub, fetch, storage, data):
    leave_partial(storage, data)
    assert (good(fetch()) / "model.safetensors").read_bytes() == WEIGHTS
    assert len(hub.seen("GET", CDN)) == (0 if data == WEIGHTS else 1)


def test_range_not_satisfiable(hub, fetch, storage):
    leave_partial(storage, WEIGHTS[:1000])
    hub.faults["model.safetensors"] = [Fault(status=416)]
    bad(fetch(), "nothing after byte 1000")
    good(fetch())


def test_partial_that_is_a_link_is_not_followed(fetch, storage, tmp_path):
    (tmp_path / "victim").write_text("mine")
    (storage / "blobs").mkdir(parents=True)
    partial_of(storage, model_files()["model.safetensors"].etag).symlink_to(tmp_path / "victim")
    bad(fetch(), "incomplete")
    assert (tmp_path / "victim").read_text() == "mine"


def test_killed_while_downloading(hub, environment, fetch, storage):
    held = threading.Event()
    hub.faults["model.safetensors"] = [Fault(cut=50000, hold=held)]
    process = subprocess.Popen([NXM, "fetch", REPO], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    partial = partial_of(storage, model_files()["model.safetensors"].etag)
    for _ in range(200):
        if partial.exists() and partial.stat().st_size == 50000:
            break
        threading.Event().wait(0.05)
    process.kill()
    process.wait()
    held.set()
    assert not (storage / "snapshots" / hub.commit / "model.safetensors").exists()
    assert (good(fetch()) / "model.safetensors").read_bytes() == WEIGHTS
