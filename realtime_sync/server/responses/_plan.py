"""What a response is going to be made of: its context, its settings, and what the responder is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

from realtime_sync.server._backend import Backend
from realtime_sync.server._generation import Generation
from realtime_sync.server._pieces import Piece, limited, pieces, tokens, written
from realtime_sync.server._reply import ResponderRequest
from realtime_sync.server.responses._compaction import compacted, expanded
from realtime_sync.server.responses._items import Item, check_calls, checked_input, shown_to_responder
from realtime_sync.server.responses._store import Record, previous_not_found
from realtime_sync.server.responses._usage import context_tokens, request_tokens

__all__ = ["Plan", "generation", "planned", "summary_of_thought"]

_THOUGHT = "I looked for the answer without a model."


@frozen(kw_only=True)
class Plan:
    """A response before it has begun. Nothing in it is ever changed."""

    params: Mapping[str, Any] = field(repr=False)
    """What the client asked for, checked."""
    input: tuple[Item, ...] = field(repr=False)
    """The items of this request."""
    context: tuple[Item, ...] = field(repr=False)
    """What it continues from and its input; begins with the compaction item when it is compacted."""
    compaction: Item | None = None
    """Made for this response: its first output item."""
    given_tokens: int
    cached_tokens: int

    @property
    def generates(self) -> bool:
        """Whether the responder is asked: not for a warm-up, nor when the client only wants its context compacted."""
        prewarms = (self.params.get("prompt_cache_options") or {}).get("prewarm", False)
        warms_up = prewarms or self.params.get("generate") is False
        return not warms_up and not self.only_compacts

    @property
    def only_compacts(self) -> bool:
        """Whether the client asked for nothing but a compaction."""
        return bool(self.input) and self.input[-1]["type"] == "compaction_trigger"

    @property
    def stores(self) -> bool:
        """Whether the response is to be kept beyond its connection."""
        return self.params.get("store") is not False


def planned(
    params: Mapping[str, Any],
    previous: Callable[[str], Record | None],
    item: Callable[[str], Item | None],
    steered: tuple[Item, ...] = (),
) -> Plan:
    """Return the plan for a checked request, or raise the `Problem` with it.

    `previous` finds the response to continue from, and `item` a stored item; `steered` goes in front of the input.
    """
    before: tuple[Item, ...] = ()
    previous_id = params.get("previous_response_id")
    if previous_id is not None:
        record = previous(previous_id)
        if record is None or not record.can_go_on:
            raise previous_not_found(previous_id)
        before = record.context
    given = (*steered, *checked_input(params.get("input"), item))
    context = (*before, *given)
    full = expanded(context)
    check_calls(full)
    plan = Plan(
        params=params,
        input=given,
        context=context,
        given_tokens=request_tokens(params, context),
        cached_tokens=context_tokens(before),
    )
    threshold = _compaction_threshold(params)
    if plan.only_compacts or (threshold is not None and plan.given_tokens > threshold):
        summary = compacted(each for each in context if each["type"] != "compaction_trigger")
        return evolve(plan, compaction=summary, context=(summary,))
    return plan


def _compaction_threshold(params: Mapping[str, Any]) -> int | None:
    found = (each.get("compact_threshold") for each in params.get("context_management") or ())
    return min((each for each in found if each is not None), default=None)


def summary_of_thought(params: Mapping[str, Any]) -> str | None:
    """Return what a reasoning item tells (it may be nothing); None: no reasoning was asked for."""
    reasoning = params.get("reasoning") or {}
    if reasoning.get("effort", "none") in {None, "none"} and not reasoning.get("summary"):
        return None
    return _THOUGHT if reasoning.get("summary") or reasoning.get("generate_summary") else ""


def generation(
    plan: Plan, backend: Backend, deliver: Callable[[Piece], None], name: str, more: tuple[Item, ...] = ()
) -> Generation:
    """Return the worker that asks the responder; `more` is what the context has gained since the response began."""
    request = _request(plan, more)
    limit = plan.params.get("max_output_tokens")
    thought = summary_of_thought(plan.params)
    if limit is not None and thought is not None:
        limit -= len(tokens(thought))

    def make() -> Iterator[Piece]:
        return limited(written(pieces(backend.responder(request))), limit)

    return Generation(make=make, deliver=deliver, time_scale=backend.time_scale, who="responder", name=name)


def _request(plan: Plan, more: tuple[Item, ...]) -> ResponderRequest:
    params = plan.params
    tools, choice = tuple(params.get("tools") or ()), params.get("tool_choice", "auto")
    if isinstance(choice, Mapping) and choice["type"] == "allowed_tools":
        allowed = [(each.get("type"), each.get("name")) for each in choice["tools"]]
        tools = tuple(tool for tool in tools if (tool["type"], tool["name"]) in allowed)
        choice = choice["mode"]
    return ResponderRequest(
        api="responses",
        items=shown_to_responder(expanded((*plan.context, *more))),
        instructions=params.get("instructions") or "",
        tools=tools,
        tool_choice=choice,
        response=params,
    )
