"""``with``: what is opened is closed at the end of the block, whatever happens in it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ClosesOnExit"]


class ClosesOnExit:
    """A context manager that gives itself and calls its `close` at the end."""

    __slots__ = ()

    def close(self) -> None:
        """Close; may be called any number of times."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
