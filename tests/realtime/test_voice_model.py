"""Random conversations against the local server: whatever is interrupted, both sides believe in the same items."""

from __future__ import annotations

import array
import base64
import random
import threading

import pytest

from realtime_sync import Client
from realtime_sync.audio import PCM16_24K
from realtime_sync.errors import ConnectionClosed, ServerError
from realtime_sync.realtime import _sending
from realtime_sync.server import LocalServer, Reply, speak_by_tone
from tests.realtime import voice
from tests.support.waiting import run_in_thread, wait_until

TONE = array.array("h", [8000 if n // 60 % 2 else -8000 for n in range(7200)]).tobytes()
"""0.3 seconds that voice detection takes for speech."""
PAUSE = PCM16_24K.silence(0.3)
DETECTIONS = (
    {"type": "server_vad", "silence_duration_ms": 200},
    {"type": "server_vad", "silence_duration_ms": 200, "create_response": False},
    {"type": "server_vad", "silence_duration_ms": 200, "interrupt_response": False},
    None,
)
HARMLESS = {"response_cancel_not_active", "conversation_already_has_active_response"}
DELETED = "item_retrieve_invalid_item_id"
"""What the check itself provokes."""


class World:
    """A session, a server, and random things that happen to both."""

    def __init__(self, seed):
        self.rng = random.Random(seed)  # noqa: S311  (a test's own)
        self.detection = DETECTIONS[seed % len(DETECTIONS)]
        self.context = []
        """The ids of the items that the server gave its responder last, in its order."""
        self.cut = {}
        """By item id: where it was cut last, by the reports of `interrupt`."""
        self.whole = {}
        """By item id: the bytes of audio of items that were spoken to their end, as a turn has them."""
        self._interruptions = 0
        self._interrupt_at = None
        self._lock = threading.Lock()

    def answer(self, request):
        """Be the responder: a few words or many, with pauses between them."""
        self.context = [item["id"] for item in request.items]
        words = self.rng.choice((1, 3, 12, 40))
        for _ in range(words):
            yield Reply(text="la la. ", delay=self.rng.choice((0, 0, 0.002)))

    # what happens

    def on_event(self, _):
        """Interrupt at a random point, as an urgent callback."""
        with self._lock:
            if self._interrupt_at is None:
                return
            self._interrupt_at -= 1
            if self._interrupt_at:
                return
            self._interrupt_at = None
        self.interrupt()

    def interrupt(self):
        """Interrupt at what may be any time."""
        self._interruptions += 1
        done = self.rt.interrupt(self.rng.choice((None, 0, 5, 40.5, 150, 10**6)))
        if done.item_id is not None:
            with self._lock:
                self.cut[done.item_id] = min(done.audio_end_ms, self.cut.get(done.item_id, done.audio_end_ms))

    def speech(self):
        """Return audio with one or two parts, as a source of a random kind."""
        parts = [TONE, PAUSE, TONE] if self.rng.random() < 0.3 else [TONE]
        kind = self.rng.choice(("bytes", "pieces", "file"))
        whole = b"".join(parts)
        if kind == "bytes":
            return whole
        size = self.rng.choice((960, 4801, 9600))
        return (whole[start : start + size] for start in range(0, len(whole), size))

    def one_turn(self):
        """Have a turn of any kind, and do anything with it."""
        rng, before = self.rng, self._interruptions
        if rng.random() < 0.4:
            self._interrupt_at = rng.randrange(1, 40)
        source = self.speech() if rng.random() < 0.6 else None
        pace = rng.choice((None, 50.0)) if source is not None else None
        words = "words" if source is None or rng.random() < 0.3 else None
        with self.rt.stream(words, source, pace=pace, timeout=15) as stream:
            action = rng.choice(("all", "all", "leave", "cancel", "interrupt"))
            for _ in range(rng.choice((0, 1, 3, 8, 20)) if action != "all" else 0):
                next(stream, None)
            if action == "cancel":
                stream.cancel()
            elif action == "interrupt":
                self.interrupt()
            turn = stream.turn() if action != "leave" else None
        if turn is not None and self._interruptions == before:
            self.note(turn)

    def note(self, turn):
        """Remember the audio of a turn that was spoken to its end. (An interruption drops what nobody has taken.)"""
        messages = [item for item in turn.items if item.type == "message"]
        if turn.status == "completed" and turn.rounds == len(messages) == 1:
            self.whole[messages[0].id] = turn.audio

    # what is believed

    def mirror(self, events):
        """Return the conversation's items in order, as its events tell, and where they were cut."""
        order, cut = [], {}
        for event in events:
            if event.type == "conversation.item.added":
                before = event.previous_item_id
                order.insert(0 if before is None else order.index(before) + 1, event.item.id)
            elif event.type == "conversation.item.deleted":
                order.remove(event.item_id)
            elif event.type == "conversation.item.truncated":
                cut[event.item_id] = event.audio_end_ms
        return order, cut

    def check(self, events):
        """Compare what our events told, what we did, and what the server has."""
        final = self.rt.ask("the end", timeout=15)
        wait_until(
            lambda: any(
                event.type == "conversation.item.done" and event.item.id == final.items[0].id for event in events
            )
        )
        order, cut = self.mirror(list(events))
        assert [each for each in order if each != final.items[0].id] == self.context
        for item_id, end_ms in self.cut.items():
            if not end_ms:
                assert item_id not in order
                with pytest.raises(ServerError, match="does not exist"):
                    self.rt.conversation.item.retrieve(item_id, wait=True)
            else:
                assert cut[item_id] == end_ms
        for item_id in order:
            item = self.rt.conversation.item.retrieve(item_id, wait=True).item
            if item.role != "assistant":
                continue
            audio = base64.b64decode(item.content[0].audio or "")
            if item_id in cut:
                assert PCM16_24K.ms(len(audio)) == cut[item_id]
            elif item_id in self.whole:
                assert audio == self.whole[item_id]


@pytest.fixture
def world(request, monkeypatch):
    """A world for a seed; whatever happens in it, errors of the server are harmless ones."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 0.05)
    world = World(request.param)
    errors = []
    with (
        LocalServer(responder=world.answer, speaker=speak_by_tone, speech_pace=500.0) as server,
        Client(base_url=server.base_url, api_key="k", timeout=15) as client,
        client.realtime.connect(
            model="m",
            session={"output_modalities": ["audio"], "audio": {"input": {"turn_detection": world.detection}}},
            handlers={"error": errors.append},
        ) as world.rt,
    ):
        world.rt.on("*", world.on_event, urgent=True)
        yield world
    assert {error.error.code for error in errors} <= HARMLESS | {DELETED}, errors


@pytest.mark.parametrize("world", range(8), indirect=True)
def test_both_sides_believe_in_the_same_items(world):
    """Random turns, written and spoken, left, cancelled and interrupted at random points."""
    events = []
    world.rt.on("conversation.item.*", events.append)
    beside = None
    for _ in range(12):
        if world.detection != DETECTIONS[2] and world.rng.random() < 0.2:
            beside = run_in_thread(world.rt.ask, "beside")
        world.one_turn()
        if beside is not None:
            beside.result()
            beside = None
    world._interrupt_at = None
    book = world.rt._api.book
    wait_until(lambda: book.input.floor.holder is None and book.slot.holder is None and not book.slot.occupant)
    world.check(events)
    voice.assert_idle(world.rt)


@pytest.mark.parametrize("world", range(100, 104), indirect=True)
def test_closing_in_the_middle_of_anything(world):
    """Turns on two threads, and a close from a third at a random event: everybody gets an end."""
    closing = threading.Event()
    left = world.rng.randrange(1, 60)

    def count(event):
        nonlocal left
        left -= 1
        if left == 0:
            closing.set()

    world.rt.on("*", count)

    def turns():
        while not world.rt.closed:
            try:
                world.one_turn()
            except ConnectionClosed:
                return

    calls = [run_in_thread(turns), run_in_thread(turns)]
    assert closing.wait(20)
    world.rt.close()
    for call in calls:
        call.result()
