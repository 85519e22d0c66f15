"""The server as a program, and without its packages."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from websockets.sync.client import connect

from realtime_sync.errors import ConfigurationError
from realtime_sync.server import _local, serve
from tests.server.support import Peer
from tests.support.waiting import wait_until

PROGRAM = "from realtime_sync.server import serve; serve({})"


def run(code, **options):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_url_and_stops_on_a_signal(number):
    """The program prints its URL and what it can, serves, and exits cleanly when told to, with a session open."""
    with run(PROGRAM.format("port=0")) as process:
        line = process.stdout.readline()
        assert "voice" in process.stdout.readline()
        assert "lanes" in process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/v1", line)[0]
        with connect(url.replace("http", "ws") + "/realtime?model=m") as ws:
            assert Peer(ws).next()["type"] == "session.created"
            os.kill(process.pid, number)
            output, errors = process.communicate(timeout=20)
        assert (process.returncode, output, errors) == (0, "", "")


def test_it_serves_tls_in_this_process(tls, capsys):
    """Called in the main thread, serving ends by SIGTERM, and the handler before it is back."""
    before = signal.getsignal(signal.SIGTERM)

    def stop():
        wait_until(lambda: any(thread.name == "rts-server-accept" for thread in threading.enumerate()))
        signal.raise_signal(signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    serve(port=0, tls_cert=tls.cert_file, tls_key=tls.key_file)
    thread.join(10)
    assert re.search(r"no model\) at https://127\.0\.0\.1:\d+/v1\n", capsys.readouterr().out)
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_are_left_alone_in_other_threads():
    """Called elsewhere, serving touches no signal handler."""
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def look():
        with _local._stop_requests() as stop:
            found.append((stop.empty(), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(10)
    assert found == [(True, before)]


def test_half_of_tls_is_refused(tls):
    """A certificate without its key cannot be served."""
    with pytest.raises(ConfigurationError, match="both"):
        serve(port=0, tls_cert=tls.cert_file)


@pytest.mark.parametrize("package", ["flask", "websockets"])
def test_a_missing_extra_is_named(package):
    """Without its packages the server says what to install."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from realtime_sync.errors import MissingExtra\n"
        "try:\n    import realtime_sync.server\n"
        "except MissingExtra as error:\n    print(error.extra, error)\n"
    )
    with run(code) as process:
        output, errors = process.communicate(timeout=20)
    assert errors == ""
    assert output.startswith("server the local server needs the extra 'server': pip install")
