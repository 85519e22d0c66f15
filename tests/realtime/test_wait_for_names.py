"""The overloads of `wait_for`, which only type checkers read, beside the catalogue."""

from __future__ import annotations

import ast
import inspect

from realtime_sync.realtime import _wait_for
from realtime_sync.wire._registry import catalogue_of


def overloads() -> dict[str, str]:
    """Return the class that the source promises for each name."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(inspect.getsource(_wait_for))):
        if isinstance(node, ast.FunctionDef) and node.name == "wait_for":
            name = node.args.args[1].annotation
            if isinstance(name, ast.Subscript):
                literals = name.slice.elts if isinstance(name.slice, ast.Tuple) else [name.slice]
                found.update({each.value: ast.unparse(node.returns) for each in literals})
    return found


def test_wait_for_promises_the_class_of_each_name() -> None:
    """Every server event's name, beta-era names too, has an overload that returns its class."""
    classes = catalogue_of("realtime").classes
    assert overloads() == {name: f"rt.{cls.__name__}" for name, cls in classes.items()}


def test_the_overloads_cost_nothing_at_run_time() -> None:
    """The method that runs is the shared one."""
    assert _wait_for.WaitsByName.wait_for is _wait_for.Session.wait_for
