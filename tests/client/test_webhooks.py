"""Webhooks: the signatures of the standard, and of the official SDK."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import pytest

from realtime_sync import Client
from realtime_sync.errors import ConfigurationError, DecodeError, InvalidWebhookSignatureError
from realtime_sync.types.realtime import WebhookRealtimeCallIncoming

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
CALL = {
    "object": "event",
    "id": "evt_1",
    "type": "realtime.call.incoming",
    "created_at": 1,
    "data": {"call_id": "rtc_1", "sip_headers": [{"name": "From", "value": "sip:ada@example.com"}]},
}


def signed(payload, secret=SECRET, at=None, webhook_id="wh_1", **replaced):
    """Return the headers of a webhook."""
    at = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    body = payload if isinstance(payload, bytes) else payload.encode()
    digest = hmac.new(key, f"{webhook_id}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    headers = {"webhook-id": webhook_id, "webhook-timestamp": at, "webhook-signature": signature}
    return {**headers, **replaced}


@pytest.fixture
def webhooks():
    """The webhooks of a client that knows the secret."""
    with Client(webhook_secret=SECRET) as client:
        yield client.webhooks


@pytest.mark.parametrize("form", [str, str.encode], ids=["str", "bytes"])
def test_a_call_that_came_in(webhooks, form):
    """Is an object with the id to accept it by."""
    payload = form(json.dumps(CALL))
    event = webhooks.unwrap(payload, signed(payload))
    assert isinstance(event, WebhookRealtimeCallIncoming)
    assert event.data.call_id == "rtc_1"
    assert event.data.sip_headers[0].name == "From"
    assert event.to_dict() == CALL


def test_other_events_are_dictionaries(webhooks):
    """As they came."""
    payload = '{"type": "response.completed", "data": {"id": "resp_1"}}'
    assert webhooks.unwrap(payload, signed(payload)) == json.loads(payload)


def test_headers_of_any_framework(webhooks):
    """Names in any case, mappings and pairs."""
    headers = signed("{}")
    for each in (
        {k.title(): v for k, v in headers.items()},
        {k.upper(): v for k, v in headers.items()},
        list(headers.items()),
    ):
        webhooks.verify_signature("{}", each)


def test_several_signatures(webhooks):
    """While a secret is replaced there are two; other versions are not looked at."""
    good = signed("{}")["webhook-signature"]
    for value in (f"v1,AAAA {good}", f"{good} v1,AAAA", f"v1a,xyz {good}"):
        webhooks.verify_signature("{}", signed("{}", **{"webhook-signature": value}))


ALTERED = {
    "payload": lambda headers: ("{ }", headers),
    "id": lambda headers: ("{}", {**headers, "webhook-id": "wh_2"}),
    "time": lambda headers: ("{}", {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
    "signature": lambda headers: ("{}", {**headers, "webhook-signature": "v1,AAAA"}),
    "no version": lambda headers: ("{}", {**headers, "webhook-signature": headers["webhook-signature"][3:]}),
    "another version": lambda headers: (
        "{}",
        {**headers, "webhook-signature": "v2" + headers["webhook-signature"][2:]},
    ),
    "not ascii": lambda headers: ("{}", {**headers, "webhook-signature": "v1,é"}),
    "another secret": lambda headers: ("{}", signed("{}", secret="whsec_" + base64.b64encode(b"other").decode())),
    "no time": lambda headers: ("{}", {**headers, "webhook-timestamp": ""}),
    "odd time": lambda headers: ("{}", {**headers, "webhook-timestamp": "1e9"}),
    "huge time": lambda headers: ("{}", {**headers, "webhook-timestamp": "9" * 400}),
    "no headers": lambda headers: ("{}", {}),
    "old": lambda headers: ("{}", signed("{}", at=time.time() - 310)),
    "from the future": lambda headers: ("{}", signed("{}", at=time.time() + 310)),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_is_not_right_is_refused(webhooks, what):
    """Whatever was altered, is missing, or too old; the error is a ValueError, too, and holds no secret."""
    payload, headers = ALTERED[what](signed("{}"))
    with pytest.raises(InvalidWebhookSignatureError) as caught:
        webhooks.unwrap(payload, headers)
    assert isinstance(caught.value, ValueError)
    assert SECRET not in str(caught.value)


def test_the_tolerance_can_be_chosen(webhooks):
    """In seconds, both ways."""
    webhooks.verify_signature("{}", signed("{}", at=time.time() - 310), tolerance=400)
    with pytest.raises(InvalidWebhookSignatureError):
        webhooks.verify_signature("{}", signed("{}", at=time.time() - 10), tolerance=5)


@pytest.mark.parametrize("payload", ["not JSON", "[1]", "5", "[" * 100_000])
def test_a_payload_that_is_no_event(webhooks, payload):
    """Though its signature is right."""
    with pytest.raises(DecodeError):
        webhooks.unwrap(payload, signed(payload))


def test_where_the_secret_comes_from(monkeypatch):
    """From the call, the client, or the environment; without one, or with half of one, it is an error of ours."""
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", "plain")
    Client().webhooks.verify_signature("{}", signed("{}", secret="plain"))
    Client().webhooks.verify_signature("{}", signed("{}"), secret=SECRET)
    monkeypatch.delenv("OPENAI_WEBHOOK_SECRET")
    for secret in (None, "", "whsec_not base64!"):
        with pytest.raises(ConfigurationError):
            Client(webhook_secret=secret).webhooks.unwrap("{}", signed("{}"))


def test_the_official_sdk_agrees():
    """What it finds right we do, and the other way round."""
    openai = pytest.importorskip("openai")
    payload = json.dumps({**CALL, "note": "žluť"}, ensure_ascii=False)
    for secret in (SECRET, "plain"):
        theirs = openai.OpenAI(api_key="k", webhook_secret=secret).webhooks
        ours = Client(webhook_secret=secret).webhooks
        for headers, right in (
            (signed(payload, secret), True),
            (signed(payload, "other"), False),
            (signed(payload, secret, at=5), False),
        ):
            for each, error in ((theirs, openai.InvalidWebhookSignatureError), (ours, InvalidWebhookSignatureError)):
                if right:
                    assert each.unwrap(payload, headers).data.call_id == "rtc_1"
                else:
                    with pytest.raises(error):
                        each.unwrap(payload, headers)
