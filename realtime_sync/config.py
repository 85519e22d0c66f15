"""Frozen options: how a connection is made, kept and bounded."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from attrs import Attribute, field, fields, frozen

from realtime_sync.errors import ConfigurationError
from realtime_sync.extensions import Extension, check_extensions

__all__ = ["NOT_GIVEN", "ConnectionOptions", "NotGiven"]


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


def _option(default: Any, *, check: Any = None, repr: bool = True) -> Any:  # noqa: A002  (attrs' name)
    """Declare an option; its real default lives in the metadata so that "given" can be told from "default"."""
    return field(default=NOT_GIVEN, repr=repr, metadata={"default": default, "check": check})


def _seconds(name: str, value: Any, *, none_ok: bool = True) -> float | None:
    if value is None and none_ok:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        msg = f"{name} must be a number of seconds, 0 or more" + (", or None for no limit" if none_ok else "")
        raise ConfigurationError(msg + f"; got {value!r}")
    return float(value)


def _positive_seconds_or_none(name: str, value: Any) -> float | None:
    seconds = _seconds(name, value)
    if seconds == 0:
        msg = f"{name} must be more than 0 seconds, or None to turn it off"
        raise ConfigurationError(msg)
    return seconds


def _required_seconds(name: str, value: Any) -> float | None:
    return _seconds(name, value, none_ok=False)


def _size(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = f"{name} must be a whole number of at least 1, or None for no limit; got {value!r}"
        raise ConfigurationError(msg)
    return value


def _marks(name: str, value: Any) -> tuple[int, int] | None:
    """Turn 4096, (4096, 1024) or (4096, None) into (high, low); None stays: no limit."""
    if value is None:
        return None
    high, low = (value, None) if isinstance(value, int) else tuple(value) if _is_pair(value) else (None, None)
    if low is None and high is not None:
        low = high // 4
    if not all(isinstance(mark, int) and not isinstance(mark, bool) for mark in (high, low)) or not 0 <= low < high:
        msg = f"{name} must be a whole number, (high, low) with low below high, or None; got {value!r}"
        raise ConfigurationError(msg)
    return high, low


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) == 2  # noqa: PLR2004


def _header_map(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        msg = f"{name} must be a mapping of header names to values"
        raise ConfigurationError(msg)
    return {str(key): str(val) for key, val in value.items()}


def _strings(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        msg = f"{name} must be a sequence of strings; got {value!r}"
        raise ConfigurationError(msg)
    return tuple(value)


def _extensions(name: str, value: Any) -> tuple[Extension, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        msg = f"{name} must be a sequence of extensions; got {value!r}"
        raise ConfigurationError(msg)
    return check_extensions(value)


def _compression(name: str, value: Any) -> Any:
    if value not in (None, "deflate"):
        msg = f"{name} must be 'deflate' or None; got {value!r}"
        raise ConfigurationError(msg)
    return value


def _sockopts(name: str, value: Any) -> tuple[tuple[Any, ...], ...]:
    options = tuple(tuple(each) for each in value)
    if not all(len(each) == 3 for each in options):  # noqa: PLR2004
        msg = f"{name} must be a sequence of (level, option, value); got {value!r}"
        raise ConfigurationError(msg)
    return options


@frozen(kw_only=True)
class ConnectionOptions:
    """How one WebSocket connection is made, kept and bounded.

    Durations are seconds; None means no limit (or "off") wherever it is allowed. A mapping with the same
    keys is accepted wherever this class is; unknown keys raise `ConfigurationError`.
    """

    extensions: tuple[Extension, ...] = _option((), check=_extensions)
    """WebSocket extensions to offer, in order of preference: instances of `realtime_sync.extensions.Extension`."""
    compression: Literal["deflate"] | None = _option(None, check=_compression)
    """"deflate" offers permessage-deflate (RFC 7692) as `transport.PerMessageDeflate` has it by default; give one among
    `extensions` for other settings. None: messages are not compressed."""
    subprotocols: tuple[str, ...] = _option((), check=_strings, repr=False)
    """Subprotocols to offer, in order. (Browsers put secrets here, so it is kept out of the repr.)"""
    max_size: int | None = _option(64 * 2**20, check=_size)
    """Bytes of one incoming message; a larger one ends the connection with code 1009."""
    max_queue: tuple[int, int] | None = _option((4096, 1024), check=_marks)
    """Events in the mailbox: (high, low) marks for pausing the reader. An int is the high mark, low is a quarter."""
    max_queue_bytes: int | None = _option(64 * 2**20, check=_size)
    """Bytes that may wait for one consumer before the oldest are dropped."""
    write_limit: tuple[int, int] | None = _option((2**20, 2**18), check=_marks)
    """Outgoing bytes that may wait for a slow peer: senders block at the high mark until the low one."""
    open_timeout: float | None = _option(15.0, check=_seconds)
    """The whole of connecting: name lookup, TCP, TLS and the upgrade."""
    close_timeout: float = _option(1.0, check=_required_seconds)
    """The whole of closing: a peer that does not answer is dropped after this."""
    send_timeout: float | None = _option(30.0, check=_seconds)
    """How long the peer may take no data while a sender waits."""
    ping_interval: float | None = _option(20.0, check=_positive_seconds_or_none)
    """Between our pings; None sends none."""
    ping_timeout: float | None = _option(30.0, check=_positive_seconds_or_none)
    """Silence after a ping that counts as a lost connection. Any frame counts as life. None: never."""
    ssl_context: ssl.SSLContext | None = _option(None, repr=False)
    """Use this context instead of building one from `ca_file`."""
    ca_file: str | None = _option(None)
    """A PEM file of the authorities to trust, instead of the system's."""
    headers: Mapping[str, str] = _option({}, check=_header_map, repr=False)
    """Extra request headers. (They may hold credentials, so they are kept out of the repr.)"""
    sockopt: tuple[tuple[Any, ...], ...] = _option((), check=_sockopts)
    """Extra ``setsockopt`` calls: (level, option, value) each."""
    user_agent: str | None = _option(None)
    """Replaces the library's own User-Agent."""
    allow_insecure: bool = _option(default=False)
    """Allow credentials over ws:// to a host that is not loopback."""
    _given: frozenset[str] = field(init=False, repr=False, eq=False, default=frozenset())

    def __attrs_post_init__(self) -> None:
        """Fill in defaults, remembering which options were given: `over` must tell them apart."""
        given = []
        for attribute in _public_fields():
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
    def of(cls, options: ConnectionOptions | Mapping[str, Any] | None) -> ConnectionOptions:
        """Return options from an instance, a mapping or None (all defaults).

        Raises:
            ConfigurationError: for an unknown key or a value that cannot work.
        """
        if options is None:
            return cls()
        if isinstance(options, cls):
            return options
        if not isinstance(options, Mapping):
            msg = f"options must be ConnectionOptions or a mapping; got {type(options).__name__}"
            raise ConfigurationError(msg)
        known = [attribute.name for attribute in _public_fields()]
        unknown = sorted(str(key) for key in options if key not in known)
        if unknown:
            msg = f"unknown connection option {', '.join(unknown)}; there are {', '.join(known)}"
            raise ConfigurationError(msg)
        return cls(**options)

    def over(self, base: ConnectionOptions) -> ConnectionOptions:
        """Return `base` with the options that were given here laid over it, field by field."""
        names = base._given | self._given
        return ConnectionOptions(**{name: getattr(self if name in self._given else base, name) for name in names})


def _public_fields() -> list[Attribute[Any]]:
    return [attribute for attribute in fields(ConnectionOptions) if not attribute.name.startswith("_")]
