"""What an OpenAPI document describes and the catalogues lack: ``python -m realtime_sync.wire.coverage --spec FILE``.

For whoever brings the catalogues up to date with a change of the protocol. Prints a line for each event and each
object without a class and each field that no class has, and how much was compared; ends with code 1 if anything is
missing, with 2 if there was nothing to compare, or nothing to be read.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from attrs import define, field, frozen

from realtime_sync.types._base import KnownEvent, WireObject, layout_of
from realtime_sync.wire._structure import alternatives, is_class

__all__ = ["Gap", "Report", "compare", "main"]

_Schema = Mapping[str, Any]

ROOTS = (
    ("realtime", "ServerEvent", "RealtimeServerEvent"),
    ("realtime", "ClientEvent", "RealtimeClientEvent"),
    ("translation", "ServerEvent", "RealtimeTranslationServerEvent"),
    ("translation", "ClientEvent", "RealtimeTranslationClientEvent"),
    ("responses", "ServerEvent", "ResponseStreamEvent"),
    ("responses", "ServerEvent", "ResponsesServerEvent"),
    ("responses", "ClientEvent", "ResponsesClientEvent"),
)
"""Which events a schema describes: the one of this name, or, without one, all whose names begin like this."""

LEFT_OUT = frozenset(f"responses response.create: {name}" for name in ("stream", "background", "background_options"))
"""What has no field on purpose: over a socket a response always streams, and never runs in the background."""


@frozen(order=True)
class Gap:
    """Something that the document describes and no class of ours has."""

    place: str
    """The API, the event, and the way to the field: ``responses response.completed: response.output[].note``."""
    what: str
    """``event``, ``object`` or ``field``."""

    def __str__(self) -> str:
        return f"no {self.what:<7} {self.place}"


@define
class Report:
    """What a comparison found."""

    gaps: set[Gap] = field(factory=set)
    events: int = 0
    """How many events were compared."""
    fields: int = 0
    """How many fields were compared, each once in each class."""


def compare(document: Mapping[str, Any]) -> Report:
    """Return what an OpenAPI document describes beyond the catalogues."""
    comparison = _Comparison(document.get("components", {}).get("schemas", {}))
    for registry, union, name in ROOTS:
        module = importlib.import_module(f"realtime_sync.types.{registry}")
        old_names = module.BETA_NAMES
        for schema in comparison.events_of(name):
            for event in _values(schema, "type"):
                classes = [each for each in get_args(getattr(module, union)) if issubclass(each, KnownEvent)]
                found = [each for each in classes if each.type == old_names.get(event, event)]
                comparison.compare_event(f"{registry} {event}", found, schema)
    return comparison.report


@define
class _Comparison:
    schemas: Mapping[str, _Schema]
    report: Report = field(factory=Report)
    _seen: set[tuple[str, ...]] = field(factory=set)

    def events_of(self, name: str) -> Iterator[_Schema]:
        """Yield the schemas of the events that a name stands for."""
        if name in self.schemas:
            yield from self._variants(self.schemas[name])
        else:
            for each, schema in self.schemas.items():
                if each.startswith(name):
                    yield from self._variants(schema)

    def compare_event(self, place: str, classes: Sequence[type[WireObject]], schema: _Schema) -> None:
        """Compare an event with the classes under its name."""
        self.report.events += 1
        if classes:
            self._compare_fields(f"{place}:", classes, schema)
        else:
            self.report.gaps.add(Gap(place, "event"))

    def _compare_fields(self, place: str, classes: Sequence[type[WireObject]], schema: _Schema) -> None:
        once = (*sorted(each.__qualname__ for each in classes), json.dumps(schema, sort_keys=True, default=str))
        if once in self._seen:
            return
        self._seen.add(once)
        for name, value in schema["properties"].items():
            self.report.fields += 1
            inner = f"{place}{'' if place.endswith(':') else '.'}{' ' if place.endswith(':') else ''}{name}"
            layouts = [layout_of(each) for each in classes]
            fields = [each.fields[name].type for each in layouts if name in each.fields]
            if fields:
                self._compare_value(inner, fields, value)
            elif inner not in LEFT_OUT and not any(name in each.tags for each in layouts):
                self.report.gaps.add(Gap(inner, "field"))

    def _compare_value(self, place: str, annotations: Sequence[Any], schema: _Schema) -> None:
        """Compare what may stand in a field with what our classes, by their annotations, have for it."""
        types = [each for annotation in annotations for each in alternatives(annotation)]
        classes = [each for each in types if is_class(each) and issubclass(each, WireObject)]
        lists = [get_args(each)[0] for each in types if get_origin(each) is tuple]
        for variant in self._variants(schema):
            if "items" in variant and lists:
                self._compare_value(f"{place}[]", lists, variant["items"])
            elif variant.get("properties") and classes:
                found = [each for each in classes if _is_one(each, variant)]
                if found:
                    self._compare_fields(place, found, variant)
                elif Any not in types:
                    kinds = " or ".join(_values(variant, "type"))
                    self.report.gaps.add(Gap(f"{place} (type {kinds})", "object"))

    def _variants(self, schema: _Schema, seen: frozenset[str] = frozenset()) -> Iterator[_Schema]:
        """Yield what a schema may stand for: references followed, unions taken apart, ``allOf`` put together."""
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name:
            if name in self.schemas and name not in seen:
                yield from self._variants(self.schemas[name], seen | {name})
            return
        union = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        if union:
            common = {name: schema[name] for name in ("allOf", "properties") if name in schema}
            for variant in (found for each in union for found in self._variants(each, seen)):
                yield from self._merged([variant, common], seen) if common else (variant,)
        elif "allOf" in schema:
            own = {name: value for name, value in schema.items() if name != "allOf"}
            yield from self._merged([*schema["allOf"], own], seen)
        else:
            yield schema

    def _merged(self, schemas: Sequence[_Schema], seen: frozenset[str]) -> Iterator[_Schema]:
        """Yield what schemas that hold together describe, once for each combination of their variants."""
        for parts in itertools.product(*(tuple(self._variants(each, seen)) or ({},) for each in schemas)):
            properties = {name: value for part in parts for name, value in part.get("properties", {}).items()}
            rest = {name: value for part in parts for name, value in part.items()}
            yield {**rest, "properties": properties} if properties else rest


def _values(schema: _Schema, name: str) -> Sequence[str]:
    """Return the values that a property of an object may have; none if any will do."""
    described = schema.get("properties", {}).get(name, {})
    return [described["const"]] if "const" in described else described.get("enum", ())


def _is_one(cls: type[WireObject], schema: _Schema) -> bool:
    """Tell whether objects of the schema can be of the class, as far as the tags tell."""
    tags = layout_of(cls).tags
    ours = {"type": (tags["type"],) if "type" in tags else cls.types, "role": (tags["role"],) if "role" in tags else ()}
    pairs = ((known, _values(schema, name)) for name, known in ours.items())
    return all(not known or not described or not {*known}.isdisjoint(described) for known, described in pairs)


def _load(path: pathlib.Path) -> Mapping[str, Any]:
    """Return the document in a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds neither JSON nor, if its name says so, YAML; or YAML, and PyYAML is not installed.
    """
    text = path.read_text(encoding="utf-8")
    document = _load_yaml(text) if path.suffix in {".yaml", ".yml"} else json.loads(text)
    return document if isinstance(document, dict) else {}


def _load_yaml(text: str) -> Any:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError:
        msg = "reading YAML needs PyYAML: pip install pyyaml, or convert the document to JSON"
        raise ValueError(msg) from None
    try:
        # The loader in C is the same and ten times faster; a whole document takes the other a minute.
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare a document as told by the command line, print the report, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m realtime_sync.wire.coverage",
        description="List the events, objects and fields of an OpenAPI document that have no class here.",
    )
    parser.add_argument("--spec", required=True, type=pathlib.Path, metavar="FILE", help="the document: JSON, or YAML")
    path = parser.parse_args(arguments).spec
    try:
        document = _load(path)
    except (OSError, ValueError) as error:
        parser.error(f"{path}: {error}")
    report = compare(document)
    for gap in sorted(report.gaps):
        sys.stdout.write(f"{gap}\n")
    sys.stdout.write(f"{report.events} events and {report.fields} fields compared, {len(report.gaps)} missing\n")
    if not report.events:
        return 2
    return 1 if report.gaps else 0


if __name__ == "__main__":
    sys.exit(main())
