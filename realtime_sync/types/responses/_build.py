"""Input items in one call, to be sent with ``response.create``."""

from typing import Any

from realtime_sync.types._common import ResponseInputImage, ResponseInputText
from realtime_sync.types._values import data_url, to_text
from realtime_sync.types.responses._content import ResponseInputContent
from realtime_sync.types.responses._function_calls import (
    ResponseCustomToolCall,
    ResponseCustomToolCallOutput,
    ResponseFunctionToolCall,
    ResponseInputItemFunctionCallOutput,
)
from realtime_sync.types.responses._items import EasyInputMessage, ResponseInputItemMessage

__all__ = ["custom_tool_result", "function_result", "user_image", "user_text"]


def user_text(text: str) -> EasyInputMessage:
    """Return a message of the user."""
    return EasyInputMessage(role="user", content=text)


def user_image(
    image: str | bytes | bytearray | memoryview, text: str | None = None, *, detail: str = "auto"
) -> ResponseInputItemMessage:
    """Return an image from the user, and a text that goes with it.

    Args:
        image: a URL, a data URL, or the bytes of a PNG, JPEG, GIF or WebP file.
        text: what to say with it; None: nothing.
        detail: ``auto``, ``low``, ``high`` or ``original``.

    Raises:
        LocalProtocolError: the bytes are no image.
    """
    parts: list[ResponseInputContent] = [ResponseInputImage(image_url=data_url(image), detail=detail)]
    if text is not None:
        parts.append(ResponseInputText(text=text))
    return ResponseInputItemMessage(role="user", content=parts)


def function_result(call: str | ResponseFunctionToolCall, output: Any) -> ResponseInputItemFunctionCallOutput:
    """Return the answer to a function call.

    Args:
        call: the call, or its ``call_id``.
        output: a string, or what can be written as JSON.

    Raises:
        LocalProtocolError: the output cannot be written as JSON.
    """
    call_id = call if isinstance(call, str) else call.call_id
    return ResponseInputItemFunctionCallOutput(call_id=call_id, output=to_text(output))


def custom_tool_result(call: str | ResponseCustomToolCall, output: str) -> ResponseCustomToolCallOutput:
    """Return the answer to a call of a custom tool; `call` is the call, or its ``call_id``."""
    call_id = call if isinstance(call, str) else call.call_id
    return ResponseCustomToolCallOutput(call_id=call_id, output=output)
