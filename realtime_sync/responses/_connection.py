"""`ResponsesConnection`: one WebSocket of the Responses API, with any number of requests at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from realtime_sync.config import NOT_GIVEN, NotGiven, seconds_or
from realtime_sync.errors import LocalProtocolError
from realtime_sync.responses._api import ResponsesApi
from realtime_sync.responses._call import ANY, Call, LaneChoice
from realtime_sync.responses._parameters import CREATE, CreateParameters, check_keywords, create_body
from realtime_sync.responses._stream import ResponseStream, start, steer_event
from realtime_sync.session import Core, Deadline, LocalEventName, Session

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from realtime_sync.types import responses as wire

    AnyName: TypeAlias = wire.ServerEventName | LocalEventName | str

__all__ = ["Lane", "ResponseResource", "ResponsesConnection"]

_Timeout: TypeAlias = float | None | NotGiven
_WARM_UP = frozenset({"generate"})
_BY_HAND = frozenset({"generate", "stream_id"})


class ResponsesConnection(Session["wire.ServerEvent", "AnyName", "wire.ClientEvent"]):
    """One open connection to the Responses API; made by ``client.responses.connect(…)``.

    Any number of threads may call `create` and `stream`: each request runs on a lane of its own, at most 16 at a time,
    and further ones wait their turn. On a server without lanes they run one after the other. A request with
    `previous_response_id` runs on the lane that remembers that response, after whatever runs there.

    What the keywords of a request are: `CreateParameters`. What `connect` was given holds where a call says nothing.
    """

    def __init__(
        self, core: Core, api: ResponsesApi, timeout: float | None, defaults: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(core)
        self._api = api
        self._timeout = timeout
        self._defaults = dict(defaults or {})

    @property
    def response(self) -> ResponseResource:
        """response.create, steer and inject: sent, and not waited for."""
        return ResponseResource(self)

    @property
    def lanes(self) -> Lanes:
        """What a pool or a conversation needs to know of the lanes."""
        return Lanes(self._core, self._api)

    # -- requests -----------------------------------------------------------------------------------------------------

    def create(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> wire.Response:
        """Ask for a response and return it once it has ended.

        Args:
            timeout: seconds in all, waiting for a lane included. None: no limit; left out: the client's `timeout`.
            extra_body: fields to send that this library does not know.
            params: see `CreateParameters`.

        Raises:
            ResponseFailed: it ended with status "failed". (An incomplete one returns: see its `status`.)
            ServerError: the server refused the request. With code ``previous_response_not_found`` and `replay_safe`,
                it is known without asking that the server does not remember what to go on from.
            RequestTimeout: it did not end in time. `partial` has what arrived; the rest is drained in the background.
            TurnInterrupted: the connection ended first. `partial` has what arrived, None if nothing did; `replay_safe`
                tells that the server cannot have seen the request.
            ConnectionRetiring, ConnectionClosed: the connection takes no requests (any more); nothing was sent.
            LocalProtocolError: something given cannot be sent; nothing was.
            ConfigurationError: `timeout` is no number of seconds.
            TypeError: there is no such keyword.
        """
        with self._stream(params, extra_body, timeout, function="create") as stream:
            return stream.response()

    def stream(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> ResponseStream:
        """Ask for a response and return its stream, as soon as the request is sent. Arguments as in `create`.

        Raises:
            RequestTimeout: no lane became free in time; nothing was sent.
            ServerError, ConnectionRetiring, ConnectionClosed, LocalProtocolError, ConfigurationError, TypeError: as
                `create`.
            SendTimeout: as `send`.
        """
        return self._stream(params, extra_body, timeout, function="stream")

    def warm_up(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> str:
        """Have the server prepare for a request (``generate: false``); return the id to go on from.

        Give what the request will hold anyway: instructions, tools, input; then send the rest of it with the id as
        `previous_response_id`. Arguments and errors as in `create`.
        """
        return self._warm_up(params, extra_body, timeout)

    def lane(self, name: str) -> Lane:
        """Return a lane of the caller's own: no other request of this connection runs on it. Again for the same name.

        Args:
            name: 1 to 256 of ``A-Z a-z 0-9 _ . -``; it shows as the ``stream_id`` of its events. It counts against the
                32 that a connection may use, and cannot be given back. (On a server without lanes it is a name only.)

        Raises:
            LocalProtocolError: it is no such name, or there are 32 already.
        """
        self._core.check()
        with self._core.lock:
            return Lane(self, self._api.book.lanes.reserve(name))

    def fork(self, previous_response_id: str, name: str | None = None) -> Lane:
        """Return a new lane whose first request goes on from a response, beside whatever follows it elsewhere.

        What is asked on the lane of that response afterwards waits until that first request has begun, so that the
        server does not forget it before.

        Args:
            previous_response_id: where to go on from.
            name: of the new lane; None: any, also when 32 were used, as long as nobody needs one of those lent so far.

        Raises:
            LocalProtocolError: as `lane`.
        """
        self._core.check()
        with self._core.lock:
            return Lane(self, self._api.book.lanes.reserve(name, beside=previous_response_id), previous_response_id)

    def inject(self, response_id: str, input: Iterable[Any]) -> None:  # noqa: A002  (the wire's name)
        """Give a running response the outputs of its calls; as `response.inject`."""
        self.response.inject(response_id=response_id, input=input)

    def _stream(
        self,
        params: Mapping[str, Any],
        extra_body: Mapping[str, Any] | None,
        timeout: _Timeout,
        *,
        function: str,
        lane: LaneChoice = ANY,
        also: frozenset[str] = frozenset(),
    ) -> ResponseStream:
        self._core.check()
        deadline = self._deadline(timeout)
        body = self._body(params, extra_body, function=function, also=also)
        if "stream_id" in body:
            msg = "stream_id cannot be given here: ask for a lane, conn.lane(name), or use conn.response.create"
            raise LocalProtocolError(msg)
        return start(self._core, self._api, body, deadline, lane=lane)

    def _body(
        self,
        params: Mapping[str, Any],
        extra_body: Mapping[str, Any] | None,
        *,
        function: str,
        also: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """Return what to send: checked, with the defaults, without a type."""
        defaults = self._defaults
        if any(params.get(name, NOT_GIVEN) not in (None, NOT_GIVEN) for name in LINEAGE):
            # Each takes the place of the other, were it a default.
            defaults = {name: each for name, each in defaults.items() if name not in LINEAGE}
        body = create_body(params, defaults=defaults, extra_body=extra_body, also=also, function=function)
        self._api.complete({"type": CREATE, **body})
        return body

    def _deadline(self, timeout: _Timeout) -> Deadline:
        return Deadline(seconds_or("timeout", timeout, self._timeout))

    def _warm_up(
        self,
        params: Mapping[str, Any],
        extra_body: Mapping[str, Any] | None,
        timeout: _Timeout,
        *,
        lane: LaneChoice = ANY,
    ) -> str:
        check_keywords(params, function="warm_up")
        given = {**params, "generate": False}
        stream = self._stream(given, extra_body, timeout, function="warm_up", lane=lane, also=_WARM_UP)
        with stream:
            response = stream.response()
        if response.id is None:
            msg = "the server warmed up without telling an id to go on from"
            raise LocalProtocolError(msg)
        return response.id


LINEAGE = frozenset({"previous_response_id", "conversation"})


class Lane:
    """A lane of the caller's own: its requests run one after the other, and no others run on it.

    Nothing is remembered for the caller: a request goes on from an earlier one by `previous_response_id` only, except
    the first one of a fork. If that was refused, failed, or was left before its end, the next is the first one.
    Threads: any.
    """

    def __init__(self, connection: ResponsesConnection, name: str, forked_from: str | None = None) -> None:
        self._connection = connection
        self._name = name
        # What is forked from, and the request that did so last; a deque, so that of several threads one gets it.
        self._origin: deque[tuple[str, Call | None]] = deque([] if forked_from is None else [(forked_from, None)])

    def __repr__(self) -> str:
        return f"Lane({self._name!r})"

    @property
    def name(self) -> str:
        """The name: the `stream_id` of its events."""
        return self._name

    @property
    def latest_response_id(self) -> str | None:
        """The id of the newest response that ended well here, or None."""
        return self._connection.lanes.latest_of(self._name)

    def create(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> wire.Response:
        """As `ResponsesConnection.create`, on this lane."""
        with self._stream(params, extra_body, timeout, function="create") as stream:
            return stream.response()

    def stream(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> ResponseStream:
        """As `ResponsesConnection.stream`, on this lane."""
        return self._stream(params, extra_body, timeout, function="stream")

    def warm_up(
        self,
        *,
        timeout: _Timeout = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> str:
        """As `ResponsesConnection.warm_up`, on this lane."""
        return self._connection._warm_up(params, extra_body, timeout, lane=self._name)  # noqa: SLF001  (same module)

    def fork(self, name: str | None = None, *, previous_response_id: str | None = None) -> Lane:
        """As `ResponsesConnection.fork`, from the newest response of this lane unless another one is given.

        Raises:
            LocalProtocolError: this lane has none yet; or as `ResponsesConnection.lane`.
        """
        source = previous_response_id or self.latest_response_id
        if source is None:
            msg = f"lane {self._name!r} has no response yet that a fork could go on from"
            raise LocalProtocolError(msg)
        return self._connection.fork(source, name)

    def _stream(
        self, params: Mapping[str, Any], extra_body: Mapping[str, Any] | None, timeout: _Timeout, *, function: str
    ) -> ResponseStream:
        self._connection.lanes.check()
        given = dict(params)
        call, source = None, self._take_origin()
        if source is not None and all(given.get(name, NOT_GIVEN) is NOT_GIVEN for name in LINEAGE):
            given["previous_response_id"] = source
        try:
            stream = self._connection._stream(given, extra_body, timeout, function=function, lane=self._name)  # noqa: SLF001
            call = stream._call  # noqa: SLF001  (same package)
            return stream
        finally:
            if source is not None:
                self._origin.append((source, call))

    def _take_origin(self) -> str | None:
        """Return what to go on from if nothing has come of doing so yet; it is to be put back."""
        try:
            source, last = self._origin.pop()
        except IndexError:  # There is none, or another thread has it.
            return None
        if last is None or self._connection.lanes.left_nothing(self._name, last):
            return source
        self._origin.append((source, last))
        return None


class Lanes:
    """What goes on on the lanes of a connection, and requests with a lane of choice: for what builds on connections.

    How far a request had come when the connection was lost is told by the `TurnInterrupted` or `ConnectionClosed`:

    - `replay_safe`: the server cannot have seen it.
    - else, `partial` is None: it was sent, and nothing came of it.
    - else: its response had begun.

    Threads: any. All numbers are hints: they may have changed when they are looked at.
    """

    def __init__(self, core: Core, api: ResponsesApi) -> None:
        self._core = core
        self._book = api.book
        self._api = api

    def start(
        self, body: Mapping[str, Any], timeout: float | None, *, lane: LaneChoice = ANY, fork: bool = False
    ) -> ResponseStream:
        """Send a request, once it has a lane, and return its stream. Raises as `ResponsesConnection.stream`.

        Args:
            body: as `create_body` makes it.
            timeout: seconds in all; None: no limit.
            lane: a name that `ResponsesConnection.lane` was asked for; None: the default lane; `ANY`: the one that
                remembers what the request goes on from, else any.
            fork: run beside the lane that remembers what it goes on from, and let that go on afterwards.
        """
        return start(self._core, self._api, body, Deadline(timeout), lane=lane, fork=fork)

    def check(self) -> None:
        """Raise `ForkedError` in a child of the process that made the connection: nothing may take its lock there."""
        self._core.check()

    def left_nothing(self, name: str, call: Call) -> bool:
        """Return whether a request is over, or left, and none has ended well on the lane that a caller named so."""
        with self._core.lock:
            return call.is_lost and name not in self._book.lanes.heads

    def holds(self, response_id: str) -> bool:
        """Return whether a lane still remembers a response, or runs it."""
        self.check()
        with self._core.lock:
            return self._book.lanes.home(response_id) is not None

    def is_busy(self, response_id: str) -> bool:
        """Return whether the lane that remembers a response has something to do."""
        self.check()
        with self._core.lock:
            home = self._book.lanes.home(response_id)
            return home is not None and bool(home.calls)

    def latest_of(self, name: str) -> str | None:
        """Return the newest response that ended well on a lane that a caller named."""
        self.check()
        with self._core.lock:
            return self._book.lanes.heads.get(name)

    @property
    def in_flight(self) -> int:
        """How many requests have a lane, those included that nobody waits for any more."""
        return len(self._book.active)

    @property
    def waiting(self) -> int:
        """How many requests wait for a lane."""
        return len(self._book.waiting)

    @property
    def free(self) -> int:
        """How many more requests could go out at once."""
        if self.retiring or self._core.finished:
            return 0
        return max(0, self._book.limit - self.in_flight - self.waiting)

    @property
    def limit(self) -> int:
        """How many requests may go out at once, as far as is known of the server."""
        return self._book.limit

    @property
    def known(self) -> bool | None:
        """Whether the server has lanes; None: that has not shown yet."""
        return self._book.knows_lanes

    @property
    def retiring(self) -> bool:
        """Whether nothing new goes out: open another connection, and close this one when `in_flight` is 0."""
        return self._book.retiring is not None

    def retire(self, reason: str) -> None:
        """Let nothing new go out; what waits is refused with `ConnectionRetiring`, what runs goes on."""
        self._core.check()
        self._core.post_locked(self._book.retire, reason)


class ResponseResource:
    """The API's events, sent and not waited for: what comes of them is in the mailbox, for `receive` and callbacks."""

    def __init__(self, connection: ResponsesConnection) -> None:
        self._connection = connection

    def create(
        self,
        *,
        stream_id: str | NotGiven = NOT_GIVEN,
        generate: bool | NotGiven = NOT_GIVEN,
        extra_body: Mapping[str, Any] | None = None,
        **params: Unpack[CreateParameters],
    ) -> None:
        """Send `response.create`, with the connection's defaults.

        Args:
            stream_id: the lane; left out: the default one.
            generate: False: warm up only.
            extra_body: fields to send that this library does not know.
            params: see `CreateParameters`.

        Raises:
            LocalProtocolError, SendTimeout, ConnectionClosed: as `Session.send`.
            TypeError: there is no such keyword.
        """
        connection = self._connection
        given = {**params, "stream_id": stream_id, "generate": generate}
        body = connection._body(given, extra_body, function="response.create", also=_BY_HAND)  # noqa: SLF001  (same module)
        connection.send({"type": CREATE}, extra_body=body)

    def steer(self, *, previous_response_id: str, input: str | Iterable[Any]) -> None:  # noqa: A002  (the wire's name)
        """Send `response.steer`: give a running response something more.

        Args:
            previous_response_id: the running response.
            input: text, or messages of the user.

        Raises:
            LocalProtocolError, SendTimeout, ConnectionClosed: as `Session.send`.
        """
        self._connection.send(steer_event(previous_response_id, input))

    def inject(self, *, response_id: str, input: Iterable[Any]) -> None:  # noqa: A002  (the wire's name)
        """Send `response.inject`, of the multi-agent beta: give a running response the outputs of its calls.

        Needs ``extra_headers={"OpenAI-Beta": "responses_multi_agent=v1"}`` at `connect`.

        Raises:
            LocalProtocolError, SendTimeout, ConnectionClosed: as `Session.send`.
        """
        from realtime_sync.types.responses import ResponseInjectEvent  # noqa: PLC0415  (the catalogue loads on first use)

        self._connection.send(ResponseInjectEvent(response_id=response_id, input=input))
