"""Connections that `requests` keeps alive, dialled as WebSockets are: same proxy, same TLS, same errors."""

from __future__ import annotations

import functools
import queue
import weakref
from collections import deque
from typing import Any, final

import requests
import requests.adapters
import urllib3.connection
import urllib3.connectionpool

from realtime_sync.config import ConnectionOptions
from realtime_sync.errors import RealtimeSyncError
from realtime_sync.http._environment import settle
from realtime_sync.http._socket import Halt, OutOfTime, Run, StreamSocket
from realtime_sync.transport import Deadline, Request, Stream, open_stream

__all__ = ["Line"]


@final
class Line:
    """A session of `requests`, and the one connection it has to one server. For one thread, and one request, at a time.

    Attributes:
        session: looks at no environment of its own: `requests` would also take a log-in from ``~/.netrc`` for a key.
        run: the request that runs now, or ran last.
        idle_since: when the last one ended, by the monotonic clock.
    """

    def __init__(self, request: Request, url: str, options: ConnectionOptions) -> None:
        self._request = request
        self._url = url
        self._options = options
        self.run = Run(Deadline(None))
        self.idle_since = 0.0
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.clear()  # Each request says for itself what it has.
        # Weak: `urllib3` keeps what is in a pool until that is collected. So a line that is dropped, as by an interrupt
        # while it is put away, is closed with it.
        adapter = _Adapter(_Weakly(self))
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)

    def close(self) -> None:
        """Close the connection, if it is open."""
        self.session.close()

    def connect(self) -> Stream:
        """Dial, within `open_timeout` and what is left for the request."""
        run = self.run
        connecting = run.connecting = Deadline(self._options.open_timeout)
        try:
            connecting.waker = run.deadline.waker  # Not ours to settle.
            connecting.at = min(connecting.at, run.deadline.at)
            # For every connection: the environment may have changed.
            settled = settle(self._url, self._options)
            return open_stream(self._request, settled, connecting)
        except RealtimeSyncError as error:
            if run.deadline.passed():
                raise OutOfTime from None
            raise Halt(error) from None
        finally:
            run.connecting = None


@final
class _Weakly:
    """Connects for a line, which it does not keep alive. Whoever has a request under way does."""

    def __init__(self, line: Line) -> None:
        self._line = weakref.ref(line)

    def connect(self) -> StreamSocket:
        return StreamSocket(self._alive().connect(), lambda: self._alive().run)

    def _alive(self) -> Line:
        line = self._line()
        if line is None:
            msg = "the connection was dropped"
            raise ConnectionResetError(msg)
        return line


class _Connection(urllib3.connection.HTTPConnection):
    """Speaks HTTP over a stream that others have connected and encrypted."""

    def __init__(self, line: _Weakly, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._line = line

    def connect(self) -> None:
        self.sock = self._line.connect()

    @property
    def is_connected(self) -> bool:
        return isinstance(self.sock, StreamSocket) and self.sock.is_quiet()


class _Shelf:
    """What `urllib3` takes for a queue, for one thread at a time, without the locks of one.

    An interrupt in the midst of those leaves them locked, and the clean-up after it would wait for ever.
    """

    def __init__(self, maxsize: int) -> None:
        self._items: deque[Any] = deque(maxlen=maxsize)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002, FBT002
        self._items.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ARG002, FBT002
        try:
            return self._items.pop()
        except IndexError:
            raise queue.Empty from None


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    """The connections, one at most, of one line."""

    QueueCls = _Shelf  # type: ignore[assignment]  # as much of a queue as is used


class _Adapter(requests.adapters.HTTPAdapter):
    """Sends every request over the one connection; whatever of proxies and TLS `requests` would do is done in there."""

    def __init__(self, line: _Weakly) -> None:
        super().__init__()
        # The name does not matter: it is not dialled, and every request brings its Host header.
        self._pool = _Pool("server.invalid", maxsize=1)
        self._pool.ConnectionCls = functools.partial(_Connection, line)  # type: ignore[assignment]

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> urllib3.connectionpool.HTTPConnectionPool:
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Leave TLS to the stream."""

    def close(self) -> None:
        self._pool.close()
        super().close()
