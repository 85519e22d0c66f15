"""The command line."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from realtime_sync import cli


def run(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "realtime_sync", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **kwargs,
    )


def test_demo_with_the_users_own_words():
    """Each argument is a turn; the answers are streamed, and a table ends it."""
    done = run("demo", "My name is Grace.", "What is my name?", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("bot>") == 2
    assert "Grace" in done.stdout.split("What is my name?")[1]
    assert "no model in it" in done.stdout
    table = done.stdout[done.stdout.index("first token") :].splitlines()
    assert len(table) == 3
    assert all(" ms" in line and " B" in line for line in table[1:])


def test_the_demos_own_server_needs_no_proxy(monkeypatch, capsys):
    """A proxy in the environment is for the network, not for this process."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert cli.main(["demo", "Hello"]) == 0
    assert "bot>" in capsys.readouterr().out


def test_demo_takes_lines_from_standard_input():
    """One turn a line."""
    done = run("demo", input="Hello\n\nCount to 3\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("you>") == 2


def test_demo_without_input_plays_a_script():
    """So that the first command of the README shows something."""
    done = run("demo", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("bot>") >= 3
    # Two lanes at once, a tool, and what was sent: one request in full, then only what is new.
    assert "[counting] 1, 2, 3" in done.stdout
    assert "[sums] 123 * 456 is 56088." in done.stdout
    assert re.search(r"^Which weekday.* 0 +2 +\d+ B +\d+ B$", done.stdout, re.MULTILINE)


def test_what_is_typed_is_shown_once(monkeypatch, capsys):
    """The terminal has shown it; the answer follows, and an empty line ends it."""
    from realtime_sync.cli import _demo

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    row = _demo.Row("a tour", None, 0.0, 0, 0, 0)
    monkeypatch.setattr(_demo, "SCRIPT", ())
    monkeypatch.setattr(_demo._demo_function, "call_a_function", lambda *_: [])
    monkeypatch.setattr(_demo._demo_voice, "speak", lambda *_: row)
    monkeypatch.setattr(_demo._demo_responses, "show_responses", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", Terminal("What is 2 plus 2?\n\n"))
    assert cli.main(["demo"]) == 0
    conversation, table = capsys.readouterr().out.split("first token")
    assert "bot> 2 plus 2 is 4." in conversation
    assert "you> What is 2 plus 2?" not in conversation
    assert "What is 2 plus 2?" in table


def test_demo_against_a_named_server(capsys):
    """--base-url talks to any server."""
    from realtime_sync.server import LocalServer

    with LocalServer() as server:
        assert cli.main(["demo", "--base-url", server.base_url, "Hello"]) == 0
    assert "bot>" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "needle"),
    [
        (["demo", "--real", "hi"], 2, "OPENAI_API_KEY"),
        (["demo", "--base-url", "nonsense", "hi"], 2, "base URL"),
        (["demo", "--base-url", "", "hi"], 2, "--base-url is empty"),
        (["demo", "--base-url", "http://127.0.0.1:9/v1", "hi"], 1, "ConnectError"),
        (["demo", "--base-url", "http://127.0.0.1:9/v1", "hi"], 1, "doctor"),
        (["demo", "--output", "no/such/folder/answer.wav", "hi"], 2, "no/such/folder/answer.wav"),
        (["demo", "--output", ".", "hi"], 2, "--output"),
        (["serve", "--tls-cert", "x.pem"], 2, "--tls-key"),
        (["serve", "--host", "192.0.2.1"], 2, "cannot listen at 192.0.2.1"),
    ],
)
def test_failures_are_one_line_and_an_exit_code(arguments, code, needle, capsys):
    """2 for what the user can set right, 1 for what failed."""
    assert cli.main(arguments) == code
    error = capsys.readouterr().err
    assert needle in error
    assert error.count("\n") == 1


def test_a_port_in_use_is_one_line(capsys):
    """It names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"cannot listen at 127.0.0.1, port {port}" in error
    assert error.count("\n") == 1


def test_a_refused_key_is_told_by_the_name_that_the_pages_have(monkeypatch, capsys):
    """One line: what the server said, and what to do."""
    from realtime_sync.server import LocalServer

    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    with LocalServer(api_key="right") as server:
        assert cli.main(["demo", "--base-url", server.base_url, "hi"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("realtime-sync: AuthenticationError: ")
    assert "check the API key" in error
    assert ".:" not in error
    assert error.count("\n") == 1


def test_what_the_system_refuses_is_one_line(monkeypatch, capsys):
    """A disk that is full when the answer is to be written, say."""

    def full(options):
        raise OSError(errno.ENOSPC, "No space left on device", "answer.wav")

    monkeypatch.setattr("realtime_sync.cli._demo.demo", full)
    assert cli.main(["demo", "hi"]) == 1
    error = capsys.readouterr().err
    assert "No space left on device: 'answer.wav'" in error
    assert error.count("\n") == 1


def test_output_that_nobody_reads_is_no_traceback():
    """As in ``demo | head -1``: it ends, and says nothing of it."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as unread:
        done = subprocess.run(
            [sys.executable, "-m", "realtime_sync", "serve", "--port", "0"],
            stdout=unread,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--timeout", "-1", "hi"],
        ["demo", "--timeout", "0"],
        ["demo", "--timeout", "nan"],
        ["serve", "--port", "99999"],
        ["serve", "--port", "-1"],
    ],
)
def test_numbers_out_of_range_are_refused(arguments, capsys):
    """Before anything is done, with the number."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert f"got {arguments[2]}" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "extra"), [("demo", "demo"), ("serve", "server")])
def test_a_missing_extra_is_one_line_that_names_it(command, extra, monkeypatch, capsys):
    """Exit code 2, and what to install."""
    for name in [each for each in sys.modules if each.startswith("realtime_sync.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    monkeypatch.setattr(sys, "stdin", io.StringIO("hi\n"))
    assert cli.main([command]) == 2
    error = capsys.readouterr().err
    assert f"realtime-sync[{extra}]" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["demo", "--help"], ["serve", "--help"]])
def test_help_and_version(arguments, capsys):
    """They need nothing but the core."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 0
    assert "realtime-sync" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_it_is_told_to_stop(number):
    """It says where it is, serves a session, and ends cleanly."""
    from realtime_sync import Client

    with subprocess.Popen(
        [sys.executable, "-m", "realtime_sync", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http"))
        with Client(base_url=url, api_key="k").realtime.connect(model="m", modalities=["text"]) as rt:
            assert rt.ask("Hello!").text
        process.send_signal(number)
        assert process.wait(15) in (0, 130, -number)
        assert "Traceback" not in process.stderr.read()
