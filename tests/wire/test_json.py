"""JSON text to values and back."""

from __future__ import annotations

import importlib.util
import json as stdlib
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.wire import json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        '{"a":NaN}',
        "[Infinity]",
        "",
        " ",
        "{",
        "[1,]",
        "01",
        "1 2",
        '"\t"',
        "'a'",
        b"\xff",
        b"\xef\xbb\xbf1",
        "\ufeff1",
    ],
)
@pytest.mark.parametrize("loads", [json.loads, json.loads_exactly])
def test_what_is_not_json_is_refused(loads, text) -> None:
    """Both readers refuse what the standard does not allow, with a ValueError."""
    with pytest.raises(ValueError):
        loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("[18446744073709551616]", [2**64]),
        ('{"a":{"b":[9223372036854775808]}}', {"a": {"b": [2**63]}}),
        ("-9223372036854775809", -(2**63) - 1),
        ("1e300", 1e300),
        ("1e999", math.inf),
        ("1.0", 1.0),
        ('"\\ud800"', "\ud800"),
        ('"\ud800"', "\ud800"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xc3\xa9"', "é"),
        (' {"a" : 1}\n', {"a": 1}),
        ('{"a":1,"a":2}', {"a": 2}),
    ],
    ids=[
        "long",
        "2^64",
        "2^63 within",
        "-2^63-1",
        "1e300",
        "1e999",
        "float",
        "escaped surrogate",
        "surrogate",
        "pair",
        "utf-8",
        "space",
        "twice",
    ],
)
def test_what_one_reader_refuses_is_read_exactly_all_the_same(text, value) -> None:
    """Legal text that orjson refuses or changes comes out as the standard library reads it."""
    found = json.loads(text)
    assert found == value == stdlib.loads(text)
    assert type(found) is type(value)


@pytest.mark.parametrize("depth", [100, 1000, 1100, 5000, 200_000])
def test_any_depth_is_read_or_refused_as_the_standard_library_does(depth) -> None:
    """How deep a value may be nested is for Python to say."""
    text = "[" * depth + "]" * depth
    try:
        stdlib.loads(text)
    except RecursionError:
        with pytest.raises(RecursionError):
            json.loads(text)
        return
    value = json.loads(text)
    found = 0
    while value:
        (value,) = value
        found += 1
    assert found == depth - 1


def test_orjson_is_not_needed(monkeypatch) -> None:
    """Without the extra, the standard library reads everything."""
    monkeypatch.setitem(sys.modules, "orjson", None)
    spec = importlib.util.spec_from_file_location("json_without_orjson", json.__file__)
    assert spec is not None
    assert spec.loader is not None
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    assert plain.read is plain.loads_exactly
    assert plain.loads('{"a":123456789012345678901234567890}') == {"a": 123456789012345678901234567890}
    with pytest.raises(ValueError, match="NaN"):
        plain.loads("NaN")


@given(JSON)
def test_reading_gives_back_what_was_written(value) -> None:
    """Any JSON value survives, to the type of its numbers."""
    text = json.dumps(value)
    assert repr(json.loads(text)) == repr(value)
    assert repr(json.loads(text.encode("utf-8"))) == repr(value)
    assert repr(json.loads_exactly(text)) == repr(value)


def test_text_is_compact_and_readable() -> None:
    """There are no spaces, and no escapes that UTF-8 does not need."""
    assert json.dumps({"a": [1, "é"], "b": None}) == '{"a":[1,"é"],"b":null}'


def test_lone_surrogates_are_escaped() -> None:
    """Text that UTF-8 cannot carry still goes out."""
    assert json.dumps(["é", "\ud800"]).encode("utf-8") == b'["\\u00e9","\\ud800"]'


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_does_not_have_are_refused(value) -> None:
    """A float that is not finite is an error, not a literal that no peer can read."""
    with pytest.raises(ValueError):
        json.dumps(value)
