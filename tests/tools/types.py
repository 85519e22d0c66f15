"""Types that tools of the tests take, at module level, where annotations find them."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, TypedDict

import attrs


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@attrs.frozen
class Line:
    """A line of an order.

    Attributes:
        sku: what is ordered, by
            its number.
        count (int): how many.
    """

    sku: str
    count: int = 1
    color: Color = Color.RED


@dataclasses.dataclass
class Point:
    x: float
    y: Annotated[float, "northwards"] = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)


@attrs.frozen
class Node:
    name: str
    children: list[Node] = attrs.field(factory=list)


@attrs.frozen
class Even:
    number: int = attrs.field()

    @number.validator
    def _check(self, _, value):
        if value % 2:
            msg = f"{value} is odd"
            raise ValueError(msg)


class _Base(TypedDict):
    city: str


class Place(_Base, total=False):
    zip: str
