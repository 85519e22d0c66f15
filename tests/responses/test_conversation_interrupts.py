"""Ctrl-C at every point of a turn: no turn is stuck, the history is true, no tool runs twice."""

from __future__ import annotations

import contextlib
import itertools
import os

import pytest

from realtime_sync import Client
from realtime_sync.responses._history import unanswered
from realtime_sync.server import LocalServer, Reply
from tests.responses.conversation_support import FakeServer, calls, said, says
from tests.responses.test_conversation_server import Responder, agrees
from tests.support.interrupting import interrupted_at, interrupted_everywhere

pytestmark = pytest.mark.raises_anywhere


def here_and_there(call, step):
    """Interrupt a call at every so manyth point, from a first one that is not always the same; yield after each."""
    point = next(firsts) % step
    while interrupted_at(point := point + step, call, ()):
        yield point


firsts = itertools.count(os.getpid())


@pytest.fixture
def server():
    return FakeServer()


def check_usable(server, chat):
    """The next turn goes through, with just the history that the server then has."""
    core = chat._core
    assert not core.queue.is_busy
    assert not core._lock.locked()
    before = chat.history
    chat._rounds.settle()
    assert chat.history[: len(before)] == before
    assert not unanswered(chat.history)
    server.answers.clear()
    chat.create("and now?", timeout=5)
    assert chat.history == server.contexts[chat.last_response.id]


@pytest.mark.parametrize("how", ["create", "stream"])
def test_an_interrupted_turn(server, how):
    """It is in the history as a whole, or not at all."""

    def turn():
        if how == "create":
            chat.create("one")
        else:
            with chat.stream("one") as stream:
                for _ in stream:
                    pass

    with server.conversation() as chat:
        turn()
        for point in here_and_there(turn, 6):
            assert chat.history.count(said("one")) == chat.history.count(says("ok"))
            if point % 5 == 0:
                check_usable(server, chat)
            chat._core.start_over(())
        check_usable(server, chat)


def test_an_interrupted_run(server):
    """Whatever the tools had answered is in the history, and what they had not is noted as interrupted."""
    ran, ids = [], itertools.count(1)

    def work(number: int) -> str:
        """Work."""
        ran.append(number)
        return "done"

    def run():
        first, second = next(ids), next(ids)
        server.answers[:] = [[calls(f"call_{n}", "work", number=n) for n in (first, second)]]
        chat.run("go", timeout=5)

    with server.conversation(tools=[work]) as chat:
        run()
        for point in here_and_there(run, 25):
            if point % 5 == 0:
                check_usable(server, chat)
            chat._core.start_over(())
    assert len(set(ran)) == len(ran)


def test_an_interrupted_fork_and_close(server):
    """A fork that did not come about holds nothing; closing can be done again."""
    with server.conversation() as chat:
        chat.create("one")
        made = []

        def fork():
            made.append(chat.fork())
            made[-1].close()

        fork()
        for _ in interrupted_everywhere(fork):
            for each in made:
                with contextlib.closing(each):
                    pass
            made.clear()
        check_usable(server, chat)


def test_an_interrupted_run_over_a_connection():
    """With a real connection beneath: the next turn goes through, and the server has used what the user sees."""
    responder, ran = Responder(), []

    def work(number: int) -> str:
        """Work."""
        ran.append(number)
        return "done"

    numbers = itertools.count()

    def run():
        responder.replies = [Reply(function_call=("work", {"number": next(numbers)}))]
        chat.run("go", timeout=10)

    with (
        LocalServer(responder=responder, time_scale=0) as server,
        Client(base_url=server.base_url, api_key="k", timeout=10) as client,
        client.responses.conversation("m", tools=[work]) as chat,
    ):
        run()
        for _ in here_and_there(run, 120):
            responder.replies = []
            chat.create("and now?")
            assert agrees(chat, responder)
            chat._core.start_over(())
    assert len(set(ran)) == len(ran)
