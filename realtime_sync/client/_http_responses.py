"""``client.responses`` over HTTP: one request each, answered whole or as a stream of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from realtime_sync.client._http import OPTION_NAMES, Call, Repeats, call_options, path_of
from realtime_sync.client._http_items import InputItems, InputTokens
from realtime_sync.client._http_verbs import names, one_or_many, reading, with_body
from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import ClosedError, ClosedOK, LocalProtocolError
from realtime_sync.responses import CreateParameters, create_body

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Unpack

    from realtime_sync.client._client import Client
    from realtime_sync.client._http import CallOptions
    from realtime_sync.client._http_stream import HttpResponseStream
    from realtime_sync.responses._parameters import Input
    from realtime_sync.types import responses as wire

    Map: TypeAlias = Mapping[str, Any]

    class HttpCreateParameters(CreateParameters, CallOptions, total=False):
        """The keywords of a request over HTTP: those of WebSocket mode, of background mode, and of a call."""

        background: bool | NotGiven | None
        background_options: Map | NotGiven | None


__all__ = ["HttpResponses"]

_HTTP_ONLY = frozenset({"background", "background_options"})
_OURS = frozenset({"function", "custom"})
"""Tools that the client runs; with any other one the server may do what cannot be undone."""
_EVENTS = "text/event-stream"


class HttpResponses:
    """The verbs of the Responses API over HTTP. Any thread.

    All take `extra_headers`, `extra_query`, `extra_body` and `timeout` (seconds for the whole, retries included; None:
    no limit, left out: `Client.timeout`). All raise `StatusError` when the server refuses, `ConnectError` when it
    cannot be reached, `ClosedError` when the connection is lost, `RequestTimeout`, `DecodeError` for an answer that is
    none, and `LocalProtocolError` for what cannot be sent.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @overload
    def create(self, *, stream: Literal[False] = ..., **parameters: Unpack[HttpCreateParameters]) -> wire.Response: ...
    @overload
    def create(self, *, stream: Literal[True], **parameters: Unpack[HttpCreateParameters]) -> HttpResponseStream: ...
    def create(
        self, *, stream: bool = False, **parameters: Unpack[HttpCreateParameters]
    ) -> wire.Response | HttpResponseStream:
        """Ask for a response and wait for all of it; with ``background=True`` it returns while that is made.

        Args:
            stream: True is another way to call `stream`.
            parameters: `CreateParameters`, `background`, `background_options`, and the options of every verb.

        Raises:
            TypeError: there is no such keyword.
            ResponseFailed: the response ended with status "failed".
            TurnInterrupted: the connection was lost before the answer. The request is made again by itself only if
                nothing outside the response can have happened: ``store=False``, no tools that the server runs, no
                `conversation`, not in the background.
            StatusError, ConnectError, RequestTimeout, DecodeError, LocalProtocolError: see the class.
        """
        from realtime_sync.client._http_stream import checked, interrupted  # noqa: PLC0415  (loads requests)
        from realtime_sync.types.responses import Response  # noqa: PLC0415  (the catalogue loads on first use)

        if stream:
            return self.stream(**parameters)
        call = self._creation(parameters, "create", stream=False)
        try:
            return checked(self._client.http.object(call, Response))
        except (ClosedError, ClosedOK) as error:
            failure, cause = interrupted(error.message, error.closed_by), error.__cause__
        raise failure from cause

    @overload
    def stream(self, **parameters: Unpack[HttpCreateParameters]) -> HttpResponseStream: ...
    @overload
    def stream(
        self,
        *,
        response_id: str,
        starting_after: int | NotGiven = ...,
        include: Iterable[str] | NotGiven = ...,
        **options: Unpack[CallOptions],
    ) -> HttpResponseStream: ...
    def stream(
        self, *, response_id: str | NotGiven = NOT_GIVEN, starting_after: int | NotGiven = NOT_GIVEN, **parameters: Any
    ) -> HttpResponseStream:
        """Ask for a response, and return it as it comes, as soon as the server has begun to answer.

        `timeout` is for the whole, up to the last event. Arguments and errors are those of `create`; what goes wrong
        with the response itself is raised by the stream.

        Args:
            response_id: ask for nothing, but follow a response that is made in the background, with a stream; as
                ``retrieve(response_id, stream=True)``, whose keywords these are then.
            starting_after: the `sequence_number` after which its events begin.
            parameters: as in `create`.
        """
        if not isinstance(response_id, NotGiven):
            other = next((name for name in parameters if name not in OPTION_NAMES | {"include"}), None)
            if other is not None:
                msg = f"{other} is for a new response: with response_id, stream() follows one that is there"
                raise LocalProtocolError(msg)
            return self.retrieve(response_id, stream=True, starting_after=starting_after, **parameters)
        if starting_after is not NOT_GIVEN:
            msg = "starting_after says where the events of a response begin that is there: give its response_id, too"
            raise LocalProtocolError(msg)
        return self._stream(self._creation(parameters, "stream", stream=True))

    @overload
    def retrieve(
        self,
        response_id: str,
        *,
        include: Iterable[str] | NotGiven = ...,
        include_obfuscation: bool | NotGiven = ...,
        stream: Literal[False] = ...,
        **options: Unpack[CallOptions],
    ) -> wire.Response: ...
    @overload
    def retrieve(
        self,
        response_id: str,
        *,
        stream: Literal[True],
        include: Iterable[str] | NotGiven = ...,
        include_obfuscation: bool | NotGiven = ...,
        starting_after: int | NotGiven = ...,
        **options: Unpack[CallOptions],
    ) -> HttpResponseStream: ...
    def retrieve(
        self,
        response_id: str,
        *,
        include: Iterable[str] | NotGiven = NOT_GIVEN,
        include_obfuscation: bool | NotGiven = NOT_GIVEN,
        starting_after: int | NotGiven = NOT_GIVEN,
        stream: bool = False,
        **options: Unpack[CallOptions],
    ) -> wire.Response | HttpResponseStream:
        """Return a stored response as it stands; one that failed returns, too.

        Args:
            response_id: of a response that was stored.
            include: further parts of it to return.
            stream: return its events instead: of one that was made in the background, with a stream.
            starting_after: the `sequence_number` after which its events begin. Only for a stream.
            include_obfuscation: whether the server pads the events of a stream.
            options: see the class.

        Raises:
            NotFoundError: there is no such response. For the others see the class.
        """
        from realtime_sync.types.responses import Response  # noqa: PLC0415  (the catalogue loads on first use)

        query = {
            "include": names(include, "include"),
            "include_obfuscation": include_obfuscation,
            "starting_after": starting_after,
            "stream": True if stream else NOT_GIVEN,
        }
        if starting_after is not NOT_GIVEN and not stream:
            msg = "starting_after says where a stream begins: give stream=True, too"
            raise LocalProtocolError(msg)
        call = reading(path_of("responses", response_id), query, options, "retrieve")
        return self._stream(call) if stream else self._client.http.object(call, Response)

    def delete(self, response_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a stored response.

        Raises:
            NotFoundError: there is no such response. For the others see the class.
        """
        call = Call(method="DELETE", path=path_of("responses", response_id), repeats=Repeats.ALWAYS)
        self._client.http.body(with_body(call, options, "delete"))

    def cancel(self, response_id: str, **options: Unpack[CallOptions]) -> wire.Response:
        """Cancel a response that is made in the background, and return it as it stands.

        Raises:
            BadRequestError: it is not made in the background. For the others see the class.
        """
        from realtime_sync.types.responses import Response  # noqa: PLC0415  (the catalogue loads on first use)

        call = Call(method="POST", path=path_of("responses", response_id, "cancel"), repeats=Repeats.ALWAYS)
        return self._client.http.object(with_body(call, options, "cancel"), Response)

    def compact(
        self,
        *,
        model: str | None,
        input: Input | NotGiven | None = NOT_GIVEN,  # noqa: A002  (the wire's name)
        instructions: str | NotGiven | None = NOT_GIVEN,
        previous_response_id: str | NotGiven | None = NOT_GIVEN,
        image: wire.ResponsesClientEventResponseCreateImage | Map | NotGiven = NOT_GIVEN,
        prompt_cache_key: str | NotGiven | None = NOT_GIVEN,
        prompt_cache_options: wire.ResponseCompactParamsPromptCacheOptions | Map | NotGiven | None = NOT_GIVEN,
        prompt_cache_retention: str | NotGiven | None = NOT_GIVEN,
        service_tier: str | NotGiven | None = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> wire.CompactedResponse:
        """Have a conversation made shorter: its `output`, unchanged, is the `input` to start a new chain with.

        Raises:
            BadRequestError: neither `input` nor `previous_response_id` says what to compact. For the others see
                the class.
        """
        from realtime_sync.types.responses import CompactedResponse  # noqa: PLC0415  (loads on first use)

        body = {
            "model": model,
            "input": one_or_many(input),
            "instructions": instructions,
            "previous_response_id": previous_response_id,
            "image": image,
            "prompt_cache_key": prompt_cache_key,
            "prompt_cache_options": prompt_cache_options,
            "prompt_cache_retention": prompt_cache_retention,
            "service_tier": service_tier,
        }
        call = Call(method="POST", path="/responses/compact", repeats=Repeats.ALWAYS)
        return self._client.http.object(with_body(call, options, "compact", body), CompactedResponse)

    @property
    def input_items(self) -> InputItems:
        """``input_items(response_id, …)``, or ``input_items.list(…)``: what a stored response was asked."""
        return InputItems(self._client)

    @property
    def input_tokens(self) -> InputTokens:
        """``input_tokens(…)``, or ``input_tokens.count(…)``: how many tokens an input has."""
        return InputTokens(self._client)

    def _creation(self, parameters: Mapping[str, Any], function: str, *, stream: bool) -> Call:
        options, given = _split(parameters)
        extra = options.get("extra_body")
        model = self._client.endpoint.default_model
        defaults = {} if model is None else {"model": model}
        body = create_body(given, defaults=defaults, extra_body=extra, also=_HTTP_ONLY, function=function)
        if body.pop("stream", None) and not stream:
            msg = "extra_body cannot ask for a stream, which is read in another way: use stream(), or stream=True"
            raise LocalProtocolError(msg)
        if stream:
            body["stream"] = True
        return Call(
            method="POST",
            path="/responses",
            body=body,
            repeats=Repeats.ALWAYS if _is_harmless(body) else Repeats.ANSWERED,
            accept=_EVENTS if stream else "application/json",
        ).with_options(options)

    def _stream(self, call: Call) -> HttpResponseStream:
        from realtime_sync.client._http_stream import HttpResponseStream, interrupted  # noqa: PLC0415  (requests)

        try:
            answer = self._client.http.open(call)
        except (ClosedError, ClosedOK) as error:
            failure, cause = interrupted(error.message, error.closed_by), error.__cause__
        else:
            return HttpResponseStream(answer, self._client.options.max_size)
        raise failure from cause


def _split(parameters: Mapping[str, Any]) -> tuple[CallOptions, dict[str, Any]]:
    """Return the options of a call and what is left."""
    options = {name: value for name, value in parameters.items() if name in OPTION_NAMES}
    return call_options(options, ""), {name: value for name, value in parameters.items() if name not in options}


def _is_harmless(body: Mapping[str, Any]) -> bool:
    """Tell whether nobody would notice that a response was made twice, but for the bill."""
    tools = body.get("tools") or ()
    return (
        body.get("store") is False
        and body.get("conversation") is None
        and not body.get("background")
        and all(isinstance(tool, Mapping) and tool.get("type") in _OURS for tool in tools)
    )
