"""Stopping the assistant in mid-sentence, and making the conversation agree with what was heard."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from attrs import frozen

from realtime_sync.audio import AudioFormat
from realtime_sync.errors import LocalProtocolError
from realtime_sync.realtime._api import RealtimeApi
from realtime_sync.realtime._events import field_of
from realtime_sync.realtime._settings import named_output_format
from realtime_sync.realtime._spoken import SpokenItem
from realtime_sync.realtime._state import AUDIO_DELTA
from realtime_sync.session import Core

__all__ = ["Interruption", "interrupt"]


@frozen(kw_only=True)
class Interruption:
    """What `interrupt` did.

    Attributes:
        response_id: the response that is being cancelled; None: none was active.
        item_id: the item that is being truncated or deleted; None: none is.
        audio_end_ms: how much of it is left, in milliseconds; 0: the item is deleted. None if `item_id` is.
    """

    response_id: str | None = None
    item_id: str | None = None
    audio_end_ms: int | None = None


def interrupt(core: Core, api: RealtimeApi, played_ms: float | None, item_id: str | None) -> Interruption:
    """Cancel, drop what waits, truncate: see `RealtimeSession.interrupt`."""
    _check(played_ms)
    with api.interrupting:
        with core.lock:
            done, content_index = _decide_locked(core, api, played_ms, item_id)
        if done.response_id is not None:
            _send(core, {"type": "response.cancel", "response_id": done.response_id})
        if api.is_call:
            _send(core, {"type": "output_audio_buffer.clear"})
        if done.audio_end_ms:
            end = {"content_index": content_index, "audio_end_ms": done.audio_end_ms}
            _send(core, {"type": "conversation.item.truncate", "item_id": done.item_id, **end})
        elif done.item_id is not None:
            _send(core, {"type": "conversation.item.delete", "item_id": done.item_id})
    return done


def _decide_locked(
    core: Core, api: RealtimeApi, played_ms: float | None, item_id: str | None
) -> tuple[Interruption, int]:
    """Silence and forget; return what to tell the server, and which content part of the item it is about."""
    book = api.book
    item = book.spoken.find(item_id)
    if item is None and item_id is not None:
        msg = f"no audio of an item {item_id!r} has arrived in this session"
        raise LocalProtocolError(msg)
    audio_format = None if item is None or played_ms is None else _format_of(item, api)
    active = book.interrupt()
    unwanted = {active, item.response_id if item is not None else None} - {None}
    core.remove_waiting_locked(lambda event: _is_audio_of(event, unwanted))
    end_ms = None
    if item is not None and played_ms is not None and audio_format is not None:
        grows = active is not None and active == item.response_id
        # Nothing of an active response that has no audio yet was heard: that says nothing about an older item.
        if played_ms or grows or active is None or item_id is not None:
            end_ms = item.heard(played_ms, audio_format, grows=grows)
    if item is None or end_ms is None:
        return Interruption(response_id=active), 0
    book.spoken.cut(item.item_id, end_ms)
    return Interruption(response_id=active, item_id=item.item_id, audio_end_ms=end_ms), item.content_index


def _check(played_ms: float | None) -> None:
    if played_ms is None:
        return
    is_number = isinstance(played_ms, int | float) and not isinstance(played_ms, bool)
    if not is_number or not 0 <= played_ms < float("inf"):
        msg = f"played_ms is a number of milliseconds, 0 or more; got {played_ms!r}"
        raise LocalProtocolError(msg)


def _format_of(item: SpokenItem, api: RealtimeApi) -> AudioFormat:
    """Return the format of an item's audio.

    Raises:
        ConfigurationError: it is none that this library knows.
    """
    return AudioFormat.from_wire(item.format or named_output_format(api.effective))


def _is_audio_of(event: Any, response_ids: Collection[str | None]) -> bool:
    return getattr(event, "type", None) == AUDIO_DELTA and field_of(event, "response_id") in response_ids


def _send(core: Core, event: dict[str, Any]) -> None:
    core.send(core.complete(event))
