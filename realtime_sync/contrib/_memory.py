"""Conversations that a site remembers from one request of a visitor to the next."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from realtime_sync.contrib._sealing import Sealer, StateRejected, StateTooLarge
from realtime_sync.errors import ConfigurationError
from realtime_sync.session import ClosesOnExit

if TYPE_CHECKING:
    from realtime_sync.responses import Conversation, ConversationStream

__all__ = ["RememberedConversation", "RememberedStream", "SessionStore", "Store", "visitor_of"]

logger = logging.getLogger("realtime_sync.contrib")

_VISITOR: Final = "realtime_sync.visitor"
_STATE: Final = "realtime_sync.conversation."

COOKIE_BYTES: Final = 3000
"""What fits into a session that is kept in a cookie: browsers take 4,096 bytes with the name and the signature."""


class Store(Protocol):
    """Keeps texts by name. Django's caches are such stores; so is whatever has a table, in ten lines.

    A store may have `max_bytes`, the longest text it can keep, and `while_streaming`, which is false if it can only be
    written before the body of a response begins.
    """

    def get(self, key: str, /) -> Any:
        """Return the text, or None."""
        ...

    def set(self, key: str, value: str, /) -> Any:
        """Keep the text."""
        ...


class SessionStore:
    """Keeps conversations in a visitor's web session."""

    def __init__(self, session: Any, *, max_bytes: int | None = None, while_streaming: bool = False) -> None:
        """Take a session of the framework.

        Args:
            session: works like a dict.
            max_bytes: what fits; None: any length.
            while_streaming: whether it can be written while the body goes out: no cookie can.
        """
        self._session = session
        self.max_bytes = max_bytes
        self.while_streaming = while_streaming

    def get(self, key: str, /) -> Any:
        """Return what the session has."""
        return self._session.get(_STATE + key)

    def set(self, key: str, value: str, /) -> None:
        """Put it into the session."""
        self._session[_STATE + key] = value
        save = getattr(self._session, "save", None)
        if self.while_streaming and save is not None:
            save()  # The framework did that before the body began.


def visitor_of(session: Any) -> str:
    """Return the random name under which a session's visitor is remembered; a new visitor gets one."""
    visitor = session.get(_VISITOR)
    if not (isinstance(visitor, str) and visitor):
        visitor = session[_VISITOR] = secrets.token_urlsafe(16)
    return visitor


class RememberedConversation(ClosesOnExit):
    """A conversation with a memory: begun where the last request left it, and stored after every turn.

    What is stored and cannot be gone on with (altered, too old, of another version) is logged, told by `restarted`,
    and replaced by a fresh start. Two requests of a visitor at the same time both work; the one that ends last is
    the one that is remembered.

    Threads: one at a time, that of the request.

    Attributes:
        key: whose conversation it is.
        conversation: the `Conversation` itself, for all that is not here.
        restarted: why it begins anew though something was stored; None: it does not.
    """

    def __init__(
        self,
        make: Callable[..., Conversation],
        *,
        key: str,
        store: Store,
        sealer: Sealer,
        max_bytes: int | None = None,
    ) -> None:
        """Restore it.

        Args:
            make: makes a conversation with the keyword ``state``.
            key: whose it is; the name in the store, too.
            store: where it is kept.
            sealer: signs what is kept.
            max_bytes: the longest text to store; None: what the store says.
        """
        self.key = key
        self.restarted: Exception | None = None
        self._store = store
        self._sealer = sealer
        self._max_bytes = max_bytes if max_bytes is not None else getattr(store, "max_bytes", None)
        self.conversation = self._restored(make)

    def _restored(self, make: Callable[..., Conversation]) -> Conversation:
        stored = self._store.get(self.key)
        if not stored:
            return make(state=None)
        try:
            return make(state=self._sealer.open(stored, self.key))
        except (StateRejected, ConfigurationError) as error:
            # Where it is not the state that cannot be used, the same is raised again here.
            fresh = make(state=None)
            logger.warning("a stored conversation begins anew: %s", error)
            self.restarted = error
            return fresh

    def create(self, input: Any = None, **parameters: Any) -> Any:  # noqa: A002  (the API's name)
        """Have one response and remember it: see `Conversation.create`, and `save`."""
        result = self.conversation.create(input, **parameters)
        self.save(result)
        return result

    def run(self, input: Any = None, **parameters: Any) -> Any:  # noqa: A002  (as above)
        """Have a response after whatever tools it takes, and remember all of it: see `Conversation.run`, and `save`."""
        result = self.conversation.run(input, **parameters)
        self.save(result)
        return result

    def stream(self, input: Any = None, **parameters: Any) -> RememberedStream:  # noqa: A002  (as above)
        """Have one response as it comes; it is remembered at its end, and the conversation closed.

        Raises:
            ConfigurationError: the store cannot be written while the answer goes out; nothing was sent.
            RealtimeSyncError: as `Conversation.stream`.
        """
        if not getattr(self._store, "while_streaming", True):
            msg = (
                "a session in a cookie goes out before the answer begins, so it cannot remember what is streamed: give "
                "store= something that keeps it on the server (a table, a cache), or use create() or run()"
            )
            raise ConfigurationError(msg)
        try:
            return RememberedStream(self, self.conversation.stream(input, **parameters))
        except BaseException:
            self.close()
            raise

    def save(self, response: Any = None) -> None:
        """Store the conversation as it is now.

        Args:
            response: goes into the error, so that the answer is not lost.

        Raises:
            StateTooLarge: it does not fit; what was stored before is still there.
        """
        text = self._sealer.seal(self.conversation.to_dict(), self.key)
        if self._max_bytes is not None and len(text) > self._max_bytes:
            msg = (
                f"the conversation takes {len(text):,} bytes of the {self._max_bytes:,} that can be stored: begin a "
                "new one (forget()), make it shorter (conversation.compact()), or keep it elsewhere (store=)"
            )
            raise StateTooLarge(msg, size=len(text), limit=self._max_bytes, response=response)
        self._store.set(self.key, text)

    def forget(self) -> None:
        """Have the next request begin anew."""
        self._store.set(self.key, "")

    def close(self) -> None:
        """Close the conversation; what is stored stays."""
        self.conversation.close()


class RememberedStream(ClosesOnExit):
    """A response of a remembered conversation as it comes. Left early, nothing of it is remembered.

    Threads: one at a time; `close` from any.
    """

    def __init__(self, remembered: RememberedConversation, stream: ConversationStream[Any]) -> None:
        """Take both; they are closed together."""
        self._remembered = remembered
        self._stream = stream

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stream)

    def text(self) -> Iterator[str]:
        """Yield the pieces of the answer's text as they come."""
        return self._stream.text()

    def response(self) -> Any:
        """Wait for the end, remember the turn, and return the response; raises as `ConversationStream.response`."""
        response = self._stream.response()
        self._remembered.save(response)
        return response

    def close(self) -> None:
        """Leave the stream and close the conversation."""
        self._stream.close()
        self._remembered.close()
