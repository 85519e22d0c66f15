"""Stopping the assistant in mid-sentence, and making the conversation agree with what was heard."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from realtime_sync.errors import LocalProtocolError
from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._events import field_of
from realtime_sync.realtime._settings import output_format
from realtime_sync.realtime._state import AUDIO_DELTA
from realtime_sync.session import Core

__all__ = ["Interruption", "interrupt"]


@frozen(kw_only=True)
class Interruption:
    """What `interrupt` did.

    Attributes:
        response_id: the response that is being cancelled; None: none was active.
        item_id: the item that was truncated or deleted; None: none was.
        audio_end_ms: how much of it is left, in milliseconds; 0: the item is deleted. None if `item_id` is.
    """

    response_id: str | None = None
    item_id: str | None = None
    audio_end_ms: int | None = None


def interrupt(core: Core, api: RealtimeApi, played_ms: int | None, item_id: str | None) -> Interruption:
    """Cancel, drop what waits, truncate: see `RealtimeSession.interrupt`."""
    if played_ms is not None and (isinstance(played_ms, bool) or played_ms < 0):
        msg = f"played_ms is a number of milliseconds, 0 or more; got {played_ms!r}"
        raise LocalProtocolError(msg)
    audio_format = output_format(api.effective, None)
    with core.lock:
        book = api.book
        item = book.spoken.find(item_id)
        if item is None and item_id is not None:
            msg = f"no audio of an item {item_id!r} has arrived in this session"
            raise LocalProtocolError(msg)
        active = book.active_response_id or None
        if active is not None:
            book.interrupt(active)
        book.interrupt_tools()
        unwanted = {active, item.response_id if item is not None else None} - {None}
        core.remove_waiting_locked(
            lambda event: event.type == AUDIO_DELTA and field_of(event, "response_id") in unwanted
        )
        cut: tuple[str, int, int] | None = None
        if played_ms is not None and item is not None:
            arrived = audio_format.ms(item.size)
            if played_ms < arrived or active == item.response_id:
                cut = (item.item_id, item.content_index, min(int(played_ms), arrived))
                book.spoken.cut(item, audio_format.size(cut[2] / 1000))
    if active is not None:
        _send(core, {"type": "response.cancel", "response_id": active})
    if api.is_call:
        _send(core, {"type": "output_audio_buffer.clear"})
    if cut is None:
        return Interruption(response_id=active)
    where, content_index, audio_end_ms = cut
    if audio_end_ms:
        _send(
            core,
            {
                "type": "conversation.item.truncate",
                "item_id": where,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            },
        )
    else:
        _send(core, {"type": "conversation.item.delete", "item_id": where})
    return Interruption(response_id=active, item_id=where, audio_end_ms=audio_end_ms)


def _send(core: Core, event: dict[str, Any]) -> None:
    core.send(core.complete(event))
