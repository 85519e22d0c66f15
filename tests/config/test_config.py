"""Options: checking, defaults, mappings and merging; and the errors as values."""

from __future__ import annotations

import copy
import pickle
import ssl

import attrs
import pytest

from realtime_sync import NOT_GIVEN, ConnectionOptions, errors
from realtime_sync.config import NotGiven


def test_defaults():
    """The documented defaults."""
    options = ConnectionOptions()
    assert (options.max_queue, options.max_queue_bytes, options.max_size) == ((4096, 1024), 2**26, 2**26)
    assert options.write_limit == (2**20, 2**18)
    assert (options.open_timeout, options.close_timeout, options.send_timeout) == (15, 1, 30)
    assert (options.ping_interval, options.ping_timeout) == (20, 30)


@pytest.mark.parametrize(
    ("given", "marks"),
    [(32, (32, 8)), ((10, 5), (10, 5)), ((10, None), (10, 2)), ([10, 0], (10, 0)), (None, None), (1, (1, 0))],
)
def test_marks(given, marks):
    """An int, (high, low), (high, None) or None; the low mark is a quarter unless given."""
    assert ConnectionOptions(max_queue=given, write_limit=given).max_queue == marks


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_queue": 0},
        {"max_queue": (5, 5)},
        {"max_queue": (1, 2, 3)},
        {"max_queue": "many"},
        {"max_queue": True},
        {"max_size": 0},
        {"max_size": 1.5},
        {"max_queue_bytes": True},
        {"open_timeout": -1},
        {"open_timeout": "5"},
        {"open_timeout": float("nan")},
        {"close_timeout": None},
        {"ping_interval": 0},
        {"ping_timeout": 0},
        {"headers": [("a", "b")]},
        {"subprotocols": "realtime"},
        {"subprotocols": [1]},
        {"sockopt": [(1, 2)]},
        {"sockopt": 5},
        {"sockopt": [5]},
        {"subprotocols": 5},
        {"max_queue": (None, 5)},
        {"ssl_context": True},
        {"user_agent": b"x"},
        {"allow_insecure": "yes"},
        {"nonsense": 1},
    ],
    ids=str,
)
def test_what_cannot_work_is_told_with_its_name(wrong):
    """ConfigurationError names the option."""
    with pytest.raises(errors.ConfigurationError, match=next(iter(wrong))):
        ConnectionOptions.of(wrong)


def test_options_of():
    """An instance, a mapping or None; anything else is told."""
    options = ConnectionOptions(max_size=None)
    assert ConnectionOptions.of(options) is options
    assert ConnectionOptions.of({"max_size": None}) == options
    assert ConnectionOptions.of(None) == ConnectionOptions()
    with pytest.raises(errors.ConfigurationError, match="mapping"):
        ConnectionOptions.of([("max_size", None)])


def test_mappings_as_other_libraries_take_them():
    """What is passed to other libraries works here: their names and their ways of leaving something out."""
    options = ConnectionOptions.of({"compression": None, "max_size": 10485760, "max_queue": 32})
    assert (options.compression, options.max_size, options.max_queue) == (None, 10485760, (32, 8))
    assert ConnectionOptions.of({"max_queue": (None, None), "write_limit": (100, None)}).write_limit == (100, 25)
    assert ConnectionOptions.of({"extensions": None, "subprotocols": None, "additional_headers": None}) == (
        ConnectionOptions()
    )
    context = ssl.create_default_context()
    options = ConnectionOptions.of({"additional_headers": {"a": "b"}, "user_agent_header": "mine", "ssl": context})
    assert (options.headers, options.user_agent, options.ssl_context) == ({"a": "b"}, "mine", context)
    assert ConnectionOptions.of({"extra_headers": {"a": "b"}}).headers == {"a": "b"}
    with pytest.raises(errors.ConfigurationError, match="headers is given twice"):
        ConnectionOptions.of({"headers": {}, "additional_headers": {}})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("ping_intervall", "ping_interval"),
        ("max-size", "max_size"),
        ("additional_header", "headers"),
        ("compress", "compression"),
        (5, None),
        ("zzz", None),
    ],
)
def test_a_misspelt_option_is_told_with_the_nearest(wrong, meant):
    """An unknown key raises; the message has what was probably meant, and all there is."""
    with pytest.raises(errors.ConfigurationError, match=f"unknown connection option {wrong}") as caught:
        ConnectionOptions.of({wrong: 1})
    assert ("did you mean" in str(caught.value)) == (meant is not None)
    assert meant is None or f"did you mean {meant}?" in str(caught.value)
    assert "close_timeout" in str(caught.value)


def test_merging_is_field_by_field_and_knows_what_was_given():
    """What was given wins, also a value that equals the default; the rest comes from the base."""
    base = ConnectionOptions(ping_interval=5, max_size=1000, headers={"a": "b"})
    merged = ConnectionOptions(ping_interval=20, close_timeout=2).over(base)
    assert (merged.ping_interval, merged.max_size, merged.close_timeout, merged.headers) == (20, 1000, 2, {"a": "b"})
    again = ConnectionOptions().over(merged)
    assert again == merged
    assert ConnectionOptions(sockopt=[(1, 2, 3)]).over(base).sockopt == ((1, 2, 3),)


def test_options_are_frozen_and_keep_secrets_out_of_their_repr():
    """Shared between threads; headers and subprotocols may be secret."""
    options = ConnectionOptions(headers={"k": "sk-1"}, subprotocols=["sk-2"])
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        options.max_size = 5
    assert "sk-" not in repr(options)
    assert attrs.evolve(options, max_size=5).max_size == 5


def test_not_given_is_one_thing():
    """It survives copying and pickling, is false, and says what it is."""
    assert NotGiven() is NOT_GIVEN
    assert copy.deepcopy(NOT_GIVEN) is NOT_GIVEN
    assert pickle.loads(pickle.dumps(NOT_GIVEN)) is NOT_GIVEN
    assert not NOT_GIVEN
    assert repr(NOT_GIVEN) == "NOT_GIVEN"


EXAMPLES = [
    errors.RealtimeSyncError("x", replay_safe=True),
    errors.ConfigurationError("x"),
    errors.MissingExtra("server", "it"),
    errors.ConnectError("x"),
    errors.ConnectTimeout("x"),
    errors.ProxyError("x", proxy="p:1", status=407, transient=False),
    errors.StatusError("x", status=418, code="c", param="p", body="b", headers={"x-request-id": "r"}, retry_after=1.5),
    *(errors.handshake_rejected("x", status=status) for status in (400, 401, 403, 404, 409, 418, 422, 429, 500, 503)),
    errors.ConnectionClosed(code=4000, reason="r", closed_by="remote"),
    errors.ClosedOK(code=1000, closed_by="local"),
    errors.ClosedError(),
    errors.TurnInterrupted(partial="so far", code=1006),
    errors.ReconnectFailed("gone", unsent=({"type": "x"},), unconfirmed=("evt_1",), attempts=2, code=1012),
    errors.ConnectionRetiring("too old", server_error={"code": "x"}),
    errors.PoolTimeout("x"),
    errors.PoolClosed("x"),
    errors.ToolError("no schema for that"),
    errors.InvalidWebhookSignatureError("x"),
    errors.OutputInvalid("x", text="[]", response="r"),
    errors.OutputRefused("x", refusal="no", response="r"),
    errors.ReceiveTimeout("x"),
    errors.SendTimeout("x", replay_safe=True),
    errors.RequestTimeout("x", partial="p"),
    errors.ServerError("x", type="t", code="c", param="p", event_id="e", event={"a": 1}),
    errors.ResponseFailed("x", response={"id": 1}, turn="t"),
    errors.DecodeError("x", raw="{"),
    errors.SlowConsumer(dropped=3),
    errors.AcknowledgementUnknown("x"),
    errors.ForkedError("x"),
    errors.LocalProtocolError("x"),
    errors.RemoteProtocolError("x", code=1007),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_pickle_with_all_their_data(error):
    """An error may cross a process boundary."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert str(error)


def test_every_error_class_has_an_example():
    """The list above is complete."""
    public = {getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert all(any(isinstance(each, cls) for each in EXAMPLES) for cls in public)


def test_what_replay_safe_means_by_default():
    """True where nothing can have been sent, false where something may have been."""
    assert errors.ConnectError("x").replay_safe
    assert errors.LocalProtocolError("x").replay_safe
    assert errors.handshake_rejected("x", status=500).replay_safe
    assert not errors.RequestTimeout("x").replay_safe
    assert not errors.TurnInterrupted().replay_safe


def test_a_close_describes_itself():
    """Who closed, with which code, and why."""
    assert (
        str(errors.ConnectionClosed(code=4001, reason="quota", closed_by="remote"))
        == "connection closed by the server, code 4001: quota"
    )
    assert "lost" in str(errors.ConnectionClosed())
    assert "this side" in str(errors.ClosedOK(closed_by="local"))
