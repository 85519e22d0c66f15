"""The verbs of a Realtime session, named as in the API and the official SDK.

Every verb sends one event and returns its event id; with ``wait=True`` it waits for the acknowledgement and returns
that event. `extra_body` adds fields that this library does not know. All may be called from any thread.
Errors are those of `RealtimeSession.send`, and with ``wait=True`` those of `RealtimeSession.request`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.config import NOT_GIVEN, NotGiven
from realtime_sync.errors import LocalProtocolError, RealtimeSyncError
from realtime_sync.realtime._item_ids import new_item_id
from realtime_sync.realtime._settings import fields_of
from realtime_sync.session import REQUEST_TIMEOUT

if TYPE_CHECKING:
    from realtime_sync.realtime._session import RealtimeSession

__all__ = [
    "ConversationResource",
    "InputAudioBufferResource",
    "OutputAudioBufferResource",
    "ResponseResource",
    "SessionResource",
    "audio_pieces",
]

MAX_APPEND_BYTES = 15 * 2**20
"""The server's limit for the audio of one append event (API reference, November 2026)."""


class _Resource:
    """What the groups of verbs share."""

    def __init__(self, session: RealtimeSession) -> None:
        self._session = session

    def _send(
        self,
        kind: str,
        fields: Mapping[str, Any],
        *,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        given = {name: value for name, value in fields.items() if value is not NOT_GIVEN}
        event = {"type": kind, **given}
        if event_id is not None:
            event["event_id"] = event_id
        if wait:
            seconds = REQUEST_TIMEOUT if isinstance(timeout, NotGiven) else timeout
            return self._session.request(event, seconds, extra_body=extra_body)
        if not isinstance(timeout, NotGiven):
            msg = f"timeout is for wait=True; {kind} without it does not wait"
            raise LocalProtocolError(msg)
        return self._session.send(event, extra_body=extra_body)


class SessionResource(_Resource):
    """The configuration of the session."""

    def update(
        self,
        session: Any,
        *,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Change what `session` (a session class or a dict) names; what it leaves out keeps its value, None means null.

        `session.type` is filled in if it is missing. Answered by session.updated.
        """
        config = fields_of(session, "session")
        config.setdefault("type", getattr(self.current, "type", None) or "realtime")
        fields = {"session": config}
        return self._send(
            "session.update", fields, event_id=event_id, extra_body=extra_body, wait=wait, timeout=timeout
        )

    @property
    def current(self) -> Any:
        """The effective session as the server last told it, or None before session.created."""
        return self._session._api.effective  # noqa: SLF001  (the resources are the session's own parts)

    @property
    def id(self) -> str | None:
        """The session's id, or None while it is not known."""
        return self._session._api.session_id  # noqa: SLF001  (as above)

    @property
    def expires_at(self) -> float | None:
        """When the server will end the session, in unix seconds, or None while it is not known."""
        return getattr(self.current, "expires_at", None)


class ConversationItemResource(_Resource):
    """The items of the conversation."""

    def create(
        self,
        item: Any,
        *,
        previous_item_id: str | None | NotGiven = NOT_GIVEN,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Add an item (an item class or a dict); it gets an id if it has none.

        Args:
            item: a message, a function call output…
            previous_item_id: left out: append; "root": at the beginning; an id: after that item.

        Answered by conversation.item.added (from beta servers conversation.item.created).
        """
        body = fields_of(item, "item")
        if body.get("id") is None:
            body["id"] = new_item_id()
        fields = {"item": body, "previous_item_id": previous_item_id}
        return self._send(
            "conversation.item.create", fields, event_id=event_id, extra_body=extra_body, wait=wait, timeout=timeout
        )

    def retrieve(
        self,
        item_id: str,
        *,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Ask for an item as the server holds it. Answered by conversation.item.retrieved."""
        return self._send(
            "conversation.item.retrieve",
            {"item_id": item_id},
            event_id=event_id,
            extra_body=extra_body,
            wait=wait,
            timeout=timeout,
        )

    def delete(
        self,
        item_id: str,
        *,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Remove an item. Answered by conversation.item.deleted."""
        return self._send(
            "conversation.item.delete",
            {"item_id": item_id},
            event_id=event_id,
            extra_body=extra_body,
            wait=wait,
            timeout=timeout,
        )

    def truncate(
        self,
        item_id: str,
        *,
        audio_end_ms: int,
        content_index: int = 0,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Cut an assistant's audio item after `audio_end_ms` milliseconds; its transcript goes.

        Answered by conversation.item.truncated.
        """
        fields = {"item_id": item_id, "content_index": content_index, "audio_end_ms": audio_end_ms}
        return self._send(
            "conversation.item.truncate", fields, event_id=event_id, extra_body=extra_body, wait=wait, timeout=timeout
        )


class ConversationResource(_Resource):
    """The conversation."""

    def __init__(self, session: RealtimeSession) -> None:
        super().__init__(session)
        self.item = ConversationItemResource(session)


class InputAudioBufferResource(_Resource):
    """The audio on its way in."""

    def append(self, audio: bytes | bytearray | memoryview | str, *, event_id: str | None = None) -> str:
        """Append audio in the session's input format: bytes, a bytes-like object, or base64 text.

        Audio over the server's limit for one event (15 MiB) goes out in several. Never acknowledged.

        Returns:
            The id of the (last) event.
        """
        pieces = list(audio_pieces(audio))
        sent = ""
        for number, piece in enumerate(pieces, 1):
            last = event_id if number == len(pieces) else None
            try:
                sent = self._send("input_audio_buffer.append", {"audio": piece}, event_id=last)
            except RealtimeSyncError as error:
                error.replay_safe = error.replay_safe and number == 1
                raise
        return sent

    def commit(
        self, *, event_id: str | None = None, wait: bool = False, timeout: float | None | NotGiven = NOT_GIVEN
    ) -> Any:
        """Make an item of what was appended. Creates no response. Answered by input_audio_buffer.committed."""
        return self._send("input_audio_buffer.commit", {}, event_id=event_id, wait=wait, timeout=timeout)

    def clear(
        self, *, event_id: str | None = None, wait: bool = False, timeout: float | None | NotGiven = NOT_GIVEN
    ) -> Any:
        """Forget what was appended. Answered by input_audio_buffer.cleared."""
        return self._send("input_audio_buffer.clear", {}, event_id=event_id, wait=wait, timeout=timeout)


class OutputAudioBufferResource(_Resource):
    """The audio on its way out; on call sessions (WebRTC, SIP) only."""

    def clear(
        self, *, event_id: str | None = None, wait: bool = False, timeout: float | None | NotGiven = NOT_GIVEN
    ) -> Any:
        """Cut off what the caller hears. Answered by output_audio_buffer.cleared."""
        return self._send("output_audio_buffer.clear", {}, event_id=event_id, wait=wait, timeout=timeout)


class ResponseResource(_Resource):
    """Responses, started and stopped by hand. `RealtimeSession.ask` and `stream` do both and route the events."""

    def create(
        self,
        response: Any = NOT_GIVEN,
        *,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Start a response; its events go to the mailbox. Answered by response.created.

        Args:
            response: settings for this response alone: a class or a dict.
        """
        fields = {"response": response if response is NOT_GIVEN else fields_of(response, "response")}
        return self._send(
            "response.create", fields, event_id=event_id, extra_body=extra_body, wait=wait, timeout=timeout
        )

    def cancel(
        self,
        response_id: str | NotGiven = NOT_GIVEN,
        *,
        event_id: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait: bool = False,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Stop a response (left out: the conversation's active one). Answered by response.done."""
        fields = {"response_id": response_id}
        return self._send(
            "response.cancel", fields, event_id=event_id, extra_body=extra_body, wait=wait, timeout=timeout
        )


def audio_pieces(audio: bytes | bytearray | memoryview | str) -> Iterator[str]:
    """Yield base64 text, at most the server's limit of audio each (and once for empty audio)."""
    if isinstance(audio, str):
        try:
            base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError) as error:
            msg = f"audio given as text must be base64: {error}"
            raise LocalProtocolError(msg) from None
        step = MAX_APPEND_BYTES // 3 * 4
        for start in range(0, len(audio) or 1, step):
            yield audio[start : start + step]
        return
    try:
        view = memoryview(audio).cast("B")
    except TypeError:
        msg = f"audio must be bytes, a bytes-like object or base64 text; got {type(audio).__name__}"
        raise LocalProtocolError(msg) from None
    for start in range(0, len(view) or 1, MAX_APPEND_BYTES):
        yield base64.b64encode(view[start : start + MAX_APPEND_BYTES]).decode("ascii")
