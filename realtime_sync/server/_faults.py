"""Faults on demand: at a named point, the server misbehaves in a named way.

Points: ``connect`` (TCP accepted, before TLS), ``upgrade`` (the WebSocket request was read and is valid),
``received`` and ``sent`` (any event of that direction), or an event type such as ``response.create``
(when it was received, before it is handled) or ``response.done`` (instead of, or before, sending it). An HTTP request
passes ``received`` and its name, such as ``POST /v1/responses`` (which is a ``response.create`` too); a body passes
``sent``, a response as a body the type of its last event as well, and in a stream each event its own points.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from typing import Any, Literal, get_args

from attrs import Attribute, define, field, frozen

from realtime_sync.errors import ConfigurationError

__all__ = ["Action", "Fault", "Faults"]

Action = Literal["drop", "delay", "stall", "close", "cut", "garbage", "bad_json", "swallow", "reject"]


def _known_action(_: Any, __: Attribute[Any], value: str) -> None:
    if value not in get_args(Action):
        msg = f"unknown fault {value!r}; there are {', '.join(get_args(Action))}"
        raise ConfigurationError(msg)


def _chance(_: Any, __: Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        msg = f"probability must be from 0 to 1, or None; got {value!r}"
        raise ConfigurationError(msg)


def _at_least(low: int) -> Any:
    def check(_: Any, attribute: Attribute[Any], value: float) -> None:
        if not value >= low:
            msg = f"{attribute.name} must be {low} or more; got {value!r}"
            raise ConfigurationError(msg)

    return check


_POSSIBLE: dict[str, set[str]] = {
    "connect": {"drop", "delay", "stall", "garbage"},
    "upgrade": {"drop", "delay", "stall", "garbage", "cut", "close", "reject"},
}


@frozen(kw_only=True)
class Fault:
    """One way to misbehave, and when.

    What `do` means: "drop" ends the TCP connection without a close frame; "delay" waits `seconds` first; "stall"
    neither reads nor writes any more until the server closes; "close" sends a close frame with `code` and `reason`;
    "cut" sends the first half of what was due and drops; "garbage" sends bytes that are no frame (before the upgrade:
    no HTTP) and drops. In place of an event, "bad_json" sends a text message that is no JSON, "swallow" sends nothing,
    and "reject" an error event (an upgrade it answers with `status`); a received event is not handled then.
    Over HTTP, "close" ends a stream early and properly; what has no answer yet it drops, as "swallow" does.
    """

    at: str
    """The point: see the module."""
    do: Action = field(validator=_known_action)
    nth: int = field(default=1, validator=_at_least(1))
    """Fires when the point is passed for the nth time, counted over all connections."""
    probability: float | None = field(default=None, validator=_chance)
    """None: fires at the nth passing only. Else at the nth and every later one, each with this chance."""
    seed: int = 0
    """Of the random numbers behind `probability`: the same seed, the same passings."""
    seconds: float = field(default=0.0, validator=_at_least(0))
    """How long "delay" waits (real seconds, not scaled); the Retry-After of "reject" when above 0."""
    code: int = 1011
    """Close code of "close"."""
    reason: str = ""
    """Close reason of "close", message of "reject"."""
    status: int = 503
    """HTTP status of "reject"; in the Responses API its error events have one too."""
    error_code: str | None = None
    """The error's code in "reject"; None: ``rejected_by_fault``, or in the Responses API what belongs to the status."""

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot happen at the point, rather than ignore it."""
        if self.do not in _POSSIBLE.get(self.at, get_args(Action)):
            msg = f"{self.do!r} is not possible at {self.at!r}; possible are {', '.join(sorted(_POSSIBLE[self.at]))}"
            raise ConfigurationError(msg)


@define(eq=False)
class _Armed:
    """A fault with its counters, which `Faults._lock` guards."""

    fault: Fault
    random: random.Random
    passed: int = 0
    fired: int = 0

    def passes_locked(self) -> bool:
        """Count one passing and tell whether the fault fires at it."""
        self.passed += 1
        fault = self.fault
        fires = self.passed == fault.nth
        if fault.probability is not None:
            fires = self.passed >= fault.nth and self.random.random() < fault.probability
        self.fired += fires
        return fires


@define(eq=False, init=False)
class Faults:
    """The faults of one server, shared by its connections.

    Threads: any.
    Locks: _lock guards the counters and the list.
    """

    _lock: threading.Lock
    _armed: list[_Armed]

    def __init__(self, *faults: Fault) -> None:
        self._lock = threading.Lock()
        self._armed = []
        for fault in faults:
            self.add(fault)

    @classmethod
    def of(cls, faults: Faults | Fault | Iterable[Fault] | None) -> Faults:
        """Return faults from one, several, none, or an instance."""
        if isinstance(faults, cls):
            return faults
        if isinstance(faults, Fault):
            return cls(faults)
        return cls(*(faults or ()))  # type: ignore[misc]

    def add(self, fault: Fault) -> None:
        """Arm one more fault; its count starts now."""
        # Not a secret: equal seeds must give equal faults.
        armed = _Armed(fault, random.Random(fault.seed))  # noqa: S311
        with self._lock:
            self._armed.append(armed)

    def take(self, *points: str) -> Fault | None:
        """Pass these points, which are names of one moment; return the fault to commit, if any.

        Every matching fault counts the passing; of several that fire, the one that was added first is returned.
        """
        with self._lock:
            firing = [armed for armed in self._armed if armed.fault.at in points and armed.passes_locked()]
        return firing[0].fault if firing else None

    def fired(self, at: str | None = None) -> int:
        """Return how often faults fired, at this point or (None) at all points."""
        with self._lock:
            return sum(armed.fired for armed in self._armed if at in (None, armed.fault.at))
