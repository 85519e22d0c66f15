"""Exclusive-or of a payload with a four-byte key, by wsaccel when the `fast` extra is installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

__all__ = ["mask", "mask_in_python"]


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
