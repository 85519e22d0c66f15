"""JSON text to values and back, exactly.

Reading uses orjson where it is installed (the extra ``fast``) and the standard library for whatever orjson
refuses or would change. Both refuse what is not JSON: NaN, Infinity, control characters, trailing text.
Writing is compact, and orjson's for values that are known to be plain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]

__all__ = ["dumps", "loads", "loads_exactly", "read", "settle", "write"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_SCALARS = frozenset({str, int, bool, type(None)})
# orjson turns integers from here on into floats; below, a float really was one.
_LARGEST_EXACT = float(2**63)
_STRICT = (
    0
    if orjson is None
    else (orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS)
)


def _refuse_constant(name: str) -> Any:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_raw_decode = _decoder.raw_decode  # half a microsecond less than decode(), which looks for space around the text
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ascii_encoder = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def loads_exactly(text: str | bytes) -> Any:
    """Read JSON text with the standard library; bytes are UTF-8.

    Raises:
        ValueError: for text that is not JSON.
        RecursionError: for text that is nested too deeply.
    """
    if not isinstance(text, str):
        text = text.decode("utf-8")
    try:
        value, end = _raw_decode(text)
    except json.JSONDecodeError:
        return _decoder.decode(text)  # either leading space, or the same error again
    return value if end == len(text) else _decoder.decode(text)


def _settle_orjson(value: Any, text: str | bytes) -> Any:
    try:
        return loads_exactly(text) if _may_have_changed(value) else value
    except RecursionError:
        # Too deep to look through, which does not make it too deep to read.
        return loads_exactly(text)


def _may_have_changed(value: Any) -> bool:
    """Tell whether a value of orjson's holds a float so large that it may have been an integer."""
    kind = value.__class__
    if kind is float:
        return not -_LARGEST_EXACT < value < _LARGEST_EXACT
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return False
    for each in value:  # noqa: SIM110  # twice as fast as any()
        if each.__class__ not in _SCALARS and _may_have_changed(each):
            return True
    return False


def _settle_exact(value: Any, text: str | bytes) -> Any:  # noqa: ARG001  # stands in for _settle_orjson
    return value


read: Callable[[str | bytes], Any] = loads_exactly if orjson is None else orjson.loads
"""Read JSON text with the fastest reader there is. Large integers may have become floats: `settle` sees to that.

Raises:
    ValueError: for text that is not JSON; orjson also for some that is (lone surrogates, numbers beyond a double, deep
        nesting): `loads_exactly` tells.
    RecursionError: as `loads_exactly`.
"""

settle: Callable[[Any, str | bytes], Any] = _settle_exact if orjson is None else _settle_orjson
"""Given what `read` made of a text, return what the text says exactly. Text without a float needs no settling."""


def loads(text: str | bytes) -> Any:
    """Read JSON text, fast and exactly. Raises as `loads_exactly` does."""
    try:
        value = read(text)
    except ValueError:
        return loads_exactly(text)
    return settle(value, text)


def _write_with_orjson(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=_STRICT)
    except orjson.JSONEncodeError:
        # Legal and refused: large integers, lone surrogates. Or the error that says what is wrong.
        return _write_exactly(value)


def _write_exactly(value: Any) -> bytes:
    return dumps(value).encode()


def dumps(value: Any) -> str:
    """Write JSON text without spaces; text that no UTF-8 can carry (lone surrogates) is escaped.

    Raises:
        ValueError: for a float that is not finite, or a value that contains itself.
        TypeError: for a value that JSON does not have.
        RecursionError: for a value that is nested too deeply.
    """
    text = _encoder.encode(value)
    if not text.isascii() and _SURROGATE.search(text):
        return _ascii_encoder.encode(value)
    return text


write: Callable[[Any], bytes] = _write_exactly if orjson is None else _write_with_orjson
"""Write what `to_wire` returned, in UTF-8: as `dumps`, with the fastest writer there is.

Only for values that are known to be plain and finite: orjson makes null of NaN.
"""
