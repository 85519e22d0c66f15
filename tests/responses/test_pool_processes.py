"""Pools in processes of their own: forked, killed, under gevent, and left open at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from realtime_sync.server import LocalServer, Reply
from tests.responses.pool_support import pools


def run_script(code, *arguments, timeout=60):
    """Run a script; return (exit code, what it printed, its errors).

    Not under coverage: a lock of its own that another thread holds at a fork would never be free in the child.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def server():
    """A server that repeats what it is told."""
    with LocalServer(time_scale=0, responder=lambda request: request.text) as running:
        yield running


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_pool_made_before_a_fork_works_after_it(server):
    """As under gunicorn with preloading: each child dials for itself, whether the parent used the pool or is using it."""
    code, out, errors = run_script(
        """
        import json, os, sys, threading
        from realtime_sync import Client
        client = Client(base_url=sys.argv[1], api_key="k", timeout=30)
        pool = client.responses.pool(2, model="m", store=False)
        told = []

        def child():
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                before = pool.stats
                texts = [pool.create(input=f"child {n}").output_text for n in range(3)]
                submitted = pool.submit(input="submitted").result(20).output_text
                os.write(write, json.dumps([before.opened, texts, submitted, pool.stats.opened]).encode())
                pool.close()
                sys.exit(0)
            os.close(write)
            with os.fdopen(read) as pipe:
                result = json.loads(pipe.read() or "null")
            return os.waitpid(pid, 0)[1], result

        told.append(child())  # It was never used.
        pool.create(input="x")  # Loads what is loaded on first use: CPython's import locks do not survive a fork.
        stop = threading.Event()
        failed = []
        def hammer():
            while not stop.is_set():
                try:
                    assert pool.create(input="parent").output_text == "parent"
                except BaseException as error:
                    failed.append(repr(error))
        threads = [threading.Thread(target=hammer) for _ in range(4)]
        [thread.start() for thread in threads]
        for _ in range(5):  # It is in use, its locks held here and there.
            told.append(child())
        stop.set()
        [thread.join() for thread in threads]
        pool.close()
        print(json.dumps([told, failed, pool.stats.recoveries]))
        """,
        server.base_url,
    )
    assert code == 0, errors
    told, failed, recoveries = json.loads(out)
    assert told == [[0, [0, ["child 0", "child 1", "child 2"], "submitted", 1]]] * 6
    assert (failed, recoveries) == ([], 0)
    assert errors == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_what_runs_at_a_fork_stays_the_parents(server):
    """A stream is dead in the child, closing it does no harm there, and the parent reads on."""
    code, out, errors = run_script(
        """
        import os, sys
        from realtime_sync import Client
        from realtime_sync.errors import ForkedError
        with Client(base_url=sys.argv[1], api_key="k", timeout=30) as client:
            with client.responses.pool(model="m") as pool, pool.stream(input="hello") as stream:
                pid = os.fork()
                if pid == 0:
                    try:
                        next(stream)
                    except ForkedError:
                        stream.close()
                        assert pool.stats.in_flight == 0
                        os._exit(0)
                    os._exit(1)
                assert os.waitpid(pid, 0)[1] == 0
                print(stream.response().output_text)
        """,
        server.base_url,
    )
    assert (code, out, errors) == (0, "hello\n", "")


def test_a_process_that_is_killed_harms_nobody_else():
    """In the middle of responses: the server lets them go, and another process's pool notices nothing."""
    slow = LocalServer(responder=lambda request: [Reply(text="one "), Reply(text="two", delay=0.2)])
    with slow as server, pools(server.base_url) as make:
        pool = make()
        worker = subprocess.Popen(
            [
                sys.executable,
                "-c",
                textwrap.dedent(
                    """
                    import sys
                    from realtime_sync import Client
                    pool = Client(base_url=sys.argv[1], api_key="k").responses.pool(model="m")
                    streams = [pool.stream(input=str(n)) for n in range(4)]
                    print(next(iter(streams[0].text())), flush=True)
                    sys.stdin.read()
                    """
                ),
                server.base_url,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        future = pool.submit(input="x")
        assert worker.stdout.readline().strip() == "one"
        worker.kill()
        worker.communicate()
        assert worker.returncode == -signal.SIGKILL
        assert future.result(20).output_text == pool.create(input="x").output_text == "one two"
        assert pool.stats.recoveries == 0


def test_a_script_that_just_ends(server):
    """With a pool open, requests running, others in line and submitted: it ends, at once and without a word."""
    code, out, errors = run_script(
        """
        import sys, threading
        from realtime_sync import Client
        pool = Client(base_url=sys.argv[1], api_key="k").responses.pool(1, model="m")
        futures = [pool.submit(input=str(n)) for n in range(50)]
        threads = [threading.Thread(target=pool.create, kwargs={"input": "x"}, daemon=True) for _ in range(20)]
        [thread.start() for thread in threads]
        print(futures[0].result().output_text)
        """,
        server.base_url,
    )
    assert (code, out, errors) == (0, "0\n", "")


def test_under_gevent(server):
    """Greenlets share a pool: each gets its answer, waiting lets others run, and the end leaves no thread."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    code, out, errors = run_script(
        """
        from gevent import monkey
        monkey.patch_all()
        import json, sys, threading
        import gevent
        from realtime_sync import Client
        from realtime_sync.errors import PoolTimeout

        client = Client(base_url=sys.argv[1], api_key="k", timeout=30)
        with client.responses.pool(2, model="m", store=False) as pool:
            asking = [gevent.spawn(lambda n=n: pool.create(input=str(n)).output_text) for n in range(60)]
            gevent.joinall(asking, raise_error=True)
            submitted = [pool.submit(input=str(n)) for n in range(20)]
            told = [[each.value for each in asking], [each.result().output_text for each in submitted]]
            held = [pool.stream(input="x") for _ in range(2)]
            [each.response() for each in held]
            chat = pool.conversation()
            told.append([chat.create("a").output_text, chat.create("b").output_text, chat.stats.delta])
            told.append(pool.stats.opened <= 2)
        told.append([thread.name for thread in threading.enumerate() if thread.name.startswith("rts-")])
        print(json.dumps(told))
        """,
        server.base_url,
    )
    assert code == 0, errors
    asked, submitted, chat, few, left = json.loads(out)
    assert asked == [str(n) for n in range(60)]
    assert submitted == [str(n) for n in range(20)]
    assert chat == ["a", "b", 1]
    assert few
    assert left == []
