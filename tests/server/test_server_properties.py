"""Whatever a client sends, a session answers it and stays consistent."""

import json

from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.server.realtime._client_events import _client_events
from tests.server.support import Direct

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "event_id", "session", "item", "item_id", "previous_item_id", "response", "response_id", "audio", "content_index",
    "audio_end_ms", "id", "role", "content", "text", "tools", "output_modalities", "instructions", "metadata", "input",
    "conversation", "max_output_tokens", "tool_choice", "format", "turn_detection", "call_id", "name", "arguments", "output",
]  # fmt: skip
WORDS = st.sampled_from(
    ["realtime", "message", "user", "assistant", "system", "input_text", "root", "none", "auto", "a", "b", "function",
     "function_call", "function_call_output", "item_reference", "text", "AAAA"]
)  # fmt: skip


def objects(inner):
    """Build objects with the API's own field names, and a type."""
    fields = st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    return st.builds(lambda kind, body: {"type": kind, **body}, WORDS, fields)


SHAPED = st.recursive(WORDS | JSON, lambda inner: objects(inner) | st.lists(inner, max_size=2), max_leaves=10)
EVENT = st.builds(
    lambda kind, body: json.dumps({"type": kind, **body}),
    st.sampled_from(sorted(_client_events)),
    st.dictionaries(st.sampled_from(NAMES), SHAPED, max_size=4),
)


@given(st.lists(EVENT | JSON.map(json.dumps) | st.text(max_size=10), max_size=8))
def test_any_message_is_answered_and_nothing_breaks(messages):
    """No message raises; each is answered by an error or does what it is for; ids in the conversation stay unique."""
    with Direct() as direct:
        for message in messages:
            before = len(direct.sent)
            direct.session.on_message(message)
            appended = '"input_audio_buffer.append"' in message
            assert appended or len(direct.sent) > before
            ids = [item["id"] for item in direct.session._state.conversation.items]
            assert len(set(ids)) == len(ids)
        assert len(direct.backend.journal.events()) == len(messages)
