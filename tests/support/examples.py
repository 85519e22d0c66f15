"""How many examples a property is tried on."""

from __future__ import annotations

import os

__all__ = ["examples"]

_FACTOR = float(os.environ.get("EXAMPLES_FACTOR", "1"))


def examples(usual: int) -> int:
    """Return how often to try a property: few enough for every day, `EXAMPLES_FACTOR` times as often where there is time."""
    return max(1, round(usual * _FACTOR))
