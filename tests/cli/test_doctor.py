"""The doctor: every kind of failure has words and an exit code of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from realtime_sync import cli
from realtime_sync.server import LocalServer
from tests.support.peer import CLOSE, Link

KEY = "sk-very-secret-value"


@pytest.fixture
def examine(capsys, monkeypatch):
    """Run the doctor with a key in the environment; returns exit code and output."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def examine(*arguments):
        code = cli.main(["doctor", *arguments])
        out, err = capsys.readouterr()
        assert KEY not in out + err
        assert "p4ssword" not in out + err
        return code, out + err

    return examine


def base(peer):
    return f"{'https' if peer.host == 'localhost' else 'http'}://{peer.host}:{peer.port}/v1"


def greet(event=None):
    """Upgrade, send a first event, and answer the close."""

    def script(link: Link) -> None:
        link.upgrade()
        link.send(json.dumps(event or {"type": "session.created", "session": {}}))
        link.finish()

    return script


def dead_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def tunnel(script):
    """Play a proxy that opens the tunnel, and the server behind it."""

    def play(link):
        link.read_request()
        link.write(b"HTTP/1.1 200 OK\r\n\r\n")
        link.request = None
        script(link)

    return play


def steps(output):
    return [
        (line.split()[0], line[7:19].strip()) for line in output.splitlines() if line.startswith(("ok ", "FAILED "))
    ]


def test_everything_works(examine):
    """Against the local server: what is used, each step with its time, and exit code 0."""
    with LocalServer() as server:
        code, output = examine(server.base_url)
    assert code == 0
    assert steps(output) == [("ok", name) for name in ("lookup", "tcp", "upgrade", "first event", "close")]
    assert "session.created" in output
    assert "code 1000" in output
    assert f"from OPENAI_API_KEY, {len(KEY)} characters" in output
    for name in ("websocket-client", "requests", "Python", "OpenSSL", "ws://127.0.0.1", "model=gpt-realtime"):
        assert name in output
    assert output.count(" ms") == 5


def test_through_a_proxy_over_tls(examine, make_peer, tls):
    """Proxy and TLS are steps of their own, and the proxy's log-in is not shown."""
    proxy = make_peer(tunnel(greet()), tls=tls.server_context)
    options = ("--proxy", f"https://someone:p4ssword@localhost:{proxy.port}", "--ca-file", tls.ca_file)
    code, output = examine("ws://127.0.0.1:1/v1/realtime?model=m&token=p4ssword", *options)
    assert code == 0
    names = ["lookup", "tcp", "proxy tls", "proxy", "upgrade", "first event", "close"]
    assert steps(output) == [("ok", name) for name in names]
    assert f"https://localhost:{proxy.port}, with a log-in" in output
    assert "someone" not in output
    assert "model=m&token=..." in output
    assert tls.ca_file in output


def test_the_proxy_of_the_environment(examine, make_peer, monkeypatch):
    """It is what a connection would use; --proxy "" leaves it out."""
    proxy = make_peer(lambda link: link.respond(407))
    monkeypatch.setenv("HTTP_PROXY", f"http://someone:p4ssword@127.0.0.1:{proxy.port}")
    code, output = examine("http://203.0.113.7/v1", "--timeout", "5")
    assert (code, proxy.accepted) == (2, 0), "a key does not go out unencrypted, whatever the proxy"
    monkeypatch.delenv("OPENAI_API_KEY")
    code, output = examine("http://203.0.113.7/v1", "--timeout", "5")
    assert code == 5
    assert f"http://127.0.0.1:{proxy.port}, with a log-in" in output
    assert "does not accept this user name and password" in output
    code, output = examine(f"http://127.0.0.1:{dead_port()}/v1", "--proxy", "")
    assert code == 4


FAILURES = {
    "name": (None, 3, "lookup", "HTTPS_PROXY"),
    "tcp": (None, 4, "tcp", "refused"),
    "401": (lambda link: link.respond(401, "x-request-id: req_9"), 7, "upgrade", "req_9"),
    "404": (lambda link: link.respond(404), 7, "upgrade", "base URL"),
    "no WebSocket": (
        lambda link: (link.read_request(), link.write(b"SMTP\r\n\r\n")),
        7,
        "upgrade",
        "does not speak HTTP",
    ),
    "stalled upgrade": (lambda link: link.stall(), 7, "upgrade", "0.3 s"),
    "error event": (greet({"type": "error", "error": {"message": "bad model"}}), 8, "first event", "bad model"),
    "close": (
        lambda link: (link.upgrade(), link.close(4001, "go away"), link.read_frame(), link.drop()),
        8,
        "first event",
        "go away",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures(failure, examine, make_peer):
    """The step that fails is marked, explained, and gives the exit code."""
    script, code, step, needle = FAILURES[failure]
    if failure == "name":
        url = "ws://does-not-exist.invalid/v1/realtime"
    else:
        url = f"http://127.0.0.1:{dead_port()}/v1" if script is None else base(make_peer(script))
    arguments = ("--timeout", "0.3") if failure == "stalled upgrade" else ()
    if failure == "name":
        arguments = ("--proxy", "")
        url = "wss://does-not-exist.invalid/v1/realtime"
    got, output = examine(url, *arguments)
    assert got == code
    assert steps(output)[-1] == ("FAILED", step)
    assert needle in output
    assert "What is wrong:" in output


@pytest.mark.parametrize(("ca", "needle"), [(False, "REQUESTS_CA_BUNDLE"), (True, "name that the certificate is for")])
def test_certificates(ca, needle, examine, make_peer, tls):
    """An unknown authority, and a certificate for another name, are exit code 6."""
    proxy = make_peer(tunnel(lambda link: link.stall()))
    peer = make_peer(tls=tls.server_context)
    if ca:
        target = make_peer(tunnel(lambda link: _tls(link, tls)))
        code, output = examine(
            "wss://example.test/", "--proxy", f"http://127.0.0.1:{target.port}", "--ca-file", tls.ca_file
        )
    else:
        code, output = examine(base(peer))
    assert code == 6
    assert needle in output
    assert proxy.accepted == 0


def _tls(link, tls):
    link.sock = tls.server_context.wrap_socket(link.sock, server_side=True)


def test_no_first_event(examine, make_peer):
    """A server that says nothing before it is spoken to is fine."""
    peer = make_peer(lambda link: (link.upgrade(), link.finish()))
    code, output = examine(base(peer), "--timeout", "0.3")
    assert code == 0
    assert "none within 0.3 s" in output
    assert peer.link().request.headers["authorization"] == f"Bearer {KEY}"


def test_something_that_is_no_event(examine, make_peer):
    """It is said, and no failure."""

    def script(link):
        link.upgrade()
        link.send("hello")
        assert link.read_frame().opcode == CLOSE
        link.close()

    code, output = examine(base(make_peer(script)))
    assert code == 0
    assert "no event" in output


def test_without_a_key_the_network_is_looked_at_all_the_same(make_peer, monkeypatch, capsys):
    """The refusal is explained by the missing key."""
    peer = make_peer(tunnel(lambda link: link.respond(401)))
    monkeypatch.setattr("realtime_sync.client._endpoint.KEYED_DOMAINS", ("example.test",))
    code = cli.main(["doctor", "ws://example.test/v1/realtime", "--proxy", f"127.0.0.1:{peer.port}"])
    output = capsys.readouterr().out
    assert code == 7
    assert output.count("no API key: set OPENAI_API_KEY") == 2
    assert "authorization" not in peer.link().request.headers


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["wss://"], ["--proxy", "ftp://x"], ["--timeout", "-1"], ["https://u:p4ssword@host/v1"]]
)
def test_settings_that_cannot_work(arguments, examine):
    """Exit code 2 and one line that says what, like every command; no step was taken."""
    code, output = examine(*arguments)
    assert code == 2
    assert output.splitlines()[-1].startswith("realtime-sync: ")
    assert steps(output) == []


def test_the_core_dependencies_are_enough():
    """It loads neither server nor any extra."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('flask', 'websockets', 'orjson', 'socks', 'wsaccel')));"
        f"from realtime_sync.cli import main; sys.exit(main(['doctor', 'http://127.0.0.1:{dead_port()}/v1']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4, done.stderr
