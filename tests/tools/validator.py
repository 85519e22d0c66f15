"""A JSON schema validator for just what the library's schemas say, written from the JSON Schema specification."""

from __future__ import annotations

from typing import Any

__all__ = ["accepts"]

_CLASSES = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_KNOWN = {
    "type", "enum", "anyOf", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "properties", "required",
    "additionalProperties", "default", "description", "$ref", "$defs",
}  # fmt: skip


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None) -> bool:
    """Tell whether a value is one of the schema's. Null for a property that may be left out counts as left out."""
    root = root or schema
    assert schema.keys() <= _KNOWN, schema
    if "$ref" in schema:
        return accepts(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    if "anyOf" in schema and not any(accepts(each, value, root) for each in schema["anyOf"]):
        return False
    if "enum" in schema and not any(type(each) is type(value) and each == value for each in schema["enum"]):
        return False
    if "type" in schema and not _is_typed(schema["type"], value):
        return False
    if isinstance(value, list):
        return _accepts_list(schema, value, root)
    return _accepts_object(schema, value, root) if isinstance(value, dict) else True


def _is_typed(types: str | list[str], value: Any) -> bool:
    names = [types] if isinstance(types, str) else types
    if isinstance(value, bool):
        return "boolean" in names
    if isinstance(value, float) and value.is_integer() and "integer" in names:
        return True
    return any(isinstance(value, _CLASSES[name]) for name in names)


def _accepts_list(schema: dict[str, Any], value: list[Any], root: dict[str, Any]) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return False
    each = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
    return all(accepts(one, item, root) for one, item in zip(each, value, strict=True))


def _accepts_object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> bool:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    present = {
        name: each
        for name, each in value.items()
        if each is not None or name in required or _nullable(properties.get(name, {}))
    }
    if not set(required) <= set(present):
        return False
    rest = schema.get("additionalProperties", True)
    for name, each in present.items():
        if name in properties:
            if not accepts(properties[name], each, root):
                return False
        elif rest is False or (rest is not True and not accepts(rest, each, root)):
            return False
    return True


def _nullable(schema: dict[str, Any]) -> bool:
    return accepts({name: each for name, each in schema.items() if name != "$ref"}, None, schema) if schema else True
