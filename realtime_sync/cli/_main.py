"""Parse the command line and turn every known failure into one line and an exit code."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence

from realtime_sync._version import __version__
from realtime_sync.errors import ConfigurationError, ConnectError, HandshakeRejected, RealtimeSyncError

__all__ = ["main"]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
MAX_PORT = 65_535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done; 1: it failed; 2: wrong arguments, wrong configuration or a missing extra; 130: interrupted; `doctor` has
    a code of its own for each step that may fail.
    """
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except ConfigurationError as error:  # MissingExtra is one of these
        print(f"realtime-sync: {error}", file=sys.stderr)
        return EXIT_USAGE
    except RealtimeSyncError as error:
        more = isinstance(error, ConnectError) and not isinstance(error, HandshakeRejected)
        hint = "; 'realtime-sync doctor URL' goes through it step by step" if more else ""
        print(f"realtime-sync: {_public_name(type(error))}: {error}{hint}", file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:  # Whoever read the output has gone; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        print(f"realtime-sync: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return EXIT_INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    if options.command == "demo":
        from realtime_sync.cli._demo import demo

        return demo(options)
    if options.command == "doctor":
        from realtime_sync.cli._doctor import doctor

        return doctor(options)
    from realtime_sync.cli._serve import serve

    return serve(options)


def _public_name(kind: type[BaseException]) -> str:
    """Return the name that the pages have: a refused handshake is of a private class, whose last base says it."""
    return kind.__bases__[-1].__name__ if kind.__name__.startswith("_") else kind.__name__


def _seconds(text: str) -> float:
    """Read a time-out."""
    value = float(text)
    if not 0 < value < math.inf:
        msg = f"it must be above 0; got {text}"
        raise argparse.ArgumentTypeError(msg)
    return value


def _port(text: str) -> int:
    """Read a port to listen on."""
    value = int(text)
    if not 0 <= value <= MAX_PORT:
        msg = f"ports are 0 to {MAX_PORT}; got {text}"
        raise argparse.ArgumentTypeError(msg)
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="realtime-sync", description="OpenAI's WebSocket APIs for ordinary, blocking Python."
    )
    parser.add_argument("--version", action="version", version=f"realtime-sync {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="hold a conversation and show what it took",
        description="Hold a conversation, shown as it happens, and say what it took; with a local server in this "
        "process, unless told otherwise.",
    )
    demo.add_argument("text", nargs="*", help="one turn each; without any, the lines of standard input, or a tour")
    where = demo.add_mutually_exclusive_group()
    where.add_argument(
        "--real", action="store_true", help="talk to OpenAI with OPENAI_API_KEY, not to the local server"
    )
    where.add_argument("--base-url", metavar="URL", help="talk to the server at this base URL")
    demo.add_argument("--model", default="gpt-realtime", help="the model to ask for (default: %(default)s)")
    demo.add_argument(
        "--responses-model", default="gpt-5.5", metavar="MODEL", help="for the Responses API (default: %(default)s)"
    )
    demo.add_argument("--wav", metavar="FILE", help="say what is in this WAV file")
    demo.add_argument(
        "--output", default="answer.wav", metavar="FILE", help="write the spoken answer here (default: %(default)s)"
    )
    demo.add_argument(
        "--timeout", type=_seconds, default=60.0, metavar="SECONDS", help="for one turn (default: %(default)g)"
    )

    doctor = commands.add_parser(
        "doctor",
        help="find out why a connection does not work",
        description="Connect step by step, with times, and say what is wrong.",
        epilog="Exit codes: 0 everything works; 2 a setting cannot work; 3 the name lookup fails, 4 TCP, 5 the proxy, "
        "6 TLS, 7 the WebSocket upgrade, 8 the first event; 130 interrupted.",
    )
    doctor.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="a base URL (https://host/v1), or a whole WebSocket URL (default: OPENAI_BASE_URL, or OpenAI)",
    )
    doctor.add_argument("--model", default="gpt-realtime", help="the model to ask for (default: %(default)s)")
    doctor.add_argument(
        "--proxy", metavar="URL", help='this proxy, or "" for none (default: what the environment says)'
    )
    doctor.add_argument(
        "--ca-file", metavar="FILE", help="the authorities to trust (default: what the environment says)"
    )
    doctor.add_argument(
        "--timeout", type=float, default=15.0, metavar="SECONDS", help="for connecting (default: %(default)g)"
    )

    serve = commands.add_parser(
        "serve",
        help="run the local server until interrupted",
        description="Serve the Realtime and the Responses API on this machine until Ctrl-C or SIGTERM. There is no "
        "model in it: a few rules write its answers.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=_port, default=8765, help="port to listen on, 0 for any (default: %(default)s)")
    serve.add_argument("--tls-cert", metavar="FILE", help="PEM certificate chain: serve https and wss")
    serve.add_argument("--tls-key", metavar="FILE", help="PEM private key of the certificate")
    serve.add_argument("--api-key", metavar="KEY", help="demand this key (default: accept any)")
    return parser
