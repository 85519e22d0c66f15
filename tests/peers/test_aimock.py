"""Our client with @copilotkit/aimock as the server.

What it does otherwise than the real service: no metadata is echoed, items are added but not done, no error names
its event, `input_audio_buffer.committed` names no item, a cancel waits in line behind the response that it is for and
is answered by an event of its own, what it does not know it does not answer, dropped connections have no close frame.
"""

from __future__ import annotations

import threading

import pytest

from realtime_sync.errors import (
    AuthenticationError,
    ClosedError,
    HandshakeRejected,
    NotFoundError,
    RequestTimeout,
    ResponseFailed,
    TurnInterrupted,
)

OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}


def test_a_turn(aimock, connect):
    """A turn has its text, its item, its status and its times."""
    turn = connect(aimock["open"]).ask("say good morning to everybody")
    assert turn.text == "good morning to everybody"
    assert turn.status == "completed"
    assert turn.items[0].content[0].text == turn.text
    assert turn.usage.total_tokens == 0
    assert 0 <= turn.timings.first_event <= turn.timings.first_token <= turn.timings.done


def test_several_turns_with_history(aimock, connect):
    """Each turn continues the conversation, and the instructions of a session.update come first."""
    rt = connect(aimock["open"], session={"instructions": "be brief"})
    assert [rt.ask("turns?").text for _ in range(3)] == [f"{count} messages so far" for count in (2, 4, 6)]


def test_streaming(aimock, connect):
    """Pieces arrive while the turn runs, in order."""
    with connect(aimock["open"]).stream("slowly please") as stream:
        pieces = list(stream.text())
        turn = stream.turn()
    assert len(pieces) > 5
    assert "".join(pieces) == turn.text == "one two three four five six"


def test_a_function_call_by_hand(aimock, connect):
    """A call comes with its arguments; its output and a second response make the answer."""
    rt = connect(aimock["open"])
    (call,) = rt.ask("what is the weather?").function_calls
    assert (call.name, call.call_id, call.arguments) == ("get_weather", "call_1", '{"city":"Paris","days":3}')
    added = rt.conversation.item.create(OUTPUT, wait=True)
    assert added.item.output == "sunny"
    assert rt.ask().text == "it is sunny"


def test_text_and_two_calls_in_one_response(aimock, connect):
    """A response of several items keeps them in order."""
    turn = connect(aimock["open"]).ask("explain, then call")
    assert turn.text == "Let me look."
    assert [item.type for item in turn.items] == ["message", "function_call", "function_call"]
    assert [call.call_id for call in turn.function_calls] == ["call_1", "call_2"]


def test_calls_as_events(aimock, connect):
    """Arguments arrive in pieces; the event that ends them names the call, though not the function."""
    rt = connect(aimock["open"])
    with rt.stream("weather") as stream:
        events = list(stream)
    pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    (done,) = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert len(pieces) > 3
    assert "".join(pieces) == done.arguments
    assert (done.call_id, done.name) == ("call_1", None)


def test_threads_that_ask_get_their_own_answers(aimock, connect):
    """Without echoed metadata turns are told apart by their order, one at a time."""
    rt = connect(aimock["open"])
    answers = {}

    def ask(number):
        answers[number] = rt.ask(f"say number {number}").text

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == {number: f"number {number}" for number in range(8)}


def test_a_connection_dropped_in_the_middle(aimock, connect):
    """What had arrived is kept, and the turn is not safe to repeat."""
    rt = connect(aimock["open"])
    with pytest.raises(TurnInterrupted) as interrupted:
        rt.ask("cut after two")
    assert "one two three four".startswith(interrupted.value.partial.text)
    assert len(interrupted.value.partial.text) in {4, 8}
    assert interrupted.value.code == 1006
    assert interrupted.value.replay_safe is False
    assert rt.wait_closed(10)


def test_a_close_in_the_middle(aimock, connect):
    """A close with a code and a reason ends the turn with both."""
    rt = connect(aimock["strict"])
    with pytest.raises(TurnInterrupted, match="1008") as interrupted:
        rt.ask("unheard of")
    assert interrupted.value.code == 1008
    assert interrupted.value.reason == rt.close_reason != ""


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [("unheard of", "no_fixture_match", "No fixture matched"), ("quota", "billing", "no credit")],
)
def test_a_failed_response(aimock, connect, text, code, message):
    """A response that fails at once, before any item, raises with the server's reason; the session goes on."""
    rt = connect(aimock["open"])
    with pytest.raises(ResponseFailed, match=message) as failed:
        rt.ask(text)
    assert failed.value.response.status_details.error.code == code
    assert rt.ask("say still here").text == "still here"


def test_a_wrong_key(aimock, connect):
    """A refused key raises the official SDK's name, with the server's body."""
    with pytest.raises(AuthenticationError, match="Invalid API key") as refused:
        connect(aimock["locked"], api_key="wrong")
    assert isinstance(refused.value, HandshakeRejected)
    assert (refused.value.status, refused.value.code) == (401, "invalid_api_key")
    assert connect(aimock["locked"], api_key="right").ask("say in").text == "in"


def test_a_wrong_path(aimock, connect):
    """A refusal of one line, without length or body, is still told by its status."""
    with pytest.raises(NotFoundError) as refused:
        connect(aimock["open"].replace("/v1", "/v9/nothing"))
    assert (refused.value.status, refused.value.body) == (404, "")


def test_the_retired_beta(aimock, connect):
    """An accepted connection that is closed with an error before session.created tells both."""
    with pytest.raises(ClosedError, match="beta_api_shape_disabled") as closed:
        connect(aimock["open"], modalities=["text"], extra_headers={"OpenAI-Beta": "realtime=v1"})
    assert closed.value.code == 4000
    assert closed.value.server_error.error.code == "beta_api_shape_disabled"


def test_leaving_early(aimock, connect):
    """The rest of a turn that was left reaches nobody, and the next turn is answered by its own response."""
    rt = connect(aimock["open"])
    with rt.stream("slowly") as stream:
        next(stream.text())
    assert rt.ask("say next").text == "next"
    rt.send({"type": "input_audio_buffer.clear"})
    rt.wait_for("input_audio_buffer.cleared", timeout=10)
    left = []
    while not left or left[-1].type != "input_audio_buffer.cleared":
        left.append(rt.receive(timeout=10))
    assert {event.type for event in left} <= {"session.created", "response.cancelled", "input_audio_buffer.cleared"}


def test_a_cancel_that_comes_too_late(aimock, connect):
    """A server that does not look before its response is over completes the turn, and nothing hangs."""
    rt = connect(aimock["open"])
    with rt.stream("slowly") as stream:
        next(stream.text())
        stream.cancel()
        turn = stream.turn()
    assert (turn.status, turn.text) == ("completed", "one two three four five six")
    assert rt.wait_for("response.cancelled", timeout=10).raw["type"] == "response.cancelled"


def test_what_is_not_answered(aimock, connect):
    """A request that the server ignores times out and leaves the session in order."""
    rt = connect(aimock["open"])
    with pytest.raises(RequestTimeout):
        rt.conversation.item.retrieve("item_1", wait=True, timeout=0.1)
    assert rt.ask("say on").text == "on"


def test_an_error_that_names_nothing(aimock, connect):
    """Of a refusal without an event id the request learns when its time is up: the message says what was refused."""
    rt = connect(aimock["open"])
    with pytest.raises(RequestTimeout, match="Invalid session type: nonsense"):
        rt.session.update({"type": "nonsense"}, wait=True, timeout=0.2)
    assert rt.ask("say unharmed").text == "unharmed"


def test_acknowledgements_without_ids(aimock, connect):
    """An acknowledgement is told by its order where the server names no item."""
    rt = connect(aimock["open"])
    rt.input_audio_buffer.append(bytes(4800))
    assert rt.input_audio_buffer.commit(wait=True).type == "input_audio_buffer.committed"
    assert rt.input_audio_buffer.clear(wait=True).type == "input_audio_buffer.cleared"


def test_the_session_keeps_its_id(aimock, connect):
    """A session.updated without the session's id does not make it unknown."""
    rt = connect(aimock["open"])
    created = rt.wait_for("session.created", timeout=10).session.id
    assert rt.session.update({"instructions": "be brief"}, wait=True).session.id is None
    assert rt.session.id == created


def test_a_transcription_session(aimock, connect):
    """What is said comes as pieces and a whole, for the committed item."""
    rt = connect(aimock["open"], model=None, intent="transcription")
    rt.input_audio_buffer.append(bytes(4800))
    rt.input_audio_buffer.commit()
    item = rt.wait_for("conversation.item.added", timeout=10).item
    done = rt.wait_for("conversation.item.input_audio_transcription.completed", timeout=10)
    assert (done.item_id, done.transcript, done.usage.type) == (item.id, "hello out there", "duration")
    pieces = []
    while (event := rt.receive(timeout=10)) != done:
        if event.type == "conversation.item.input_audio_transcription.delta":
            pieces.append(event.delta)
    assert "".join(pieces) == done.transcript


def test_callbacks(aimock, connect):
    """Handlers see a turn's events in order while ask() waits for it."""
    rt = connect(aimock["open"])
    seen, done = [], threading.Event()
    rt.on("response.*", lambda event: seen.append(event.type))
    rt.on("response.done", lambda _: done.set())
    assert rt.ask("say hello").text == "hello"
    assert done.wait(10)
    assert seen[0] == "response.created"
    assert seen[-1] == "response.done"
    assert seen.count("response.output_text.delta") == 2
