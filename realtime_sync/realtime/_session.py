"""A Realtime session: the shared surface, the verbs, and whole turns in one call."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from realtime_sync.audio import AudioSource
from realtime_sync.config import NOT_GIVEN, NotGiven, seconds_or
from realtime_sync.realtime._api import SESSION_EVENTS, RealtimeApi
from realtime_sync.realtime._content import turn_input
from realtime_sync.realtime._interruption import Interruption, interrupt
from realtime_sync.realtime._item_ids import identify_item
from realtime_sync.realtime._resources import (
    ConversationResource,
    InputAudioBufferResource,
    OutputAudioBufferResource,
    ResponseResource,
    SessionResource,
)
from realtime_sync.realtime._settings import name_of_tool
from realtime_sync.realtime._stream import Turns, TurnStream, start_turn, with_token
from realtime_sync.realtime._turn import Turn
from realtime_sync.realtime._unasked import UnaskedCalls
from realtime_sync.realtime._wait_for import WaitsByName
from realtime_sync.session import REQUEST_TIMEOUT, Core, Deadline, Empty, Subscription, body_of
from realtime_sync.tools import Tool, tool

if TYPE_CHECKING:
    from realtime_sync.types.realtime import ClientEvent

__all__ = ["RealtimeSession"]

logger = logging.getLogger("realtime_sync")

P = ParamSpec("P")
R = TypeVar("R")

GREETING_SECONDS = 3.0
"""How long the first turn with audio waits for session.created, which tells how audio becomes a turn."""


class RealtimeSession(WaitsByName):
    """One open Realtime session; made by ``client.realtime.connect(…)``.

    Attributes:
        session, conversation, input_audio_buffer, output_audio_buffer, response: the API's verbs.
    """

    def __init__(self, core: Core, api: RealtimeApi, turn_timeout: float | None) -> None:
        super().__init__(core)
        self._api = api
        self._turn_timeout = turn_timeout
        # Weakly: threads must not keep alive a session that its user has dropped.
        api.session = weakref.ref(self)
        api.answer_unasked = UnaskedCalls(core, api).begin_locked

    # Made when asked for: they refer back to the session, and a session that is dropped must not wait for the
    # garbage collector to notice a cycle.
    @property
    def session(self) -> SessionResource:
        """session.update, and the effective session."""
        return SessionResource(self)

    @property
    def conversation(self) -> ConversationResource:
        """conversation.item.create, retrieve, delete and truncate."""
        return ConversationResource(self)

    @property
    def input_audio_buffer(self) -> InputAudioBufferResource:
        """input_audio_buffer.append, commit and clear."""
        return InputAudioBufferResource(self)

    @property
    def output_audio_buffer(self) -> OutputAudioBufferResource:
        """output_audio_buffer.clear."""
        return OutputAudioBufferResource(self)

    @property
    def response(self) -> ResponseResource:
        """response.create and cancel."""
        return ResponseResource(self)

    def request(
        self,
        event: ClientEvent | Mapping[str, Any],
        timeout: float | None = REQUEST_TIMEOUT,
        *,
        extra_body: Mapping[str, Any] | None = None,
    ) -> Any:
        """As `Session.request`. An item without an id gets one, so that its acknowledgement can be told by it."""
        self._core.check()
        data = self._core.complete(body_of(self._core.client_fields, event, extra_body))
        identify_item(data)
        if data["type"] == "response.create":
            # Its answer names nothing but the metadata: with a token in it, there is no doubt whose it is.
            given = data.get("response")
            data["response"] = with_token(given if isinstance(given, Mapping) else {}, data["event_id"])
        elif data["type"] == "response.cancel" and data.get("response_id") is None:
            # Without an id it hits the conversation's active response; the answer names that one.
            with self._core.lock:
                active = self._api.book.active_response_id
            if active is not None:
                data["response_id"] = active
        return self._core.request(data, Deadline(timeout))

    def stream(
        self,
        text: str | None = None,
        audio: AudioSource | None = None,
        *,
        images: Iterable[Any] = (),
        response: Any = None,
        pace: float | None = None,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> TurnStream:
        """Send a turn and return its stream, as soon as it is sent.

        Waits while another response of this conversation is active. With ``response={"conversation": "none"}`` the
        turn runs beside the conversation: what is given becomes (part of) its own input and no item is added. Without
        any input a response is created to what is there.

        How audio becomes a turn is the session's `turn_detection`. Null: the audio is committed, then the response
        created. With detection, silence follows the audio, and the turn is the response that the server starts by
        itself; with its `create_response` off, the response is created when the server has found the turn. Speech in
        several parts is one turn, up to the last response.

        Args:
            text: the user's message.
            audio: what the user says: a path of a WAV file, its bytes, raw bytes in the session's format, a binary
                file, a `realtime_sync.audio.Recording`, or an iterator of raw pieces for live input. What comes from
                an iterator or a file (it may be a pipe), and audio with a `pace`, is sent while the stream is consumed,
                on the thread that does. A source that raises ends the turn with its exception.
            images: URLs, `pathlib.Path`s, the bytes of PNG or JPEG files, or content parts.
            response: settings for this response alone: a class or a dict.
            pace: seconds of audio sent a second, 1.0 for real time. None: as fast as it goes.
            timeout: seconds for the whole turn, waiting, speaking and consuming included. None: no limit; left out: the
                client's `timeout`.

        Raises:
            RequestTimeout: the conversation did not become free in time; nothing was sent.
            ConfigurationError: the audio cannot be read, or `timeout` is no number of seconds.
            SendTimeout, ConnectionClosed, LocalProtocolError: as `send`.
        """
        self._core.check()
        deadline = Deadline(seconds_or("timeout", timeout, self._turn_timeout))
        session = self._effective(None if audio is None else deadline)
        content = turn_input(session, text, audio, images=images, response=response, pace=pace)
        return start_turn(self._core, self._api, content, deadline)

    def _effective(self, deadline: Deadline | None) -> Any:
        """Return the effective session, or None; with a deadline, wait for the server to tell it, once a session."""
        core, api = self._core, self._api
        with core.lock:
            number, known = core.number, api.effective
        if known is not None or deadline is None or api.untold:
            return known
        left = deadline.remaining()
        told: Subscription[Any] = Subscription(core, tuple(SESSION_EVENTS), since=number)
        with told:
            try:
                told.take(Deadline(GREETING_SECONDS if left is None else min(left, GREETING_SECONDS)))
            except Empty:
                api.untold = True
        return api.effective

    def ask(
        self,
        text: str | None = None,
        audio: AudioSource | None = None,
        *,
        images: Iterable[Any] = (),
        response: Any = None,
        pace: float | None = None,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Turn:
        """Send a turn and return all of it once it has ended. Arguments as in `stream`.

        Completed, incomplete and cancelled turns return: see `Turn.status`.

        Raises:
            ResponseFailed: the response ended with status "failed".
            ServerError: the server refused the item, the audio or the request.
            RequestTimeout: the turn did not end in time, or the server found no speech in the audio; its response is
                cancelled. `partial` has what arrived.
            TurnInterrupted: the connection ended first. `partial` has what arrived.
        """
        with self.stream(text, audio, images=images, response=response, pace=pace, timeout=timeout) as stream:
            return stream.turn()

    def interrupt(self, played_ms: float | None = None, item_id: str | None = None) -> Interruption:
        """Stop the assistant: it was interrupted, or shall be quiet.

        Cancels the active response, if there is one; what still comes of it, and audio of it that waits in any queue,
        reaches nobody, and iterators of its turn end with its response.done; except for a turn whose audio is still
        being sent or answered, which goes on to that. A response that was asked for and has not begun is cancelled
        when it begins. With `played_ms`, the conversation forgets what the user did not hear. On a call the server's
        own audio buffer is cleared too. Sends and returns without waiting; any thread, best an urgent callback.

        Args:
            played_ms: how much of the audio the user heard, in milliseconds (see `realtime_sync.audio.Playback`); more
                than has arrived counts as all of it, 0 removes the item. None: the item stays as it is.
            item_id: the item that was being heard. None: the newest with audio; but with 0, only if it is of the active
                response, should there be one.

        Raises:
            LocalProtocolError: `played_ms` is not a number from 0 up, or `item_id` has no audio that this session knows
                of.
            ConfigurationError: the audio is in a format that this library does not know, so it cannot be measured.
            SendTimeout, ConnectionClosed: as `send`.
        """
        self._core.check()
        return interrupt(self._core, self._api, played_ms, item_id)

    def turns(self, timeout: float | None = None) -> Turns:
        """Iterate over the responses that no `ask` or `stream` asked for (voice activity, `response.create` by hand).

        Active when the call returns; events of these responses then go to their streams, not to the mailbox.

        Args:
            timeout: seconds to wait for each (None: no limit).
        """
        self._core.check()
        return Turns(self._core, self._api, timeout)

    # -- tools --------------------------------------------------------------------------------------------------

    @overload
    def tool(
        self,
        function: Callable[P, R],
        *,
        name: str | None = ...,
        description: str | None = ...,
        timeout: float | None | NotGiven = ...,
    ) -> Tool[P, R]: ...
    @overload
    def tool(
        self,
        function: None = ...,
        *,
        name: str | None = ...,
        description: str | None = ...,
        timeout: float | None | NotGiven = ...,
    ) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
    def tool(
        self,
        function: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None | NotGiven = NOT_GIVEN,
    ) -> Any:
        """Let the model call a function: ``@rt.tool``, ``@rt.tool(timeout=5)`` or ``rt.tool(function)``.

        From now on the library answers the model's calls of it: in turns of `ask`, `stream` and `turns`, which go on
        with the response that follows, and in responses that nobody consumes. The server is told of the tool with a
        session.update, which is not waited for: a turn asked for afterwards sees the tool.

        Args:
            function: see `realtime_sync.tool`. It runs in a thread of the library, and may call every method of this
                session.
            name, description: for the model; None: the function's own.
            timeout: seconds for one call; None: no limit; left out: the session's `tool_timeout`.

        Raises:
            ToolError: it cannot be a tool; nothing was sent.
            SendTimeout, ConnectionClosed: as `send`.
        """
        self._core.check()
        if function is None:
            return lambda decorated: self.tool(decorated, name=name, description=description, timeout=timeout)
        added = self._api.tools.add(tool(function, name=name, description=description, timeout=timeout))
        self._send_tools()
        return added

    def _send_tools(self) -> None:
        """Tell the server of the tools, until it was told of what there is: several threads may add some at once."""
        api, told = self._api, None
        while told != (now := api.tools.tools):
            with self._core.lock:
                others = api.tools_locked()
            self.session.update({"tools": api.tools.merged(others, name_of_tool)})
            told = now

    def close(self, code: int = 1000, reason: str = "") -> None:
        """As `Session.close`. Tools that run are not waited for; what they return is dropped."""
        super().close(code, reason)
        running = () if self._core.forked else self._api.tools.executor.running()
        if running:
            logger.warning("close() left tools running: %s", ", ".join(running))
