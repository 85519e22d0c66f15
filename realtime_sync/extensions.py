"""The interface of WebSocket extensions (RFC 6455 section 9): what is offered, and what a connection makes of it.

An `Extension` is a setting: it says what to offer, and turns what the server accepted into a `Codec`. It is immutable
and may be used by any number of connections. A `Codec` is one connection's state, so a new connection, a reconnect
too, begins with a fresh one. `realtime_sync.transport.PerMessageDeflate` is the extension that comes with the library;
others are given as the option ``extensions``.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable, Sequence
from typing import Final

from realtime_sync.errors import ConfigurationError

__all__ = ["RSV1", "RSV2", "RSV3", "Codec", "Extension", "Parameters", "check_extensions"]

RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
"""The reserved bits, where they stand in the first byte of a frame (RFC 6455 section 5.2)."""

Parameters = tuple[tuple[str, str | None], ...]
"""Parameters of an extension in their order: (name, value), the value None for a name alone."""


_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Extension(abc.ABC):
    """An extension that can be offered to a server. Immutable; any thread may call anything here.

    Attributes:
        name: the token it is registered under, such as "permessage-deflate".
    """

    __slots__ = ()

    name: str

    @abc.abstractmethod
    def offers(self) -> Sequence[Parameters]:
        """Return the parameters to offer it with: one entry an alternative, the most wanted one first."""

    @abc.abstractmethod
    def accept(self, parameters: Parameters) -> Codec:
        """Return the codec for a new connection, given the parameters in the server's response.

        Raises:
            ValueError: they are no answer to what was offered. Its text goes into the `ConnectError`.
        """


class Codec(abc.ABC):
    """One connection's state of an agreed extension. Control frames pass it by.

    Sending: `encode` is called for one message at a time, in the order of the wire and under the connection's write
    lock, by whichever thread writes. What it returns is sent. Receiving: `begin`, `decode` and `end` are called by
    the one thread that reads, at the same time as `encode`.

    An exception other than those below ends the connection, with it as the cause.

    Attributes:
        rsv: the reserved bits that belong to this extension: any of `RSV1`, `RSV2`, `RSV3`, or 0. Two extensions that
            claim the same bit cannot be used together.
    """

    __slots__ = ()

    rsv: int = 0

    @abc.abstractmethod
    def encode(self, opcode: int, payload: bytes) -> tuple[int, bytes]:
        """Transform a whole message; return the reserved bits to set on its frame, and its new payload.

        Args:
            opcode: 1 for text, 2 for binary.
            payload: the message.
        """

    @abc.abstractmethod
    def begin(self, opcode: int, rsv: int) -> bool:
        """Begin a data frame; return whether its payload is to be decoded, or else left as it is.

        Args:
            opcode: 1 or 2 for the first frame of a message, 0 for one that continues it.
            rsv: which of this extension's bits are set on the frame.

        Raises:
            RemoteProtocolError: the bits may not be set here.
        """

    @abc.abstractmethod
    def decode(self, data: memoryview | bytes) -> Iterable[bytes]:
        """Transform some of the frame's payload, piece by piece.

        Yield pieces of bounded size (64 KB or so) and produce each when it is asked for: as soon as a message exceeds
        `max_size` nobody asks for more of it, which is what keeps a small frame from claiming any amount of memory.

        Raises:
            RemoteProtocolError: the data is corrupt; `code` says what to close with.
        """

    def end(self, *, is_final: bool) -> Iterable[bytes]:
        """End the frame, of which everything was given to `decode`, and yield what was held back, if anything.

        Args:
            is_final: whether the message is complete.

        Raises:
            RemoteProtocolError: the data is corrupt.
        """
        del is_final  # Most codecs hold nothing back.
        return ()


def check_extensions(extensions: Iterable[object]) -> tuple[Extension, ...]:
    """Return extensions as a tuple after checking that they can be offered.

    Raises:
        ConfigurationError: one is no `Extension`, has no legal name, or offers nothing or what no header can hold; or
            two have the same name.
    """
    checked: list[Extension] = []
    for extension in extensions:
        if not isinstance(extension, Extension):
            what = f"the class {extension.__name__}" if isinstance(extension, type) else type(extension).__name__
            msg = f"extensions must hold instances of realtime_sync.extensions.Extension; got {what}"
            raise ConfigurationError(msg)
        name = getattr(extension, "name", None)
        if not _is_token(name):
            msg = f"extensions: the name of {type(extension).__name__} must be a token such as 'x-shrink'; got {name!r}"
            raise ConfigurationError(msg)
        if any(each.name == name for each in checked):
            msg = f"extensions: {name} is in it twice; alternatives belong into one extension's offers()"
            raise ConfigurationError(msg)
        _check_offers(extension)
        checked.append(extension)
    return tuple(checked)


def _check_offers(extension: Extension) -> None:
    offers = extension.offers()
    if not offers:
        msg = f"extensions: {extension.name} offers nothing; an offer without parameters is ((),)"
        raise ConfigurationError(msg)
    for parameters in offers:
        for each in parameters:
            if not (isinstance(each, tuple) and len(each) == 2 and _is_token(each[0])):  # noqa: PLR2004
                msg = (
                    f"extensions: {extension.name} offers {each!r}, which is no (name, value) with a token as its name"
                )
                raise ConfigurationError(msg)
            if each[1] is not None and not _is_token(each[1]):
                msg = f"extensions: {extension.name} offers {each[0]} with {each[1]!r}; a value is a token, or None"
                raise ConfigurationError(msg)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None
