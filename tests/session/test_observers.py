"""Finding the observers of an event by its name."""

from __future__ import annotations

import threading

import pytest

from realtime_sync.session._flow import Flow
from realtime_sync.session._observers import ObserverIndex, Pattern, Registration
from realtime_sync.session._queue import EventQueue


def registration(name, *, once=False):
    return Registration(name=name, handler=print, once=once, urgent=False, cancel=lambda each: None)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("response.done", "response.done", True),
        ("response.done", "response.done.more", False),
        ("response.*", "response.output_text.delta", True),
        ("response.*", "response", False),
        ("response.*", "responses.done", False),
        ("*", "anything.at.all", True),
        ("event", "anything.at.all", True),
        ("*", "close", False),
        ("*", "callback_error", False),
        ("close", "close", True),
        ("event", "event", True),
    ],
)
def test_patterns(pattern, name, expected):
    """Exact names, prefixes of any depth, everything; local events only by their exact name."""
    assert Pattern(pattern).matches(name) is expected


def test_both_names_of_an_event_are_found_once():
    """A handler under the beta name or the GA name gets the event, and one that matches both gets it once."""
    index = ObserverIndex()
    beta, current, both = (
        registration("response.text.delta"),
        registration("response.output_text.delta"),
        registration("response.*"),
    )
    for each in (beta, current, both):
        index.add(each)
    matches = index.of("response.output_text.delta", "response.text.delta")
    assert list(matches.registrations) == [beta, current, both]


def test_a_once_is_claimed_once():
    """Of two events routed before the callback ran, only the first is for a once handler."""
    index = ObserverIndex()
    once, always = registration("a", once=True), registration("a")
    index.add(once)
    index.add(always)
    matches = index.of("a", "a")
    assert index.claim(matches.registrations) == (once, always)
    assert index.claim(matches.registrations) == (always,)
    assert index.of("a", "a").registrations == (always,)


def test_removing_and_adding_is_seen_at_once():
    """The cache never hides a change."""
    index = ObserverIndex()
    assert index.of("a", "a") is None
    one = registration("a")
    index.add(one)
    assert index.of("a", "a").registrations == (one,)
    index.remove(one)
    assert index.of("a", "a") is None
    assert not one.active
    queue = EventQueue(session_lock=threading.Lock(), flow=Flow(wake=lambda: None))
    index.add_queue((Pattern("a"), Pattern("*")), queue)
    assert index.of("a", "a").queues == (queue,)
    index.remove_queue(queue)
    assert index.empty


def test_the_cache_is_bounded():
    """A server that invents event names cannot make it grow."""
    index = ObserverIndex()
    index.add(registration("*"))
    for number in range(5000):
        index.of(f"made.up.{number}", f"made.up.{number}")
    assert len(index._cache) <= 512
