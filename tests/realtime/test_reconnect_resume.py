"""What a new session is given of the old one: configuration, conversation, and what of the queue still makes sense."""

from __future__ import annotations

import json

import pytest

from realtime_sync import Client
from realtime_sync.errors import ReconnectFailed, ServerError
from realtime_sync.realtime import _resume
from realtime_sync.realtime._mirror import ConversationMirror
from realtime_sync.session import Held
from realtime_sync.wire import parse_event
from tests.support.reconnecting import QUICK, gap, item, serve_restoration
from tests.support.scripted import SESSION
from tests.support.waiting import wait_until

WHOLE = {**QUICK, "resume": "conversation"}


def marker_of(rt):
    """Read up to the marker between two generations and return it."""
    return next(event for event in rt.events(10) if event.type == "reconnected")


def restored(scripted, rt, peer):
    """Lose the connection; return the events that restore the session, and the new peer."""
    with gap(scripted, rt, peer):
        rt.send({"type": "x.next"})
    new = scripted.accept()
    return serve_restoration(new, "x.next")[:-1], new


def update(peer):
    """Accept one update."""
    event = peer.receive("session.update")
    peer.send("session.updated", session={**SESSION, **event["session"]})
    return event["session"]


# The configuration


def test_the_configuration_is_sent_again_as_one(connect, scripted):
    """All accepted updates, merged as the server merges them: by key, within audio by direction; null is a value."""
    rt, peer = connect(retry=QUICK)
    for config in (
        {"instructions": "a", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.3}}}},
        {"tools": [{"type": "function", "name": "f"}], "audio": {"output": {"voice": "marin", "speed": 1.2}}},
        {"tools": [], "audio": {"input": {"turn_detection": {"type": "semantic_vad"}, "noise_reduction": None}}},
        {"instructions": "", "audio": {"output": {"speed": 1.0}}},
    ):
        rt.session.update(config)
        update(peer)
        rt.receive(10)
    peer.drop()
    for _ in range(2):  # The second time from what was restored the first time.
        peer = scripted.accept()
        assert update(peer) == {
            "type": "realtime",
            "instructions": "",
            "tools": [],
            "audio": {
                "input": {"turn_detection": {"type": "semantic_vad"}, "noise_reduction": None},
                "output": {"voice": "marin", "speed": 1.0},
            },
        }
        marker_of(rt)
        peer.drop()
    scripted.accept()


def test_a_refused_update_is_left_out(connect, scripted):
    """Of three updates the server refused the second one."""
    rt, peer = connect(retry=QUICK)
    for n in range(3):
        rt.session.update({"instructions": str(n), f"x_{n}": n}, extra_body=None)
        event = peer.receive("session.update")
        if n == 1:
            peer.error(event["event_id"])
        else:
            peer.send("session.updated", session={**SESSION, **event["session"]})
        rt.receive(10)
    peer.drop()
    assert update(scripted.accept()) == {"type": "realtime", "instructions": "2", "x_0": 0, "x_2": 2}


def test_an_update_without_an_answer_is_taken_for_granted(connect, scripted):
    """It may have been in force when the connection was lost; its id is reported as unconfirmed."""
    rt, peer = connect(retry=QUICK)
    sent = rt.session.update({"instructions": "unanswered"})
    peer.receive()
    peer.drop()
    assert update(scripted.accept())["instructions"] == "unanswered"
    assert marker_of(rt).unconfirmed == (sent,)


def test_an_update_without_an_answer_that_is_refused_now_is_dropped(connect, scripted):
    """The session comes back with what was accepted before; the next loss does not try it again."""
    rt, peer = connect(retry=QUICK)
    rt.session.update({"instructions": "good"})
    update(peer)
    rt.receive(10)
    rt.session.update({"voice": "no such"})
    peer.receive()
    peer.drop()
    peer = scripted.accept()
    tried = peer.receive("session.update")
    assert tried["session"] == {"type": "realtime", "instructions": "good", "voice": "no such"}
    peer.error(tried["event_id"])
    assert update(peer) == {"type": "realtime", "instructions": "good"}
    marker_of(rt)
    peer.drop()
    assert update(scripted.accept()) == {"type": "realtime", "instructions": "good"}


def test_a_configuration_that_is_refused_ends_the_session(connect, scripted):
    """Trying again is no use; the server's error is the cause."""
    rt, peer = connect(retry=QUICK)
    rt.session.update({"instructions": "good"})
    update(peer)
    rt.receive(10)
    peer.drop()
    new = scripted.accept()
    new.error(new.receive("session.update")["event_id"], code="model_gone")
    with pytest.raises(ReconnectFailed, match="model_gone") as failed:
        rt.wait_for("x.never", 10)
    assert isinstance(failed.value.__cause__, ServerError)
    assert failed.value.attempts == 1


def test_an_update_that_was_not_written_goes_out_once(connect, scripted):
    """It is neither part of what is restored nor lost."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        rt.session.update({"instructions": "later"})
    new = scripted.accept()
    assert update(new)["instructions"] == "later"
    rt.send({"type": "x.next"})
    assert new.receive()["type"] == "x.next"


# The conversation


def tell(peer, *items, event="conversation.item.added"):
    """Have the server tell of items, each after the one before."""
    previous = None
    for each in items:
        peer.send(event, previous_item_id=previous, item={"object": "realtime.item", "status": "completed", **each})
        previous = each["id"]


def message(item_id, role, *parts, **fields):
    return {"id": item_id, "type": "message", "role": role, "content": list(parts), **fields}


def text(value, kind="input_text"):
    return {"type": kind, "text": value}


def test_the_conversation_is_given_again_in_order(connect, scripted):
    """Finished items, as a client may create them: speech as its transcript, calls with their results."""
    rt, peer = connect(retry=WHOLE)
    call = {"id": "call_item", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    output = {"id": "out_item", "type": "function_call_output", "call_id": "c1", "output": "42"}
    tell(
        peer,
        message("sys", "system", text("be kind")),
        message("spoken", "user", {"type": "input_audio", "transcript": None}),
        message("mute", "user", {"type": "input_audio", "transcript": None}),
        call,
        output,
        message("heard", "assistant", {"type": "output_audio", "transcript": "it is 42"}),
        message("typing", "assistant", status="in_progress"),
        {"id": "listing", "type": "mcp_list_tools", "server_label": "s", "tools": []},
    )
    done = "conversation.item.input_audio_transcription.completed"
    peer.send(done, item_id="spoken", content_index=0, transcript="what is it?")
    rt.wait_for(done, 10)
    came, _ = restored(scripted, rt, peer)
    assert [event["item"] for event in came] == [
        {"id": "sys", "type": "message", "role": "system", "content": [text("be kind")]},
        {"id": "spoken", "type": "message", "role": "user", "content": [text("what is it?")]},
        {**call},
        {**output},
        {"id": "heard", "type": "message", "role": "assistant", "content": [text("it is 42", "output_text")]},
    ]
    assert marker_of(rt).restored_items == ("sys", "spoken", "call_item", "out_item", "heard")


def test_only_the_newest_items_are_kept(connect, scripted):
    """resume_max_items of them; an output whose call is not among them stays out too."""
    rt, peer = connect(retry={**WHOLE, "resume_max_items": 2})
    call = {"id": "call_item", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    output = {"id": "out_item", "type": "function_call_output", "call_id": "c1", "output": "42"}
    tell(peer, message("a", "user", text("a")), call, output, message("b", "user", text("b")))
    rt.wait_for("conversation.item.added", 10, where=lambda event: event.item.id == "b")
    came, _ = restored(scripted, rt, peer)
    assert [event["item"]["id"] for event in came] == ["b"]


def test_items_that_the_new_session_refuses_are_gone_for_good(connect, scripted):
    """They are not reported as restored, what names them is not sent, and the next session is not asked again."""
    rt, peer = connect(retry=WHOLE)
    tell(peer, *(message(name, "user", text(name)) for name in "abc"))
    rt.wait_for("conversation.item.added", 10, where=lambda event: event.item.id == "c")
    with gap(scripted, rt, peer):
        for name in "ab":
            rt.conversation.item.delete(name)
        rt.send({"type": "x.next"})
    peer = scripted.accept()
    came = serve_restoration(peer, "x.next", refuse=("b",))
    assert [event.get("item_id") for event in came if event["type"] == "conversation.item.delete"] == ["a"]
    marker = marker_of(rt)
    assert marker.restored_items == ("a", "c")
    assert [event["item_id"] for event in marker.unsent] == ["b"]
    peer.send("conversation.item.deleted", item_id="a")
    rt.wait_for("conversation.item.deleted", 10)
    came, _ = restored(scripted, rt, peer)
    assert [event["item"]["id"] for event in came] == ["c"]


def test_a_connection_lost_while_restoring_begins_again(connect, scripted):
    """With all items, each once more, and one marker at the end."""
    rt, peer = connect(retry=WHOLE)
    tell(peer, *(message(name, "user", text(name)) for name in "abc"))
    rt.wait_for("conversation.item.added", 10, where=lambda event: event.item.id == "c")
    peer.drop()
    half = scripted.accept()
    first = half.receive()
    half.send("conversation.item.added", item={**first["item"], "status": "completed"})
    rt.wait_for("conversation.item.added", 10)
    came, _ = restored(scripted, rt, half)
    assert [event["item"]["id"] for event in came] == ["a", "b", "c"]
    ids = [first["event_id"], *(event["event_id"] for event in came)]
    assert len(set(ids)) == len(ids)
    marker = marker_of(rt)
    assert marker.attempt == 2
    assert rt.stats.mailbox_events == 0


def test_a_conversation_larger_than_the_queue_is_restored(connect, scripted):
    """Items leave as fast as the connection takes them, whatever write_limit is."""
    rt, peer = connect(retry=WHOLE, options={"write_limit": (2000, 500)})
    tell(peer, *(message(f"item_{n}", "user", text("x" * 1000)) for n in range(30)))
    rt.wait_for("conversation.item.added", 10, where=lambda event: event.item.id == "item_29")
    came, _ = restored(scripted, rt, peer)
    assert len(came) == 30


def test_a_server_that_does_not_answer_while_restoring(connect, scripted):
    """open_timeout ends the attempt; an error that named nothing is the cause, for it may have been the answer."""
    rt, peer = connect(retry={**QUICK, "reconnect_retries": 1}, options={"open_timeout": 0.3})
    rt.session.update({"instructions": "good"})
    update(peer)
    rt.receive(10)
    peer.drop()
    new = scripted.accept()
    new.receive("session.update")
    new.error(None, message="busy")
    with pytest.raises(ReconnectFailed, match="did not answer") as failed:
        rt.wait_for("x.never", 10)
    assert "busy" in str(failed.value.__cause__.__cause__)


# The mirror by itself


@pytest.fixture
def mirror():
    """A mirror with a helper that feeds it events as they come from the wire."""
    mirror = ConversationMirror(100, ["resp_beside"])

    def hear(kind, **fields):
        mirror.heard_locked(parse_event(json.dumps({"type": kind, "event_id": "e", **fields}), "realtime"))

    return (mirror, hear)


def ids(mirror):
    return [each["id"] for each in mirror.replay_locked()]


def test_items_stand_where_the_server_says(mirror):
    """After the item it names; one sent to the head of the conversation is its head, others without one the end."""
    mirror, hear = mirror
    mirror.goes_first_locked("first")
    for name, previous in (("a", None), ("c", "a"), ("b", "a"), ("first", None), ("d", None)):
        hear("conversation.item.added", item=message(name, "user", text(name)), previous_item_id=previous)
    assert ids(mirror) == ["first", "a", "b", "c", "d"]


def test_answers_of_servers_that_do_not_add_them(mirror):
    """response.output_item.done tells them; of a response beside the conversation it tells nothing about it."""
    mirror, hear = mirror
    for name in ("beside", "inside"):
        answer = message(name, "assistant", text(name, "output_text"), status="completed")
        hear("response.output_item.done", response_id=f"resp_{name}", output_index=0, item=answer)
    assert ids(mirror) == ["inside"]


def test_what_was_deleted_does_not_come_back(mirror):
    """Not by the late end of its response; only if an item of that id is added again."""
    mirror, hear = mirror
    answer = message("a", "assistant", text("x", "output_text"))
    hear("conversation.item.added", item=message("a", "assistant", status="in_progress"))
    hear("conversation.item.deleted", item_id="a")
    hear("response.output_item.done", response_id="r", output_index=0, item=answer)
    hear("conversation.item.done", item=answer)
    assert ids(mirror) == []
    hear("conversation.item.added", item=answer)
    assert ids(mirror) == ["a"]


def test_what_was_truncated_is_not_repeated(mirror):
    """The server forgets the whole transcript, also if the item's end comes later and has it."""
    mirror, hear = mirror
    answer = message("a", "assistant", {"type": "output_audio", "transcript": "and so on"})
    hear("conversation.item.added", item=answer)
    assert ids(mirror) == ["a"]
    hear("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=10)
    assert ids(mirror) == []
    hear("conversation.item.done", item=answer)
    assert ids(mirror) == []


def test_a_transcript_survives_the_item_s_later_events(mirror):
    """It may come between two of them."""
    mirror, hear = mirror
    spoken = message("a", "user", {"type": "input_audio", "transcript": None})
    hear("conversation.item.added", item=spoken)
    hear("conversation.item.input_audio_transcription.completed", item_id="a", content_index=0, transcript="hi")
    hear("conversation.item.done", item=spoken)
    assert [each["content"] for each in mirror.replay_locked()] == [[text("hi")]]


def test_images_come_back_where_the_server_tells_them(mirror):
    """With their URL; without one there is nothing to send."""
    mirror, hear = mirror
    seen = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
    hear("conversation.item.added", item=message("a", "user", seen, {"type": "input_image"}))
    assert [each["content"] for each in mirror.replay_locked()] == [[seen]]


def test_nonsense_about_items_is_ignored(mirror):
    """An item without an id, of an unknown type, or not an object at all."""
    mirror, hear = mirror
    hear("conversation.item.added", item={"type": "message", "role": "user", "content": [text("x")]})
    hear("conversation.item.added", item={"id": "u", "type": "x_unknown"})
    hear("conversation.item.added", item=5)
    hear("conversation.item.deleted", item_id="never")
    hear("conversation.item.truncated", item_id="never", content_index=0, audio_end_ms=1)
    hear("conversation.item.input_audio_transcription.completed", item_id="never", transcript="x")
    assert ids(mirror) == []


def test_an_answer_beside_the_conversation_stays_beside_it(connect, scripted):
    """Also for a response.create that was sent by hand."""
    rt, peer = connect(retry=WHOLE)
    for n, conversation in enumerate(("none", "auto")):
        rt.response.create({"conversation": conversation, "metadata": {"n": str(n)}})
        create = peer.receive("response.create")
        peer.respond(create, response_id=f"resp_{n}", finish=False)
        answer = message(f"answer_{n}", "assistant", text("x", "output_text"), status="completed")
        peer.send("response.output_item.done", response_id=f"resp_{n}", output_index=0, item=answer)
        peer.finish("x", f"resp_{n}")
        rt.wait_for("response.done", 10)
    came, _ = restored(scripted, rt, peer)
    assert [event["item"]["id"] for event in came] == ["answer_1"]


# What waited


QUEUED = [
    # (event, whether it goes out when item_known was restored, call_known with it)
    ({"type": "conversation.item.delete", "item_id": "item_known"}, True),
    ({"type": "conversation.item.delete", "item_id": "item_old"}, False),
    ({"type": "conversation.item.retrieve", "item_id": "item_old"}, False),
    ({"type": "conversation.item.truncate", "item_id": "item_old", "content_index": 0, "audio_end_ms": 5}, False),
    (item("after known", "n1", previous_item_id="item_known"), True),
    (item("after new", "n2", previous_item_id="n1"), True),
    (item("after old", "n3", previous_item_id="item_old"), False),
    (item("after what was not sent", "n4", previous_item_id="n3"), False),
    (item("first", "n5", previous_item_id="root"), True),
    ({"type": "conversation.item.delete", "item_id": "n1"}, True),
    ({"type": "conversation.item.delete", "item_id": "n3"}, False),
    ({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_known", "output": "1"}}, True),
    ({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_old", "output": "1"}}, False),
    ({"type": "conversation.item.create", "item": {"id": "n6", "type": "function_call", "call_id": "call_new", "name": "f"}}, True),
    ({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_new", "output": "1"}}, True),
    ({"type": "conversation.item.create", "item": {"type": "mcp_approval_response", "approval_request_id": "r", "approve": True}}, False),
    ({"type": "response.cancel", "response_id": "resp_old"}, False),
    ({"type": "response.cancel"}, False),
    ({"type": "output_audio_buffer.clear"}, False),
    ({"type": "input_audio_buffer.append", "audio": "AAAA"}, True),
    ({"type": "input_audio_buffer.commit"}, True),
    ({"type": "response.create"}, True),
    ({"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "item_known"}]}}, True),
    ({"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "item_old"}]}}, False),
    ({"type": "response.create", "response": {"input": [{"type": "function_call_output", "call_id": "call_old", "output": ""}]}}, False),
    (
        {
            "type": "response.create",
            "response": {
                "input": [
                    {"type": "function_call", "call_id": "own", "name": "f", "arguments": ""},
                    {"type": "function_call_output", "call_id": "own", "output": ""},
                ]
            },
        },
        True,
    ),
    ({"type": "session.update", "session": {"type": "realtime", "instructions": "new"}}, True),
    ({"type": "x.unknown", "item_id": "item_old"}, False),
    ({"type": "x.unknown"}, True),
]  # fmt: skip


def test_what_of_the_queue_makes_sense_in_the_new_session(connect, scripted):
    """Nothing that names an id of the old session which was not restored; the rest in order, the others reported."""
    rt, peer = connect(retry=WHOLE)
    call = {"id": "item_call", "type": "function_call", "call_id": "call_known", "name": "f", "arguments": "{}"}
    tell(peer, message("item_known", "user", text("x")), call)
    rt.wait_for("conversation.item.added", 10, where=lambda event: event.item.id == "item_call")
    with gap(scripted, rt, peer):
        sent = [rt._core.complete({**event}) for event, _ in QUEUED]
        for event in sent:
            rt._core.send(event)
        rt.send({"type": "x.last"})
    new = scripted.accept()
    for _ in range(2):
        event = new.receive()
        new.send("conversation.item.added", item={**event["item"], "status": "completed"})
    came = []
    while (event := new.receive())["type"] != "x.last":
        came.append(event)
    assert came == [event for event, (_, goes) in zip(sent, QUEUED, strict=True) if goes]
    assert list(marker_of(rt).unsent) == [event for event, (_, goes) in zip(sent, QUEUED, strict=True) if not goes]


NONSENSE = [
    {"type": "conversation.item.create", "item": 5},
    {"type": "conversation.item.create", "item": {"id": ["x"], "type": "function_call_output", "call_id": {"a": 1}}},
    {"type": "conversation.item.create", "previous_item_id": [1]},
    {"type": "conversation.item.delete", "item_id": {"a": []}},
    {"type": "response.create", "response": {"input": [5, None, {"type": "item_reference", "id": []}]}},
    {"type": "response.create", "response": []},
    {"type": "session.update", "session": "x"},
]


def test_nonsense_in_the_queue_is_the_server_s_to_refuse(connect, scripted):
    """Whatever a user put into an event, the session comes back, and sends it as it is."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        for event in NONSENSE:
            rt._core.send(rt._core.complete(event))
    new = scripted.accept()
    assert [new.receive()["type"] for _ in NONSENSE] == [event["type"] for event in NONSENSE]


def test_audio_that_waited_too_long_is_not_sent(connect, scripted, monkeypatch):
    """Appends older than the limit go to unsent; what was said since then goes out."""
    rt, peer = connect(retry=QUICK)
    with gap(scripted, rt, peer):
        for audio in ("AAAA", "BBBB"):
            rt.input_audio_buffer.append(audio)
        with rt._core.lock:
            rt._core.holder.ledger.held[0].since -= _resume.MAX_AUDIO_AGE + 1
    assert scripted.accept().receive()["audio"] == "BBBB"
    assert [event["audio"] for event in marker_of(rt).unsent] == ["AAAA"]


def test_audio_that_the_old_connection_did_not_take_is_not_sent(connect, scripted):
    """Its beginning is lost with the old session, and so is the buffer that a commit was for."""
    rt, peer = connect(retry=QUICK)
    core = rt._core
    scripted.gate.clear()
    with core.lock:  # The reader cannot take notice while this is held, and nothing is written.
        for event in ({"type": "input_audio_buffer.append", "audio": "AAAA"}, {"type": "input_audio_buffer.commit"}):
            data = core.complete(event)
            assert core.holder.offer_locked(Held(data, core.connection.prepare("{}"), None, None))
        peer.drop()
        wait_until(lambda: not core.connection.is_open)
    scripted.gate.set()
    rt.send({"type": "x.next"})
    assert scripted.accept().receive()["type"] == "x.next"
    assert [event["type"] for event in marker_of(rt).unsent] == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
    ]


# A session that belongs to a call


def test_a_call_s_session_is_not_restored(scripted):
    """It went on without us: no configuration and no items are sent, and what waited names what is still there."""
    client = Client(base_url=scripted.base_url, api_key="k")
    with client.realtime.connect(call_id="rtc_1", retry=WHOLE) as rt:
        peer = scripted.accept()
        peer.send("session.created", session=SESSION)
        rt.session.update({"instructions": "a"}, wait=False)
        update(peer)
        tell(peer, message("a", "user", text("x")))
        rt.wait_for("conversation.item.added", 10)
        with gap(scripted, rt, peer):
            sent = [
                rt.send({"type": "conversation.item.delete", "item_id": "a"}),
                rt.send({"type": "response.cancel", "response_id": "resp_old"}),
                rt.send({"type": "output_audio_buffer.clear"}),
                rt.send(item("x", "item_9", previous_item_id="a")),
            ]
        new = scripted.accept()
        assert [new.receive()["event_id"] for _ in sent] == sent
        assert "call_id=rtc_1" in scripted.requests[-1].path
        assert marker_of(rt).unsent == ()
