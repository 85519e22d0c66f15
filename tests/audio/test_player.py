"""Playing in real time without a device."""

from __future__ import annotations

import threading
import time

import pytest

from realtime_sync.audio import PCM16_24K, Playback, Player
from realtime_sync.errors import ConfigurationError, LocalProtocolError


class Clock:
    """A clock that a test sets."""

    now = 7.0

    def __call__(self):
        return self.now


def stepped(seconds, playback, clock, player):
    """Step a player through some time, as it asks to."""
    end = clock.now + seconds
    while True:
        wait = player.step()
        if clock.now + wait > end:
            clock.now = end
            return
        clock.now += wait


def test_real_time_by_steps():
    """A second of the clock plays a second of audio, in pieces of the asked length."""
    clock, written = Clock(), []
    playback = Playback()
    playback.add(bytes(48000 * 2), "a")
    player = Player(playback, written.append, clock=clock)
    stepped(0.9999, playback, clock, player)
    assert playback.played_ms == 1000
    assert {len(each) for each in written} == {960}


def test_audio_that_comes_late():
    """Where there is no audio nothing is written, or silence if asked for; the clock goes on."""
    for pad, expected in ((False, 0), (True, 5 * 960)):
        clock, written = Clock(), []
        playback = Playback()
        player = Player(playback, written.append, clock=clock, pad=pad)
        stepped(0.0999, playback, clock, player)
        assert sum(map(len, written)) == expected
        playback.add(b"\1\1" * 480)
        stepped(0.02, playback, clock, player)
        assert written[-1] == b"\1\1" * 480
        assert playback.played_ms == 20


def test_a_player_that_was_held_up():
    """A short delay is made good; after a long one playing goes on from there, without a rush."""
    clock = Clock()
    playback = Playback()
    playback.add(bytes(48000 * 60), "a")
    player = Player(playback, clock=clock)
    player.step()
    clock.now += 0.1
    while player.step() == 0:
        pass
    assert playback.played_ms == 120
    clock.now += 30
    while player.step() == 0:
        pass
    assert playback.played_ms == 140


def test_on_a_thread():
    """As a context manager it plays on a thread of its own, as fast as the audio lasts."""
    written = []
    playback = Playback()
    playback.add(bytes(PCM16_24K.size(0.12)), "a")
    began = time.monotonic()
    with Player(playback, written.append):
        assert any(thread.name.startswith("rts-playback-") for thread in threading.enumerate())
        assert playback.wait_heard(10)
        took = time.monotonic() - began
    assert took >= 0.1
    assert playback.played_ms == 120
    assert sum(map(len, written)) == PCM16_24K.size(0.12)


def test_close_leaves_the_rest():
    """Closing stops at once; what waits stays in the playback. It may be closed twice, but not started again."""
    playback = Playback()
    playback.add(bytes(48000 * 60))
    first = threading.Event()
    player = Player(playback, lambda _: first.set())
    player.start()
    with pytest.raises(LocalProtocolError, match="started before"):
        player.start()
    assert first.wait(10)
    player.close()
    assert playback.buffered_seconds > 50
    player.close()
    with pytest.raises(LocalProtocolError, match="started before"):
        player.start()


def test_a_write_that_fails():
    """What the callable raises ends the thread, and comes out of `close`, once."""

    def write(data):
        raise OSError("no speaker")

    playback = Playback()
    playback.add(bytes(4800))
    player = Player(playback, write)
    player.start()
    player._thread.join(10)
    with pytest.raises(OSError, match="no speaker"):
        player.close()
    player.close()


def test_close_from_within():
    """The callable itself may close the player."""
    playback = Playback()
    playback.add(bytes(48000))
    closed = threading.Event()

    def write(data):
        player.close()
        closed.set()

    player = Player(playback, write)
    player.start()
    assert closed.wait(10)
    player._thread.join(10)
    assert not player._thread.is_alive()
    assert playback.played_ms == 20


def test_a_player_never_started_closes():
    """Closing is harmless then, and it may still be started."""
    player = Player(Playback())
    player.close()
    player.start()
    assert player._thread.is_alive()
    player.close()
    assert not player._thread.is_alive()


@pytest.mark.parametrize("block_ms", [0, -20, 0.01])
def test_blocks_that_cannot_be(block_ms):
    """A piece has at least one sample."""
    with pytest.raises(ConfigurationError, match="block_ms"):
        Player(Playback(), block_ms=block_ms)
