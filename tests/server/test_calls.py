"""Calls of the local server: begun, taken, controlled from the side, ended; without their media."""

from __future__ import annotations

import pytest

from realtime_sync import Client
from realtime_sync.errors import BadRequestError, ConflictError, HandshakeRejected, NotFoundError
from realtime_sync.server import LocalServer

OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=x\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"


@pytest.fixture
def client():
    """A client of a local server."""
    with LocalServer(time_scale=0) as server, Client(base_url=server.base_url, timeout=20, max_retries=0) as client:
        yield client


def test_a_webrtc_call_is_controlled_from_the_side(client):
    """Its session has the configuration of the call; the answer declines what it cannot carry."""
    session = {"model": "gpt-realtime", "instructions": "Be brief.", "output_modalities": ["text"]}
    call = client.realtime.calls.create(sdp=OFFER, session=session)
    assert call.call_id.startswith("rtc_")
    assert [line for line in call.sdp.splitlines() if line.startswith("m=")] == [
        "m=audio 0 UDP/TLS/RTP/SAVPF 111",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    ]
    with client.realtime.connect(call_id=call.call_id) as rt:
        created = rt.wait_for("session.created", timeout=5).session
        assert (created.instructions, created.model) == ("Be brief.", "gpt-realtime")
        assert "Ada" in rt.ask("my name is Ada").text
    client.realtime.calls.hangup(call.call_id)
    with pytest.raises(HandshakeRejected, match="No call"):
        client.realtime.connect(call_id=call.call_id)


def test_an_offer_alone(client):
    """Has a session by default; what is no offer is refused."""
    call = client.realtime.calls.create(sdp=OFFER)
    client.realtime.calls.refer(call.call_id, target_uri="tel:+1")
    with pytest.raises(BadRequestError, match="v=0"):
        client.realtime.calls.create(sdp="hello")
    with pytest.raises(BadRequestError, match="instructions"):
        client.realtime.calls.create(sdp=OFFER, session={"instructions": 5})


def test_a_sip_call(client):
    """Any id of the right form rings until it is accepted, once."""
    calls = client.realtime.calls
    calls.reject("rtc_1", status_code=486)
    calls.accept("rtc_1", model="m", output_modalities=["text"])
    with pytest.raises(ConflictError):
        calls.accept("rtc_1")
    with client.realtime.connect(call_id="rtc_1") as rt:
        assert rt.wait_for("session.created", timeout=5).session.model == "m"
    calls.refer("rtc_1", target_uri="sip:a@b")
    calls.hangup("rtc_1")


def test_calls_that_there_are_not(client):
    """Are told as such, and so is a body that cannot be."""
    calls = client.realtime.calls
    for verb in (
        lambda: calls.hangup("rtc_2"),
        lambda: calls.refer("rtc_2", target_uri="tel:1"),
        lambda: calls.accept("call_2"),
        lambda: calls.reject("call_2"),
    ):
        with pytest.raises(NotFoundError, match="No call"):
            verb()
    with pytest.raises(BadRequestError, match="status_code"):
        calls.reject("rtc_2", status_code=5)
