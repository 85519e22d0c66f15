"""What a response was asked, and how many tokens an input has: the two resources below ``client.responses``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from realtime_sync.client._http import Call, Repeats, listed, path_of
from realtime_sync.client._http_verbs import names, one_or_many, reading, with_body
from realtime_sync.config import NOT_GIVEN, NotGiven

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Unpack

    from realtime_sync.client._client import Client
    from realtime_sync.client._http import CallOptions
    from realtime_sync.responses._parameters import Input
    from realtime_sync.types import responses as wire

    Map: TypeAlias = Mapping[str, Any]

__all__ = ["InputItems", "InputTokens", "ItemPages"]


class InputItems:
    """What a stored response was asked. Any thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        response_id: str,
        *,
        after: str | NotGiven = NOT_GIVEN,
        include: Iterable[str] | NotGiven = NOT_GIVEN,
        limit: int | NotGiven = NOT_GIVEN,
        order: str | NotGiven = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> ItemPages:
        """Return the items: iterate over them, of all pages, or over its `pages()`. Nothing is asked before that.

        Args:
            response_id: of the response.
            after: the id of the item after which to begin.
            include: further parts of the items to return.
            limit: items of one page, 1 to 100 (the server's default is 20).
            order: "desc", the newest first, which is the server's default, or "asc".
            options: see `HttpResponses`; `timeout` is for each page.
        """
        query = {
            "after": after,
            "include": names(include, "include"),
            "limit": limit,
            "order": order,
        }
        path = path_of("responses", response_id, "input_items")
        return ItemPages(self._client, reading(path, query, options, "input_items"))

    __call__ = list  # noqa: A003  (the official SDK's name)


class ItemPages:
    """The items of a response, asked for page by page, anew for every loop. Any thread, a loop of its own each."""

    def __init__(self, client: Client, call: Call) -> None:
        self._client = client
        self._call = call

    def __iter__(self) -> Iterator[wire.ResponseItem]:
        for page in self.pages():
            yield from page.data or ()

    def pages(self) -> Iterator[wire.ResponseItemList]:
        """Iterate over the pages.

        Raises:
            NotFoundError: there is no such response. For the others see `HttpResponses`.
        """
        from realtime_sync.types.responses import ResponseItemList  # noqa: PLC0415  (the catalogue loads on first use)

        call: Call | None = self._call
        while call is not None:
            page = self._client.http.object(call, ResponseItemList)
            yield page
            # A page that says that there is more, and not where, is the last one all the same.
            more = page.has_more and page.last_id and page.last_id != call.query.get("after")
            call = evolve(call, query={**call.query, "after": page.last_id}) if more else None


class InputTokens:
    """How many tokens an input has. Any thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def count(
        self,
        *,
        conversation: str | wire.ResponseConversationParam | Map | NotGiven | None = NOT_GIVEN,
        input: Input | NotGiven | None = NOT_GIVEN,  # noqa: A002  (the wire's name)
        instructions: str | NotGiven | None = NOT_GIVEN,
        model: str | NotGiven | None = NOT_GIVEN,
        parallel_tool_calls: bool | NotGiven | None = NOT_GIVEN,
        personality: str | NotGiven = NOT_GIVEN,
        previous_response_id: str | NotGiven | None = NOT_GIVEN,
        reasoning: wire.Reasoning | Map | NotGiven | None = NOT_GIVEN,
        text: wire.InputTokenCountParamsText | Map | NotGiven | None = NOT_GIVEN,
        tool_choice: wire.InputTokenCountParamsToolChoice | Map | NotGiven | None = NOT_GIVEN,
        tools: Iterable[wire.Tool | Map] | NotGiven | None = NOT_GIVEN,
        truncation: str | NotGiven = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> wire.InputTokenCountResponse:
        """Count the tokens of what a request with the same arguments would give the model.

        For what it raises see `HttpResponses`.
        """
        from realtime_sync.types.responses import InputTokenCountResponse  # noqa: PLC0415  (loads on first use)

        body = {
            "conversation": conversation,
            "input": one_or_many(input),
            "instructions": instructions,
            "model": model,
            "parallel_tool_calls": parallel_tool_calls,
            "personality": personality,
            "previous_response_id": previous_response_id,
            "reasoning": reasoning,
            "text": text,
            "tool_choice": tool_choice,
            "tools": tools if tools is None else listed(tools, "tools"),
            "truncation": truncation,
        }
        call = Call(method="POST", path="/responses/input_tokens", repeats=Repeats.ALWAYS)
        return self._client.http.object(with_body(call, options, "input_tokens", body), InputTokenCountResponse)

    __call__ = count
