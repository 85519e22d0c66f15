"""One machine on the way to the server."""

from __future__ import annotations

from attrs import frozen

from realtime_sync.errors import ConnectError, ConnectTimeout, ProxyError
from realtime_sync.transport._deadline import Deadline

__all__ = ["Hop"]


@frozen
class Hop:
    """A host and port that are connected to: the server's own, or those of a proxy before it.

    Attributes:
        host: for the name lookup and the certificate: no brackets, ASCII.
        is_proxy: decides the class of errors and their words.
    """

    host: str
    port: int
    is_proxy: bool = False

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"the proxy {self.address}" if self.is_proxy else self.address

    def failed(self, message: str, *, transient: bool = True, status: int | None = None) -> ConnectError:
        """Return the error for a failure here."""
        if self.is_proxy:
            return ProxyError(message, proxy=self.address, status=status, transient=transient)
        return ConnectError(message, transient=transient)

    def timed_out(self, deadline: Deadline, what: str) -> ConnectTimeout:
        """Return the error for a deadline that passed while `what` went on."""
        return ConnectTimeout(
            f"connecting to {self.name} took longer than {deadline.seconds:g} s: {what} was under way"
        )
