"""The page about HTTP says what is so."""

from __future__ import annotations

import json
import pathlib
import re

import flask

from realtime_sync import Client, InvalidWebhookSignatureError
from realtime_sync.types.realtime import WebhookRealtimeCallIncoming
from tests.client.test_webhooks import CALL, SECRET, signed
from tests.support.web import base_url, web

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs(capsys):
    """As it stands."""
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(block, {})  # noqa: S102
    assert "is 42" in capsys.readouterr().out


def test_the_webhook_of_the_page_works(make_peer):
    """In a Flask application: the call is accepted, and what is not signed refused."""
    [block] = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    accepted = []

    def script(exchange):
        accepted.append(exchange.path)
        exchange.reply(200, "")

    app = flask.Flask("webhooks")
    with Client(base_url=base_url(make_peer(web(script))), webhook_secret=SECRET) as client:
        names = {
            "app": app,
            "client": client,
            "request": flask.request,
            "InvalidWebhookSignatureError": InvalidWebhookSignatureError,
            "WebhookRealtimeCallIncoming": WebhookRealtimeCallIncoming,
        }
        exec(block, names)  # noqa: S102
        payload = json.dumps(CALL)
        browser = app.test_client()
        assert browser.post("/webhook", data=payload, headers=signed(payload)).status_code == 200
        assert browser.post("/webhook", data=payload + " ", headers=signed(payload)).status_code == 400
    assert accepted == ["/v1/realtime/calls/rtc_1/accept"]
