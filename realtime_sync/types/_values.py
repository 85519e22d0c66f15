"""What is made of the wire's values, and they of it: base64 and JSON text, data URLs, sums of usage."""

import binascii
import json
from base64 import b64encode
from typing import Any, TypeVar

from attrs import frozen

from realtime_sync.errors import DecodeError, LocalProtocolError
from realtime_sync.types._base import WireObject, layout_of

__all__ = ["Usage", "data_url", "from_base64", "from_json", "to_text"]

_U = TypeVar("_U", bound="Usage")


def from_base64(text: str) -> bytes:
    """Return the bytes of base64 text.

    Raises:
        DecodeError: the text is not base64.
    """
    try:
        return binascii.a2b_base64(text)
    except ValueError as error:
        msg = f"the audio is not base64: {error}"
        raise DecodeError(msg) from error


def from_json(text: str | None, what: str) -> Any:
    """Return the values of JSON text; `what` names it in the error.

    Raises:
        DecodeError: the text is not JSON, or there is none.
    """
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError) as error:
        msg = f"{what} are not JSON: {error}"
        raise DecodeError(msg, raw=text or "") from error


def to_text(value: Any) -> str:
    """Return a function's result as the wire has it: a string as it is, anything else as JSON text.

    Raises:
        LocalProtocolError: the value cannot be written as JSON.
    """
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"the result of a function has to be a string, or a value that JSON has: {error}"
        raise LocalProtocolError(msg) from error


_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


def data_url(image: str | bytes | bytearray | memoryview) -> str:
    """Return the bytes of an image as a data URL; a URL as it is.

    Raises:
        LocalProtocolError: the bytes are no PNG, JPEG, GIF or WebP image.
    """
    if isinstance(image, str):
        return image
    content = bytes(image)
    kind = next((kind for start, kind in _IMAGES.items() if content.startswith(start)), None)
    if kind is None:
        msg = "an image is a URL, or the bytes of a PNG, JPEG, GIF or WebP file"
        raise LocalProtocolError(msg)
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


@frozen(kw_only=True, eq=False, repr=False)
class Usage(WireObject):
    """Counts that add up, field by field and kind by kind: ``first.usage + second.usage``, ``sum(usages)``."""

    def __add__(self: _U, other: _U | int) -> _U:  # noqa: PYI019  # Python 3.10 has no Self
        """Return the sum. A count that neither side has stays None; 0 is neutral, so that `sum` works."""
        if other == 0:
            return self
        if type(other) is not type(self):
            return NotImplemented
        names = [attribute.name for attribute in layout_of(type(self)).fields.values()]
        return type(self)(**{name: _sum(getattr(self, name), getattr(other, name)) for name in names})

    __radd__ = __add__


def _sum(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    # Whatever is no count (the name of a model, say) is the later one's.
    return one + other if isinstance(one, Usage | int | float) else other
