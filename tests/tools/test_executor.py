"""The threads that tools run in: parallel, bounded, replaced when they hang, gone when nobody needs them."""

from __future__ import annotations

import contextvars
import gc
import logging
import os
import threading
import weakref

import pytest

from realtime_sync import ToolContext, ToolError
from realtime_sync.errors import ForkedError
from realtime_sync.session import Deadline
from realtime_sync.tools import FunctionCall, Toolbox, _executor, tool
from tests.support.interrupting import interrupted_everywhere
from tests.support.waiting import run_in_thread, wait_until


class Box:
    """A toolbox with tools that a test holds in its hand."""

    def __init__(self, **limits):
        self.tools = Toolbox(**limits)
        self.gate = threading.Event()
        self.inside = []
        self.contexts = []
        self.done = []
        for function in (self.echo, self.block, self.nest, self.raises):
            self.tools.add(function)

    def echo(self, n: int) -> int:
        return n

    def block(self, n: int, context: ToolContext) -> int:
        self.inside.append(n)
        self.contexts.append(context)
        self.gate.wait(20)
        return n

    def nest(self, depth: int, width: int = 1) -> str:
        if depth:
            arguments = f'{{"depth": {depth - 1}, "width": {width}}}'
            batch = self.start(*[("nest", arguments)] * width)
            assert self.tools.executor.wait(batch, Deadline(20))
            return "+".join(output.text for output in batch.outputs)
        return "."

    def raises(self) -> None:
        msg = "no"
        raise ValueError(msg)

    def start(self, *calls, deadline=None):
        return self.tools.start(
            [FunctionCall(f"call_{n}", name, arguments) for n, (name, arguments) in enumerate(calls)],
            session=lambda: self,
            turn="turn",
            deadline=Deadline(deadline),
            on_done=self.done.append,
        )

    def start_blocked(self, *numbers):
        batch = self.start(*[("block", f'{{"n": {n}}}') for n in numbers])
        wait_until(lambda: set(numbers) <= set(self.inside))
        return batch

    def run(self, *calls):
        batch = self.start(*calls)
        assert self.tools.executor.wait(batch, Deadline(10))
        return [(output.call_id, output.text, output.failed) for output in batch.outputs]


@pytest.fixture
def make_box():
    """Make boxes that are closed after the test."""
    boxes = []

    def make(**limits):
        boxes.append(Box(**limits))
        return boxes[-1]

    yield make
    for box in boxes:
        box.tools.executor.close()
        box.gate.set()


@pytest.fixture
def box(make_box):
    return make_box()


def threads():
    return [each for each in threading.enumerate() if each.name.startswith("rts-tools-")]


def test_outputs_come_in_the_order_of_the_calls(box):
    """Whichever ends first; errors have their place too, and on_done is told once."""
    assert box.run(("echo", '{"n": 1}'), ("raises", ""), ("echo", "{}"), ("echo", '{"n": 2}')) == [
        ("call_0", "1", False),
        ("call_1", '{"error":"ValueError: no"}', True),
        ("call_2", '{"error":"the arguments of echo do not fit: n: is missing"}', True),
        ("call_3", "2", False),
    ]
    wait_until(lambda: len(box.done) == 1)


def test_calls_run_beside_each_other_up_to_the_limit(box):
    """Eight at once, all daemons; the ninth waits for one of them."""
    batch = box.start_blocked(*range(8))
    later = box.start(("echo", '{"n": 9}'))
    assert len(threads()) == 8
    assert all(thread.daemon for thread in threads())
    assert not batch.done
    assert not later.done
    box.gate.set()
    assert box.tools.executor.wait(later, Deadline(10))
    assert box.tools.executor.wait(batch, Deadline(10))
    assert [output.text for output in batch.outputs] == [str(n) for n in range(8)]


def test_threads_are_used_again_and_end_when_idle(make_box, monkeypatch):
    """One call after the other needs one thread; after a while without any there is none."""
    box = make_box()
    for n in range(20):
        box.run(("echo", f'{{"n": {n}}}'))
    assert len(threads()) <= 2
    monkeypatch.setattr(_executor, "IDLE_SECONDS", 0.01)
    impatient = make_box()
    impatient.run(("echo", '{"n": 1}'))
    wait_until(lambda: not impatient.tools.executor._workers)
    assert impatient.run(("echo", '{"n": 2}')) == [("call_0", "2", False)]


def test_a_tool_that_hangs_is_given_up_and_replaced(make_box, caplog):
    """Its output is an error, its context says so, and the others go on; its thread comes back when it does."""
    box = make_box(timeout=0.05)
    with caplog.at_level(logging.WARNING, "realtime_sync"):
        assert box.run(*[("block", f'{{"n": {n}}}') for n in range(8)], ("echo", '{"n": 5}'))[0] == (
            "call_0",
            '{"error":"block gave no result within 0.05 s"}',
            True,
        )
    assert "block gave no result within 0.05 s" in caplog.text
    assert all(context.cancelled for context in box.contexts)
    assert len(box.tools.executor._lost) == 8
    assert box.run(("echo", '{"n": 6}')) == [("call_0", "6", False)]
    box.gate.set()
    wait_until(lambda: not box.tools.executor._lost)
    assert len(box.tools.executor._workers) <= _executor.MAX_RUNNING
    assert len(box.done) == 2


def test_a_tools_own_limit_comes_first(make_box):
    """A tool may take longer than the session allows, or not at all."""
    box = make_box(timeout=0.02)
    slow = tool(box.block, timeout=None, name="slow")
    box.tools.add(slow)
    batch = box.start(("slow", '{"n": 1}'), ("block", '{"n": 2}'))
    wait_until(lambda: len(box.inside) == 2)
    by_name = {context.name: context for context in box.contexts}
    assert by_name["slow"].deadline.remaining() is None
    assert by_name["block"].deadline.remaining() < 0.03
    assert not box.tools.executor.wait(batch, Deadline(0.1))
    assert [output.failed for output in batch.outputs] == [True]
    box.gate.set()
    assert box.tools.executor.wait(batch, Deadline(10))
    assert next(output.text for output in batch.outputs) == "1"


def test_when_too_many_hang_the_others_fail(make_box, monkeypatch):
    """No call waits for a thread that will never be there."""
    monkeypatch.setattr(_executor, "MAX_THREADS", 3)
    box = make_box(timeout=0.02)
    box.run(*[("block", f'{{"n": {n}}}') for n in range(3)])
    assert box.run(("echo", '{"n": 1}')) == [
        ("call_0", '{"error":"echo could not be called: too many tools hang"}', True)
    ]
    box.gate.set()
    wait_until(lambda: not box.tools.executor._lost)
    assert box.run(("echo", '{"n": 1}')) == [("call_0", "1", False)]


def test_what_waits_fails_when_the_last_thread_is_lost(make_box, monkeypatch):
    """Also calls that were queued before."""
    monkeypatch.setattr(_executor, "MAX_THREADS", 2)
    box = make_box(timeout=0.05)
    outputs = box.run(("block", '{"n": 1}'), ("block", '{"n": 2}'), ("echo", '{"n": 3}'))
    assert [failed for _, _, failed in outputs] == [True, True, True]
    assert "too many tools hang" in outputs[2][1]


def test_no_thread_can_be_started(box, monkeypatch):
    """A machine without threads gives error outputs, from either place where it may say so."""

    def refuse(*_):
        msg = "can't start new thread"
        raise RuntimeError(msg)

    with monkeypatch.context() as patched:
        patched.setattr(_executor._thread, "start_new_thread", refuse)
        assert box.run(("echo", '{"n": 1}'))[0][2]
    with monkeypatch.context() as patched:
        patched.setattr(_executor.threading.Thread, "start", refuse)
        assert box.run(("echo", '{"n": 1}'))[0][2]
    assert box.run(("echo", '{"n": 1}')) == [("call_0", "1", False)]


def test_tools_that_wait_for_tools(box):
    """A tool inside a tool inside a tool… never waits for the thread that it runs in: 3 wide, 12 deep."""
    assert box.run(("nest", '{"depth": 12}'), ("nest", '{"depth": 9}'), ("nest", '{"depth": 2, "width": 3}')) == [
        ("call_0", ".", False),
        ("call_1", ".", False),
        ("call_2", "+".join(["."] * 9), False),
    ]
    assert not any(worker.waits for worker in list(box.tools.executor._workers.values()))
    wait_until(lambda: len(box.tools.executor._workers) <= _executor.MAX_RUNNING)


def test_deeper_than_there_are_threads(box):
    """Then the innermost call fails, at once, and all the others return."""
    [(_, text, failed)] = box.run(("nest", '{"depth": 40}'))
    assert not failed
    assert "too many tools hang" in text


def test_cancelled_calls(box):
    """Those that have not begun never do, those that run are told, and nobody hears of the outputs."""
    first = box.start_blocked(*range(8))
    second = box.start(("block", '{"n": 100}'))
    waiting = run_in_thread(box.tools.executor.wait, second, Deadline(10))
    wait_until(lambda: second.waiter is not None)
    box.tools.executor.cancel(first)
    box.tools.executor.cancel(second)
    assert waiting.result() is False
    assert all(context.cancelled for context in box.contexts)
    box.gate.set()
    wait_until(lambda: not any(worker.job for worker in list(box.tools.executor._workers.values())))
    assert 100 not in box.inside
    assert (first.outputs, second.outputs, box.done) == ((), (), [])
    box.tools.executor.cancel(first)
    assert box.run(("echo", '{"n": 1}')) == [("call_0", "1", False)]


def test_a_cancelled_call_that_hangs_is_replaced_too(make_box):
    """Whoever waits next sees to it."""
    box = make_box(timeout=0.1)
    for batch in [box.start_blocked(n) for n in range(8)]:
        box.tools.executor.cancel(batch)
    assert box.run(("echo", '{"n": 1}')) == [("call_0", "1", False)]
    wait_until(lambda: box.tools.executor.expire() or len(box.tools.executor._lost) == 8)


def test_close_waits_for_nobody(box):
    """Threads that are idle end, one that runs goes on by itself, and nothing begins any more."""
    box.run(("echo", '{"n": 1}'))
    running, queued = box.start_blocked(*range(8)), box.start(("echo", '{"n": 1}'))
    assert box.tools.executor.running() == ("block",) * 8
    box.tools.executor.close()
    late = box.start(("echo", '{"n": 1}'))
    assert running.cancelled
    assert queued.cancelled
    assert late.cancelled
    assert not box.tools.executor.wait(late, Deadline(10))
    box.gate.set()
    wait_until(lambda: not threads())
    assert box.done == [box.done[0]]
    box.tools.executor.close()


def test_a_running_tool_keeps_its_session_alive_and_nothing_else_does(make_box):
    """An idle thread holds neither session nor result; a session that was dropped before a call began ends it."""

    class Session:
        pass

    box = make_box()
    session = Session()
    reference = weakref.ref(session)
    box.tools.add(who)
    batch = box.tools.start(
        [FunctionCall("c", "who", "")], session=reference, turn=None, deadline=Deadline(None), on_done=box.done.append
    )
    assert box.tools.executor.wait(batch, Deadline(10))
    assert batch.outputs[0].text == "Session"
    del session
    gc.collect()
    wait_until(lambda: reference() is None)
    batch = box.tools.start(
        [FunctionCall("c", "who", "")], session=reference, turn=None, deadline=Deadline(None), on_done=box.done.append
    )
    assert box.tools.executor.wait(batch, Deadline(10))
    assert batch.outputs[0].failed


def who(context: ToolContext) -> str:
    return type(context.session).__name__


NAME = contextvars.ContextVar("NAME", default="nobody")


def test_context_variables_are_those_of_the_caller(box):
    """What a web framework, or tracing, keeps there is there in the tool."""

    def name() -> str:
        return NAME.get()

    box.tools.add(name)
    token = NAME.set("Ada")
    try:
        assert box.run(("name", ""), ("name", "")) == [("call_0", "Ada", False), ("call_1", "Ada", False)]
    finally:
        NAME.reset(token)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork(box):
    """The child gets an error rather than a lock that nobody will ever release; the parent goes on."""
    batch = box.start_blocked(1)
    with box.tools.executor._lock:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                box.tools.executor.cancel(batch)
                box.tools.executor.close()
                for call in (
                    lambda: box.start(("echo", '{"n": 1}')),
                    lambda: box.tools.executor.wait(batch, Deadline(10)),
                ):
                    with pytest.raises(ForkedError):
                        call()
                code = 0
            finally:
                os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    box.gate.set()
    assert box.tools.executor.wait(batch, Deadline(10))


def test_an_interrupt_anywhere_leaves_it_working(box):
    """Ctrl-C at any point of starting calls and waiting for them: no lock, no dead thread, no call left in the line."""

    def call():
        batch = box.start(("echo", '{"n": 1}'))
        try:
            box.tools.executor.wait(batch, Deadline(10))
        finally:
            box.tools.executor.cancel(batch)

    call()
    for _ in interrupted_everywhere(call):
        assert not box.tools.executor._lock.locked() or threads()
        assert box.run(("echo", '{"n": 2}'))[0][1] == "2"
    wait_until(lambda: not box.tools.executor._queue)
    wait_until(lambda: not any(worker.job for worker in list(box.tools.executor._workers.values())))


def test_many_callers_at_once(box):
    """Every call is answered once, to the one who asked, whatever is cancelled meanwhile."""

    def caller(number):
        for n in range(25):
            own = number * 1000 + n
            batch = box.start(*[("echo", f'{{"n": {own}}}')] * (1 + n % 3))
            if n % 5 == 0:
                box.tools.executor.cancel(batch)
            elif box.tools.executor.wait(batch, Deadline(10)):
                assert {output.text for output in batch.outputs} == {str(own)}
                assert len(batch.outputs) == 1 + n % 3
            else:
                pytest.fail("a batch was lost")

    for call in [run_in_thread(caller, n) for n in range(6)]:
        call.result()
    wait_until(lambda: not box.tools.executor._queue)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"timeout": 0}, "tool_timeout"),
        ({"timeout": "5"}, "tool_timeout"),
        ({"max_rounds": -1}, "max_tool_rounds"),
        ({"max_rounds": True}, "max_tool_rounds"),
        ({"max_rounds": 1.5}, "max_tool_rounds"),
    ],
)
def test_limits_that_are_none(limits, words):
    """They are refused by the name that `connect` has for them."""
    with pytest.raises(ToolError, match=words):
        Toolbox(**limits)


def test_the_list_for_the_api(box):
    """Other definitions come first, without those that a registered tool replaces."""
    others = [
        {"type": "mcp", "server_label": "x"},
        {"type": "function", "name": "echo"},
        {"type": "function", "name": "own"},
    ]
    merged = box.tools.merged(others, lambda each: each.get("name"), with_strict=True)
    assert merged[:2] == [others[0], others[2]]
    assert [each["name"] for each in merged[2:]] == ["echo", "block", "nest", "raises"]
    assert merged[2]["strict"] is False
    assert "echo" in box.tools
    assert "own" not in box.tools
