"""Connections: TLS, many at once, silent and slow peers, closing."""

import json
import queue
import socket
import ssl
import threading
from typing import ClassVar

import pytest
from websockets.protocol import State
from websockets.server import ServerProtocol

from realtime_sync.errors import ConfigurationError, ReceiveTimeout
from realtime_sync.errors import ConnectionClosed as ServerClosed
from realtime_sync.server import Fault, LocalServer, _channel, _journal, _listener, _local
from realtime_sync.server._generation import Generation
from realtime_sync.server._pieces import TextPiece
from tests.server.support import UPGRADE, read_to_the_end, text_of, user
from tests.support.waiting import wait_until


def files(tls):
    """Serve from files: such a context sends no session tickets, over which two-threaded clients may stumble."""
    return (tls.cert_file, tls.key_file)


def test_a_turn_over_tls(serve, dial, tls):
    """The server speaks wss, from a certificate and its key."""
    server = serve(tls=files(tls))
    assert server.base_url.startswith("https://127.0.0.1:")
    assert server.websocket_base_url.startswith("wss://127.0.0.1:")
    peer = dial(server, ssl=tls.client_context)
    peer.send(user("say secure"))
    peer.until("conversation.item.done")
    peer.send({"type": "response.create"})
    assert text_of(peer.until("response.done")[-1]["response"]) == "secure"


def test_a_certificate_that_is_none(tls):
    """Files that are no certificate and key are refused when the server is made."""
    with pytest.raises(ConfigurationError, match="cannot load the certificate"):
        LocalServer(tls=(tls.cert_file, tls.ca_file))


def test_a_large_message_over_tls(serve, dial, tls):
    """Messages far beyond the socket's buffers arrive whole, both ways, over TLS."""
    peer = dial(serve(tls=files(tls)), ssl=tls.client_context)
    text = "0123456789" * 300_000
    peer.send(user(text))
    events = peer.until("conversation.item.done")
    assert [event["item"]["content"][0]["text"] == text for event in events] == [True, True]


def test_silent_tls_clients_block_nobody(serve, dial, tls):
    """Clients that connect and never speak TLS do not keep others out, and do not hold up close()."""
    server = serve(tls=files(tls))
    silent = [socket.create_connection((server.host, server.port)) for _ in range(5)]
    try:
        dial(server, ssl=tls.client_context)
        server.close()
        # Their connections were ended: reading gives the end or a reset.
        for sock in silent:
            sock.settimeout(10)
            assert read_to_the_end(sock) == b""
    finally:
        for sock in silent:
            sock.close()


def test_plain_http_to_a_tls_port_is_dropped(serve, dial, tls):
    """A client without TLS is turned away, and the server goes on."""
    server = serve(tls=files(tls))
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert not read_to_the_end(sock).startswith(b"HTTP")
    dial(server, ssl=tls.client_context)


def test_twenty_sessions_at_once(serve, dial):
    """Sessions run side by side, each with its own conversation."""
    server = serve(time_scale=0.1)
    barrier = threading.Barrier(20)
    answers = {}

    def talk(number, peer):
        barrier.wait(30)
        peer.ask(f"my name is Name{number}x")
        barrier.wait(30)
        answers[number] = text_of(peer.ask("what is my name?"))

    peers = [dial(server) for _ in range(20)]
    threads = [threading.Thread(target=talk, args=pair) for pair in enumerate(peers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == {number: f"Your name is Name{number}x." for number in range(20)}


def test_close_ends_open_sessions_with_1001(serve, dial):
    """Closing the server closes every session, also one in the middle of a response, and joins every thread."""
    server = serve(time_scale=1)
    idle, busy = dial(server), dial(server)
    busy.say("count to 10000")
    busy.until("response.output_text.delta")
    closing = threading.Thread(target=server.close)
    closing.start()
    for peer in (idle, busy):
        closed = peer.end()
        assert closed.rcvd.code == 1001
    closing.join(10)
    assert not closing.is_alive()
    with pytest.raises(OSError):
        socket.create_connection((server.host, server.port), timeout=10)
    server.close()


def test_close_does_not_wait_for_a_silent_peer(serve, caplog, monkeypatch):
    """A peer that neither answers the close nor reads is dropped; so is one in the middle of its request."""
    monkeypatch.setattr(_channel, "CLOSE_TIMEOUT", 0.1)
    server = serve()
    half = socket.create_connection((server.host, server.port))
    deaf = socket.create_connection((server.host, server.port))
    with half, deaf:
        half.sendall(UPGRADE[:100])
        deaf.sendall(UPGRADE)
        deaf.settimeout(10)
        assert deaf.recv(12) == b"HTTP/1.1 101"
        server.close()
    assert "still running" not in caplog.text


def test_close_does_not_wait_for_a_stuck_responder(serve, dial, caplog):
    """A responder that never returns keeps its thread, with a warning, and nothing else."""
    go = threading.Event()

    def responder(_):
        go.wait(30)
        return "late"

    server = serve(responder=responder)
    peer = dial(server)
    peer.say("x")
    peer.until("response.created")
    server.close()
    assert "still running" in caplog.text
    go.set()
    for thread in threading.enumerate():
        if thread.name.startswith("rts-server-responder"):
            thread.join(10)


def test_a_peer_that_never_reads_is_dropped(serve, monkeypatch):
    """What waits for a peer is bounded: beyond the limit its connection ends."""
    monkeypatch.setattr(_channel, "LIMIT", 2**20)
    server = serve()
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(UPGRADE)
        payload = json.dumps(user("x" * 60000)).encode()
        frame = bytes([0x81, 0xFE]) + len(payload).to_bytes(2, "big") + bytes(4) + payload
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            for _ in range(10_000):
                sock.sendall(frame)


def test_a_slow_reader_gets_everything(serve, dial, monkeypatch):
    """A peer that reads later than the answer is made gets all of it, however little room there is."""
    monkeypatch.setattr(_channel, "ROOM", 1000)
    server = serve(responder=lambda _: iter(["x" * 50_000] * 40))
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((server.host, server.port))
    peer = dial(server, sock=sock, max_queue=1)
    peer.say("go")
    events = peer.until("rate_limits.updated")
    assert sum(len(event.get("delta", "")) for event in events) == 40 * 50_000


def test_a_responder_runs_only_a_little_ahead():
    """A worker stops when its pieces are not taken, and goes on with each that is."""
    delivered = queue.SimpleQueue()
    made = []

    def make():
        for number in range(1000):
            made.append(number)
            yield TextPiece("x")

    generation = Generation(make=make, deliver=delivered.put, time_scale=0, who="responder", name="test")
    generation.start()
    for _ in range(64):
        delivered.get(timeout=10)
    for number in range(64, 80):
        generation.taken()
        delivered.get(timeout=10)
        assert delivered.empty()
        assert len(made) <= number + 2
    generation.cancel()
    assert generation.join(10)


def test_deflate_and_pings(serve, dial):
    """The server agrees to permessage-deflate and answers pings."""
    peer = dial(serve(), compression="deflate")
    assert "permessage-deflate" in peer.ws.response.headers["Sec-WebSocket-Extensions"]
    assert peer.ws.ping().wait(10)
    assert text_of(peer.ask("say " + "long " * 5000)).startswith("long long")


def test_a_message_over_the_limit_closes_with_1009(serve, dial, monkeypatch):
    """A message that is too big ends the connection with the code for it."""
    monkeypatch.setattr("realtime_sync.server._web.MAX_MESSAGE", 1000)
    peer = dial(serve())
    peer.send(user("x" * 2000))
    assert peer.end().rcvd.code == 1009


def test_received_is_in_order_with_its_connection(serve, dial):
    """What clients sent is there to be read, each event with the index of its connection."""
    server = serve()
    first, second = dial(server), dial(server)
    first.send({"type": "response.cancel", "event_id": "a"})
    first.next()
    second.ws.send("no json")
    second.next()
    second.send({"type": "response.cancel", "event_id": "b"})
    second.next()
    assert server.received == [
        {"type": "response.cancel", "event_id": "a"},
        {"raw": "no json"},
        {"type": "response.cancel", "event_id": "b"},
    ]
    assert [event.connection for event in server.received] == [0, 1, 1]
    assert server.wait_received("response.cancel", 0, nth=2)["event_id"] == "b"
    assert [handshake.connection for handshake in server.handshakes] == [0, 1]


def test_wait_received_waits_for_the_nth(serve, dial):
    """Waiting ends when the event arrives, in whatever thread it is done."""
    server = serve()
    peer = dial(server)
    found = []

    def wait(kind, nth):
        found.append(server.wait_received(kind, 30, nth=nth))

    waits = [("response.cancel", 1), ("response.cancel", 2), ("session.update", 1)]
    threads = [threading.Thread(target=wait, args=each) for each in waits]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(server._backend.journal._waiters) == 3)
    peer.send({"type": "response.cancel", "event_id": "a"}, {"type": "response.cancel", "event_id": "b"})
    peer.send({"type": "session.update", "event_id": "c"})
    for thread in threads:
        thread.join(30)
    assert sorted(event["event_id"] for event in found) == ["a", "b", "c"]


def test_wait_received_ends_in_time_and_at_close(serve):
    """Waiting ends by time-out, and when the server is closed."""
    server = serve()
    with pytest.raises(ReceiveTimeout, match=r"no event 1 of type 'session\.update'"):
        server.wait_received("session.update", 0)
    failed = []

    def wait():
        try:
            server.wait_received("session.update", None)
        except ServerClosed as error:
            failed.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    server.close()
    thread.join(30)
    assert len(failed) == 1
    with pytest.raises(ServerClosed):
        server.wait_received("session.update", None)


def test_the_journal_is_bounded(monkeypatch):
    """The oldest events go when there are too many, or too many bytes."""
    monkeypatch.setattr(_journal, "_MAX_EVENTS", 3)
    monkeypatch.setattr(_journal, "_MAX_BYTES", 100)
    journal = _journal.Journal()
    for number in range(5):
        journal.record(_journal.ReceivedEvent({"n": number}, 0), 10)
    assert [event["n"] for event in journal.events()] == [2, 3, 4]
    journal.record(_journal.ReceivedEvent({"n": 5}, 0), 95)
    assert [event["n"] for event in journal.events()] == [5]


def test_a_port_in_use_is_an_error(serve):
    """Binding a port that is taken raises, and leaves nothing open."""
    server = serve()
    with pytest.raises(OSError):
        LocalServer(port=server.port).start()


@pytest.mark.parametrize("port", [-1, 65536, 99999, "80"])
def test_a_port_that_cannot_be_is_refused(port):
    """It names the port, instead of serving at another one."""
    with pytest.raises(ConfigurationError, match=f"65535; got {port!r}"):
        LocalServer(port=port)


def test_a_server_runs_once(serve):
    """A server that was started or closed does not start again, and has no address before."""
    server = serve()
    with pytest.raises(ConfigurationError, match="runs once"):
        server.start()
    fresh = LocalServer(api_key="secret")
    assert repr(fresh) == "LocalServer(not started)"
    assert repr(server) == f"LocalServer({server.base_url!r})"
    with pytest.raises(ConfigurationError, match="no address before"):
        _ = fresh.base_url
    fresh.close()
    with pytest.raises(ConfigurationError, match="runs once"):
        fresh.start()
    with pytest.raises(ConfigurationError, match="time_scale"):
        LocalServer(time_scale=-1)


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("localhost", "localhost")])
def test_urls_name_a_host_that_can_be_dialled(serve, dial, host, shown):
    """A wildcard address is shown as loopback."""
    server = serve(host=host)
    assert server.base_url == f"http://{shown}:{server.port}/v1"
    dial(server)


def test_an_abrupt_peer_leaves_the_server_well(serve, dial):
    """A client that resets its connection in the middle of a response ends only that."""
    server = serve(time_scale=1)
    peer = dial(server)
    peer.say("count to 10000")
    peer.until("response.output_text.delta")
    peer.ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.ws.socket.close()
    assert text_of(dial(server).ask("say on")) == "on"


def test_a_fault_of_the_server_closes_with_1011(serve, dial, monkeypatch, caplog):
    """An error of the server itself is logged, and ends the session with the code for it."""
    server = serve()
    peer = dial(server)
    monkeypatch.setattr("realtime_sync.server.realtime._session.update", lambda *_, **__: 1 / 0)
    peer.send({"type": "session.update", "session": {"type": "realtime"}})
    assert peer.end().rcvd.code == 1011
    assert "ZeroDivisionError" in caplog.text
    dial(server)


class Moody(socket.socket):
    """A socket that answers its first calls as TLS does when it must do the other thing first."""

    refusals: ClassVar[list[type[ssl.SSLError]]] = []

    def send(self, data, *flags):
        if self.refusals:
            raise self.refusals.pop()("not now")
        return super().send(data, *flags)

    def recv(self, size, *flags):
        if self.refusals:
            raise self.refusals.pop()("not now")
        return super().recv(size, *flags)


class Echo:
    """An application that greets, sends the first message back and closes."""

    def __init__(self, channel):
        self.channel = channel
        self.closed = False

    def on_open(self):
        self.channel.send("hello")

    def on_message(self, data):
        self.channel.send(data)
        self.channel.close(1000)

    def on_timer(self):
        return None

    def on_close(self):
        self.closed = True


def test_a_write_that_fails_ends_the_connection(monkeypatch):
    """A connection that is lost while writing is over, and the application is told."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(Moody, "refusals", [ConnectionResetError])
    with Moody(fileno=ours.detach()) as moody, theirs:
        channel = _channel.Channel(socket=moody, protocol=ServerProtocol(state=State.OPEN))
        echo = Echo(channel)
        channel.run(echo)
        assert echo.closed
        channel.send("too late")
        assert not channel.is_open


@pytest.mark.parametrize("refusal", [ssl.SSLWantReadError, ssl.SSLWantWriteError])
def test_tls_may_want_the_opposite(monkeypatch, refusal):
    """A write that waits for input, and a read that waits for room, are tried again when that comes."""
    ours, theirs = socket.socketpair()
    moody = Moody(fileno=ours.detach())
    moody.settimeout(0)
    monkeypatch.setattr(Moody, "refusals", [refusal, refusal, refusal])
    monkeypatch.setattr(_channel, "CLOSE_TIMEOUT", 0.3)
    with moody, theirs:
        theirs.settimeout(10)
        channel = _channel.Channel(socket=moody, protocol=ServerProtocol(state=State.OPEN))
        thread = threading.Thread(target=channel.run, args=(Echo(channel),))
        thread.start()
        theirs.sendall(bytes([0x81, 0x82, 0, 0, 0, 0]) + b"hi")
        received = b""
        while not received.endswith(b"\x88\x02\x03\xe8"):
            received += theirs.recv(100)
        assert received == b"\x81\x05hello\x81\x02hi\x88\x02\x03\xe8"
        theirs.sendall(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))
        thread.join(10)
        assert not thread.is_alive()


def test_messages_after_a_close_are_not_handled(serve, dial, monkeypatch):
    """What comes in one packet after the event that closed the session is thrown away."""
    monkeypatch.setattr(_channel, "CLOSE_TIMEOUT", 0.1)
    server = serve(faults=Fault(at="session.update", do="close"))
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        update = {"type": "session.update", "session": {"type": "realtime"}}
        frames = [json.dumps(event).encode() for event in (update, {"type": "response.cancel"})]
        sock.sendall(UPGRADE + b"".join(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data for data in frames))
        server.wait_received("session.update")
        server.close()
    assert [event["type"] for event in server.received] == ["session.update"]


class Exhausted(socket.socket):
    """A listener that is out of descriptors the first time."""

    failures: ClassVar[list[OSError]] = []

    def accept(self):
        if self.failures:
            raise self.failures.pop()
        return super().accept()


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ConnectionAbortedError()])
def test_a_failing_accept_is_tried_again(serve, dial, monkeypatch, error):
    """A server that cannot accept for a moment goes on accepting after it."""
    monkeypatch.setattr(Exhausted, "failures", [error])
    monkeypatch.setattr(_local, "bind", lambda host, port: Exhausted(fileno=_listener.bind(host, port).detach()))
    dial(serve())
    assert not Exhausted.failures


def test_a_connection_without_a_thread_is_dropped(serve, dial, monkeypatch, caplog):
    """When no thread can be started for a connection, that one is dropped and the server goes on."""
    server = serve()
    start = threading.Thread.start

    def fail(thread):
        if thread.name.startswith("rts-server-connection"):
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with socket.create_connection((server.host, server.port), timeout=10) as sock:
            assert read_to_the_end(sock) == b""
    assert "gets no thread" in caplog.text
    dial(server)


def test_a_stuck_connection_is_named(serve, dial, monkeypatch, caplog):
    """A connection whose thread does not end in time is left, with a warning that names it."""
    monkeypatch.setattr(_listener, "_CLOSE_TIMEOUT", 0.1)
    go = threading.Event()
    monkeypatch.setattr("realtime_sync.server.realtime._session.update", lambda *_, **__: go.wait(30))
    server = serve()
    peer = dial(server)
    peer.send({"type": "session.update", "session": {}})
    server.wait_received("session.update")
    server.close()
    go.set()
    assert "still running after close: rts-server-connection-0" in caplog.text


def test_a_fault_before_http_is_logged(serve, dial, monkeypatch, caplog):
    """An error of the server itself outside HTTP ends that connection only, and is logged."""
    server = serve()
    monkeypatch.setattr(_local.LocalServer, "_before_connection", lambda *_: 1 / 0)
    broken = serve()
    with socket.create_connection((broken.host, broken.port), timeout=10) as sock:
        assert read_to_the_end(sock) == b""
    assert "ZeroDivisionError" in caplog.text
    dial(server)


def test_close_during_the_handover(serve, tls):
    """A connection that was told to stop before it had TLS or a channel still stops."""
    ours, theirs = socket.socketpair()
    with theirs:
        connection = _listener.Connection(0, ours, ("x", 0))
        connection.stop()
        with pytest.raises(ConnectionAbortedError):
            connection.secure(tls.server_context)
        channel = _channel.Channel(socket=connection.socket, protocol=ServerProtocol())
        connection.adopt(channel)
        assert channel._stopping.is_set()
        channel._waker.close()
        channel.post("too late")
        connection.end()
        connection.abort()
        connection.stop()


def test_tls_is_closed_with_close_notify(serve, dial, tls):
    """After the closing handshake the server ends TLS in order."""
    server = serve(tls=tls.server_context)
    context = ssl.create_default_context(cafile=tls.ca_file)
    raw = socket.create_connection((server.host, server.port), timeout=10)
    with context.wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as sock:
        sock.sendall(UPGRADE)
        sock.sendall(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))
        received = read_to_the_end(sock)
    assert received.endswith(b"\x88\x02\x03\xe8")
