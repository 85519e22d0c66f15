"""Names of a package that load when they are first asked for, so that importing it stays cheap."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["loader"]


def loader(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    Args:
        package: its ``__name__``.
        homes: by name, the module below it that has what the name stands for. (A module's own name stands for itself.)
    """

    def load(name: str) -> Any:
        if name not in homes:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        value: Any = importlib.import_module(f"{package}.{homes[name]}")
        if name != homes[name]:
            value = getattr(value, name)
        setattr(sys.modules[package], name, value)
        return value

    return load
