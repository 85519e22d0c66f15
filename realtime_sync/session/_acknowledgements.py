"""Which server event answers which client event.

Answers are matched by an id where the protocol has one, else by order. Order is only trustworthy if every event
of that kind is registered, whoever sent it, in the order in which it goes to the wire; that is why registering
and queueing are one step under the session's lock.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen

from realtime_sync.errors import AcknowledgementUnknown, ServerError
from realtime_sync.transport import Waiter
from realtime_sync.types import UnknownEvent

__all__ = ["Acknowledgements", "Pending", "Rule", "error_fields", "server_error"]

MAX_PENDING = 1024
TOMBSTONE_SECONDS = 60.0

Key = Callable[[Any], "str | None"]


@frozen
class Rule:
    """How one client event type is answered.

    Attributes:
        answers: the server event types that acknowledge it, the first of them to come counts.
            None at all: the API attributes the answer itself, through `Acknowledgements.confirmed`.
        sent_key: reads the matching id from what is sent (a dict); None as a rule: matched by order.
        received_key: reads the same id from the answer.
        shared: one answer is for every event with its id, as it tells a state and not what became of one event.
    """

    answers: tuple[str, ...]
    sent_key: Key | None = None
    received_key: Key | None = None
    shared: bool = False


@define(eq=False)
class Pending:
    """A sent event whose answer is awaited, or that swallows it: it holds its place in the order, or is a tombstone.

    Locks: the session's lock guards every field but `waited_for`, which whoever waited clears without it: by a single
    assignment, which no interrupt can skip. The wait ends by `resolve_locked` or the caller's deadline.
    """

    event_id: str
    rule: Rule
    key: str | None
    waited_for: bool
    sent_at: float = 0.0
    """Monotonic seconds, from `Acknowledgements.place` on."""
    answer: Any = None
    error: BaseException | None = None
    suspect: Any = None
    """The first error event without an event id that came while this was waited for: it may be the answer."""
    done: bool = False
    waiter: Waiter | None = None
    """None: nobody waits, and the entry merely holds its place."""

    def is_forgotten(self) -> bool:
        """Return whether nobody waits, and an answer is not to be expected any more."""
        return not self.waited_for and self.sent_at < time.monotonic() - TOMBSTONE_SECONDS

    def resolve_locked(self, *, answer: Any = None, error: BaseException | None = None) -> None:
        """Give the answer or the error to the thread that waits, if any. Only the first one counts."""
        if not self.done:
            self.answer, self.error = answer, error
            self.done = True  # Last: whoever gives up waiting looks at this first, without the lock.
            if self.waiter is not None:
                self.waiter.wake()


@define(eq=False)
class _Line:
    """The entries of one rule that are matched by order."""

    entries: deque[Pending] = field(factory=deque)
    in_doubt: bool = False
    """An error without an id came while several were waiting: it may have answered any of them."""


@define(eq=False)
class Acknowledgements:
    """All events of a session that await an answer. The session's lock guards everything."""

    _rules: Mapping[str, Rule]
    notes_all: bool = field(init=False, default=False)
    """Whether also events matched by id are noted that nobody waits for: to tell what a lost connection leaves open."""
    answers: int = field(init=False, default=0)
    """How many events of ours were answered, refusals included."""
    _by_event_id: dict[str, Pending] = field(init=False, factory=dict)
    _lines: dict[tuple[str, ...], _Line] = field(init=False, factory=dict)
    answer_types: dict[str, list[Rule]] = field(init=False, factory=dict)
    """By the type of a server event the rules that it may be the answer of."""

    def __attrs_post_init__(self) -> None:
        """Turn the table round: the reader asks by the type of the answer."""
        for rule in self._rules.values():
            for answer in rule.answers:
                self.answer_types.setdefault(answer, []).append(rule)

    def register(self, data: Mapping[str, Any], *, waited_for: bool) -> Pending | None:
        """Note an event that is being queued. Events matched by id are noted if somebody waits, or with `notes_all`."""
        pending = self.make(data, waited_for=waited_for)
        if pending is not None:
            self.place(pending)
        return pending

    def make(self, data: Mapping[str, Any], *, waited_for: bool) -> Pending | None:
        """Make the entry for an event that is not being queued yet; None: it needs none."""
        rule = self._rules.get(data["type"])
        if rule is None or (rule.sent_key is not None and not (waited_for or self.notes_all)):
            return None
        key = rule.sent_key(data) if rule.sent_key else None
        pending = Pending(data["event_id"], rule, key, waited_for)
        if waited_for:
            pending.waiter = Waiter()
        return pending

    def place(self, pending: Pending) -> None:
        """Give an entry its place in the order: its event is being queued. An interrupt's halves `forget` removes."""
        pending.sent_at = time.monotonic()  # It may have waited for room, or for a connection.
        if pending.rule.sent_key is None:
            line = self._lines.get(pending.rule.answers)
            if line is None:
                line = self._lines[pending.rule.answers] = _Line()
            elif line.entries:
                self._tidy(line)
            line.entries.append(pending)
        elif len(self._by_event_id) >= MAX_PENDING:
            self._make_room()
        self._by_event_id[pending.event_id] = pending

    def unanswered(self) -> list[str]:
        """Return the event ids of all entries, in order."""
        return list(self._by_event_id)

    def answered(self, event: Any) -> None:
        """Match an event that may be an answer."""
        for rule in self.answer_types[event.type]:
            if rule.sent_key is None:
                self._answer_line(rule, event)
            elif rule.received_key is not None:
                self._answer_by_key(rule, rule.received_key(event), event)

    def confirmed(self, event_id: str, event: Any) -> None:
        """Give an answer that the API itself attributed to a client event."""
        pending = self._by_event_id.get(event_id)
        if pending is not None:
            self.answers += 1
            self.forget(pending)
            pending.resolve_locked(answer=event)

    def refused(self, event_id: str, error_event: Any) -> bool:
        """Match an error that names a client event; return whether a waiting caller gets it."""
        pending = self._by_event_id.get(event_id)
        if pending is None:
            return False
        self.answers += 1
        self.forget(pending)
        pending.resolve_locked(error=server_error(error_event))
        return pending.waited_for

    def unattributed_error(self, error_event: Any) -> None:
        """Note an error that names no event: it may have answered any that waits."""
        for line in self._lines.values():
            line.in_doubt = line.in_doubt or bool(line.entries)
        for pending in self._by_event_id.values():
            if pending.suspect is None:
                pending.suspect = error_event

    def forget(self, pending: Pending) -> None:
        """Remove an entry: it is answered, or never reached the wire."""
        self._by_event_id.pop(pending.event_id, None)
        line = self._lines.get(pending.rule.answers)
        if line is not None and pending.rule.sent_key is None and pending in line.entries:
            line.entries.remove(pending)
            line.in_doubt = line.in_doubt and bool(line.entries)

    def end(self, make_error: Callable[[], BaseException]) -> None:
        """Fail everybody who waits: the connection is over."""
        everybody = [*self._by_event_id.values(), *(each for line in self._lines.values() for each in line.entries)]
        for pending in everybody:
            pending.resolve_locked(error=make_error())
        self._by_event_id.clear()
        self._lines.clear()

    def _tidy(self, line: _Line) -> None:
        """Forget what is not expected to be answered any more, and make room for another entry."""
        while line.entries and line.entries[0].is_forgotten():
            self.forget(line.entries[0])
        if len(line.entries) >= MAX_PENDING:
            self.forget(line.entries[0])
            line.in_doubt = True

    def _make_room(self) -> None:
        """Forget the oldest entry that is in no line and that nobody waits for, if any."""
        for pending in self._by_event_id.values():
            if pending.rule.sent_key is not None and not pending.waited_for:
                self.forget(pending)
                return

    def _answer_line(self, rule: Rule, event: Any) -> None:
        line = self._lines.get(rule.answers)
        if line is None or not line.entries:
            return
        if line.in_doubt and len(line.entries) > 1:
            for pending in line.entries:
                pending.resolve_locked(error=_unknown(pending))
                pending.waited_for = False
            # One answer is in; which entry goes is all the same, but the old ones expire first.
            self.forget(line.entries[-1])
            return
        pending = line.entries.popleft()
        line.in_doubt = False  # Or it was the only one.
        self._by_event_id.pop(pending.event_id, None)
        self.answers += 1
        pending.resolve_locked(answer=event)

    def _answer_by_key(self, rule: Rule, key: str | None, event: Any) -> None:
        for pending in list(self._by_event_id.values()):
            if pending.rule is not rule or pending.key not in (None, key) or pending.is_forgotten():
                continue
            self.answers += 1
            self.forget(pending)
            pending.resolve_locked(answer=event)
            # An error without an id may have answered one that is not waited for; then this is for the next.
            if not rule.shared and (pending.waited_for or pending.suspect is None):
                return


def _unknown(pending: Pending) -> AcknowledgementUnknown:
    return AcknowledgementUnknown(
        f"the server refused one of several events without naming it, so whether {pending.event_id} "
        f"was accepted is not known; ask for the state again before you repeat it"
    )


def error_fields(event: Any) -> Mapping[str, Any]:
    """Return what an error event says (type, code, message, param, event_id), also one that did not fit its class."""
    if isinstance(event, UnknownEvent):
        raw = event.raw.get("error")
        return raw if isinstance(raw, Mapping) else {}
    error = getattr(event, "error", None)
    return {name: getattr(error, name, None) for name in ("type", "code", "message", "param", "event_id")}


def server_error(event: Any) -> ServerError:
    """Turn an error event of the API into the exception for the caller whose event it names."""
    fields = error_fields(event)
    code, event_id = fields.get("code"), fields.get("event_id")
    what = fields.get("message") or code or fields.get("type") or "the server sent an error without a message"
    about = "naming no event of ours" if event_id is None else f"for our event {event_id}"
    return ServerError(
        f"{what} (code {code}, {about})",
        type=fields.get("type"),
        code=code,
        param=fields.get("param"),
        event_id=event_id,
        event=event,
    )
