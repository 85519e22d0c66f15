"""What users write with the types, for type checkers to read: nothing here runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypedDict, assert_type

from realtime_sync import (
    Conversation,
    ConversationStream,
    RealtimeSession,
    ResponsesPool,
    Subscription,
    ToolContext,
    tool,
)
from realtime_sync.types import UndecodableEvent, UnknownEvent, UnknownObject, realtime, responses, translation
from realtime_sync.wire import event_decoder, parse_event, to_wire


def use(*values: object) -> None:
    """Take values of any kind."""


def unguarded(event: realtime.ResponseTextDeltaEvent) -> str:
    """Use an essential field without asking whether it is there."""
    return event.delta.upper()


def narrowed_by_class(event: realtime.ServerEvent) -> str | None:
    """Narrow by `isinstance`."""
    if isinstance(event, realtime.ResponseTextDeltaEvent):
        assert_type(event.delta, str)
        assert_type(event.type, Literal["response.output_text.delta"])
        return event.delta
    if isinstance(event, realtime.RealtimeErrorEvent):
        return event.error.message
    if isinstance(event, UnknownEvent):
        return event.type
    return None


def narrowed_by_match(event: realtime.ServerEvent) -> bytes | str | None:
    """Narrow by `match`."""
    match event:
        case realtime.ResponseAudioDeltaEvent():
            return event.audio
        case realtime.ResponseDoneEvent(response=response):
            assert_type(response.output_text, str)
            return response.status
        case UndecodableEvent():
            return event.raw
        case _:
            return None


def a_whole_response(event: responses.ResponseCompletedEvent) -> list[Any]:
    """Read a response: its text, its calls, its items, its usage."""
    response = event.response
    use(response.output_text.upper(), response.id, response.usage)
    for item in response.output or ():
        if isinstance(item, responses.ResponseOutputMessage):
            for part in item.content or ():
                if isinstance(part, responses.ResponseOutputText):
                    assert_type(part.text, str | None)
        elif isinstance(item, UnknownObject):
            use(item.raw["type"])
    return [call.parsed_arguments() for call in response.function_calls]


def both_shapes_of_an_error(event: responses.ServerEvent) -> str | None:
    """Read an error, whichever shape it came in."""
    if isinstance(event, responses.ResponseWsError | responses.ResponseErrorEvent):
        return event.error.code
    return None


def heard(rt: RealtimeSession) -> None:
    """Receive: any event of the API, and from `wait_for` the one that was asked for."""
    assert_type(rt.receive(timeout=1), realtime.ServerEvent)
    assert_type(rt.recv(), realtime.ServerEvent)
    assert_type(rt.events(timeout=1), Iterator[realtime.ServerEvent])
    for event in rt:
        if isinstance(event, realtime.ResponseDoneEvent):
            assert_type(event, realtime.ResponseDoneEvent)
    assert_type(rt.wait_for("session.updated"), realtime.SessionUpdatedEvent)
    use(rt.wait_for("response.text.delta", timeout=1, where=lambda event: event.delta == "x").delta.upper())
    assert_type(rt.wait_for("response.*", 1.0), realtime.ServerEvent)
    assert_type(rt.wait_for("of.the.future"), realtime.ServerEvent)


def observed(rt: RealtimeSession, name: str) -> None:
    """Subscribe and register: names that editors complete, patterns, and any other string."""
    assert_type(rt.subscribe("response.done", "response.output_text.*", name), Subscription[realtime.ServerEvent])
    with rt.subscribe("*") as everything:
        assert_type(everything.get(timeout=1), realtime.ServerEvent)

    def done(event: realtime.ResponseDoneEvent) -> None:
        use(event.response.id)

    rt.on("response.done", done, urgent=True).cancel()
    rt.on(name, use)
    rt.once("close", lambda event: use(event.code))
    rt.off("response.done", done)

    @rt.on("response.done")
    def decorated(event: realtime.ResponseDoneEvent) -> int:
        return len(event.response.output_text)

    assert_type(decorated(rt.wait_for("response.done")), int)


def spoken(rt: RealtimeSession) -> None:
    """Send classes or mappings, and nothing else."""
    assert_type(rt.send({"type": "response.create"}), str)
    rt.send(realtime.ResponseCancelEvent(response_id="r"))
    rt.request(realtime.SessionUpdateEvent(session={"type": "realtime"}), timeout=None)
    rt.send("response.create")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    rt.send(translation.RealtimeTranslationSessionCloseEvent())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def names(name: realtime.ServerEventName | str, client: responses.ClientEventName) -> None:
    """Take a name that editors complete."""
    use(name, client)


def sent() -> None:
    """Construct what clients send; a mapping will do inside."""
    names("response.output_text.delta", "response.create")
    names("of.the.future", "response.steer")
    realtime.SessionUpdateEvent(
        session=realtime.RealtimeSessionCreateRequest(
            instructions="Be brief.",
            output_modalities=["text"],
            audio=realtime.RealtimeAudioConfig(input={"turn_detection": None}),
            tools=[realtime.RealtimeToolsConfigUnionMcp(server_label="docs", server_url="https://example.com")],
        )
    )
    create = responses.ResponseCreateEvent(
        model="gpt-5.5",
        input=[responses.user_text("Hello"), {"type": "item_reference", "id": "i"}],
        tools=[responses.FunctionTool(name="f", parameters={"type": "object"}, strict=None)],
        temperature=None,
    )
    use(to_wire(create))
    translation.RealtimeTranslationInputAudioBufferAppendEvent(audio=b"abc")
    realtime.ConversationItemCreateEvent(item=realtime.function_result("call_1", {"ok": True}))


def decoded(message: str) -> None:
    """Decode by registry."""
    parse_event(message, "realtime")
    event_decoder("responses")(message)


def wrong() -> None:
    """What a checker has to refuse."""
    realtime.ResponseCancelEvent(respons_id="r")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    realtime.ConversationItemDeleteEvent()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    realtime.ConversationItemDeleteEvent(item_id=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    responses.ResponseCreateEvent(store="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    names("x", "response.stear")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def tools_stay_functions(session: RealtimeSession) -> None:
    """A tool is called like the function that it is made of, however it is made."""

    @tool
    def add(a: int, b: int = 1) -> int:
        return a + b

    @tool(name="second", timeout=None)
    def subtract(a: int, b: int) -> int:
        return a - b

    @session.tool
    def describe(n: float, context: ToolContext) -> str:
        return f"{n} {context.call_id} {context.deadline.remaining()}"

    @session.tool(timeout=5)
    def nothing() -> None: ...

    assert_type(add(1), int)
    assert_type(subtract(1, b=2), int)
    assert_type(session.tool(add)(1, b=2), int)
    assert_type(tool(add, strict=True)(1), int)
    use(nothing(), describe.function, describe.parameters, describe.definition())


class Verdict(TypedDict):
    """What an answer is asked for as."""

    good: bool


def conversations(chat: Conversation) -> None:
    """Responses, or instances of the class that was asked for."""
    assert_type(chat.create("x"), responses.Response)
    assert_type(chat.create([responses.user_text("x")], parse=Verdict, temperature=1), Verdict)
    assert_type(chat.run("x", max_tool_rounds=3).output_text, str)
    assert_type(chat.run(parse=Verdict)["good"], bool)
    assert_type(chat.stream("x"), ConversationStream[responses.Response])
    assert_type(chat.stream("x", parse=Verdict).result(), Verdict)
    assert_type(chat.fork().usage.total_tokens, int)
    chat.create("x", previous_response_id="resp_1")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def pooled(pool: ResponsesPool) -> None:
    """Ask over a pool, in all ways."""
    assert_type(pool.create(input="x", store=False), responses.Response)
    assert_type(pool.submit(input="x").result(), responses.Response)
    with pool.stream(input="x") as stream:
        assert_type(next(stream), responses.ServerEvent)
        assert_type(stream.response(), responses.Response)
    assert_type(list(pool.map([{"input": "x"}])), list[responses.Response])
    for each in pool.map([{"input": "x"}], return_exceptions=True):
        assert_type(each, responses.Response | BaseException)
    assert_type(pool.conversation(key="k"), Conversation)
    pool.create(inptu="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
