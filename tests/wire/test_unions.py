"""The machinery, on classes that use what a catalogue may need: every kind of union, and odd field names."""

# No ``from __future__ import annotations``: the converter reads these classes' annotations, as it does a catalogue's.

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import pytest
from attrs import field, frozen

from realtime_sync.errors import LocalProtocolError
from realtime_sync.types._base import WireObject, as_tuple
from realtime_sync.wire import to_wire
from realtime_sync.wire._converter import structure_function
from realtime_sync.wire._misfit import Misfit


@frozen(kw_only=True, eq=False, repr=False)
class Filter(WireObject):
    """An object without any tag."""

    names: tuple[str, ...] | None = field(default=None, converter=as_tuple)


@frozen(kw_only=True, eq=False, repr=False)
class Answer(WireObject):
    """A message of one role."""

    type: ClassVar[Literal["message"]] = "message"
    role: ClassVar[Literal["assistant"]] = "assistant"


@frozen(kw_only=True, eq=False, repr=False)
class Message(WireObject):
    """A message of any other role."""

    type: ClassVar[Literal["message"]] = "message"
    role: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Easy(WireObject):
    """A message that may do without a type."""

    type: ClassVar[Literal["easy"]] = "easy"
    optional_tags: ClassVar[frozenset[str]] = frozenset({"type"})
    role: str


@frozen(kw_only=True, eq=False, repr=False)
class Holder(WireObject):
    """One field of each kind."""

    async_: bool | None = None
    mode: Literal["a", "b"] | None = None
    anything: Any = None
    free: dict[str, Any] | None = None
    allowed: tuple[str, ...] | Filter | Literal["all"] | None = None
    closed: Answer | Message | None = None
    mixed: Answer | Message | Easy | None = None
    tagless: Answer | Filter | None = None
    fallback: Answer | Mapping[str, Any] | None = None
    single: Answer | None = None
    listed: tuple[tuple[int, ...], ...] | None = None


def hold(**raw: Any) -> Holder:
    """Structure a holder and check that it comes out as it came."""
    made = structure_function(Holder)(raw, None)
    assert json.dumps(made.to_dict()) == json.dumps(raw)
    return made


def test_a_field_may_be_named_like_a_keyword() -> None:
    """A trailing underscore is Python's, not the wire's."""
    assert hold(**{"async": True}).async_ is True
    assert Holder(async_=False).to_dict() == {"async": False}
    assert dict(hold(async_=True).extra) == {"async_": True}


@pytest.mark.parametrize("value", ["a", "of the future"])
def test_an_unknown_enum_string_stays_a_string(value) -> None:
    """A literal is a hint for people, not a fence."""
    assert hold(mode=value).mode == value
    with pytest.raises(Misfit, match="mode: expected a string or null, found a whole number"):
        hold(mode=1)


@pytest.mark.parametrize("value", [1, "x", [None], {"a": 1}])
def test_anything_is_anything(value) -> None:
    """A field without a type takes what there is, and gives it back untouched."""
    assert hold(anything=value).anything == value
    assert to_wire({"type": "x", "holder": Holder(anything=value)})["holder"] == {"anything": value}


def test_a_free_form_map_is_a_plain_dict() -> None:
    """A map is kept as it came; what is no map does not fit."""
    assert hold(free={"a": [1]}).free == {"a": [1]}
    with pytest.raises(Misfit, match="free: expected an object, found a list"):
        hold(free=[])


def test_a_list_an_object_or_a_string() -> None:
    """What the value is decides among kinds that cannot be mistaken for each other."""
    assert hold(allowed=["a", "b"]).allowed == ("a", "b")
    assert hold(allowed={"names": ["a"]}).allowed == Filter(names=["a"])
    assert hold(allowed={"type": "x"}).allowed.extra == {"type": "x"}
    assert hold(allowed="all").allowed == "all"
    with pytest.raises(Misfit, match=r"allowed\[1\]: expected a string, found null"):
        hold(allowed=["a", None])
    with pytest.raises(Misfit, match="allowed: expected a string or a list or an object or null, found true or false"):
        hold(allowed=False)


def test_the_first_class_whose_tags_match_is_taken() -> None:
    """Classes of one type are told apart by their other tags, in the order of the union."""
    assert type(hold(closed={"type": "message", "role": "assistant"}).closed) is Answer
    assert type(hold(closed={"type": "message", "role": "user"}).closed) is Message
    assert type(hold(closed={"type": "message"}).closed) is Message


def test_a_union_that_is_closed_refuses_other_types() -> None:
    """Where nothing takes an unknown object, it does not fit."""
    for other in ({"type": "other"}, {}, {"type": None}):
        with pytest.raises(Misfit, match="closed: expected an object of type message, found one of another type"):
            hold(closed=other)


def test_an_object_without_a_type_goes_to_a_class_that_can_do_without() -> None:
    """A missing type is no match for a class that needs it."""
    assert type(hold(mixed={"role": "user"}).mixed) is Easy
    assert type(hold(mixed={"type": "easy", "role": "user"}).mixed) is Easy
    assert type(hold(tagless={"names": []}).tagless) is Filter
    with pytest.raises(Misfit, match="another type"):
        hold(tagless={"type": "x", "names": []})


def test_a_map_takes_the_objects_that_no_class_takes() -> None:
    """A union with a map keeps an unknown object as a plain dict."""
    assert type(hold(fallback={"type": "message", "role": "assistant"}).fallback) is Answer
    assert hold(fallback={"type": "other"}).fallback == {"type": "other"}


def test_a_fixed_field_has_to_be_what_it_is_fixed_to() -> None:
    """An object cannot come in under a wrong tag, for it would go out under the right one."""
    assert type(hold(single={"type": "message", "role": "assistant"}).single) is Answer
    assert hold(single={}).single.to_dict() == {}
    with pytest.raises(Misfit, match=r"single\.role: expected 'assistant', found a string"):
        hold(single={"type": "message", "role": "user"})


def test_sequences_nest() -> None:
    """A misfit in a list of lists has both places."""
    assert hold(listed=[[1], []]).listed == ((1,), ())
    with pytest.raises(Misfit, match=r"listed\[1\]\[0\]: expected a whole number, found true or false"):
        hold(listed=[[1], [True]])
    with pytest.raises(LocalProtocolError, match=r"holder.listed\[0\]\[1\]: expected a whole number, got a string"):
        to_wire({"type": "x", "holder": Holder(listed=((1, "2"),))})


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_only_an_object_becomes_an_object(value) -> None:
    """A class is made of nothing but a JSON object."""
    with pytest.raises(Misfit, match="found"):
        structure_function(Holder)(value, None)
