"""Conversation items and the input audio buffer."""

import base64

import pytest

from tests.server.support import user

PNG = "data:image/png;base64,iVBORw0KGgo="
SECOND = base64.b64encode(bytes(48000)).decode()


def create(item, **event):
    return {"type": "conversation.item.create", "item": item, **event}


def message(role, *content):
    return {"type": "message", "role": role, "content": list(content)}


def order(peer):
    """Return the ids of the conversation, by walking the previous ids back from a new item."""
    peer.send(user("probe"))
    added = peer.until("conversation.item.done")[-1]
    ids = []
    previous = added["previous_item_id"]
    peer.send({"type": "conversation.item.delete", "item_id": added["item"]["id"]})
    peer.until("conversation.item.deleted")
    ids.append(previous)
    return ids


def test_items_come_back_complete(peer):
    """A created item is announced twice, with the id and status that the server gave it."""
    peer.send(user("hi"))
    added, done = peer.next(), peer.next()
    assert [added["type"], done["type"]] == ["conversation.item.added", "conversation.item.done"]
    assert added["item"] == done["item"]
    assert added["previous_item_id"] is done["previous_item_id"] is None
    item = added["item"]
    assert item["id"].startswith("item_")
    assert (item["object"], item["status"], item["role"]) == ("realtime.item", "completed", "user")


def test_where_items_go(peer):
    """Absent appends, "root" prepends, an id inserts after it."""
    seen = {}
    for name, after in (("a", None), ("b", None), ("c", "root"), ("d", "a")):
        peer.send({**user(name, id=name), **({"previous_item_id": after} if after else {})})
        seen[name] = peer.until("conversation.item.done")[-1]["previous_item_id"]
    assert seen == {"a": None, "b": "a", "c": None, "d": "a"}
    # c a d b: the newest one is appended after b.
    assert order(peer) == ["b"]


def test_unknown_previous_item_and_duplicate_id(peer):
    """An unknown neighbour and an id that is taken are refused, and nothing is added."""
    error = peer.error({**user("x", id="new"), "previous_item_id": "none"})
    assert (error["code"], error["param"]) == ("item_create_invalid_previous_item_id", "previous_item_id")
    peer.send(user("x", id="new"))
    peer.until("conversation.item.done")
    error = peer.error(user("y", id="new"))
    assert (error["code"], error["param"]) == ("item_create_duplicate_item_id", "item.id")


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (message("user", {"type": "output_text", "text": "x"}), "item.content[0].type"),
        (message("user", {"type": "text", "text": "x"}), "item.content[0].type"),
        (message("assistant", {"type": "input_text", "text": "x"}), "item.content[0].type"),
        (message("assistant", {"type": "output_audio"}), "item.content[0].transcript"),
        (message("assistant", {"type": "output_audio", "transcript": "x", "audio": ""}), "item.content[0].audio"),
        (message("system", {"type": "input_image", "image_url": PNG}), "item.content[0].type"),
        (message("user", {"type": "input_text"}), "item.content[0].text"),
        (message("user", {"type": "input_text", "text": 1}), "item.content[0].text"),
        (message("user", {"type": "input_audio", "audio": "%%%"}), "item.content[0].audio"),
        (message("user", {"type": "input_audio", "audio": 1}), "item.content[0].audio"),
        (message("user", {"type": "input_audio", "audio": "AAAA"}), "item.content[0].audio"),
        (message("user", {"type": "input_image", "image_url": "https://x/y.png"}), "item.content[0].image_url"),
        (message("user", {"type": "input_text", "text": "x"}, {"type": "nope"}), "item.content[1].type"),
        (message("user"), "item.content"),
        ({"type": "message", "role": "user", "content": "x"}, "item.content"),
        ({"type": "message", "role": "user"}, "item.content"),
        ({"type": "message", "content": []}, "item.role"),
        (message("owner", {"type": "input_text", "text": "x"}), "item.role"),
        ({"type": "mcp_call"}, "item.type"),
        ({"type": "item_reference", "id": "x"}, "item.type"),
        ({}, "item.type"),
        ("x", "item"),
        ({"type": "function_call", "name": "f"}, "item.arguments"),
        ({"type": "function_call_output", "call_id": "c"}, "item.output"),
        ({"type": "function_call", "name": "f", "arguments": "", "id": ""}, "item.id"),
        ({**message("user", {"type": "input_text", "text": "x"}), "colour": 1}, "item.colour"),
    ],
)
def test_refused_items(peer, item, param):
    """Every bad field of an item is named."""
    error = peer.error(create(item, event_id="mine"))
    assert (error["type"], error["param"], error["event_id"]) == ("invalid_request_error", param, "mine")


def test_history_can_be_rebuilt(peer):
    """System, assistant and function items can be created, as a client that resumes does."""
    items = [
        message("system", {"type": "input_text", "text": "be kind"}),
        message("user", {"type": "input_text", "text": "my name is Ada"}, {"type": "input_image", "image_url": PNG}),
        message("assistant", {"type": "output_text", "text": "hello Ada"}),
        message("assistant", {"type": "output_audio", "transcript": "hello again"}),
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"},
        {"type": "function_call_output", "call_id": "c1", "output": "fine"},
    ]
    for item in items:
        peer.send(create(item))
        shown = peer.until("conversation.item.done")[-1]["item"]
        assert {key: shown[key] for key in item} == item
    assert "Ada" in peer.ask("what is my name?")["output"][0]["content"][0]["text"]


def test_audio_items_are_shown_without_their_audio(peer):
    """An item with audio comes back without the bytes, and can be read with them."""
    peer.send(create(message("user", {"type": "input_audio", "audio": SECOND, "transcript": "hi"}), event_id="a"))
    shown = peer.until("conversation.item.done")[-1]["item"]
    assert shown["content"] == [{"type": "input_audio", "transcript": "hi"}]
    peer.send({"type": "conversation.item.retrieve", "item_id": shown["id"]})
    assert peer.next()["item"]["content"][0]["audio"] == SECOND


def test_a_call_without_a_call_id_gets_one(peer):
    """The server numbers a function call that has no call id."""
    peer.send(create({"type": "function_call", "name": "f", "arguments": "{}"}))
    assert peer.until("conversation.item.done")[-1]["item"]["call_id"].startswith("call_")


def test_retrieve_and_delete(peer):
    """An item can be read again, deleted once, and then not any more."""
    peer.send(user("x", id="a"), {"type": "conversation.item.retrieve", "item_id": "a"})
    retrieved = peer.until("conversation.item.retrieved")[-1]["item"]
    assert retrieved["content"] == [{"type": "input_text", "text": "x"}]
    delete = {"type": "conversation.item.delete", "item_id": "a"}
    peer.send(delete)
    assert peer.next()["item_id"] == "a"
    assert peer.error(delete)["code"] == "item_delete_invalid_item_id"
    error = peer.error({"type": "conversation.item.retrieve", "item_id": "a"})
    assert (error["code"], error["param"]) == ("item_retrieve_invalid_item_id", "item_id")


def test_truncate_needs_assistant_audio(peer):
    """Truncating is refused for no item, no assistant, and no audio."""
    truncate = {"type": "conversation.item.truncate", "content_index": 0, "audio_end_ms": 0}
    assert peer.error({**truncate, "item_id": "none"})["code"] == "item_truncate_invalid_item_id"
    peer.send(user("x", id="a"))
    peer.until("conversation.item.done")
    assert peer.error({**truncate, "item_id": "a"})["message"] == "Only model output audio messages can be truncated."
    item = peer.ask("hi")["output"][0]
    assert peer.error({**truncate, "item_id": item["id"]})["param"] == "content_index"
    assert peer.error({**truncate, "item_id": item["id"], "content_index": 1})["param"] == "content_index"
    assert peer.error({**truncate, "item_id": "a", "audio_end_ms": -1})["param"] == "audio_end_ms"
    assert peer.error({"type": "conversation.item.truncate", "item_id": "a"})["param"] == "content_index"
