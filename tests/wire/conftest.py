"""Each decoding test runs with both JSON readers."""

from __future__ import annotations

import pytest

from realtime_sync.wire import event_decoder, json


@pytest.fixture(params=["orjson", "stdlib"])
def decode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """The decoder of the Realtime API, on one of the JSON readers."""
    if request.param == "orjson":
        pytest.importorskip("orjson")
        monkeypatch.setattr(json, "read", json.orjson.loads)
        monkeypatch.setattr(json, "settle", json._settle_orjson)
    else:
        monkeypatch.setattr(json, "read", json.loads_exactly)
        monkeypatch.setattr(json, "settle", json._settle_exact)
    return event_decoder("realtime")
