"""The small parts: queue of frames, wakers, tenancies, polling."""

from __future__ import annotations

import ast
import os
import pathlib
import select
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import ConfigurationError
from realtime_sync.transport._deadline import Deadline
from realtime_sync.transport._masking import new_key
from realtime_sync.transport._outbox import Outbox
from realtime_sync.transport._poll import BROKEN, READ, WRITE, Poller
from realtime_sync.transport._tenancy import Tenancy
from realtime_sync.transport._waker import Waker
from tests.support.waiting import run_in_thread

PONG, PING = b"\x8a", b"\x89"


def write_all(outbox: Outbox, step: int) -> bytes:
    """Write in steps of so many bytes until nothing waits."""
    out = b""
    while (batch := outbox.take()) is not None:
        piece = bytes(batch.rest()[:step])
        out += piece
        batch.sent.append(len(piece))
        outbox.wrote()
    return out


@given(st.lists(st.binary(min_size=1, max_size=9000), max_size=8), st.sampled_from([1000, 3, 20_000]))
def test_outbox_keeps_order_and_count(frames, step):
    """Whatever the sizes of frames and writes, all bytes come out in order and the count returns to nothing."""
    outbox = Outbox(None)
    for each in frames:
        assert outbox.offer(each)
    assert outbox.backlog == sum(map(len, frames))
    assert write_all(outbox, step) == b"".join(frames)
    assert outbox.backlog == 0


def test_outbox_control_frames_overtake_but_do_not_cut():
    """A ping goes before waiting messages, after the frame that has begun."""
    outbox = Outbox(None)
    outbox.offer(b"A" * 20_000)
    outbox.offer(b"B")
    batch = outbox.take()
    batch.sent.append(10)
    outbox.wrote()
    outbox.control(PING)
    outbox.control(PONG + b"1")
    outbox.control(PONG + b"22")
    assert write_all(outbox, 10**6) == b"A" * 19_990 + PING + PONG + b"1" + PONG + b"22" + b"B"
    assert outbox.backlog == 0


def test_outbox_flood_of_pongs():
    """Of more pongs than a few that wait, only the first few and the newest remain."""
    outbox = Outbox(None)
    for number in range(10_000):
        outbox.control(PONG + b"%04d" % number)
    assert outbox.backlog < 1000
    pongs = write_all(outbox, 10**6).split(PONG)[1:]
    assert pongs == [b"%04d" % number for number in [*range(len(pongs) - 1), 9999]]


def test_outbox_pongs_on_their_way_are_not_replaced():
    """Pongs that are being written stay, however many more come."""
    outbox = Outbox(None)
    sent = [PONG + b"%04d" % number for number in range(200)]
    for each in sent[:10]:
        outbox.control(each)
    outbox.take().sent.append(1)
    for each in sent[10:]:
        outbox.control(each)
    written = write_all(outbox, 100)
    assert written.startswith(b"".join(sent[:10])[1:])
    assert written.endswith(sent[-1])
    assert outbox.backlog == 0


def test_outbox_marks():
    """The queue closes at the high mark and opens at the low one, whatever the size of a message."""
    outbox = Outbox((100, 20))
    assert outbox.offer(b"x" * 1000)
    assert not outbox.admits()
    assert not outbox.offer(b"y")
    batch = outbox.take()
    batch.sent.append(990)
    assert not outbox.wrote()
    assert not outbox.offer(b"y")
    batch.sent.append(10)
    assert outbox.wrote()
    assert outbox.offer(b"y")


@pytest.mark.parametrize("discard", [False, True])
def test_outbox_seal(discard):
    """A close frame is the last thing out; messages that have begun, or all of them, go before it."""
    outbox = Outbox(None)
    outbox.offer(b"A" * 20_000)
    outbox.offer(b"B")
    outbox.take().sent.append(1)
    outbox.seal(b"CLOSE", discard=discard)
    outbox.seal(b"AGAIN", discard=True)
    outbox.control(PING)
    assert not outbox.offer(b"late")
    assert write_all(outbox, 10**6) == b"A" * 19_999 + (b"" if discard else b"B") + b"CLOSE"
    assert outbox.backlog == 0


def test_outbox_clear():
    """After clear() nothing waits, and what was being written is forgotten."""
    outbox = Outbox(None)
    outbox.offer(b"A" * 20_000)
    outbox.take().sent.append(1)
    outbox.clear()
    assert not outbox.wrote()
    assert outbox.take() is None
    assert outbox.backlog == 0


def test_outbox_many_writes_of_one_frame():
    """A frame written in very many pieces is counted right."""
    outbox = Outbox(None)
    outbox.offer(bytes(range(256)) * 10)
    assert write_all(outbox, 1) == bytes(range(256)) * 10


def test_tenancy():
    """A retired resource is released by the last to leave, exactly once, and lets nobody in."""
    released = []
    tenancy = Tenancy(lambda: released.append(1))
    assert tenancy.enter("a")
    assert tenancy.enter("b")
    tenancy.users.discard("a")
    tenancy.settle()
    tenancy.retire()
    assert not released
    assert not tenancy.enter("c")
    tenancy.users.discard("c")
    tenancy.users.discard("b")
    tenancy.settle()
    tenancy.settle()
    tenancy.retire()
    assert released == [1]
    evicted = Tenancy(lambda: released.append(2))
    evicted.enter("gone thread")
    evicted.evict()
    assert released == [1, 2]


@pytest.mark.parametrize("eventfd", [True, False])
def test_waker(monkeypatch, eventfd):
    """A ring makes the descriptor readable until drained, any number of rings as one; after close nothing happens."""
    if not eventfd:
        monkeypatch.delattr(os, "eventfd", raising=False)
    waker = Waker()
    poller = Poller()
    poller.watch(waker.fd, READ)
    assert poller.wait(0) == []
    waker.drain()
    for _ in range(3):
        waker.wake()
    assert [fd for fd, _ in poller.wait(1)] == [waker.fd]
    waker.drain()
    assert poller.wait(0) == []
    waker.close()
    waker.close()
    waker.wake()
    waker.drain()
    other = Waker()
    other.discard()


def test_waker_never_blocks(monkeypatch):
    """Ringing more often than the pair of sockets can hold neither waits nor raises, and leaves it readable."""
    monkeypatch.delattr(os, "eventfd", raising=False)
    waker = Waker()
    for end in waker._ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    rings = 0
    while not _waker_is_full(waker):
        waker.wake()
        rings += 1
    assert rings > 1
    run_in_thread(waker.wake).result(5)
    assert select.select([waker.fd], [], [], 0)[0]
    while select.select([waker.fd], [], [], 0)[0]:
        waker.drain()
    waker.wake()
    assert select.select([waker.fd], [], [], 0)[0]
    waker.close()


def _waker_is_full(waker: Waker) -> bool:
    return not select.select([], [waker._ends[1]], [], 0)[1]


@pytest.mark.parametrize("poll", [True, False])
def test_poller(monkeypatch, poll):
    """The poller reports what is ready, with select.select as with select.poll, and times out."""
    if not poll:
        monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        poller = Poller()
        poller.watch(ours.fileno(), READ)
        poller.watch(ours.fileno(), READ)
        assert poller.wait(0.01) == []
        poller.watch(ours.fileno(), READ | WRITE)
        assert poller.wait(1) == [(ours.fileno(), WRITE)]
        theirs.send(b"x")
        assert poller.wait(None) == [(ours.fileno(), READ | WRITE)]
        poller.watch(ours.fileno(), None)
        poller.watch(ours.fileno(), None)
        assert poller.wait(0) == []
        theirs.close()
        poller.watch(ours.fileno(), 0 if poll else READ)
        assert poller.wait(1)[0][1] & (BROKEN | READ)


def test_deadline():
    """A deadline of None never passes; one of 0 has passed."""
    assert Deadline(None).remaining() is None
    assert not Deadline(None).passed()
    assert Deadline(0).remaining() == 0
    assert Deadline(0).passed()
    assert 9 < Deadline(10).remaining() <= 10


def test_masking_keys_are_used_once():
    """Every key has four bytes and is a new one, however many threads take them."""
    taken: list[list[bytes]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(new_key() for _ in range(2000))) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [key for mine in taken for key in mine]
    assert {len(key) for key in keys} == {4}
    assert len(set(keys)) > len(keys) - 8, "a key may come up again by chance, hardly ever"


def test_only_the_transport_imports_websocket_and_only_downwards():
    """The transport imports nothing of this library but the bottom layer and itself, and uses public names of websocket-client."""
    import realtime_sync.transport as package

    bottom = ("config", "errors", "extensions", "_version")
    allowed = ("realtime_sync.transport", *(f"realtime_sync.{each}" for each in bottom))
    for path in pathlib.Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("realtime_sync"):
                assert node.module.startswith(allowed), (path.name, node.module)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "websocket":
                assert not node.attr.startswith("_"), (path.name, node.attr)


@pytest.mark.parametrize("value", ["5", float("nan"), [], object()])
def test_a_deadline_of_no_seconds_is_refused(value):
    """Not a number would never pass, and a text would be told by an addition."""
    with pytest.raises(ConfigurationError, match="must be a number of seconds"):
        Deadline(value)
