"""Masking keys, and the exclusive-or of a payload with one, by wsaccel when the `fast` extra is installed."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

__all__ = ["mask", "mask_in_python", "new_key"]

_KEYS = 256

_keys: list[bytes] = []
"""Keys nobody has used: one system call brings many. Each is popped once, in one step, by whatever thread."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keys.clear)  # They are the parent's.


def new_key() -> bytes:
    """Return four bytes that cannot be foreseen (RFC 6455 section 5.3)."""
    try:
        return _keys.pop()
    except IndexError:
        random = os.urandom(4 * _KEYS)
        _keys.extend(random[at : at + 4] for at in range(4, len(random), 4))
        return random[:4]


def mask_in_python(payload: bytes, key: bytes) -> bytes:
    """Return the payload masked (or, the same thing, unmasked) with the key, as one large integer."""
    size = len(payload)
    pad = (key * (size // 4 + 1))[:size]
    order = sys.byteorder
    return (int.from_bytes(payload, order) ^ int.from_bytes(pad, order)).to_bytes(size, order)


def _choose() -> Callable[[bytes, bytes], bytes]:
    try:
        masker = importlib.import_module("wsaccel.xormask").XorMaskerSimple
    except ImportError:
        return mask_in_python

    def mask_in_c(payload: bytes, key: bytes) -> bytes:
        masked: bytes = masker(key).process(payload)
        return masked

    return mask_in_c


mask = _choose()
"""Mask a payload with a key: ``mask(payload, key)``."""
