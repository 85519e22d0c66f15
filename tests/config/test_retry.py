"""When to dial again: pure decisions."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync import RetryPolicy, errors

RANDOM = st.floats(0, 1, exclude_max=True)


def test_defaults():
    """The documented defaults."""
    policy = RetryPolicy()
    assert (policy.connect_retries, policy.reconnect_retries, policy.reconnect) == (2, 5, False)
    assert (policy.initial_delay, policy.max_delay, policy.deadline, policy.jitter) == (0.5, 8, 60, True)
    assert policy.close_codes == {1001, 1005, 1006, 1011, 1012, 1013, 1015}
    assert {408, 409, 429, 500, 503, 599} <= policy.statuses
    assert not {400, 401, 403, 404, 407, 422, 426} & policy.statuses


def test_delays_double_up_to_the_longest():
    """Without jitter: half a second, one, two, four, eight, eight…"""
    policy = RetryPolicy(jitter=False)
    assert [policy.delay(attempt) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert policy.delay(10**6) == 8


def test_jitter_takes_any_part_of_the_delay():
    """Full jitter: from nothing to all of it, by the random number; Retry-After is a lower bound."""

    @settings(max_examples=100)
    @given(st.integers(1, 1000), RANDOM, st.none() | st.floats(0, 100))
    def check(attempt, number, retry_after):
        policy = RetryPolicy()
        full = RetryPolicy(jitter=False).delay(attempt)
        assert policy.delay(attempt, retry_after=retry_after, random=lambda: number) == max(
            full * number, retry_after or 0
        )
        assert 0 <= policy.delay(attempt) <= full

    check()


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (errors.ConnectError("refused"), True),
        (errors.ConnectError("certificate", transient=False), False),
        (errors.ConnectTimeout("x"), True),
        (errors.ProxyError("refused"), True),
        (errors.ProxyError("x", status=502), True),
        (errors.ProxyError("x", status=407, transient=False), False),
        (errors.ProxyError("x", status=403, transient=False), False),
        (errors.ConfigurationError("x"), False),
        (errors.ServerError("x"), False),
        (KeyboardInterrupt(), False),
        *((errors.handshake_rejected("x", status=status), False) for status in (301, 400, 401, 403, 404, 422, 426)),
        *((errors.handshake_rejected("x", status=status), True) for status in (408, 409, 429, 500, 502, 503, 504)),
        (errors.handshake_rejected("x", status=429, retry_after=120), True),
        (errors.handshake_rejected("x", status=429, retry_after=121), False),
        (errors.handshake_rejected("x", status=400, headers={"x-should-retry": "true"}), True),
        (errors.handshake_rejected("x", status=503, headers={"x-should-retry": "false"}), False),
    ],
    ids=lambda value: (
        f"{type(value).__name__} {getattr(value, 'status', '')}" if isinstance(value, BaseException) else None
    ),
)
def test_which_errors_are_worth_another_attempt(error, again):
    """What may pass, and the statuses 408, 409, 429 and 5xx; the server's own wish goes before the list."""
    assert RetryPolicy().retries(error) is again


def test_which_closes_are_worth_a_new_connection():
    """The codes of the list, if reconnecting was asked for."""
    assert RetryPolicy(reconnect=True).reconnects(1006)
    assert not RetryPolicy(reconnect=True).reconnects(1000)
    assert not RetryPolicy().reconnects(1006)
    assert RetryPolicy(reconnect=True, close_codes=[4000]).reconnects(4000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"connect_retries": -1},
        {"connect_retries": 1.5},
        {"reconnect_retries": True},
        {"reconnect": "yes"},
        {"initial_delay": -1},
        {"initial_delay": None},
        {"max_delay": float("nan")},
        {"deadline": -1},
        {"jitter": 1},
        {"close_codes": "1006"},
        {"statuses": ["429"]},
        {"statuses": 429},
        {"on_retry": 5},
        {"resume": "all"},
        {"resume_max_items": None},
        {"attemps": 3},
    ],
    ids=str,
)
def test_what_cannot_work_is_told_with_its_name(wrong):
    """ConfigurationError names the option."""
    with pytest.raises(errors.ConfigurationError, match=next(iter(wrong))):
        RetryPolicy.of(wrong)


def test_policies_are_frozen_and_merge_field_by_field():
    """Like connection options."""
    policy = RetryPolicy.of({"max_delay": 3, "resume": "conversation"}).over(RetryPolicy(initial_delay=1, max_delay=9))
    assert (policy.initial_delay, policy.max_delay, policy.connect_retries) == (1, 3, 2)
    assert (policy.resume, RetryPolicy().resume) == ("conversation", "session")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.max_delay = 5
