"""Names of fields that events do not have, and the way to send them all the same."""

from __future__ import annotations

import pytest

from realtime_sync.errors import LocalProtocolError
from realtime_sync.types import realtime as types
from realtime_sync.wire import client_fields

UPDATE = {"type": "session.update", "session": {"type": "realtime"}}


@pytest.mark.parametrize("call", ["send", "request"])
@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "session.update", "sesion": {}}, "session.update has no field 'sesion'; did you mean 'session'?"),
        ({**UPDATE, "zzz": 1}, r"session.update has no field 'zzz' \(what this library does not know goes in extra"),
        ({"type": "response.cancel", 5: 1}, "response.cancel has no field 5 "),
        ({"type": "response.create", "instructions": "x"}, "response.create has no field 'instructions'"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_wrong_field_name_is_refused_before_the_wire(connect, call, event, message):
    """The error names the field and the nearest that there is; nothing was sent, and the session goes on."""
    rt, peer = connect()
    with pytest.raises(LocalProtocolError, match=message):
        getattr(rt, call)(event)
    rt.send({"type": "fine"})
    assert peer.receive()["type"] == "fine"


@pytest.mark.parametrize(
    "event",
    [{"type": "of.the.future", "new": 1}, {**UPDATE, "event_id": "e"}, {"type": "session.update", "session": {"x": 1}}],
)
def test_what_is_not_wrong_goes_out(connect, event):
    """An unknown event has any fields, and what stands inside a field is the server's to judge."""
    rt, peer = connect()
    rt.send({"event_id": "e", **event})
    assert peer.receive() == {"event_id": "e", **event}


@pytest.mark.parametrize(
    "event", [UPDATE, types.SessionUpdateEvent(session={"type": "realtime"})], ids=["dict", "class"]
)
def test_extra_body_passes_what_is_not_known(connect, event):
    """Further fields go out beside those of the event, from a mapping and from a class."""
    rt, peer = connect()
    rt.send(event, extra_body={"new": [None], "event_id": "e"})
    assert peer.receive() == {**UPDATE, "new": [None], "event_id": "e"}


@pytest.mark.parametrize("extra_body", [{"type": "x"}, [("a", 1)], "ab", {"a": object()}])
def test_an_extra_body_that_is_none_is_refused(connect, extra_body):
    """It has to be a mapping that can be sent, and it cannot make another event of the event."""
    rt, peer = connect()
    for call in (rt.send, rt.request):
        with pytest.raises(LocalProtocolError, match=r"extra_body|^a: a object cannot"):
            call(UPDATE, extra_body=extra_body)
    rt.send({"type": "fine"})
    assert peer.receive()["type"] == "fine"


def test_an_event_of_several_classes_has_the_fields_of_all():
    """A name that the beta and the present share takes the fields of both; an unknown name has no list."""
    assert client_fields("realtime")["session.update"] == {"type", "event_id", "session"}
    assert client_fields("responses")["response.create"] >= {"model", "input", "previous_response_id", "stream_id"}
    assert "of.the.future" not in client_fields("realtime")
