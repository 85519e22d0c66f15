"""What visitors are told about failures."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from realtime_sync import errors
from realtime_sync.contrib import BadInput, Problem, StateTooLarge

SECRET = "internal-host:8443"

CASES = [
    (BadInput(SECRET), 400, "bad_input"),
    (errors.BadRequestError(SECRET, status=400), 400, "bad_input"),
    (errors.UnprocessableEntityError(SECRET, status=422), 400, "bad_input"),
    (errors.LocalProtocolError(SECRET), 400, "bad_input"),
    (errors.ServerError(SECRET, status=400), 400, "bad_input"),
    (errors.ServerError(SECRET, type="invalid_request_error"), 400, "bad_input"),
    (errors.InvalidWebhookSignatureError(SECRET), 400, "bad_signature"),
    (errors.ConfigurationError(SECRET), 500, "not_configured"),
    (errors.AuthenticationError(SECRET, status=401), 500, "not_configured"),
    (errors.PermissionDeniedError(SECRET, status=403), 500, "not_configured"),
    (errors.handshake_rejected(SECRET, status=401), 500, "not_configured"),
    (errors.handshake_rejected(SECRET, status=400), 502, "upstream_failed"),
    (errors.handshake_rejected(SECRET, status=429), 503, "busy"),
    (errors.handshake_rejected(SECRET, status=503), 503, "unreachable"),
    (errors.ConnectError(SECRET), 503, "unreachable"),
    (errors.ConnectTimeout(SECRET), 504, "too_slow"),
    (errors.PoolTimeout(SECRET), 503, "busy"),
    (errors.PoolClosed(SECRET), 503, "restarting"),
    (errors.ConnectionRetiring(SECRET), 503, "restarting"),
    (errors.RateLimitError(SECRET, status=429), 503, "busy"),
    (errors.ServerError(SECRET, status=429), 503, "busy"),
    (errors.ServerError(SECRET, status=500), 502, "upstream_failed"),
    (errors.ServerError(SECRET), 502, "upstream_failed"),
    (errors.InternalServerError(SECRET, status=500), 502, "upstream_failed"),
    (errors.NotFoundError(SECRET, status=404), 502, "upstream_failed"),
    (errors.ResponseFailed(SECRET), 502, "upstream_failed"),
    (
        errors.ResponseFailed(SECRET, response=SimpleNamespace(error=SimpleNamespace(code="rate_limit_exceeded"))),
        503,
        "busy",
    ),
    (errors.DecodeError(SECRET), 502, "upstream_failed"),
    (errors.TurnInterrupted(SECRET), 502, "cut_off"),
    (errors.RequestTimeout(SECRET), 504, "too_slow"),
    (StateTooLarge(SECRET), 507, "conversation_full"),
    (errors.ForkedError(SECRET), 500, "internal"),
    (KeyError(SECRET), 500, "internal"),
]


@pytest.mark.parametrize(
    ("error", "status", "code"), CASES, ids=[f"{type(each[0]).__name__}-{each[1]}" for each in CASES]
)
def test_statuses(error, status, code):
    """Each kind of failure has its status and code; only `BadInput` shows its own words."""
    problem = Problem.of(error)
    assert (problem.status, problem.code) == (status, code)
    assert (SECRET in str(problem.to_dict())) is isinstance(error, BadInput)
    assert SECRET in str(problem.to_dict(debug=True))
    assert ("Retry-After" in problem.headers) is (status == 503)


def test_retry_after_is_what_the_server_said():
    """In whole seconds, rounded up; where the server said nothing, a few."""
    assert Problem.of(errors.RateLimitError("x", status=429, retry_after=2.1)).headers["Retry-After"] == "3"
    assert Problem.of(errors.PoolTimeout("x")).headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (errors.ConfigurationError("no key"), "ERROR"),
        (errors.ConnectError("down"), "WARNING"),
        (BadInput("hm"), "INFO"),
    ],
)
def test_log_levels(error, level, caplog):
    """What only the site's people can change is an error, the weather a warning, a visitor's mistake information."""
    caplog.set_level("INFO", "realtime_sync.contrib")
    Problem.of(error).log(error)
    assert [record.levelname for record in caplog.records] == [level]
    assert str(error) in caplog.text
