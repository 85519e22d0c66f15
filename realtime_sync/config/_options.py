"""How a connection is made, kept and bounded."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast

from attrs import frozen

from realtime_sync.config._layered import Layered, NotGiven, option
from realtime_sync.config._proxy import Proxy
from realtime_sync.errors import ConfigurationError
from realtime_sync.extensions import Extension, check_extensions

__all__ = ["ConnectionOptions", "required_seconds", "seconds", "seconds_or"]


def seconds(name: str, value: Any, *, none_ok: bool = True) -> float | None:
    """Check a duration: a number that is not negative, or None for no limit."""
    if value is None and none_ok:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        msg = f"{name} must be a number of seconds, 0 or more" + (", or None for no limit" if none_ok else "")
        raise ConfigurationError(msg + f"; got {value!r}")
    return float(value)


def seconds_or(name: str, value: float | None | NotGiven, default: float | None) -> float | None:
    """Check a time-out: a number of seconds, None for no limit, or left out for the default.

    Raises:
        ConfigurationError: it is negative or no number.
    """
    return default if isinstance(value, NotGiven) else seconds(name, value)


def _positive_seconds_or_none(name: str, value: Any) -> float | None:
    checked = seconds(name, value)
    if checked == 0:
        msg = f"{name} must be more than 0 seconds, or None to turn it off"
        raise ConfigurationError(msg)
    return checked


def required_seconds(name: str, value: Any) -> float | None:
    """Check a duration that must have a limit."""
    return seconds(name, value, none_ok=False)


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
    if _is_pair(value) and tuple(value) == (None, None):
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
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        msg = f"{name} must be a mapping of header names to values"
        raise ConfigurationError(msg)
    return {str(key): str(val) for key, val in value.items()}


def _strings(name: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Iterable) or not all(isinstance(each, str) for each in value):
        msg = f"{name} must be a sequence of strings; got {value!r}"
        raise ConfigurationError(msg)
    return tuple(value)


def _extensions(name: str, value: Any) -> tuple[Extension, ...]:
    if value is None:
        return ()
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
    rows = () if value is None else tuple(value) if isinstance(value, Iterable) else (value,)
    if not all(isinstance(each, Sequence) and len(each) == 3 for each in rows):  # noqa: PLR2004
        msg = f"{name} must be a sequence of (level, option, value); got {value!r}"
        raise ConfigurationError(msg)
    return tuple(tuple(each) for each in rows)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str) and bool(os.fspath(value))


def _path(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not _is_path(value):
        msg = f"{name} must be a path, or None; got {value!r}"
        raise ConfigurationError(msg)
    return os.fspath(cast("str", value))


def _certificate(name: str, value: Any) -> tuple[str, ...] | None:
    """Return (certificate,), (certificate, key) or (certificate, key, password). No message repeats the password."""
    if value is None:
        return None
    parts = [value] if _is_path(value) or not isinstance(value, Sequence) else list(value)
    certificate, key, password, *more = (*parts, None, None, None)
    if (
        not _is_path(certificate)
        or not (key is None or _is_path(key))
        or not isinstance(password, str | None)
        or any(each is not None for each in more)
    ):
        msg = f"{name} must be a path, (certificate, key), (certificate, key, password), or None"
        raise ConfigurationError(msg)
    if password is not None:
        return os.fspath(certificate), os.fspath(key or certificate), password
    return (os.fspath(certificate),) if key is None else (os.fspath(certificate), os.fspath(key))


def _proxy_url(name: str, value: Any) -> str | None:
    if value is None or value == "auto":
        return cast("str | None", value)
    if not isinstance(value, str):
        msg = f'{name} must be "auto", a URL or None; got {type(value).__name__}'
        raise ConfigurationError(msg)
    Proxy.parse(value)
    return value


def _show_proxy(value: str | None) -> str:
    return repr(value if value is None or value == "auto" else str(Proxy.parse(value)))


def _text(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        msg = f"{name} must be a str, or None for the default; got {value!r}"
        raise ConfigurationError(msg)
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        msg = f"{name} must be True or False; got {value!r}"
        raise ConfigurationError(msg)
    return value


def _context(name: str, value: Any) -> ssl.SSLContext | None:
    if value is not None and not isinstance(value, ssl.SSLContext):
        msg = f"{name} must be an ssl.SSLContext, or None for the default; got {type(value).__name__}"
        raise ConfigurationError(msg)
    return value


_ALIASES: Final = {
    "additional_headers": "headers",
    "extra_headers": "headers",
    "user_agent_header": "user_agent",
    "ssl": "ssl_context",
}
"""What `websockets` calls options that have another name here; mappings are passed on from there as they are."""


@frozen(kw_only=True)
class ConnectionOptions(Layered):
    """How one WebSocket connection is made, kept and bounded.

    Durations are seconds; None means no limit (or "off") wherever it is allowed. A mapping with the same
    keys is accepted wherever this class is, and so are some keys of `websockets` (``additional_headers``,
    ``user_agent_header``, ``ssl``); unknown keys raise `ConfigurationError`.
    """

    extensions: tuple[Extension, ...] = option((), check=_extensions)
    """WebSocket extensions to offer, in order of preference: instances of `realtime_sync.extensions.Extension`."""
    compression: Literal["deflate"] | None = option(None, check=_compression)
    """"deflate" offers permessage-deflate (RFC 7692) as `transport.PerMessageDeflate` has it by default; give one among
    `extensions` for other settings. None: messages are not compressed."""
    subprotocols: tuple[str, ...] = option((), check=_strings, repr=False)
    """Subprotocols to offer, in order. (Browsers put secrets here, so it is kept out of the repr.)"""
    max_size: int | None = option(64 * 2**20, check=_size)
    """Bytes of one incoming message; a larger one ends the connection with code 1009."""
    max_queue: tuple[int, int] | None = option((4096, 1024), check=_marks)
    """Events in the mailbox: (high, low) marks for pausing the reader. An int is the high mark, low is a quarter."""
    max_queue_bytes: int | None = option(64 * 2**20, check=_size)
    """Bytes that may wait for one consumer before the oldest are dropped."""
    write_limit: tuple[int, int] | None = option((2**20, 2**18), check=_marks)
    """Outgoing bytes that may wait for a slow peer: senders block at the high mark until the low one."""
    open_timeout: float | None = option(15.0, check=seconds)
    """The whole of connecting: name lookup, TCP, proxy, TLS and the upgrade, retries and the waits between them."""
    close_timeout: float = option(1.0, check=required_seconds)
    """The whole of closing: a peer that does not answer is dropped after this."""
    send_timeout: float | None = option(30.0, check=seconds)
    """How long the peer may take no data while a sender waits."""
    ping_interval: float | None = option(20.0, check=_positive_seconds_or_none)
    """Between our pings; None sends none."""
    ping_timeout: float | None = option(30.0, check=_positive_seconds_or_none)
    """Silence after a ping that counts as a lost connection. Any frame counts as life. None: never."""
    proxy: str | None = option("auto", check=_proxy_url, repr=_show_proxy)
    """"auto": what the environment says (docs/proxies-and-tls.md). None: no proxy. Or its URL: ``http``, ``https``,
    ``socks5`` or ``socks5h``, ``://``, ``user:password@`` (percent-encoded) if it wants them, ``host:port``."""
    ssl_context: ssl.SSLContext | None = option(None, check=_context, repr=False)
    """Use this context instead of building one from `ca_file` and `client_cert`."""
    ca_file: str | None = option(None, check=_path)
    """A PEM file (or folder, as OpenSSL's rehash makes them) of the authorities to trust, instead of the usual ones."""
    client_cert: tuple[str, ...] | None = option(None, check=_certificate, repr=False)
    """The certificate to show when a server asks for one: a PEM file that holds the key too, (certificate, key), or
    (certificate, key, password). Kept out of the repr."""
    headers: Mapping[str, str] = option({}, check=_header_map, repr=False)
    """Extra request headers. (They may hold credentials, so they are kept out of the repr.)"""
    sockopt: tuple[tuple[Any, ...], ...] = option((), check=_sockopts)
    """Extra ``setsockopt`` calls: (level, option, value) each."""
    user_agent: str | None = option(None, check=_text)
    """Replaces the library's own User-Agent."""
    allow_insecure: bool = option(default=False, check=_flag)
    """Allow credentials over ws:// to a host that is not loopback."""

    def __attrs_post_init__(self) -> None:
        """Check the options one by one, then against each other."""
        super().__attrs_post_init__()
        if self.ssl_context is not None and (self.ca_file is not None or self.client_cert is not None):
            msg = "ssl_context replaces ca_file and client_cert: load them into the context, or leave it out"
            raise ConfigurationError(msg)

    def _displaced(self) -> frozenset[str]:
        if self.ssl_context is not None:
            return frozenset({"ca_file", "client_cert"})
        if self.ca_file is not None or self.client_cert is not None:
            return frozenset({"ssl_context"})
        return frozenset()

    @classmethod
    def _kind(cls) -> str:
        return "connection option"

    @classmethod
    def _aliases(cls) -> Mapping[str, str]:
        return _ALIASES
