# SPDX-License-Identifier: Apache-2.0
"""A model hub on the loopback interface, as far as clients of the download protocol see one.

The hub itself answers on 127.0.0.1; files in large-file storage are redirected to a "CDN" on 127.0.0.2, which is another
host. With `tls`, the server's side of an ssl.SSLContext, the hub speaks https and the CDN still http. Every request is kept in `requests`. Faults are queued by file name and used up one a GET.
test_hub.py lets huggingface_hub download from it, which shows that it behaves like the real thing.
"""
import dataclasses
import hashlib
import http.server
import json
import threading
import urllib.parse


@dataclasses.dataclass
class Fault:
    status: int | None = None  # answer this instead
    headers: dict = dataclasses.field(default_factory=dict)
    cut: int | None = None  # close the connection after so many bytes of the body
    ignore_range: bool = False  # answer 200 to a Range request
    range_shift: int = 0  # answer another range than the one that was asked for
    body: bytes | None = None  # send this instead
    hold: threading.Event | None = None  # send `cut` bytes, then nothing until this is set


@dataclasses.dataclass
class File:
    data: bytes
    lfs: bool = False

    @property
    def etag(self):
        if self.lfs:
            return hashlib.sha256(self.data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()


@dataclasses.dataclass
class Request:
    host: str
    method: str
    path: str
    headers: dict


class StubHub:
    def __init__(self, tls=None):
        self.tls = tls
        self.repos = {}  # repo -> {"refs": {name: commit}, "files": {commit: {path: File}}}
        self.moved = {}  # old repo name -> new one
        self.gated = set()
        self.need_token = None
        self.faults = {}  # file -> [Fault] for GET
        self.head_faults = {}  # file -> [Fault] for HEAD
        self.extra_headers = {}  # file -> headers of the HEAD answer; None takes one away
        self.requests = []
        self.servers = []

    def add(self, repo, files, revision="main", commit=None):
        commit = commit or hashlib.sha1(repr((repo, revision, sorted(files.items(), key=str))).encode()).hexdigest()
        entry = self.repos.setdefault(repo, {"refs": {}, "files": {}})
        entry["refs"][revision] = commit
        entry["files"][commit] = files
        return commit

    def __enter__(self):
        for host in ("127.0.0.1", "127.0.0.2"):
            handler = type("Handler", (_Handler,), {"hub": self, "host_name": host})
            server = http.server.ThreadingHTTPServer((host, 0), handler)
            server.daemon_threads = True
            if self.tls and host == "127.0.0.1":
                server.socket = self.tls.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self.servers.append(server)
        self.url, self.cdn_url = ("http://%s:%d" % server.server_address for server in self.servers)
        if self.tls:
            self.url = self.url.replace("http:", "https:")
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def seen(self, method=None, host=None):
        return [r for r in self.requests if method in (None, r.method) and host in (None, r.host)]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None
    host_name = None

    def log_message(self, *_):
        pass

    def answer(self, status, headers=None, body=b"", cut=None, hold=None):
        self.send_response(status)
        headers = {"Content-Length": str(len(body)), **(headers or {})}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if cut is None else body[:cut])
        self.wfile.flush()
        if hold:
            hold.wait(30)
        if cut is not None:
            self.close_connection = True

    def send_file(self, name, file, headers):
        faults = self.hub.faults.get(name, [])
        fault = faults.pop(0) if faults and self.command == "GET" else Fault()
        if fault.status:
            return self.answer(fault.status, fault.headers)
        data = file.data if fault.body is None else fault.body
        asked = self.headers.get("Range")
        status, headers = 200, {**headers, **fault.headers}
        if asked and not fault.ignore_range:
            first = int(asked.removeprefix("bytes=").split("-")[0])
            if first >= len(data):
                return self.answer(416, {"Content-Range": f"bytes */{len(data)}"})
            first += fault.range_shift
            status = 206
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            data = data[first:]
        self.answer(status, headers, data, fault.cut, fault.hold)

    def do_GET(self):
        self.hub.requests.append(Request(self.host_name, self.command, self.path, dict(self.headers)))
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/cdn/"):
            _, _, sha, name = url.path.split("/", 3)
            files = [f for r in self.hub.repos.values() for c in r["files"].values() for f in c.values()]
            return self.send_file(name, next(f for f in files if f.etag == sha), {"ETag": '"of-the-cdn"'})
        if url.path.startswith("/api/models/"):
            return self.api(url.path.removeprefix("/api/models/"))
        repo, _, rest = url.path.lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        self.resolve(repo, urllib.parse.unquote(revision), urllib.parse.unquote(name))

    do_HEAD = do_GET

    def find(self, repo, revision):
        """(commit, files), or answers the error and returns None."""
        if self.hub.need_token and self.headers.get("Authorization") != f"Bearer {self.hub.need_token}":
            if "Authorization" in self.headers:
                message = "Invalid credentials in Authorization header"
                return self.answer(401, {"X-Error-Message": message})
            return self.answer(401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        if repo in self.hub.gated:
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": f"Access to model {repo} is restricted.\x1b[31m"}
            return self.answer(403, headers)
        if repo not in self.hub.repos:
            return self.answer(401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        entry = self.hub.repos[repo]
        commit = entry["refs"].get(revision, revision)
        if commit not in entry["files"]:
            headers = {"X-Error-Code": "RevisionNotFound", "X-Error-Message": f"Invalid rev id: {revision}"}
            return self.answer(404, headers)
        return commit, entry["files"][commit]

    def resolve(self, repo, revision, name):
        if repo in self.hub.moved:
            there = self.path.replace(repo, self.hub.moved[repo], 1)
            return self.answer(307, {"Location": there})
        head_faults = self.hub.head_faults.get(name, [])
        if self.command == "HEAD" and head_faults:
            fault = head_faults.pop(0)
            return self.answer(fault.status, fault.headers)
        found = self.find(repo, revision)
        if not found:
            return None
        commit, files = found
        headers = {"X-Repo-Commit": commit}
        if name not in files:
            headers |= {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            return self.answer(404, headers)
        file = files[name]
        extra = self.hub.extra_headers.get(name, {})
        if not file.lfs:
            headers |= {"ETag": f'"{file.etag}"', **extra}
            if self.command == "HEAD":
                return self.answer(200, {"Content-Length": str(len(file.data)), **headers})
            return self.send_file(name, file, headers)
        headers |= {
            "X-Linked-Etag": f'"{file.etag}"',
            "X-Linked-Size": str(len(file.data)),
            "ETag": '"of-the-redirect"',
            "X-Xet-Hash": None,
            "Location": f"{self.hub.cdn_url}/cdn/{file.etag}/{name}?signature=secret-of-the-url",
        }
        return self.answer(302, headers | extra)

    def api(self, path):
        repo, what, revision = (urllib.parse.unquote(part) for part in path.rsplit("/", 2))
        found = self.find(repo, revision)
        if not found:
            return None
        commit, files = found
        listing = []
        for name, file in files.items():
            item = {"type": "file", "path": name, "size": len(file.data), "oid": file.etag[:40]}
            if file.lfs:
                item["lfs"] = {"oid": file.etag, "size": len(file.data), "pointerSize": 130}
            listing.append(item)
        siblings = [{"rfilename": name} for name in files]
        body = listing if what == "tree" else {"id": repo, "modelId": repo, "sha": commit, "siblings": siblings}
        return self.answer(200, {"Content-Type": "application/json"}, json.dumps(body).encode())
