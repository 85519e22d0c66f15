"""What connecting to either WebSocket API takes besides dialling."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from realtime_sync.session import Core, Session

if TYPE_CHECKING:
    from realtime_sync.client._client import Client

__all__ = ["checked_handlers", "limited", "one_of", "opening"]


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


@contextlib.contextmanager
def opening(
    client: Client, core: Core, opened: Session[Any, Any, Any], handlers: Mapping[str, Callable[[Any], object]]
) -> Iterator[None]:
    """Start a session, with handlers that miss nothing; what is still to be done with it is done in the block.

    If anything fails, the block included, the session is closed again.
    """
    try:
        for name, handler in handlers.items():
            opened.on(name, handler)
        core.start()
        client.adopt(opened)
        yield
    except BaseException:
        _give_up(core, opened)
        raise


def _give_up(core: Core, opened: Session[Any, Any, Any]) -> None:
    if core.reader.thread.ident is None:  # The reader never ran, so nobody would answer a close.
        core.connection.abort()
        core.closing = True
    else:
        opened.close()
