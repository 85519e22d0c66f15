"""Interrupting a call at every point where a signal handler can come in, one after the other."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["Interrupted", "interrupted_at", "interrupted_everywhere"]


class Interrupted(BaseException):
    """What the handler raises, as Ctrl-C would."""


def interrupted_everywhere(call: Callable[[], object], *expected: type[Exception]) -> Iterator[int]:
    """Run `call` again and again, each time interrupted one point later; yield after each, and stop after the last.

    CPython runs signal handlers when a Python function begins and after a call of a built-in; a profile function
    is called at the same points, so that no timing is left to chance. `call` may end with an `expected` exception.
    """
    point = 0
    interrupted = True
    while interrupted:
        point += 1
        interrupted = interrupted_at(point, call, expected)
        yield point


def interrupted_at(point: int, call: Callable[[], object], expected: tuple[type[Exception], ...]) -> bool:
    """Interrupt `call` at a point; return whether it got that far."""
    passed = 0

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal passed
        if event in ("call", "c_return") and frame.f_code is not interrupted_at.__code__ and not _is_spared(frame):
            passed += 1
            if passed == point:
                sys.setprofile(None)
                raise Interrupted

    gc.disable()  # Out of its callbacks, such as Hypothesis has one, nothing can be raised.
    sys.setprofile(profile)
    try:
        call()
    except Interrupted:
        return True
    except expected:
        pass
    finally:
        sys.setprofile(None)
        gc.enable()
    return passed >= point  # It came where nothing can be raised, such as in a generator that is being closed.


def _is_spared(frame: FrameType | None) -> bool:
    """Tell whether a frame is part of a `__del__`, out of which nothing can be raised, or of `logging`, which an
    interrupt may leave locked for every other thread.
    """
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_globals.get("__name__") == "logging":
            return True
        frame = frame.f_back
    return False
