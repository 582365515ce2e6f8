# SPDX-License-Identifier: Apache-2.0
"""`nxm fetch` over https: whose certificates count, and that nothing leads back to http, the token least of all."""
import shutil
import ssl
import subprocess

import pytest
from hub_fixtures import CDN, REPO, TOKEN, WEIGHTS, bad, good, model_files
from hub_fixtures import environment, fetch  # noqa: F401 (fixtures)
from stub_hub import Fault, File, StubHub

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="makes its certificate with the program openssl")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Self-signed, for 127.0.0.1; also the key."""
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=hub of the test", "-addext", "subjectAltName=IP:127.0.0.1", "-out", file, "-keyout", f"{file}.key"],
                   check=True, capture_output=True)  # fmt: skip
    with open(file, "a") as whole, open(f"{file}.key") as key:
        whole.write(key.read())
    return file


@pytest.fixture
def hub(certificate):
    """Over https, with all files on its own host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with StubHub(tls=context) as stub:
        stub.commit = stub.add(REPO, model_files() | {"model.safetensors": File(WEIGHTS)})
        stub.need_token = TOKEN
        yield stub


@pytest.fixture
def plain():
    """Another server on the hub's own host, without TLS."""
    with StubHub() as stub:
        stub.add(REPO, model_files())
        yield stub


@pytest.fixture
def trusting(fetch, certificate):  # noqa: F811
    def run(*args, **env):
        return fetch(*args, HF_TOKEN=TOKEN, SSL_CERT_FILE=certificate, **env)

    return run


def test_https(hub, trusting):
    assert (good(trusting()) / "model.safetensors").read_bytes() == WEIGHTS


def test_unknown_certificates_are_refused(hub, fetch):  # noqa: F811
    bad(fetch(HF_TOKEN=TOKEN), "certificate")
    assert not hub.requests


def test_a_file_without_certificates(hub, fetch, tmp_path):  # noqa: F811
    for file in ("no-such.pem", "empty.pem"):
        (tmp_path / "empty.pem").write_text("")
        bad(fetch(HF_TOKEN=TOKEN, SSL_CERT_FILE=tmp_path / file), file)
    assert not hub.requests


def test_weights_behind_http(hub, trusting):
    """The usual redirect to a CDN, were the CDN not encrypted."""
    hub.add(REPO, model_files())
    bad(trusting(), f"redirects to {hub.cdn_url}/cdn/", "expected https")
    assert hub.requests and not hub.seen(host=CDN)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_from_https_to_http_on_the_hubs_own_host(hub, plain, trusting, method, name, status):
    there = Fault(status=status, headers={"Location": f"{plain.url}/{REPO}/resolve/main/{name}?token=secret"})
    (hub.head_faults if method == "HEAD" else hub.faults)[name] = [there]
    said = bad(trusting(), f"redirects to {plain.url}/", "expected https", "HF_ENDPOINT")
    assert TOKEN not in said and "secret" not in said
    assert hub.requests and not plain.requests


def test_http_after_other_hops(hub, plain, trusting):
    """Also where the first hops stay on https."""
    hub.moved["old/name"] = REPO
    hub.head_faults["config.json"] = [Fault(status=302, headers={"Location": plain.url + "/x"})]
    bad(trusting("old/name"), f"redirects to {plain.url}/x")
    assert not plain.requests
