"""Options that know which of them were given."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from attrs import Attribute, field, fields, frozen

from realtime_sync.errors import ConfigurationError

__all__ = ["NOT_GIVEN", "Layered", "NotGiven", "option"]


class NotGiven:
    """The type of `NOT_GIVEN`: an argument that was left out, which is not the same as None."""

    _instance: NotGiven | None = None

    def __new__(cls) -> NotGiven:  # noqa: PYI034  (there is one instance, of this class)
        """Return the one instance, so that identity survives copying and pickling."""
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __reduce__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()
"""Stands for "this argument was left out" where None means something of its own."""


def option(default: Any, *, check: Any = None, repr: bool | Callable[[Any], str] = True) -> Any:  # noqa: A002  (attrs' name)
    """Declare an option; its real default lives in the metadata so that "given" can be told from "default"."""
    return field(default=NOT_GIVEN, repr=repr, metadata={"default": default, "check": check})


Self = TypeVar("Self", bound="Layered")


@frozen(kw_only=True)
class Layered:
    """Options with defaults that know which of them were given, so that one set can be laid over another."""

    _given: frozenset[str] = field(init=False, repr=False, eq=False, default=frozenset())

    def __attrs_post_init__(self) -> None:
        """Fill in defaults, remembering which options were given: `over` must tell them apart."""
        given = []
        for attribute in _public_fields(type(self)):
            value = getattr(self, attribute.name)
            if value is NOT_GIVEN:
                value = attribute.metadata["default"]
            else:
                given.append(attribute.name)
                check = attribute.metadata["check"]
                value = check(attribute.name, value) if check else value
            # The class is frozen for everybody else; this is the last step of its construction.
            object.__setattr__(self, attribute.name, value)
        object.__setattr__(self, "_given", frozenset(given))

    @classmethod
    def of(cls: type[Self], options: Self | Mapping[str, Any] | None) -> Self:  # noqa: PYI019  # not in typing before 3.11
        """Return options from an instance, a mapping or None (all defaults).

        Raises:
            ConfigurationError: for an unknown key or a value that cannot work.
        """
        if options is None:
            return cls()
        if isinstance(options, cls):
            return options
        if not isinstance(options, Mapping):
            msg = f"{cls._kind()}s must be {cls.__name__} or a mapping; got {type(options).__name__}"
            raise ConfigurationError(msg)
        return cls(**cls._own_names(options))

    @classmethod
    def _own_names(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options under the names that they have here."""
        known = [attribute.name for attribute in _public_fields(cls)]
        aliases = cls._aliases()
        named: dict[str, Any] = {}
        for key, value in options.items():
            name = aliases.get(key, key)
            if name not in known:
                near = difflib.get_close_matches(str(key), [*known, *aliases], 1)
                meant = f" (did you mean {aliases.get(near[0], near[0])}?)" if near else ""
                msg = f"unknown {cls._kind()} {key}{meant}; there are {', '.join(known)}"
                raise ConfigurationError(msg)
            if name in named:
                msg = f"the {cls._kind()} {name} is given twice, under two names: leave {key} out"
                raise ConfigurationError(msg)
            named[name] = value
        return named

    @property
    def given(self) -> frozenset[str]:
        """The names of the options that were given rather than left out."""
        return self._given

    def over(self: Self, base: Self) -> Self:  # noqa: PYI019
        """Return `base` with the options that were given here laid over it, field by field."""
        kept = base.given - self.given - self._displaced()
        values = {name: getattr(base, name) for name in kept}
        return type(self)(**values, **{name: getattr(self, name) for name in self.given})

    def _displaced(self) -> frozenset[str]:
        """Return what in a base would contradict the options given here."""
        return frozenset()

    @classmethod
    def _kind(cls) -> str:
        return "option"

    @classmethod
    def _aliases(cls) -> Mapping[str, str]:
        """Return what options are called elsewhere, by that name."""
        return {}


def _public_fields(cls: type[Layered]) -> list[Attribute[Any]]:
    return [attribute for attribute in fields(cls) if not attribute.name.startswith("_")]
