"""JSON schemas of Python types: what a model is told of a tool's parameters.

Made here rather than by a library, because it has to say exactly what `realtime_sync.wire.value_maker` takes, which is
what makes the arguments: the two read the same fields, defaults and unions.

Facts about strict mode (no defaults, no free-form objects, every field required, `anyOf` rather than `oneOf`): the
guide to structured outputs of the API documentation, checked November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from attrs import define, field

from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import ToolError
from realtime_sync.tools._docstring import describe
from realtime_sync.wire import value_maker
from realtime_sync.wire._plain import (
    MAPPINGS,
    SEQUENCES,
    ClassField,
    accepts_none,
    bare,
    class_fields,
    has_fields,
    is_enum,
    is_union,
)

__all__ = ["object_schema", "schema_of"]

_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
_SETS = frozenset({set, frozenset})
_TAKEN = "str, int, float, bool, None, Literal, Enum, list, tuple, set, dict, TypedDict, attrs classes and dataclasses"


def schema_of(annotation: Any, where: str, *, strict: bool = False) -> dict[str, Any]:
    """Return the JSON schema of a type.

    Args:
        annotation: the type.
        where: what has this type, for errors.
        strict: as the API's strict mode wants it: every field is required, and null stands for one that is left out.

    Raises:
        ToolError: the type, or one inside it, has no schema.
    """
    maker = _Maker(strict)
    schema = maker.schema(annotation, where)
    return {**schema, "$defs": maker.definitions} if maker.definitions else schema


def object_schema(fields: Iterable[ClassField], descriptions: dict[str, str], where: str, *, strict: bool) -> Any:
    """Return the JSON schema of an object with given fields, as `schema_of`."""
    maker = _Maker(strict)
    schema = maker.fields(fields, descriptions, where)
    return {**schema, "$defs": maker.definitions} if maker.definitions else schema


@define
class _Maker:
    """Makes one schema."""

    strict: bool
    definitions: dict[str, Any] = field(init=False, factory=dict)
    """The classes that contain themselves; every other is written out where it stands."""
    _under_way: list[Any] = field(init=False, factory=list)
    _names: dict[Any, str] = field(init=False, factory=dict)

    def schema(self, annotation: Any, where: str) -> dict[str, Any]:
        """Return the schema of a type, with a description if the annotation has one."""
        kind = bare(annotation)
        origin = get_origin(kind) or kind
        if kind in _NAMES:
            schema: dict[str, Any] = {"type": _NAMES[kind]}
        elif origin is Literal or is_enum(kind):
            schema = _choices(kind, where)
        elif is_union(kind):
            schema = _any_of([self.schema(each, where) for each in get_args(kind)])
        elif origin in SEQUENCES:
            schema = self._list(kind, origin, where)
        elif has_fields(kind):
            schema = self._class(kind, where)
        elif kind is Any or origin in MAPPINGS:
            schema = self._free(kind, where)
        else:
            raise _no_schema(kind, where)
        text = _metadata_text(annotation)
        return {**schema, "description": text} if text else schema

    def fields(self, fields: Iterable[ClassField], descriptions: dict[str, str], where: str) -> dict[str, Any]:
        """Return the schema of an object."""
        properties: dict[str, Any] = {}
        required = []
        for each in fields:
            schema = self.schema(each.annotation, f"{where}.{each.name}" if where else each.name)
            if self.strict and not each.required and not accepts_none(each.annotation):
                schema = _any_of([schema, {"type": "null"}])
            elif not self.strict and each.default is not NOT_GIVEN:
                schema = {**schema, "default": each.default}
            text = _metadata_text(each.annotation) or descriptions.get(each.name)
            properties[each.name] = {**schema, "description": text} if text else schema
            if each.required or self.strict:
                required.append(each.name)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _class(self, cls: Any, where: str) -> dict[str, Any]:
        if cls in self._under_way:
            names = self._names
            taken = cls.__name__ in names.values() and cls not in names
            name = names.setdefault(cls, f"{cls.__name__}{len(names)}" if taken else cls.__name__)
            return {"$ref": f"#/$defs/{name}"}
        self._under_way.append(cls)
        try:
            schema = self.fields(class_fields(cls), describe(cls)[1], where)
            value_maker(cls)  # So that whatever cannot be made is told now.
        except (NameError, TypeError) as error:
            msg = f"{where}: the annotations of {cls.__qualname__} cannot be read: {error}"
            raise ToolError(msg) from error
        finally:
            self._under_way.pop()
        if cls not in self._names:
            return schema
        self.definitions[self._names[cls]] = schema
        return {"$ref": f"#/$defs/{self._names[cls]}"}

    def _list(self, kind: Any, origin: Any, where: str) -> dict[str, Any]:
        items = get_args(kind)
        schema: dict[str, Any] = {"type": "array"}
        if origin is tuple and items and items[-1] is not Ellipsis:
            schemas = [self.schema(each, f"{where}[{index}]") for index, each in enumerate(items)]
            schema |= {"minItems": len(items), "maxItems": len(items)}
            if all(each == schemas[0] for each in schemas):
                return {**schema, "items": schemas[0]}
            if self.strict:
                raise _not_strict(kind, where)
            return {**schema, "prefixItems": schemas}
        if items or self.strict:
            schema["items"] = self.schema(items[0] if items else Any, f"{where}[]")
        if origin in _SETS and not self.strict:
            schema["uniqueItems"] = True
        return schema

    def _free(self, kind: Any, where: str) -> dict[str, Any]:
        """Return the schema of a type that says little about what is in it."""
        if self.strict:
            raise _not_strict(kind, where)
        if kind is Any:
            return {}
        key, value = (*get_args(kind), str, Any)[:2] if get_args(kind) else (str, Any)
        if bare(key) is not str:
            raise _no_schema(kind, where, "the names in a JSON object are strings")
        inner = self.schema(value, f"{where}[]")
        return {"type": "object", "additionalProperties": inner} if inner else {"type": "object"}


def _choices(kind: Any, where: str) -> dict[str, Any]:
    values = [getattr(each, "value", each) for each in (kind if is_enum(kind) else get_args(kind))]
    if not values or not all(isinstance(each, str | int | float | None) for each in values):
        raise _no_schema(kind, where, "its values have to be strings or numbers")
    types = dict.fromkeys(_NAMES[type(each)] for each in values if type(each) in _NAMES)
    return {"type": next(iter(types)) if len(types) == 1 else list(types), "enum": values}


def _any_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of one of several: in one line where these are plain types."""
    if all(each.keys() == {"type"} for each in schemas):
        types = [
            name for each in schemas for name in ([each["type"]] if isinstance(each["type"], str) else each["type"])
        ]
        return {"type": list(dict.fromkeys(types))}
    inner = [each for schema in schemas for each in (schema["anyOf"] if schema.keys() == {"anyOf"} else [schema])]
    return {"anyOf": inner}


def _metadata_text(annotation: Any) -> str | None:
    """Return the first text among the metadata of an Annotated: a description."""
    if get_origin(annotation) is not Annotated:
        return None
    return next((each for each in annotation.__metadata__ if isinstance(each, str)), None)


def _no_schema(kind: Any, where: str, why: str = f"a tool takes {_TAKEN}") -> ToolError:
    return ToolError(f"{where} has the type {_name(kind)}, which has no JSON schema: {why}", replay_safe=True)


def _not_strict(kind: Any, where: str) -> ToolError:
    return ToolError(
        f"{where} has the type {_name(kind)}, which strict mode does not take: leave strict off, or use a class",
        replay_safe=True,
    )


def _name(kind: Any) -> str:
    if isinstance(kind, type) and get_origin(kind) is None:
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return str(kind)
