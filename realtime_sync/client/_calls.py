"""``client.realtime.calls``: WebRTC calls to begin, SIP calls to answer; ``connect(call_id=…)`` controls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from realtime_sync.client._http import Call, Repeats, body_of, call_options, listed, path_of
from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import LocalProtocolError
from realtime_sync.wire import json, plain_object

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Unpack

    from realtime_sync.client._client import Client
    from realtime_sync.client._http import CallOptions
    from realtime_sync.types import realtime as wire

    Map: TypeAlias = Mapping[str, Any]

__all__ = ["CallCreated", "CallsResource"]


@frozen(kw_only=True)
class CallCreated:
    """A WebRTC call that the server has taken.

    Attributes:
        sdp: the server's answer, for the peer connection (``setRemoteDescription``).
        call_id: for ``client.realtime.connect(call_id=…)`` and for the other verbs; None if the server did not say.
    """

    sdp: str = field(repr=False)
    call_id: str | None


class CallsResource:
    """Begins, takes, refuses, passes on and ends calls. Any thread.

    All verbs take the options of `HttpResponses` and raise the same errors. Since a call is not taken twice, a lost
    connection is not tried again, nor a status that leaves open whether something was done.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        *,
        sdp: str,
        session: wire.RealtimeSessionCreateRequest | Map | NotGiven = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> CallCreated:
        """Begin a WebRTC call.

        Args:
            sdp: the offer of the peer connection.
            session: the configuration of its session; its ``type`` is filled in. Left out where the key is a client
                secret, which holds one already.
            options: see `HttpResponses`; there is no `extra_body`, put it into `session`.
        """
        from realtime_sync.http import multipart  # noqa: PLC0415  (loads with the first request)

        checked = call_options(options, "create")
        if checked.get("extra_body"):
            msg = "create takes no extra_body: what it sends is the sdp, and the session, which may hold any field"
            raise LocalProtocolError(msg)
        if not isinstance(sdp, str) or not sdp:
            msg = f"sdp is the text of an offer; got {type(sdp).__name__}"
            raise LocalProtocolError(msg)
        content = ("application/sdp", sdp.encode())
        if not isinstance(session, NotGiven):
            config = json.write(_typed(plain_object(session)))
            content = multipart([("sdp", *content), ("session", "application/json", config)])
        call = Call(
            method="POST",
            path="/realtime/calls",
            content=content,
            accept="application/sdp",
            repeats=Repeats.REFUSED,
        ).with_options(checked)
        answer = self._client.http.open(call)
        location = urlsplit(answer.headers.get("location", "")).path
        body = answer.read(self._client.options.max_size).decode("utf-8", "replace")
        return CallCreated(sdp=body, call_id=unquote(location.rstrip("/").rpartition("/")[2]) or None)

    def accept(
        self,
        call_id: str,
        *,
        type: str = "realtime",  # noqa: A002  (the wire's name)
        audio: wire.RealtimeAudioConfig | Map | NotGiven = NOT_GIVEN,
        include: Iterable[str] | NotGiven = NOT_GIVEN,
        instructions: str | NotGiven = NOT_GIVEN,
        max_output_tokens: int | str | NotGiven = NOT_GIVEN,
        model: str | NotGiven = NOT_GIVEN,
        output_modalities: Iterable[str] | NotGiven = NOT_GIVEN,
        parallel_tool_calls: bool | NotGiven = NOT_GIVEN,
        prompt: Map | NotGiven | None = NOT_GIVEN,
        reasoning: Map | NotGiven = NOT_GIVEN,
        tool_choice: str | Map | NotGiven = NOT_GIVEN,
        tools: Iterable[Any] | NotGiven = NOT_GIVEN,
        tracing: str | Map | NotGiven | None = NOT_GIVEN,
        truncation: str | Map | NotGiven = NOT_GIVEN,
        **options: Unpack[CallOptions],
    ) -> None:
        """Take a SIP call that a webhook announced, with this configuration of its session.

        Raises:
            NotFoundError: there is no such call, or no longer. For the others see `HttpResponses`.
        """
        fields = {
            "type": type,
            "audio": audio,
            "include": listed(include, "include"),
            "instructions": instructions,
            "max_output_tokens": max_output_tokens,
            "model": model,
            "output_modalities": listed(output_modalities, "output_modalities"),
            "parallel_tool_calls": parallel_tool_calls,
            "prompt": prompt,
            "reasoning": reasoning,
            "tool_choice": tool_choice,
            "tools": listed(tools, "tools"),
            "tracing": tracing,
            "truncation": truncation,
        }
        self._post(call_id, "accept", fields, options)

    def reject(self, call_id: str, *, status_code: int | NotGiven = NOT_GIVEN, **options: Unpack[CallOptions]) -> None:
        """Refuse a SIP call, with a SIP status (the server's default is 603, Decline)."""
        self._post(call_id, "reject", {"status_code": status_code}, options)

    def refer(self, call_id: str, *, target_uri: str, **options: Unpack[CallOptions]) -> None:
        """Pass a SIP call on, to a ``tel:`` or ``sip:`` URI."""
        self._post(call_id, "refer", {"target_uri": target_uri}, options)

    def hangup(self, call_id: str, **options: Unpack[CallOptions]) -> None:
        """End a call, by SIP or WebRTC."""
        self._post(call_id, "hangup", {}, options)

    def _post(self, call_id: str, verb: str, fields: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        checked = call_options(options, verb)
        call = Call(
            method="POST",
            path=path_of("realtime", "calls", call_id, verb),
            body=body_of(fields, checked) or None,
            repeats=Repeats.REFUSED,
        )
        self._client.http.body(call.with_options(checked))


def _typed(session: dict[str, Any]) -> dict[str, Any]:
    return {"type": "realtime", **session}
