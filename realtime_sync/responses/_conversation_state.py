"""What a conversation knows: its items, what the server has of them, what it used; and all that as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import asdict, evolve, field, fields_dict, frozen

from realtime_sync.errors import ConfigurationError
from realtime_sync.responses._delta import Anchor
from realtime_sync.responses._history import OUTPUT_OF, Item, extended, kept, own_copies
from realtime_sync.types.responses import Response
from realtime_sync.wire import json

__all__ = ["Memory", "Restored", "Usage", "restored", "to_state"]

VERSION = 1
"""Of the states that `to_state` makes."""

_KEYS = frozenset({"version", "model", "instructions", "store", "history", "usage", "anchor"})
_NULLABLE_TEXTS = ("model", "instructions")
_ANCHOR_KEYS = {"response_id", "fingerprint"}
_CORRUPT = "state= cannot be restored"


@frozen(kw_only=True)
class Usage:
    """What all responses of a conversation used together.

    Attributes:
        responses: how many there were; those that were abandoned or failed do not count.
        input_tokens, output_tokens, total_tokens: as the server counts them; 0 where it does not.
        cached_tokens: of the input, those that were cached.
        reasoning_tokens: of the output, those that were thought.
    """

    responses: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0

    def plus(self, response: Response) -> Usage:
        """Return the usage with another response's."""
        used = response.usage
        given = used.input_tokens_details if used is not None else None
        made = used.output_tokens_details if used is not None else None
        return Usage(
            responses=self.responses + 1,
            input_tokens=self.input_tokens + _count(used, "input_tokens"),
            cached_tokens=self.cached_tokens + _count(given, "cached_tokens"),
            output_tokens=self.output_tokens + _count(used, "output_tokens"),
            reasoning_tokens=self.reasoning_tokens + _count(made, "reasoning_tokens"),
            total_tokens=self.total_tokens + _count(used, "total_tokens"),
        )


def _count(of: Any, name: str) -> int:
    return getattr(of, name, None) or 0


@frozen(kw_only=True)
class Memory:
    """All that a conversation knows at one moment. Replaced as a whole, so that an interrupt finds either of two.

    Attributes:
        items: the conversation, as it would be sent in full.
        anchor: what the server has of it; None: nothing that is known.
        usage: of all responses so far.
        last: the newest response.
    """

    items: tuple[Item, ...] = field(default=(), repr=False)
    anchor: Anchor | None = field(default=None, repr=False)
    usage: Usage = Usage()
    last: Response | None = field(default=None, repr=False)

    def with_response(self, sent: tuple[Item, ...], response: Response, of_fields: str, *, stored: bool) -> Memory:
        """Return what is known after a response.

        Args:
            sent: the whole input of its request.
            response: the response.
            of_fields: the request's fingerprint.
            stored: whether the server keeps it.
        """
        told = response.to_dict()
        output: list[Item] = told.get("output") or []
        returned = kept(output, stored=stored)
        items = extended(sent, returned)
        # A call that was left out is one that the server would want answered.
        whole = sum(each.get("type") in OUTPUT_OF for each in output) == sum(
            each.get("type") in OUTPUT_OF for each in returned
        )
        # A server that does not say what a response goes on from goes on from none.
        anchor = None
        if whole and "previous_response_id" in told and response.id:
            anchor = Anchor(response_id=response.id, fingerprint=of_fields, items=items, stored=stored)
        return Memory(items=items, anchor=anchor, usage=self.usage.plus(response), last=response)

    def without_anchor(self) -> Memory:
        """Return it for a server that has forgotten everything that it does not store."""
        return self if self.anchor is None or self.anchor.stored else evolve(self, anchor=None)


@frozen(kw_only=True)
class Restored:
    """What a state says."""

    memory: Memory
    model: str | None
    instructions: str | None
    store: bool


def to_state(memory: Memory, *, model: str | None, instructions: str | None, store: bool) -> dict[str, Any]:
    """Return a conversation as JSON values: what was said and where it stands, no tools, keys or URLs of servers."""
    anchor = memory.anchor
    saved = None
    if anchor is not None and anchor.stored and anchor.items == memory.items:
        saved = {"response_id": anchor.response_id, "fingerprint": anchor.fingerprint}
    return {
        "version": VERSION,
        "model": model,
        "instructions": instructions,
        "store": store,
        "history": own_copies(memory.items),
        "usage": asdict(memory.usage),
        "anchor": saved,
    }


def restored(state: Any) -> Restored:
    """Return what a state says, after a close look at it.

    Raises:
        ConfigurationError: it is none, or not whole; the message says what is wrong.
    """
    _require(isinstance(state, Mapping), f"expected the dict that to_dict() gave, got {type(state).__name__}")
    version = state.get("version")
    _require(version.__class__ is int and version == VERSION, f"its version is {version!r}; only {VERSION} can be read")
    unknown, lacking = sorted(map(str, state.keys() - _KEYS)), sorted(_KEYS - state.keys())
    _require(not unknown, f"it has {', '.join(unknown)} too many")
    _require(not lacking, f"it lacks {', '.join(lacking)}")
    for name in _NULLABLE_TEXTS:
        _require(state[name] is None or isinstance(state[name], str), f"{name} is no text")
    _require(isinstance(state["store"], bool), "store is neither true nor false")
    items = _items(state["history"])
    return Restored(
        memory=Memory(items=items, anchor=_anchor(state["anchor"], items), usage=_usage(state["usage"])),
        model=state["model"],
        instructions=state["instructions"],
        store=state["store"],
    )


def _items(history: Any) -> tuple[Item, ...]:
    _require(isinstance(history, list | tuple), "history is no list")
    called: set[tuple[str, Any]] = set()
    for index, each in enumerate(history):
        place = f"history[{index}]"
        is_item = isinstance(each, Mapping) and isinstance(each.get("type"), str)
        _require(is_item, f"{place} is no item: an object with a type")
        kind, call_id = each["type"], each.get("call_id")
        is_call = kind in OUTPUT_OF or kind in OUTPUT_OF.values()
        _require(not is_call or isinstance(call_id, str), f"{place} has no call_id")
        if kind in OUTPUT_OF:
            called.add((OUTPUT_OF[kind], call_id))
        elif kind in OUTPUT_OF.values():
            _require((kind, call_id) in called, f"{place} is the output of a call that is not before it")
    try:
        # Through JSON text: what comes out is plain, deep, and nobody else's.
        copied: list[Item] = json.loads(json.dumps([dict(each) for each in history]))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"{_CORRUPT}: history holds what JSON does not have: {error}"
        raise ConfigurationError(msg) from error
    return tuple(copied)


def _anchor(saved: Any, items: tuple[Item, ...]) -> Anchor | None:
    if saved is None:
        return None
    is_whole = isinstance(saved, Mapping) and saved.keys() == _ANCHOR_KEYS
    _require(is_whole, "anchor is not an object with response_id and fingerprint")
    _require(all(isinstance(each, str) and each for each in saved.values()), "anchor has an id that is no text")
    return Anchor(**saved, items=items, stored=True)


def _usage(saved: Any) -> Usage:
    names = fields_dict(Usage).keys()
    is_whole = isinstance(saved, Mapping) and saved.keys() == names
    _require(is_whole, f"usage is not an object with {', '.join(names)}")
    counts = all(each.__class__ is int and each >= 0 for each in saved.values())
    _require(counts, "usage has a count that is no number from 0")
    return Usage(**saved)


def _require(holds: bool, why: str) -> None:
    if not holds:
        msg = f"{_CORRUPT}: {why}"
        raise ConfigurationError(msg)
