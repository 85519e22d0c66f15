"""What connecting to either WebSocket API takes besides dialling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from realtime_sync.session import Core, Session

__all__ = ["checked_handlers", "give_up", "limited", "one_of"]


def one_of(
    options: ConnectionOptions | Mapping[str, Any] | None, other: ConnectionOptions | Mapping[str, Any] | None
) -> ConnectionOptions:
    """Return the options given under either name.

    Raises:
        ConfigurationError: both are.
    """
    if options is not None and other is not None:
        msg = "give options or websocket_connection_options, not both: they mean the same"
        raise ConfigurationError(msg)
    return ConnectionOptions.of(options if options is not None else other)


def limited(options: ConnectionOptions, max_queue_size: int | None) -> ConnectionOptions:
    """Return options with the limit of what waits for sending, in bytes, that the official SDK's keyword gives.

    Raises:
        ConfigurationError: they have one already.
    """
    if max_queue_size is None:
        return options
    if "write_limit" in options.given:
        msg = "give write_limit or max_queue_size, not both: they mean the same"
        raise ConfigurationError(msg)
    return ConnectionOptions.of({"write_limit": max_queue_size}).over(options)


def checked_handlers(handlers: Mapping[str, Callable[[Any], object]]) -> Mapping[str, Callable[[Any], object]]:
    """Return callbacks as they are.

    Raises:
        LocalProtocolError: one cannot be called.
    """
    for name, handler in handlers.items():
        if not callable(handler):
            msg = f"the handler for {name!r} must be callable; got {handler!r}"
            raise LocalProtocolError(msg)
    return handlers


def give_up(core: Core, opened: Session[Any, Any, Any]) -> None:
    """Close what did not open as it should."""
    if core.reader.thread.ident is None:  # The reader never ran, so nobody would answer a close.
        core.connection.abort()
        core.closing = True
    else:
        opened.close()
