"""What was heard, whatever arrives and whenever."""

from __future__ import annotations

import base64
import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import G711_ULAW, AudioFormat, Playback, Position
from realtime_sync.errors import DecodeError, LocalProtocolError
from realtime_sync.types import realtime, translation
from tests.audio.support import numbers, pcm
from tests.support.waiting import run_in_thread, wait_until

MS = AudioFormat("pcm16", 1000)
"""A sample a millisecond."""


class Clock:
    """A clock that a test sets."""

    now = 50.0

    def __call__(self):
        return self.now


def audio(ms, value=1):
    return pcm([value] * ms)


def delta(data, item_id="a", response_id="r", content_index=0):
    return realtime.ResponseAudioDeltaEvent(
        item_id=item_id, response_id=response_id, content_index=content_index, delta=base64.b64encode(data).decode()
    )


def test_played_is_what_was_pulled():
    """Audio counts as heard when it is pulled, in whole milliseconds of the format."""
    playback = Playback()
    assert (playback.played_ms, playback.item_id, playback.content_index) == (0, None, 0)
    assert playback.add(delta(bytes(4800), "item", content_index=2))
    assert (playback.played_ms, playback.item_id, playback.content_index) == (0, "item", 2)
    assert playback.buffered_seconds == 0.1
    assert playback.read(960) == bytes(960)
    assert playback.played_ms == 20
    playback.read(46)
    assert playback.played_ms == 20, "never more than was heard"
    assert playback.buffered_seconds == pytest.approx((4800 - 960 - 46) / 48000)
    assert len(playback.read(100_000)) == 4800 - 960 - 46
    assert playback.read(960) == b""
    assert playback.position == Position(item_id="item", content_index=2, played_ms=100)


def test_silence_is_not_counted():
    """A device gets all it asks for, in the format's silence; only audio counts."""
    playback = Playback(G711_ULAW)
    playback.add(b"\x01" * 80, "a")
    assert playback.read(100, pad=True) == b"\x01" * 80 + b"\xff" * 20
    assert playback.read(50, pad=True) == b"\xff" * 50
    assert playback.played_ms == 10
    assert Playback().read(4, pad=True) == bytes(4)


def test_bytes_with_and_without_an_item():
    """Audio comes as bytes of any kind, too; without an item it is one endless item."""
    playback = Playback(MS)
    assert playback.add(bytearray(audio(3)))
    assert playback.add(memoryview(audio(4)))
    assert len(playback.read(20)) == 14
    assert playback.position == Position(played_ms=7)
    playback.add(audio(5), item_id="b", content_index=1)
    assert playback.position == Position(item_id="b", content_index=1)


def test_a_translation():
    """Deltas of a translation have no item and are one stream."""
    playback = Playback(MS)
    event = translation.RealtimeTranslationOutputAudioDeltaEvent(delta=base64.b64encode(audio(5)).decode())
    assert playback.add(event)
    assert playback.add(event)
    assert len(playback.read(100)) == 20
    assert playback.position == Position(played_ms=10)


def test_items_follow_each_other():
    """Several queued items play in order, without a gap; the count begins anew with each."""
    playback = Playback(MS)
    playback.add(audio(10, 1), "a")
    playback.add(audio(10, 2), "b")
    playback.add(audio(10, 3), "b", content_index=1)
    assert numbers(playback.read(30)) == [1] * 10 + [2] * 5
    assert playback.position == Position(item_id="b", played_ms=5)
    assert numbers(playback.read(10)) == [2] * 5
    assert playback.position == Position(item_id="b", content_index=1), "heard to the end, so the next is current"
    playback.read(100)
    assert playback.position == Position(item_id="b", content_index=1, played_ms=10), "the last one stays"


def test_a_gap_within_an_item():
    """An item that runs dry and goes on is one item."""
    playback = Playback(MS)
    playback.add(audio(5), "a")
    playback.read(100)
    assert playback.read(10, pad=True) == bytes(10)
    playback.add(audio(5), "a")
    playback.read(6)
    assert playback.position == Position(item_id="a", played_ms=8)


def test_more_of_an_item_whose_turn_is_over():
    """Late audio of an earlier item plays behind the others, and its count goes on."""
    playback = Playback(MS)
    playback.add(audio(5, 1), "a")
    playback.read(10)
    playback.add(audio(5, 2), "b")
    playback.read(4)
    playback.add(audio(5, 3), "a")
    assert numbers(playback.read(100)) == [2, 2, 2, 3, 3, 3, 3, 3]
    assert playback.position == Position(item_id="a", played_ms=10)


def test_audio_that_arrives_in_turns_plays_item_by_item():
    """Audio of two items that comes interleaved is put in order."""
    playback = Playback(MS)
    for value, item_id in [(1, "a"), (2, "b"), (1, "a"), (2, "b")]:
        playback.add(audio(3, value), item_id)
    assert numbers(playback.read(100)) == [1] * 6 + [2] * 6


def test_pieces_that_end_inside_a_sample():
    """Only whole samples are given out, and a half one waits for its other half, even across another item."""
    playback = Playback(MS)
    data = pcm([1000, 2000, 3000])
    playback.add(data[:3], "a")
    assert playback.read(100, pad=True) == data[:2] + bytes(98)
    assert playback.buffered_seconds == 0.0005
    playback.add(audio(1, 7), "b")
    assert playback.read(2) == audio(1, 7)
    playback.add(data[3:], "a")
    assert playback.read(100) == data[2:]
    assert playback.position == Position(item_id="a", played_ms=3)


def test_clear():
    """Clearing says what was heard, and drops the rest, and what of it is still to come."""
    playback = Playback(MS)
    playback.add(delta(audio(10), "a"))
    playback.add(delta(audio(20), "b"))
    playback.add(delta(audio(30), "c"))
    playback.read(24)
    assert playback.clear() == Position(item_id="b", played_ms=2, dropped_ms=48, unheard=("c",))
    assert playback.buffered_seconds == 0
    assert playback.read(10) == b""
    assert playback.position == Position(item_id="b", played_ms=2)
    assert not playback.add(delta(audio(5), "b")), "more of the same item"
    assert not playback.add(delta(audio(5), "d")), "another item of the same response"
    assert not playback.add(audio(5), "c")
    assert not playback.add(audio(5), "a"), "an item that was heard to the end of what had come of it"
    assert playback.read(10) == b""
    assert playback.add(delta(audio(5), "e", "r2"))
    assert len(playback.read(20)) == 10
    assert playback.position == Position(item_id="e", played_ms=5)


def test_clear_before_anything_was_heard():
    """An item of which nothing was heard is at 0 ms: interrupting there deletes it."""
    playback = Playback(MS)
    assert playback.clear() == Position()
    playback.add(delta(audio(10), "a"))
    assert playback.clear() == Position(item_id="a", played_ms=0, dropped_ms=10)


def test_clear_between_two_items():
    """When one item was heard to its end and the next is queued, the next one is interrupted, at 0."""
    playback = Playback(MS)
    playback.add(delta(audio(10), "a"))
    playback.read(20)
    playback.add(delta(audio(10), "b"))
    assert playback.clear() == Position(item_id="b", played_ms=0, dropped_ms=10)


def test_clear_when_all_was_heard():
    """Nothing is dropped then, and the position is the end of the item."""
    playback = Playback(MS)
    playback.add(delta(audio(10), "a"))
    playback.read(100)
    assert playback.clear() == Position(item_id="a", played_ms=10)
    assert playback.clear() == Position(item_id="a", played_ms=10), "once more changes nothing"
    assert not playback.add(delta(audio(5), "a"))


def test_clear_names_a_response_of_which_nothing_came():
    """A response can be silenced before its first audio."""
    playback = Playback(MS)
    playback.clear("later")
    assert not playback.add(delta(audio(5), "x", "later"))
    assert playback.add(delta(audio(5), "y", "other"))


def test_clear_without_items():
    """Audio without an id starts anew after a clear: nothing can tell what of it is late."""
    playback = Playback(MS)
    playback.add(audio(10))
    playback.read(8)
    assert playback.clear() == Position(played_ms=4, dropped_ms=6)
    assert playback.add(audio(10))
    playback.read(4)
    assert playback.position == Position(played_ms=2)


def test_latency():
    """With a latency, what was pulled is heard that much later; what a clear finds in between was not heard."""
    clock = Clock()
    playback = Playback(MS, latency=0.05, clock=clock)
    playback.add(delta(audio(20), "a"))
    playback.add(delta(audio(20), "b"))
    playback.read(40)
    assert playback.position == Position(item_id="a")
    clock.now += 0.02
    playback.read(20)
    clock.now += 0.031
    assert playback.position == Position(item_id="b"), "the first pull is heard, the second under way"
    assert playback.clear() == Position(item_id="b", dropped_ms=20)
    clock.now += 1
    assert playback.played_ms == 0
    playback.add(delta(audio(20), "c", "r2"))
    playback.read(100)
    clock.now += 0.049
    assert playback.position == Position(item_id="c")
    clock.now += 0.002
    assert playback.position == Position(item_id="c", played_ms=20)


def test_late_audio_and_latency():
    """Late audio of an item that is still under way to the ear does not cut into the one that plays."""
    clock = Clock()
    playback = Playback(MS, latency=0.05, clock=clock)
    playback.add(audio(5, 1), "a")
    playback.add(audio(5, 2), "b")
    playback.read(14)
    playback.add(audio(5, 1), "a")
    assert numbers(playback.read(100)) == [2] * 3 + [1] * 5
    clock.now += 0.06
    assert playback.position == Position(item_id="a", played_ms=10)
    assert playback.clear().dropped_ms == 0


def test_what_is_no_audio():
    """Other objects, text and broken base64 are errors, and leave everything as it was."""
    playback = Playback(MS)
    for wrong in (5, "YWJj", None, {"delta": "YWJj"}):
        with pytest.raises(LocalProtocolError, match="audio to play must be bytes-like"):
            playback.add(wrong)
    with pytest.raises(DecodeError, match="base64"):
        playback.add(realtime.ResponseAudioDeltaEvent(item_id="a", delta="Y"))
    assert playback.position == Position()
    for wrong in (3, -2):
        with pytest.raises(LocalProtocolError, match="whole samples"):
            playback.read(wrong)


def test_empty_audio_makes_no_item():
    """A delta without audio changes nothing."""
    playback = Playback(MS)
    assert playback.add(delta(b"", "a"))
    assert playback.item_id is None


def test_memory_is_bounded():
    """Thousands of items and clears leave a bounded trace."""
    playback = Playback(MS)
    for number in range(3000):
        playback.add(delta(audio(1), f"i{number}", f"r{number}"))
        playback.read(2)
        if number % 100 == 0:
            playback.clear()
    assert len(playback._parts) == 1
    assert len(playback._past) <= 64
    playback.clear()
    assert len(playback._gone) == 1024
    assert not playback.add(delta(audio(1), "i2999", "new"))


def test_large_audio_is_not_copied_again_and_again():
    """Reading a long answer in small pieces takes views of it: what is left is never moved."""
    playback = Playback(MS)
    playback.add(bytes(1_000_000))
    part = playback._parts[0]
    base = part._pieces[0].obj
    for _ in range(10):
        playback.read(100)
    assert part._pieces[0].obj is base


ITEMS = ["a", "b", "c", None]


class Listener:
    """Check by what the samples say: each has its item's number in it, and how many of that item came before."""

    def __init__(self):
        self.playback = Playback(MS)
        self.made = dict.fromkeys(ITEMS, b"")
        self.sent = dict.fromkeys(ITEMS, 0)
        self.heard = dict.fromkeys(ITEMS, 0)
        self.begun = set()
        self.gone = set()
        for number, item in enumerate(ITEMS, 1):
            self.made[item] = pcm(number * 2000 + i for i in range(1000))

    def add(self, item, nbytes):
        data = self.made[item][self.sent[item] : self.sent[item] + nbytes]
        accepted = self.playback.add(data, item)
        assert accepted == (item not in self.gone)
        if accepted and nbytes:
            self.sent[item] += nbytes
            self.begun.add(item)

    def read(self, samples, pad):
        before = self.waiting()
        data = self.playback.read(2 * samples, pad=pad)
        assert len(data) == 2 * samples if pad else len(data) == 2 * min(samples, before)
        order = []
        for sample in numbers(data):
            if sample:
                item = ITEMS[sample // 2000 - 1]
                assert sample % 2000 == self.heard[item], "each sample once, in order, none left out"
                self.heard[item] += 1
                order.append(item)
        if order:
            runs = [item for i, item in enumerate(order) if i == 0 or order[i - 1] != item]
            assert len(runs) == len(set(runs)), "each item to the end of what has arrived"

    def clear(self):
        current = self.playback.position
        waiting = self.waiting()
        position = self.playback.clear()
        assert (position.item_id, position.played_ms) == (current.item_id, current.played_ms)
        assert waiting <= position.dropped_ms <= waiting + len(ITEMS) / 2, "halves of samples make up for a millisecond"
        assert self.playback.position == current
        self.gone |= self.begun - {None}
        self.begun.clear()
        self.sent[None] = self.heard[None] = 0

    def waiting(self):
        return sum(max(self.sent[item] // 2 - self.heard[item], 0) for item in ITEMS if item not in self.gone)

    def check(self):
        position = self.playback.position
        assert self.playback.buffered_seconds * 1000 == pytest.approx(self.waiting(), abs=len(ITEMS))
        if position.item_id in self.begun:
            assert position.played_ms == self.heard[position.item_id]


@settings(max_examples=40, deadline=None)
@given(rng=st.randoms(use_true_random=True))
def test_any_interleaving(rng):
    """Whatever is added, read and cleared in any order: every sample plays once, in order, or was cleared; the count is exact."""
    listener = Listener()
    for _ in range(50):
        choice = rng.random()
        if choice < 0.5:
            listener.add(rng.choice(ITEMS), rng.randrange(16))
        elif choice < 0.95:
            listener.read(rng.randrange(12), rng.random() < 0.5)
        else:
            listener.clear()
        listener.check()


def test_many_threads():
    """Adding, reading and clearing on several threads at once loses and doubles nothing."""
    playback = Playback(MS)
    start = threading.Barrier(4)
    accepted, read, dropped = [0, 0], [0], [0]
    done = threading.Event()

    def add(number):
        start.wait()
        for i in range(400):
            if playback.add(audio(number + 1), f"{number}-{i // 10}"):
                accepted[number] += number + 1

    def pull():
        start.wait()
        sizes = itertools.cycle([3, 0, 7, 1, 5])
        while not done.is_set() or playback.buffered_seconds:
            read[0] += len(playback.read(2 * next(sizes))) // 2

    calls = [run_in_thread(add, 0), run_in_thread(add, 1), run_in_thread(pull)]
    start.wait()
    while not all(call.done() for call in calls[:2]):
        dropped[0] += playback.clear().dropped_ms
    done.set()
    for call in calls:
        call.result()
    assert sum(accepted) == read[0] + dropped[0]
    assert read[0] or dropped[0]


def test_wait_heard():
    """The wait ends when the last sample is pulled, by a clear, or by its time-out."""
    playback = Playback(MS)
    assert playback.wait_heard(0)
    playback.add(audio(10), "a")
    assert not playback.wait_heard(0)
    assert not playback.wait_heard(0.01)
    assert not playback._waiters
    for end in (lambda: playback.read(100), playback.clear):
        playback.add(audio(10))
        playback.read(2)
        waiting = [run_in_thread(playback.wait_heard), run_in_thread(playback.wait_heard, 20)]
        wait_until(lambda: len(playback._waiters) == 2, what="both waiting")
        end()
        assert [call.result() for call in waiting] == [True, True]


def test_wait_heard_waits_for_the_ear():
    """With a latency, the wait goes on until the last sample was heard."""
    playback = Playback(MS, latency=0.05)
    playback.add(audio(10))
    playback.read(100)
    assert not playback.wait_heard(0)
    assert playback.wait_heard(5)
    assert playback.played_ms == 10
