"""Bodies of several parts (RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

__all__ = ["multipart"]


def multipart(parts: Iterable[tuple[str, str, bytes]]) -> tuple[str, bytes]:
    """Return content type and body for parts, each a name, a content type and the content."""
    boundary = secrets.token_hex(16)
    body = bytearray()
    for name, content_type, content in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {content_type}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", bytes(body) + f"--{boundary}--\r\n".encode()
