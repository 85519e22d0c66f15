"""Conversation items in one call, to be sent by ``conversation.item.create`` or as the input of a response."""

from typing import Any

from realtime_sync.types._values import data_url, to_text
from realtime_sync.types.realtime._items import (
    RealtimeConversationItemFunctionCall,
    RealtimeConversationItemFunctionCallOutput,
    RealtimeConversationItemUserMessage,
    RealtimeConversationItemUserMessageContent,
)

__all__ = ["function_result", "user_audio", "user_image", "user_text"]


def user_text(text: str, *, id: str | None = None) -> RealtimeConversationItemUserMessage:  # noqa: A002  # the wire's name
    """Return a message of the user. With an `id` of your own, the events about the item can be told by it."""
    part = RealtimeConversationItemUserMessageContent(type="input_text", text=text)
    return RealtimeConversationItemUserMessage(id=id, content=(part,))


def user_audio(
    audio: str | bytes | bytearray | memoryview,
    *,
    transcript: str | None = None,
    id: str | None = None,  # noqa: A002  # the wire's name
) -> RealtimeConversationItemUserMessage:
    """Return a spoken message of the user: bytes in the session's input format, or base64 text of them."""
    part = RealtimeConversationItemUserMessageContent(type="input_audio", audio=audio, transcript=transcript)
    return RealtimeConversationItemUserMessage(id=id, content=(part,))


def user_image(
    image: str | bytes | bytearray | memoryview,
    text: str | None = None,
    *,
    detail: str | None = None,
    id: str | None = None,  # noqa: A002  # the wire's name
) -> RealtimeConversationItemUserMessage:
    """Return an image from the user, and a text that goes with it.

    Args:
        image: a data URL, or the bytes of a PNG or JPEG file.
        text: what to say with it; None: nothing.
        detail: ``auto``, ``low`` or ``high``; None: the server decides.
        id: the item's id; None: the server gives one.

    Raises:
        LocalProtocolError: the bytes are no image.
    """
    parts = [RealtimeConversationItemUserMessageContent(type="input_image", image_url=data_url(image), detail=detail)]
    if text is not None:
        parts.append(RealtimeConversationItemUserMessageContent(type="input_text", text=text))
    return RealtimeConversationItemUserMessage(id=id, content=parts)


def function_result(
    call: str | RealtimeConversationItemFunctionCall,
    output: Any,
    *,
    id: str | None = None,  # noqa: A002  # the wire's name
) -> RealtimeConversationItemFunctionCallOutput:
    """Return the answer to a function call.

    Args:
        call: the call, or its ``call_id``.
        output: a string, or what can be written as JSON.
        id: the item's id; None: the server gives one.

    Raises:
        LocalProtocolError: the output cannot be written as JSON.
    """
    call_id = call if isinstance(call, str) else call.call_id
    return RealtimeConversationItemFunctionCallOutput(id=id, call_id=call_id, output=to_text(output))
