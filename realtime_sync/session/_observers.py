"""Who wants to see which event: registrations of callbacks and subscriptions, found by event name."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from realtime_sync.session._local_events import LOCAL_EVENT_TYPES
from realtime_sync.session._queue import EventQueue

__all__ = ["Matches", "ObserverIndex", "Pattern", "Registration"]

_MAX_CACHED_NAMES = 512

Handler = Callable[[Any], object]


@frozen
class Pattern:
    """Event names: exact, "prefix.*" (any depth below), or "*" (alias "event") for every server event.

    Local events ("open", "close", "callback_error"…) match their exact name only.
    """

    text: str
    _prefix: str | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        """Work the prefix out once: patterns are matched per event name."""
        if self.text in ("*", "event"):
            object.__setattr__(self, "_prefix", "")
        elif self.text.endswith(".*"):
            object.__setattr__(self, "_prefix", self.text[:-1])

    def matches(self, name: str) -> bool:
        if self._prefix is None:
            return name == self.text
        return name.startswith(self._prefix) and name not in LOCAL_EVENT_TYPES


@define(eq=False, kw_only=True)
class Registration:
    """One callback under one name; returned by `on` and `once`.

    Locks: the session's lock guards `active` (not cancelled) and `claimed` (a `once` that was routed its event).
    """

    name: str
    handler: Handler
    once: bool
    urgent: bool
    pattern: Pattern = field(init=False, repr=False)
    active: bool = field(init=False, default=True)
    claimed: bool = field(init=False, default=False)
    _cancel: Callable[[Registration], None] = field(repr=False)

    def __attrs_post_init__(self) -> None:
        """Parse the name once."""
        self.pattern = Pattern(self.name)

    def cancel(self) -> None:
        """Call the handler no more. Does not wait for a call that is running. Any thread, any number of times."""
        self._cancel(self)


@frozen
class Matches:
    """The observers of one event name."""

    registrations: tuple[Registration, ...]
    queues: tuple[EventQueue, ...]


@define(eq=False)
class ObserverIndex:
    """All observers of a session, with a cache per event name so that a frequent event costs one look-up.

    Locks: the session's lock guards everything.
    """

    registrations: list[Registration] = field(init=False, factory=list)
    claimed: deque[Registration] = field(init=False, factory=lambda: deque(maxlen=256))
    """Used `once` registrations whose call may not have begun: `off` still reaches them."""
    _queues: list[tuple[tuple[Pattern, ...], EventQueue]] = field(init=False, factory=list)
    _cache: dict[tuple[str, str], Matches | None] = field(init=False, factory=dict)
    empty: bool = field(init=False, default=True)
    """Whether there are no observers. Cleared before one is added, so that no interrupt leaves it wrong."""

    def add(self, registration: Registration) -> None:
        self.empty = False
        self.registrations.append(registration)
        self._cache.clear()

    def listens(self, *, urgent: bool) -> bool:
        """Return whether any callback of a kind is registered for events of the server."""
        return any(each.urgent is urgent and each.name not in LOCAL_EVENT_TYPES for each in self.registrations)

    def claim(self, registrations: tuple[Registration, ...]) -> tuple[Registration, ...]:
        """Return those that get this event; a `once` among them gets no other."""
        if not any(each.once for each in registrations):
            return registrations
        mine = tuple(each for each in registrations if not each.claimed)
        for each in mine:
            if each.once:
                each.claimed = True
                self.claimed.append(each)
                self._discard(each)
        return mine

    def remove(self, registration: Registration) -> None:
        registration.active = False
        self._discard(registration)

    def _discard(self, registration: Registration) -> None:
        if registration in self.registrations:
            self.registrations.remove(registration)
        self._changed()

    def add_queue(self, patterns: tuple[Pattern, ...], queue: EventQueue) -> None:
        self.empty = False
        self._queues.append((patterns, queue))
        self._cache.clear()

    def remove_queue(self, queue: EventQueue) -> None:
        self._queues = [each for each in self._queues if each[1] is not queue]
        self._changed()

    def _changed(self) -> None:
        self._cache.clear()
        self.empty = not self.registrations and not self._queues

    def queues(self) -> list[EventQueue]:
        return [queue for _, queue in self._queues]

    def of(self, name: str, wire_name: str) -> Matches | None:
        """Return who observes an event, under its own name or the one it had on the wire; None for nobody."""
        key = (name, wire_name)
        try:
            return self._cache[key]
        except KeyError:
            if len(self._cache) >= _MAX_CACHED_NAMES:
                self._cache.clear()  # A server that invents names must not make this grow.
            matches = self._cache[key] = self._find({name, wire_name})
            return matches

    def _find(self, names: set[str]) -> Matches | None:
        registrations = tuple(each for each in self.registrations if any(each.pattern.matches(name) for name in names))
        queues = tuple(
            queue
            for patterns, queue in self._queues
            if any(pattern.matches(name) for pattern in patterns for name in names)
        )
        return Matches(registrations, queues) if registrations or queues else None
