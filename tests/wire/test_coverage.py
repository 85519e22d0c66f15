"""The tool that compares an OpenAPI document with the catalogues."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from realtime_sync.wire.coverage import compare, main


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def constant(value):
    return {"type": "string", "enum": [value]}


def document(**schemas):
    return {"components": {"schemas": schemas}}


def event(name, **properties):
    return {"type": "object", "properties": {"type": constant(name), **properties}}


def gaps(**schemas):
    return [str(each).split(maxsplit=1)[1] for each in sorted(compare(document(**schemas)).gaps)]


def test_what_is_known_is_no_gap() -> None:
    """Events, nested objects, lists and unions that have classes are compared and not listed."""
    response = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "output": {"type": "array", "items": {"oneOf": [ref("Call"), ref("Message")]}},
            "tool_choice": {"anyOf": [{"type": "string"}, ref("Choice")]},
        },
    }
    report = compare(
        document(
            ResponseStreamEvent={"anyOf": [ref("Done"), ref("Delta")]},
            Done=event("response.completed", response=ref("Response")),
            Delta=event(
                "response.output_text.delta", delta={"type": "string"}, logprobs={"type": "array", "items": {}}
            ),
            Response=response,
            Call={"properties": {"type": {"const": "function_call"}, "call_id": {}}},
            Message={"properties": {"type": constant("message"), "role": constant("assistant"), "content": {}}},
            Choice={"properties": {"type": {"enum": ["file_search", "web_search_preview"]}}},
        )
    )
    assert report.gaps == set()
    assert (report.events, report.fields) == (2, 14)


def test_every_kind_of_gap_is_listed_with_its_place() -> None:
    """An event, an object of a union and fields at any depth are named from the outside in."""
    assert gaps(
        RealtimeServerEvent={"oneOf": [ref("Session"), ref("New")]},
        New=event("response.telepathy"),
        Session=event("session.created", session=ref("S"), mood={"type": "string"}),
        S={
            "properties": {
                "type": constant("realtime"),
                "smell": {},
                "tools": {"type": "array", "items": {"anyOf": [ref("T"), ref("M")]}},
            }
        },
        T={"properties": {"type": constant("hammer")}},
        M={"allOf": [{"properties": {"type": constant("mcp")}}, {"properties": {"server_label": {}, "colour": {}}}]},
    ) == [
        "event   realtime response.telepathy",
        "field   realtime session.created: mood",
        "field   realtime session.created: session.smell",
        "object  realtime session.created: session.tools[] (type hammer)",
        "field   realtime session.created: session.tools[].colour",
    ]


def test_without_a_union_the_names_of_the_schemas_decide() -> None:
    """Schemas whose names begin like the union's are its events; old names of events are known."""
    assert gaps(
        RealtimeTranslationServerEventDelta=event("response.text.delta", delta={}, pitch={}),
        RealtimeClientEventNew=event("session.dream"),
        RealtimeClientEventBase={"type": "object", "properties": {"event_id": {}}},
    ) == ["event   realtime session.dream", "field   translation response.text.delta: pitch"]


def test_what_holds_beside_a_union_holds_for_each_of_its_members() -> None:
    """Properties next to a union, and unions within an ``allOf``, are compared with every member."""
    tools = {"anyOf": [ref("T"), ref("M")], "properties": {"smell": {}}}
    both = {"allOf": [{"properties": {"taste": {}}}, {"oneOf": [ref("T"), ref("M")]}]}
    assert gaps(
        RealtimeServerEvent=event("session.created", session=ref("S")),
        S={"properties": {"type": constant("realtime"), "tools": {"items": {"anyOf": [tools, both]}}}},
        T={"properties": {"type": constant("function"), "colour": {}}},
        M={"properties": {"type": constant("mcp"), "weight": {}}},
    ) == [
        f"field   realtime session.created: session.tools[].{name}" for name in ("colour", "smell", "taste", "weight")
    ]


def test_a_schema_that_contains_itself_ends() -> None:
    """A reference to itself is followed once."""
    assert gaps(
        ResponsesClientEvent=ref("Create"),
        Create=event("response.create", tools={"type": "array", "items": ref("Loop")}),
        Loop={"anyOf": [ref("Loop"), ref("Search"), ref("Nowhere")]},
        Search={
            "properties": {"type": constant("file_search"), "filters": {"anyOf": [ref("Filter")]}, "x": ref("Search")}
        },
        Filter={"properties": {"type": {"enum": ["and", "or"]}, "filters": {"items": ref("Filter")}}},
    ) == ["field   responses response.create: tools[].x"]


@pytest.mark.parametrize(
    ("found", "code", "last"),
    [
        (document(RealtimeServerEvent=event("error", error={})), 0, "1 events and 2 fields compared, 0 missing"),
        (document(RealtimeServerEvent=event("terror")), 1, "1 events and 0 fields compared, 1 missing"),
        (document(), 2, "0 events and 0 fields compared, 0 missing"),
        ([], 2, "0 events and 0 fields compared, 0 missing"),
    ],
)
def test_the_exit_code_tells_what_was_found(tmp_path, capsys, found, code, last) -> None:
    """0: nothing is missing, 1: something is, 2: there was nothing to compare."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    assert main(["--spec", str(path)]) == code
    assert capsys.readouterr().out.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("openapi.yaml", b"components: {}", "pip install pyyaml"),
        ("openapi.json", b"{", "Expecting property name"),
        ("openapi.json", b"\xff", "can't decode"),
        ("missing/openapi.json", None, "No such file"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, capsys, name, content, message) -> None:
    """A document that is missing, malformed, or YAML without PyYAML ends with code 2 and what to do."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with patch.dict(sys.modules, yaml=None), pytest.raises(SystemExit) as end:
        main(["--spec", str(path)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


class Malformed(Exception):
    """What the stand-in for PyYAML raises."""


def test_yaml_is_read_with_the_library_that_is_there(tmp_path, monkeypatch, capsys) -> None:
    """With PyYAML the document is compared as JSON is, and its own errors are told in one line."""

    def load(text, loader):
        assert loader == "safe"
        if text == "{":
            raise Malformed("line 1")
        return json.loads(text)

    monkeypatch.setitem(sys.modules, "yaml", SimpleNamespace(load=load, SafeLoader="safe", YAMLError=Malformed))
    path = tmp_path / "openapi.yml"
    path.write_text(json.dumps(document(RealtimeServerEvent=event("error", error={}))), encoding="utf-8")
    assert main(["--spec", str(path)]) == 0
    path.write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["--spec", str(path)])
    assert "line 1" in capsys.readouterr().err


def test_it_runs_as_a_program(tmp_path) -> None:
    """The documented command prints its report."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document(RealtimeServerEvent=event("terror"))), encoding="utf-8")
    command = [sys.executable, "-m", "realtime_sync.wire.coverage", "--spec", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no event   realtime terror" in done.stdout
