"""TLS: whom we trust, who we are, and what is agreed on."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import struct
import subprocess

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from realtime_sync.errors import ConfigurationError, ConnectError
from realtime_sync.transport import Step, connect
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._hop import Hop
from realtime_sync.transport._poll import READ, wait_for
from realtime_sync.transport._tls import default_context, start_tls
from tests.support.peer import TEXT, echo, frame

PASSWORD = "key-password"


class ClientCertificate:
    """A client's certificate in each form it may come in."""

    def __init__(self, authority: trustme.CA, folder) -> None:
        issued = authority.issue_cert("client@example.com")
        key = issued.private_key_pem.bytes()
        locked = load_pem_private_key(key, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())
        )
        certificate = issued.cert_chain_pems[0].bytes()
        self.paths = {}
        for name, content in {
            "cert": certificate,
            "key": key,
            "both": certificate + key,
            "locked": locked,
            "locked both": certificate + locked,
            "other key": authority.issue_cert("x@example.com").private_key_pem.bytes(),
            "empty": b"",
        }.items():
            path = folder / f"{name}.pem"
            path.write_bytes(content)
            self.paths[name] = str(path)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    authority = trustme.CA()
    made = ClientCertificate(authority, tmp_path_factory.mktemp("client"))
    made.authority = authority
    return made


@pytest.fixture
def demanding(make_peer, client, tls):
    """A server that demands a certificate of the client's authority; with TLS 1.3, unless told otherwise."""

    def make(version=ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.cert_file, tls.key_file)
        client.authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = version
        return make_peer(echo, tls=context)

    return make


@pytest.mark.parametrize(
    "parts",
    [("both",), ("cert", "key"), ("cert", "locked", PASSWORD), ("locked both", PASSWORD)],
    ids=", ".join,
)
def test_client_certificates(parts, client, demanding, tls):
    """A file with both, two files, and a key with a password."""
    given = tuple(client.paths.get(part, part) for part in parts)
    if parts == ("locked both", PASSWORD):
        given = (given[0], None, given[1])
    options = {"ca_file": tls.ca_file, "client_cert": given[0] if len(given) == 1 else given}
    with connect(demanding().url, options=options) as connection:
        connection.send("who am I?")
        assert connection.receive(5) == "who am I?"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_is_wanted(version, demanding, tls):
    """Without one the error says so, though TLS 1.3 tells only after the handshake."""
    with pytest.raises(ConnectError, match="client_cert=") as caught:
        connect(demanding(version).url, options={"ca_file": tls.ca_file})
    assert not caught.value.transient


@pytest.mark.parametrize(
    "parts",
    [("missing",), ("empty",), ("cert",), ("cert", "other key"), ("cert", "locked", "wrong"), ("cert", "locked")],
)
def test_client_certificates_that_cannot_be_used(parts, client):
    """Told before anything is dialled, and without asking for a password on the terminal."""
    given = tuple(client.paths.get(part, part) for part in parts)
    with pytest.raises(ConfigurationError, match="client_cert") as caught:
        connect("wss://127.0.0.1:1/", options={"client_cert": given})
    assert "wrong" not in str(caught.value).replace("wrong password?", "")


def test_a_server_that_is_gone_before_the_handshake(tls):
    """A reset right behind the connect is a ConnectError like one a moment later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        client.settimeout(0)
        accepted, _ = server.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
    assert wait_for(client.fileno(), READ, Deadline(5))
    with pytest.raises(ConnectError, match=r"hung up|not connected") as caught:
        start_tls(client, tls.client_context, Hop("localhost", 1), Deadline(5))
    client.close()
    assert caught.value.transient


def test_a_folder_of_authorities(make_peer, tls, tmp_path):
    """ca_file may be a folder, named by hashes as OpenSSL wants it."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl program is not installed")
    digest = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", tls.ca_file], capture_output=True, text=True, check=True
    )
    shutil.copy(tls.ca_file, tmp_path / f"{digest.stdout.strip()}.0")
    connect(make_peer(tls=tls.server_context).url, options={"ca_file": tmp_path}).abort()


def test_what_was_agreed_on_is_reported(make_peer, tls):
    """TLS 1.3, with the name asked for (SNI) and the certificate's facts in the step."""
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert_file, tls.key_file)
    context.sni_callback = lambda sock, name, context: names.append(name)
    steps: list[Step] = []
    connect(make_peer(tls=context).url, options={"ca_file": tls.ca_file}, on_step=steps.append).abort()
    assert names == ["localhost"]
    detail = {step.name: step.detail for step in steps}["tls"]
    assert "TLSv1.3" in detail
    assert "localhost" in detail
    assert "trustme" in detail
    assert "valid until" in detail


def test_a_failed_step_is_reported_with_its_error():
    """The last step that is reported is the one that failed."""
    steps: list[Step] = []
    with pytest.raises(ConnectError) as caught:
        connect("ws://127.0.0.1:1/", on_step=steps.append)
    assert [(step.name, step.error) for step in steps] == [("lookup", None), ("tcp", caught.value)]


def test_contexts_are_built_once_until_a_file_changes(tls, tmp_path):
    """Building one takes 0.1 s; a renewed certificate is picked up all the same."""
    copy = tmp_path / "ca.pem"
    shutil.copy(tls.ca_file, copy)
    first = default_context(str(copy))
    assert default_context(str(copy)) is first
    os.utime(copy, (1, 1))
    assert default_context(str(copy)) is not first


def test_the_context_of_the_caller_is_left_alone(tls):
    """ssl_context and the options it replaces exclude each other, in one set of options."""
    context = ssl.create_default_context()
    for other in ({"ca_file": tls.ca_file}, {"client_cert": tls.cert_file}):
        with pytest.raises(ConfigurationError, match="ssl_context replaces"):
            connect("wss://127.0.0.1:1/", options={"ssl_context": context, **other})


def test_one_record_with_more_than_the_buffer_holds(make_peer, tls):
    """What OpenSSL has decrypted no poll tells of: the messages behind the first come too, with nothing new to read."""
    texts = [letter * 5000 for letter in "abc"]

    def send_at_once(link):
        link.upgrade()
        link.write(b"".join(frame(TEXT, text.encode()) for text in texts))
        link.read_eof()

    peer = make_peer(send_at_once, tls=tls.server_context)
    with connect(peer.url, options={"ca_file": tls.ca_file}) as connection:
        assert [connection.receive(5) for _ in texts] == texts
