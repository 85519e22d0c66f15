"""What a caller gives for one turn, checked and put into the wire's shapes."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from realtime_sync.audio import AudioFormat, AudioSource, chunks
from realtime_sync.errors import LocalProtocolError
from realtime_sync.realtime._item_ids import new_item_id
from realtime_sync.realtime._settings import InputSettings, fields_of, output_format
from realtime_sync.realtime._source import AudioInput
from realtime_sync.types import WireObject
from realtime_sync.types._values import data_url

__all__ = ["TurnInput", "turn_input"]


@frozen(kw_only=True)
class TurnInput:
    """One turn, ready to be sent.

    Attributes:
        item: the event that adds the user's message to the conversation, or None.
        response: the settings of its response.
        audio: what is spoken, or None.
        output_format: the format of the audio of its response; None: one that this library does not know.
    """

    item: dict[str, Any] | None
    response: dict[str, Any]
    audio: AudioInput | None
    output_format: AudioFormat | None

    @property
    def out_of_band(self) -> bool:
        return self.response.get("conversation") == "none"


def turn_input(
    session: Any,
    text: str | None,
    audio: AudioSource | None,
    *,
    images: Iterable[Any],
    response: Any,
    pace: float | None,
) -> TurnInput:
    """Check what a caller gave.

    Args:
        session: the effective session, or None while it is not known.
        text, audio, images, response, pace: as `RealtimeSession.stream` takes them.

    Raises:
        LocalProtocolError, ConfigurationError: something of it cannot be sent; nothing was.
    """
    settings = fields_of(response, "response") if response is not None else {}
    if pace is not None and audio is None:
        msg = "pace is for audio, and there is none"
        raise LocalProtocolError(msg)
    out_of_band = settings.get("conversation") == "none"
    if pace is not None and out_of_band:
        msg = "pace is for audio that is spoken to the conversation; out of band, audio goes out as a whole"
        raise LocalProtocolError(msg)
    content = [_image(each) for each in _several(images)]
    if text is not None:
        if not isinstance(text, str):
            msg = f"text must be a string; got {type(text).__name__}"
            raise LocalProtocolError(msg)
        content.append({"type": "input_text", "text": text})
    speech = None
    if audio is not None:
        how = InputSettings.of(session)
        if out_of_band:
            content.append(_audio_part(audio, how))
        else:
            _check_settings(settings, how)
            speech = AudioInput(audio, how, pace)
    item = None
    if content:
        message = {"id": new_item_id(), "type": "message", "role": "user", "content": content}
        item = {"type": "conversation.item.create", "item": message}
    if item is not None and out_of_band:
        # Nothing out of band may touch the conversation: the message is this response's own input.
        settings["input"] = [*(settings.get("input") or ()), item["item"]]
        item = None
    return TurnInput(item=item, response=settings, audio=speech, output_format=output_format(session, settings))


def _audio_part(audio: AudioSource, how: InputSettings) -> dict[str, Any]:
    """Return audio as a content part: the input buffer is the conversation's own, so out of band it cannot be used."""
    whole = b"".join(chunks(audio, how.format))
    return {"type": "input_audio", "audio": base64.b64encode(whole).decode("ascii")}


def _check_settings(settings: Mapping[str, Any], how: InputSettings) -> None:
    if settings and how.detects and how.creates_response:
        msg = (
            "response settings cannot be given with audio while the server starts the response by itself: "
            "set turn_detection or its create_response off"
        )
        raise LocalProtocolError(msg)


def _several(images: Iterable[Any]) -> list[Any]:
    if isinstance(images, (str, bytes, bytearray, memoryview, os.PathLike, Mapping, WireObject)):
        return [images]
    return list(images)


def _image(image: Any) -> Any:
    """Return an image as a content part: from a URL, a path, the bytes of a file, or a part as it is."""
    if isinstance(image, (Mapping, WireObject)):
        return fields_of(image, "an image")
    if isinstance(image, os.PathLike):
        image = Path(image).read_bytes()
    elif not isinstance(image, (str, bytes, bytearray, memoryview)):
        msg = f"an image is a URL, a path object, the bytes of a file or a content part; got {type(image).__name__}"
        raise LocalProtocolError(msg)
    url = data_url(image)
    if not url.startswith(("data:", "http:", "https:")):
        msg = "an image given as text must be a URL (data:, https:); give a file as a pathlib.Path"
        raise LocalProtocolError(msg)
    return {"type": "input_image", "image_url": url}
