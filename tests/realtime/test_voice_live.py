"""Audio that takes its time: paced and live sources, turns that are left or run out of time, threads, interrupts."""

from __future__ import annotations

import json
import signal
import threading

import pytest

from realtime_sync import Client, RetryPolicy
from realtime_sync.audio import PCM16_24K
from realtime_sync.errors import ConnectionClosed, LocalProtocolError, ReceiveTimeout, RequestTimeout, TurnInterrupted
from realtime_sync.realtime import _book, _sending
from realtime_sync.realtime._settings import InputSettings
from realtime_sync.realtime._source import AudioInput
from tests.realtime import voice
from tests.realtime.voice import SPEECH, Microphone, greet, hear, listen
from tests.support.waiting import run_in_thread, wait_until

SILENCE = PCM16_24K.size(0.6)
PIECE = SPEECH[:4800]


@pytest.fixture(autouse=True)
def settled_soon(monkeypatch):
    """Wait no longer than needed behind the end of audio that was answered."""
    monkeypatch.setattr(_sending, "SETTLE_SECONDS", 0.05)


def book_of(rt):
    """Return the session's turns."""
    return rt._api.book


# -- the source -------------------------------------------------------------------------------------------------------


class Clock:
    """Time that a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def audio_input(source, pace=None, detection=None):
    """Return an input with a clock of its own."""
    clock = Clock()
    settings = InputSettings.of(voice.session(detection))
    return AudioInput(source, settings, pace, clock), clock


def test_a_paced_source_is_due_as_it_was_spoken_and_its_silence_at_once():
    """Twice real time: a piece of 100 ms each 50 ms; silence does not make the server's answer wait."""
    audio, clock = audio_input(SPEECH, 2.0, voice.VAD)
    assert audio.waits
    assert audio.due() == 0
    pauses = []
    while (piece := audio.next_piece()) is not None and any(piece):
        pauses.append(audio.due())
        clock.now += audio.due()
    assert pauses[:2] == pytest.approx([0.05, 0.05])
    assert audio.due() == 0
    assert audio.presses()
    rest = len(piece)
    while (piece := audio.next_piece()) is not None:
        assert not any(piece)
        assert audio.due() == 0
        rest += len(piece)
    assert rest == SILENCE
    assert audio.seconds_sent == pytest.approx(0.25 + 0.6)


def test_a_live_source_presses_only_when_audio_has_piled_up():
    """A microphone that was left alone for a while is emptied before anything else, then it is even again."""
    audio, clock = audio_input(iter([PIECE] * 20))
    assert audio.presses()
    audio.next_piece()
    assert not audio.presses()
    clock.now += 0.45
    taken = 0
    while audio.presses():
        audio.next_piece()
        taken += 1
    assert taken == 4


def test_a_live_source_that_is_slow_never_presses():
    """It has nothing piled up when asking it takes time, however late it is."""
    clock = Clock()

    def slow():
        for _ in range(10):
            clock.now += 0.3
            yield PIECE

    audio = AudioInput(slow(), InputSettings.of(voice.session(None)), None, clock)
    audio.next_piece()
    for _ in range(9):
        assert not audio.presses()
        assert audio.next_piece() == PIECE


@pytest.mark.parametrize(
    ("source", "live"),
    [
        (SPEECH, False),
        (memoryview(SPEECH), False),
        (bytearray(SPEECH), False),
        (iter([SPEECH]), True),
        ([SPEECH], True),
    ],
    ids=["bytes", "memoryview", "bytearray", "iterator", "list"],
)
def test_what_counts_as_live(source, live):
    """Whatever the user's own code gives piece by piece."""
    audio, _ = audio_input(source)
    assert audio.live is live


def test_files_count_as_live(tmp_path):
    """They may be pipes; a path is read by the library itself."""
    path = tmp_path / "raw.pcm"
    path.write_bytes(SPEECH)
    with path.open("rb") as file:
        audio, _ = audio_input(file)
        assert audio.live
        assert b"".join(iter(audio.next_piece, None)) == SPEECH


# -- live turns -------------------------------------------------------------------------------------------------------


def test_a_live_source_is_asked_on_the_consumers_thread_between_events(connect):
    """Without a lock, a wait or the conversation held; an event that came meanwhile is next."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    stream = rt.stream(None, microphone)
    assert not microphone.asked_by
    free = []

    def look():
        free.append((rt._core.lock.locked(), book_of(rt).slot.holder, rt._core.flow.waits))
        return PIECE

    taken = run_in_thread(next, stream)
    microphone.give(look)
    hear(peer, len(PIECE))
    voice.start_speech(peer)
    wait_until(lambda: book_of(rt).input.speaker.heard)
    microphone.give(PIECE)
    assert taken.result().type == "input_audio_buffer.speech_started"
    assert free == [(False, None, set())]
    assert set(microphone.asked_by) == {taken.thread}
    stream.close()


def test_whoever_takes_long_over_each_event_is_listened_to_all_the_same(connect):
    """With events waiting, audio that has piled up goes first: barge-in works while a consumer plays."""
    rt, peer = connect()
    greet(rt, peer)
    stream = rt.stream(None, iter([PIECE] * 3))
    stream._sender._audio._even_at = 0.0  # It was asked long ago.
    voice.start_speech(peer)
    wait_until(lambda: len(stream._state.queue))
    assert next(stream).type == "input_audio_buffer.speech_started"
    assert hear(peer, 3 * len(PIECE)) == PIECE * 3
    stream.close()


def test_a_conversation_through_one_live_stream(connect):
    """A microphone that stays open: answers, barge-in by voice, more answers; the stream ends when the microphone does."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    stream = rt.stream(None, microphone)
    kinds = []
    done = rt.subscribe("response.done")
    consumed = run_in_thread(lambda: kinds.extend(event.type for event in stream))

    def said(item_id):
        microphone.give(PIECE)
        hear(peer, len(PIECE))
        voice.start_speech(peer, item_id)
        voice.end_speech(peer, item_id)

    said("said_1")
    voice.speak(peer, b"\1\1", "one.", "resp_1")
    done.get(timeout=10)
    said("said_2")
    voice.begin(peer, "resp_2")
    voice.say(peer, b"\2\2", "cut", "resp_2")
    microphone.give(PIECE)
    hear(peer, len(PIECE))
    voice.start_speech(peer, "said_3")
    voice.finish(peer, "resp_2", status="cancelled", reason="turn_detected")
    voice.end_speech(peer, "said_3")
    done.get(timeout=10)
    done.close()
    microphone.give(None)
    hear(peer, SILENCE)
    voice.speak(peer, b"\3\3", " three.", "resp_3")
    consumed.result()
    turn = stream.turn()
    assert (turn.text, turn.audio, turn.rounds, turn.id) == ("one. three.", b"\1\1\3\3", 2, "resp_3")
    assert kinds.count("response.done") == 3
    voice.assert_idle(rt)


def test_a_source_that_raises_ends_the_turn_with_its_exception(connect):
    """The buffer is cleared, and the next turn waits for that."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    microphone.give(PIECE)
    microphone.give(ZeroDivisionError("the microphone broke"))
    with pytest.raises(ZeroDivisionError, match="broke"):
        rt.ask(None, microphone)
    assert listen(peer, "input_audio_buffer.clear")[0] == PIECE
    again = run_in_thread(rt.ask, None, SPEECH)
    wait_until(lambda: book_of(rt).input.floor._claimants)
    peer.send("input_audio_buffer.cleared")
    assert hear(peer, len(SPEECH)) == SPEECH
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="ok")
    assert again.result().text == "ok"
    voice.assert_idle(rt)


class Stopped(BaseException):
    """As KeyboardInterrupt, that pytest would take for its own."""


def test_ctrl_c_inside_the_source_leaves_the_turn(connect):
    """What the source was about to say is lost, so the rest is not sent as if it had ended."""
    rt, peer = connect()
    greet(rt, peer, None)
    microphone = Microphone()
    microphone.give(PIECE)
    microphone.give(Stopped())
    stream = rt.stream(None, microphone)
    with pytest.raises(Stopped):
        next(stream)
    assert list(stream) == []
    assert listen(peer, "input_audio_buffer.clear")[0] == PIECE
    peer.send("input_audio_buffer.cleared")
    wait_until(lambda: book_of(rt).input.floor.holder is None)
    voice.assert_idle(rt)


def test_a_source_that_closes_its_own_stream(connect):
    """The piece that it then gives is not sent."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    stream = rt.stream(None, microphone)
    microphone.give(PIECE)
    microphone.give(lambda: stream.close() or SPEECH)
    assert list(stream) == []
    assert listen(peer, "input_audio_buffer.clear")[0] == PIECE
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"


def test_a_source_that_asks_in_text(connect):
    """Nothing of the live turn is in the way of another turn on the same thread."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    stream = rt.stream(None, microphone)
    answers = []
    microphone.give(PIECE)
    microphone.give(lambda: answers.append(rt.ask("what time is it?", timeout=10).text) or PIECE)
    microphone.give(None)
    taken = run_in_thread(stream.turn)
    hear(peer, len(PIECE))
    peer.answer("noon", response_id="resp_0")
    hear(peer, len(PIECE) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="I heard you")
    assert taken.result().text == "I heard you"
    assert answers == ["noon"]


@pytest.mark.parametrize("pace", [None, 1.0], ids=["live", "paced"])
def test_asking_for_what_only_this_thread_could_free_is_refused(connect, pace):
    """A second spoken turn in the middle of the first, on the thread that feeds the first, would wait for ever."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    microphone.give(PIECE)
    stream = rt.stream(None, SPEECH * 10 if pace else microphone, pace=pace)
    voice.start_speech(peer)
    wait_until(lambda: len(stream._state.queue))
    next(stream)
    with pytest.raises(LocalProtocolError, match="another thread"):
        rt.ask(None, SPEECH)
    if pace:
        with pytest.raises(LocalProtocolError, match="another thread"):
            rt.ask("and in text?")
    stream.close()
    listen(peer, "input_audio_buffer.clear")
    peer.send("input_audio_buffer.cleared")
    wait_until(lambda: book_of(rt).input.floor.holder is None)
    voice.assert_idle(rt)


def test_a_paced_turn_lets_no_other_response_begin_that_it_would_cut_off(connect):
    """A text turn of another thread waits until the spoken one is answered."""
    rt, peer = connect()
    greet(rt, peer)
    spoken = run_in_thread(rt.ask, None, SPEECH, pace=20.0)
    hear(peer, len(PIECE))
    text = run_in_thread(rt.ask, "me too")
    wait_until(lambda: book_of(rt).slot._claimants)
    hear(peer, len(SPEECH) - len(PIECE) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="spoken")
    peer.answer("written", response_id="resp_2")
    assert (spoken.result().text, text.result().text) == ("spoken", "written")


def test_a_turn_is_not_stolen_by_the_response_to_a_text(connect):
    """While a microphone is open, a text turn's response is told from detection's by its token."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    spoken = run_in_thread(rt.ask, None, microphone)
    microphone.give(PIECE)
    hear(peer, len(PIECE))
    written = run_in_thread(rt.ask, "text")
    create = peer.receive("response.create")
    voice.start_speech(peer)
    voice.end_speech(peer)
    peer.respond(create, "to the text", response_id="resp_t")
    assert written.result().text == "to the text"
    voice.speak(peer, text="to the voice", response_id="resp_v")
    microphone.give(None)
    assert spoken.result().text == "to the voice"


# -- leaving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "drop"])
def test_leaving_in_mid_speech_clears_the_buffer(connect, how):
    """And the next spoken turn does not begin before that is done, so that the clear cannot hit its audio."""
    rt, peer = connect()
    greet(rt, peer)
    stream = rt.stream(None, iter([PIECE] * 5))
    voice.start_speech(peer)
    next(stream)
    if how == "close":
        stream.close()
        stream.close()
    del stream
    listen(peer, "input_audio_buffer.clear")
    again = run_in_thread(rt.ask, None, SPEECH)
    wait_until(lambda: book_of(rt).input.floor._claimants)
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"
    peer.send("input_audio_buffer.cleared")
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer, "said_2")
    voice.end_speech(peer, "said_2")
    voice.speak(peer, text="fresh")
    assert again.result().text == "fresh"
    with pytest.raises(ReceiveTimeout):
        rt.receive(timeout=0)
    voice.assert_idle(rt)


def test_an_answer_that_crossed_the_clear_is_cancelled_and_nobodys(connect):
    """The server had committed already: its response is cancelled by id, and the next turn gets none of it."""
    rt, peer = connect()
    greet(rt, peer)
    stream = rt.stream(None, iter([PIECE] * 5))
    voice.start_speech(peer)
    next(stream)
    stream.close()
    listen(peer, "input_audio_buffer.clear")
    again = run_in_thread(rt.ask, None, SPEECH)
    voice.end_speech(peer)
    peer.send("input_audio_buffer.cleared")
    voice.begin(peer, "stale")
    voice.say(peer, b"\1\1", "stale", "stale")
    assert peer.receive("response.cancel")["response_id"] == "stale"
    voice.finish(peer, "stale", status="cancelled")
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer, "said_2")
    voice.end_speech(peer, "said_2")
    voice.speak(peer, text="fresh")
    assert again.result().text == "fresh"
    voice.assert_idle(rt)


def test_leaving_while_the_answer_to_the_first_part_runs(connect):
    """The response is cancelled, and what is in the buffer of the second part is cleared too."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    stream = rt.stream(None, microphone)
    microphone.give(PIECE)
    taken = run_in_thread(next, stream)
    hear(peer, len(PIECE))
    voice.start_speech(peer)
    wait_until(lambda: book_of(rt).input.speaker.heard)
    microphone.give(PIECE)
    taken.result()
    voice.end_speech(peer)
    voice.begin(peer)
    wait_until(lambda: book_of(rt).slot.occupant)
    stream.close()
    listen(peer, "response.cancel")
    assert peer.receive()["type"] == "input_audio_buffer.clear"
    voice.finish(peer, status="cancelled")
    peer.send("input_audio_buffer.cleared")
    wait_until(lambda: book_of(rt).input.floor.holder is None)
    voice.assert_idle(rt)


def test_a_server_that_never_says_cleared_holds_nobody_up_for_long(connect):
    """After three seconds the next turn goes on."""
    rt, peer = connect()
    greet(rt, peer)
    stream = rt.stream(None, iter([PIECE] * 5))
    voice.start_speech(peer)
    next(stream)
    state = stream._state
    stream.close()
    again = run_in_thread(rt.stream, None, SPEECH)
    wait_until(lambda: book_of(rt).input.floor._claimants)
    with rt._core.lock:
        state.abandoned_at -= _book.VAD_SECONDS + 1
        book_of(rt).tick()
    again.result().close()


def test_audio_for_a_server_that_takes_no_data(make_peer):
    """The turn's time runs out in the middle of its audio: RequestTimeout, not the sending's own error."""
    peer = make_peer()
    client = Client(base_url=f"http://{peer.host}:{peer.port}/v1", api_key="k")
    with client.realtime.connect(model="m", options={"write_limit": 50_000, "close_timeout": 0.1}) as rt:
        peer.link().send(json.dumps({"type": "session.created", "event_id": "e", "session": voice.session(None)}))
        assert rt.receive(timeout=10)
        error = pytest.raises(RequestTimeout, rt.ask, None, SPEECH * 2000, timeout=0.2).value
        assert "takes no data" in str(error)
        assert not error.replay_safe


# -- running out of time ----------------------------------------------------------------------------------------------


def timed_out(rt, *arguments, **named):
    """Return what an ask raises whose time is up."""
    call = run_in_thread(rt.ask, *arguments, timeout=0.1, **named)
    return pytest.raises(RequestTimeout, call.result).value


def test_out_of_time_while_another_turn_speaks(connect):
    """The message says that nothing was sent, and the error that it may be sent again."""
    rt, peer = connect()
    greet(rt, peer)
    first = rt.stream(None, iter([PIECE]))
    error = timed_out(rt, None, SPEECH)
    assert "waiting for another turn to end, and nothing of it was sent" in str(error)
    assert error.replay_safe
    first.close()


def test_out_of_time_while_sending(connect):
    """At real pace it takes longer."""
    rt, peer = connect()
    greet(rt, peer)
    error = timed_out(rt, None, SPEECH * 10, pace=1.0)
    assert "its audio was still being sent" in str(error)
    assert not error.replay_safe


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (0, "had found no speech"),
        (1, "had not answered its audio"),
        (3, "still running"),
    ],
    ids=["silent", "hears", "answers"],
)
def test_out_of_time_after_sending(connect, answered, expected):
    """How far the server had come."""
    rt, peer = connect()
    greet(rt, peer)
    stream = rt.stream(None, SPEECH)
    state = stream._state
    for step in (voice.start_speech, voice.end_speech, voice.begin)[:answered]:
        step(peer)
    wait_until(lambda: len(state.queue) == (0, 1, 0, 6)[answered])
    state.deadline.at = 0
    error = pytest.raises(RequestTimeout, stream.turn).value
    assert expected in str(error)
    assert error.partial.status in (None, "in_progress")


def test_out_of_time_after_a_create(connect):
    """Push to talk that nobody answers."""
    rt, peer = connect()
    greet(rt, peer, None)
    assert "the server had not begun its response" in str(timed_out(rt, None, SPEECH))


def test_a_connection_that_ends_in_mid_answer(connect):
    """TurnInterrupted has the audio and the words that came."""
    rt, peer = connect()
    greet(rt, peer)
    asked = run_in_thread(rt.ask, None, SPEECH)
    heard = len(hear(peer, 1))
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.begin(peer)
    voice.say(peer, b"\1\2", "half a")
    hear(peer, len(SPEECH) - heard)  # The silence is cut short where the commit comes early.
    peer.close(1011, "oops")
    partial = pytest.raises(TurnInterrupted, asked.result).value.partial
    assert (partial.text, partial.audio, partial.status) == ("half a", b"\1\2", "in_progress")


def test_a_connection_that_ends_while_the_audio_is_sent(connect, monkeypatch):
    """The same: what came of the answer until then is told, though the call had not sent everything yet."""
    rt, peer = connect()
    greet(rt, peer)
    core, appends = rt._core, []
    send = type(core).send

    def send_into_the_end(core, data, **options):
        if data["type"] == "input_audio_buffer.append":
            appends.append(data)
            if len(appends) == 2:
                voice.start_speech(peer)
                voice.begin(peer)
                voice.say(peer, b"\1\2", "half a")
                peer.close(1011, "oops")
                wait_until(lambda: rt.closed)
        return send(core, data, **options)

    monkeypatch.setattr(type(core), "send", send_into_the_end)
    error = pytest.raises(TurnInterrupted, rt.ask, None, SPEECH).value
    assert (error.code, error.reason, error.replay_safe) == (1011, "oops", False)
    assert (error.partial.text, error.partial.audio, error.partial.status) == ("half a", b"\1\2", "in_progress")
    with pytest.raises(ConnectionClosed):  # Not that this thread still sends that turn's audio: it never will.
        rt.ask(None, SPEECH)


def test_a_connection_that_ends_between_two_answers(connect):
    """A turn whose audio goes on is cut off then, too, though its last response was over."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    asked = run_in_thread(rt.ask, None, microphone)
    microphone.give(PIECE)
    hear(peer, len(PIECE))
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="one")
    peer.close(1011, "oops")
    wait_until(lambda: rt.closed)
    microphone.give(PIECE)
    partial = pytest.raises(TurnInterrupted, asked.result).value.partial
    assert partial.text == "one"


def test_closing_while_a_turn_is_fed(connect):
    """The consumer gets TurnInterrupted at its next piece."""
    rt, peer = connect()
    greet(rt, peer)
    microphone = Microphone()
    asked = run_in_thread(rt.ask, None, microphone)
    microphone.give(PIECE)
    hear(peer, len(PIECE))
    rt.close()
    microphone.give(PIECE)
    with pytest.raises(TurnInterrupted):
        asked.result()


# -- interrupts -------------------------------------------------------------------------------------------------------


# An interrupt that hits a finalizer or a callback of the garbage collector can be raised nowhere.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.raises_anywhere
def test_interrupts_anywhere_leave_spoken_turns_usable(connect):
    """An alarm that raises inside asks with audio of every kind, 150 times: the next one works."""
    rt, peer = connect()
    greet(rt, peer)
    answers = threading.Event()

    def serve():
        count = 0
        while not answers.is_set():
            try:
                event = peer.receive(timeout=0.05)
            except TimeoutError:
                continue
            if event["type"] == "input_audio_buffer.clear":
                peer.send("input_audio_buffer.cleared")
            elif event["type"] == "response.cancel":
                voice.finish(peer, event["response_id"], status="cancelled")
            elif event["type"] == "response.create":
                count += 1
                peer.respond(event, "text", response_id=f"resp_{count}")

    server = run_in_thread(serve)
    calls = [
        lambda: rt.ask(None, SPEECH, timeout=0.05),
        lambda: rt.ask(None, iter([PIECE] * 50), timeout=0.05),
        lambda: rt.ask(None, SPEECH, pace=5.0, timeout=0.05),
        rt.interrupt,
        lambda: rt.ask("text", timeout=0.05),
    ]

    def alarm(*_):
        raise Stopped

    previous = signal.signal(signal.SIGALRM, alarm)
    stopped = 0
    try:
        for n in range(150):
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0003 + (n * 7919 % 150) * 0.00004)
                    calls[n % len(calls)]()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Stopped:
                stopped += 1
            except RequestTimeout:
                continue
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert stopped > 50
    assert rt.ask("text", timeout=20).text == "text"
    wait_until(lambda: book_of(rt).input.floor.holder is None)
    answers.set()
    server.result()
    usable = run_in_thread(rt.ask, None, SPEECH)
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="still here", response_id="last")
    assert usable.result().text == "still here"


# -- reconnecting -----------------------------------------------------------------------------------------------------


@pytest.fixture
def reconnecting(connect):
    """A session that reconnects at once; returns (session, peer, a function for the next connection's peer)."""
    rt, peer = connect(retry=RetryPolicy(reconnect=True, initial_delay=0.001))
    greet(rt, peer)
    return rt, peer


def test_a_spoken_turn_does_not_survive_its_connection(reconnecting, scripted):
    """Wherever it was: TurnInterrupted, and the next one is spoken to the new session."""
    rt, peer = reconnecting
    microphone = Microphone()
    asked = run_in_thread(rt.ask, None, microphone)
    microphone.give(PIECE)
    hear(peer, len(PIECE))
    voice.start_speech(peer)
    wait_until(lambda: book_of(rt).input.speaker.heard)
    with rt.subscribe("*"):
        peer.drop()
        peer = scripted.accept()
        peer.send("session.created", session=voice.session())
    wait_until(lambda: book_of(rt).input.floor.holder is None)
    microphone.give(PIECE)
    with pytest.raises(TurnInterrupted):
        asked.result()
    again = run_in_thread(rt.ask, None, SPEECH)
    hear(peer, len(SPEECH) + SILENCE)
    voice.start_speech(peer)
    voice.end_speech(peer)
    voice.speak(peer, text="again")
    assert again.result().text == "again"


def test_a_turn_that_waits_to_speak_speaks_on_the_next_connection(reconnecting, scripted):
    """Nothing of it was sent: it keeps the floor, and goes on when the conversation is free."""
    rt, peer = reconnecting
    rt.response.create()
    peer.respond(peer.receive("response.create"), "by hand", finish=False, response_id="hand")
    wait_until(lambda: book_of(rt).slot.occupant == "hand")
    waiting = run_in_thread(rt.ask, None, SPEECH)
    wait_until(lambda: book_of(rt).slot._claimants)
    behind = run_in_thread(rt.ask, None, PIECE)
    wait_until(lambda: book_of(rt).input.floor._claimants)
    peer.drop()
    peer = scripted.accept()
    peer.send("session.created", session=voice.session())
    for audio, text in ((SPEECH, "first"), (PIECE, "second")):
        assert hear(peer, len(audio) + SILENCE)[: len(audio)] == audio
        voice.start_speech(peer)
        voice.end_speech(peer)
        voice.speak(peer, text=text, response_id=f"to_{text}")
    assert (waiting.result().text, behind.result().text) == ("first", "second")
    voice.assert_idle(rt)


def test_a_spoken_turn_that_waits_to_be_answered_fails_with_its_connection(connect, scripted):
    """Its audio went to the old session: it waits for the conversation no longer, and nothing of it goes to the new one."""
    rt, peer = connect(retry=RetryPolicy(reconnect=True, initial_delay=0.001))
    greet(rt, peer, None)
    rt.response.create()
    peer.respond(peer.receive("response.create"), "by hand", finish=False, response_id="hand")
    wait_until(lambda: book_of(rt).slot.occupant == "hand")
    waiting = run_in_thread(rt.ask, None, SPEECH)
    hear(peer, len(SPEECH))
    wait_until(lambda: book_of(rt).slot._claimants)
    peer.drop()
    peer = scripted.accept()
    peer.send("session.created", session=voice.session(None))
    with pytest.raises(TurnInterrupted):
        waiting.result()
    rt.send({"type": "marker"})
    assert peer.receive()["type"] == "marker"
    voice.assert_idle(rt)
