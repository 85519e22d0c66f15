"""A TCP relay that breaks its connections: reset, end of stream, silence, each after a seeded number of bytes."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading

__all__ = ["ChaosRelay"]

FAULTS = ("reset", "end", "silence")


class ChaosRelay:
    """Relays to a port of this machine until `calm` is set; `broken` counts the faults by kind."""

    def __init__(self, port: int, *, seed: int, after: tuple[int, int]) -> None:
        self._port = port
        self._random = random.Random(seed)  # noqa: S311  # equal seeds, equal faults
        self._after = after
        self.calm = threading.Event()
        self.broken = dict.fromkeys(FAULTS, 0)
        self._closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, name="chaos-accept")]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                client.close()
                continue
            fault, budget = self._random.choice(FAULTS), [self._random.randint(*self._after)]
            for source, target in ((client, server), (server, client)):
                self._sockets.add(source)
                thread = threading.Thread(target=self._relay, args=(source, target, fault, budget), name="chaos-relay")
                self._threads.append(thread)
                thread.start()
            self._threads = [thread for thread in self._threads if thread.is_alive()]

    def _relay(self, source: socket.socket, target: socket.socket, fault: str, budget: list[int]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                budget[0] -= len(data)
                if budget[0] < 0 and not self.calm.is_set():
                    self._break(source, target, fault, budget)
                    break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()
        self._sockets.discard(source)

    def _break(self, source: socket.socket, target: socket.socket, fault: str, budget: list[int]) -> None:
        if budget[0] > -(1 << 40):  # The first of the two directions.
            budget[0] = -(1 << 41)
            self.broken[fault] += 1
        if fault == "reset":
            for each in (source, target):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "silence":
            self._closing.wait(1.5)

    def close(self) -> None:
        """End everything."""
        self.calm.set()
        self._closing.set()
        for each in (self._listener, *tuple(self._sockets)):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for thread in tuple(self._threads):
            thread.join()
        self._listener.close()
