"""Against a server that somebody else wrote: `websockets`, with every combination of compression's parameters."""

from __future__ import annotations

import contextlib
import itertools
import threading

import pytest
from websockets.exceptions import ConnectionClosed as TheirConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.sync.server import serve

from realtime_sync.transport import PerMessageDeflate, connect

MESSAGES = ["short", "the same again and again " * 30, b"\x00\x01" * 4000, "", "ä€😀" * 300, "z" * 200_000]


@contextlib.contextmanager
def their_server(**options):
    """Run an echo server of theirs; gives its URL."""

    def echo(connection) -> None:
        with contextlib.suppress(TheirConnectionClosed):
            for message in connection:
                connection.send(message)

    with serve(echo, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("server_forgets", [False, True])
@pytest.mark.parametrize("client_forgets", [False, True])
def test_every_combination_of_parameters(server_forgets, client_forgets):
    """Whatever either side asks for, what is sent comes back, and each side does as was agreed."""
    for server_bits, client_bits, asked_bits in itertools.product((None, 9), (None, 8, 15), (None, 10)):
        theirs = ServerPerMessageDeflateFactory(
            server_no_context_takeover=server_forgets,
            client_no_context_takeover=client_forgets,
            server_max_window_bits=server_bits,
            client_max_window_bits=client_bits,
            compress_settings={"memLevel": 5},
        )
        for ours in (
            PerMessageDeflate(client_max_window_bits=15, server_max_window_bits=asked_bits),
            PerMessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True, min_size=1),
        ):
            with (
                their_server(extensions=[theirs], compression=None) as url,
                connect(url, options={"extensions": [ours], "write_limit": None}) as connection,
            ):
                assert "permessage-deflate" in connection.response_headers["sec-websocket-extensions"]
                for message in MESSAGES * 2:
                    connection.send(message)
                assert [connection.receive(10) for _ in MESSAGES * 2] == MESSAGES * 2
                assert connection.bytes_sent < 20_000
                assert connection.bytes_received < 20_000


def test_with_their_defaults():
    """Our default offer and their default acceptance make a compressed connection; without one of them it is plain."""
    for ours, theirs in itertools.product(("deflate", None), ("deflate", None)):
        with their_server(compression=theirs) as url, connect(url, options={"compression": ours}) as connection:
            for message in MESSAGES:
                connection.send(message)
            assert [connection.receive(10) for _ in MESSAGES] == MESSAGES
            assert (connection.bytes_received < 20_000) == (ours == theirs == "deflate")
