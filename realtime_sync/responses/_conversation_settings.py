"""What a conversation asks with: its settings, and the request made of them and of what one call changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import LocalProtocolError
from realtime_sync.responses._conversation_state import Restored
from realtime_sync.responses._conversation_stream import Request
from realtime_sync.responses._conversation_tools import ToolSet
from realtime_sync.responses._history import Input, input_items
from realtime_sync.responses._parameters import RequestFields, create_body
from realtime_sync.responses._structured import AnswerFormat
from realtime_sync.tools import Toolbox

if TYPE_CHECKING:
    from typing import TypeAlias

    from realtime_sync.responses._parameters import Map
    from realtime_sync.types import responses as wire

    AnyTool: TypeAlias = Callable[..., Any] | wire.Tool | Map
    """A function, a tool made of one, or the definition of another tool."""

__all__ = ["ConversationParameters", "Settings", "TurnParameters"]

_OURS = ("previous_response_id", "conversation", "input")


class ConversationParameters(RequestFields, total=False):
    """The fields of a conversation's requests that have no keyword of their own where it is made."""


class TurnParameters(ConversationParameters, total=False):
    """The keywords of a conversation's turn: those of a request without what says where it goes on from."""

    model: str | NotGiven
    instructions: str | NotGiven | None
    store: bool | NotGiven
    tools: Iterable[AnyTool] | NotGiven


@define(eq=False, kw_only=True)
class Settings:
    """What holds for every turn that does not say otherwise. Never changes, but for the functions in `tools`.

    Attributes:
        model, instructions: None: not given.
        repeat_lost: see `Request`.
        defaults: the fields of every request, checked.
    """

    model: str | None
    instructions: str | None = field(repr=False)
    store: bool
    repeat_lost: bool
    tools: ToolSet = field(repr=False)
    defaults: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(
        cls,
        saved: Restored | None,
        *,
        model: str | None,
        instructions: str | None,
        store: bool | NotGiven,
        key: str | None,
        repeat_lost: bool,
        tools: ToolSet,
        parameters: Mapping[str, Any],
    ) -> Settings:
        """Check what a caller gives; what is not given is as it was saved.

        Raises:
            LocalProtocolError, TypeError: something given cannot be sent.
        """
        if saved is not None:
            model = saved.model if model is None else model
            instructions = saved.instructions if instructions is None else instructions
            store = saved.store if isinstance(store, NotGiven) else store
        stores = False if isinstance(store, NotGiven) else store
        defaults = {name: value for name, value in parameters.items() if value is not NOT_GIVEN}
        if key is not None:
            defaults.setdefault("prompt_cache_key", key)
        named = {"model": model, "instructions": instructions}
        defaults |= {name: value for name, value in named.items() if value is not None}
        defaults["store"] = stores
        _refuse_ours(defaults)
        checked = create_body(defaults, function="conversation")
        return cls(
            model=model,
            instructions=instructions,
            store=stores,
            repeat_lost=repeat_lost,
            tools=tools,
            defaults=checked,
        )

    def for_fork(self) -> Settings:
        """Return the same for another conversation, whose tools run in threads of their own."""
        box = Toolbox(timeout=self.tools.box.timeout, max_rounds=self.tools.box.max_rounds)
        return evolve(self, tools=ToolSet.of([*self.tools.others, *self.tools.functions], box))

    def request(
        self,
        given: Input,
        parse: Any,
        parameters: Mapping[str, Any],
        extra_body: Mapping[str, Any] | None,
    ) -> tuple[Request, ToolSet]:
        """Return what a call asks, and the tools for it.

        Args:
            given: the input.
            parse: a class for the answer, or None.
            parameters: what holds instead of the settings.
            extra_body: see `create_body`.

        Raises:
            LocalProtocolError, ConfigurationError, ToolError, TypeError: something given cannot be sent.
        """
        _refuse_ours(parameters)
        changed = dict(parameters)
        tools = self._tools_for(changed.pop("tools", NOT_GIVEN))
        definitions = tools.definitions
        if definitions or tools is not self.tools:
            changed["tools"] = definitions
        body = create_body(changed, defaults=self.defaults, extra_body=extra_body)
        form = AnswerFormat.of(parse) if parse is not None else None
        if form is not None:
            text = body.get("text") or {}
            if text.get("format") is not None:
                msg = "give parse or text['format'], not both: they mean the same"
                raise LocalProtocolError(msg)
            body["text"] = {**text, "format": form.format}
        request = Request(
            body=body,
            items=input_items(given),
            adds_encrypted="include" not in body and body.get("store") is False,
            repeat_lost=self.repeat_lost,
            form=form,
        )
        return request, tools

    def _tools_for(self, given: Any) -> ToolSet:
        if given is NOT_GIVEN:
            return self.tools
        box = Toolbox(timeout=self.tools.box.timeout, max_rounds=self.tools.box.max_rounds)
        box.executor = self.tools.box.executor  # So that the conversation's end is theirs.
        return ToolSet.of(given or (), box)


def _refuse_ours(parameters: Mapping[str, Any]) -> None:
    for name in _OURS:
        if parameters.get(name, NOT_GIVEN) is not NOT_GIVEN:
            msg = f"{name} cannot be given: a conversation keeps its history itself"
            raise LocalProtocolError(msg)
