"""``realtime-sync serve``: the local server, until interrupted."""

from __future__ import annotations

import argparse

from realtime_sync.errors import ConfigurationError, MissingExtra

__all__ = ["serve"]


def serve(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    if bool(options.tls_cert) != bool(options.tls_key):
        msg = "--tls-cert and --tls-key go together"
        raise ConfigurationError(msg)
    try:
        from realtime_sync.server import serve as run
    except ImportError as error:
        raise MissingExtra("server", "the local server") from error
    try:
        run(options.host, options.port, tls_cert=options.tls_cert, tls_key=options.tls_key, api_key=options.api_key)
    except BrokenPipeError:  # of standard output
        raise
    except OSError as error:
        msg = f"cannot listen at {options.host}, port {options.port}: {error.strerror}; choose others by --host, --port"
        raise ConfigurationError(msg) from error
    return 0
