"""A snapshot of what a session has done."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Stats"]


@frozen(kw_only=True)
class Stats:
    """Counters of one session, taken at one moment.

    Attributes:
        events_received, events_sent: API events, each way.
        bytes_received, bytes_sent: on the socket, frames and pings included.
        unknown_events: of a type that this version has no class for, or that did not fit their class.
        undecodable_events: not a JSON object with a type.
        mailbox_events, mailbox_bytes: waiting for `receive()` now.
        mailbox_dropped: left out of the mailbox (an unattended mailbox keeps just the newest).
        callbacks_waiting, callbacks_dropped: queued for callbacks now; dropped because they fell behind.
        callbacks_discarded: not started because this side closed the session.
        subscriptions_dropped: dropped for subscriptions that fell behind.
        paused_seconds: how long the reader paused so that TCP would push back on the server.
        send_backlog_bytes: outgoing bytes that the kernel has not taken yet.
    """

    events_received: int
    events_sent: int
    bytes_received: int
    bytes_sent: int
    unknown_events: int
    undecodable_events: int
    mailbox_events: int
    mailbox_bytes: int
    mailbox_dropped: int
    callbacks_waiting: int
    callbacks_dropped: int
    callbacks_discarded: int
    subscriptions_dropped: int
    paused_seconds: float
    send_backlog_bytes: int
