"""Whatever is interrupted, and wherever: the events say exactly what the server remembers."""

import base64

from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import PCM16_24K, Recording
from realtime_sync.server import Reply
from tests.server.support import Direct, append, decoded, voice

SPEECH, SILENCE = voice(0.2), PCM16_24K.silence(0.6)
SPOKEN = Reply(text="one two three four five six", audio=Recording(PCM16_24K, voice(0.65)))
CALL = Reply(text="Let me see.", function_call=("look", {}))


@define
class Mirror:
    """What a client believes in, built from nothing but the events."""

    order: list[str] = field(factory=list)
    items: dict[str, dict] = field(factory=dict)
    audio: dict[str, bytes] = field(factory=dict)
    cuts: dict[str, int] = field(factory=dict)
    running: list[str] = field(factory=list)
    ended: set[str] = field(factory=set)
    speaking: str | None = None
    heard_ms: int = 0

    def take(self, event):
        """Take one event, checking that it may come now."""
        kind = event["type"]
        response_id = event.get("response_id")
        assert response_id is None or response_id in self.running, f"{kind} of a response that does not run"
        method = getattr(self, "on_" + kind.replace(".", "_"), None)
        if method is not None:
            method(event)

    def on_response_created(self, event):
        assert not self.running, "two responses on one conversation"
        self.running.append(event["response"]["id"])

    def on_response_done(self, event):
        response = event["response"]
        self.running.remove(response["id"])
        assert response["id"] not in self.ended
        self.ended.add(response["id"])
        for item in response["output"]:
            assert item["status"] == "completed" or response["status"] != "completed"
            if item["id"] in self.items:
                assert self.items[item["id"]] == item

    def on_conversation_item_added(self, event):
        previous = event["previous_item_id"]
        self.order.insert(0 if previous is None else self.order.index(previous) + 1, event["item"]["id"])
        self.items[event["item"]["id"]] = event["item"]

    def on_conversation_item_done(self, event):
        assert self.items[event["item"]["id"]]["status"] in {"in_progress", event["item"]["status"]}
        self.items[event["item"]["id"]] = event["item"]

    def on_conversation_item_deleted(self, event):
        self.order.remove(event["item_id"])
        del self.items[event["item_id"]]

    def on_conversation_item_truncated(self, event):
        self.cuts[event["item_id"]] = event["audio_end_ms"]
        item = self.items[event["item_id"]]
        if item["content"] and event["audio_end_ms"] < len(self.audio[event["item_id"]]) // 48:
            item["content"][0]["transcript"] = None

    def on_response_output_audio_delta(self, event):
        item_id = event["item_id"]
        self.audio[item_id] = self.audio.get(item_id, b"") + base64.b64decode(event["delta"])

    def on_input_audio_buffer_speech_started(self, event):
        assert self.speaking is None
        assert event["audio_start_ms"] >= self.heard_ms
        self.speaking, self.heard_ms = event["item_id"], event["audio_start_ms"]

    def on_input_audio_buffer_speech_stopped(self, event):
        assert self.speaking == event["item_id"]
        assert event["audio_end_ms"] > self.heard_ms
        self.heard_ms = event["audio_end_ms"]

    def on_input_audio_buffer_committed(self, event):
        assert self.speaking in (None, event["item_id"])
        self.speaking = None

    def on_input_audio_buffer_cleared(self, _):
        self.speaking = None


@define
class Play:
    """One session, what its client believes in, and the moves of both."""

    direct: Direct
    mirror: Mirror = field(factory=Mirror)

    def look(self):
        events, self.direct.sent = self.direct.sent, []
        for event in events:
            self.mirror.take(event)
        return events

    def turn(self, n):
        self.speak(n)
        self.pause(n)

    def speak(self, _):
        was_silent = self.mirror.speaking is None
        self.direct.send(*append(SPEECH))
        self.look()
        if was_silent and self.mirror.speaking is not None:
            assert not self.mirror.running, "the user began to speak, and is not alone"

    def pause(self, _):
        self.direct.send(*append(SILENCE))

    def ask(self, _):
        self.direct.send({"type": "response.create"})

    def cancel(self, _):
        self.direct.send({"type": "response.cancel"})

    def commit(self, _):
        self.direct.send({"type": "input_audio_buffer.commit"})

    def clear(self, _):
        self.direct.send({"type": "input_audio_buffer.clear"})

    def play(self, n):
        """Let the running response get on by some pieces."""
        for _ in range(n if self.mirror.running else 0):
            if self.mirror.running:
                self.direct.work()
                self.look()

    def truncate(self, n):
        spoken = [item_id for item_id in self.mirror.order if item_id in self.mirror.audio]
        if not spoken:
            return
        item_id = spoken[n % len(spoken)]
        have = min(len(self.mirror.audio[item_id]) // 48, self.mirror.cuts.get(item_id, 2**30))
        end = have * n // 16 if n < 17 else have + n - 16
        place = {"item_id": item_id, "content_index": 0, "audio_end_ms": end}
        self.direct.send({"type": "conversation.item.truncate", **place})
        answer = self.look()[-1]
        assert (answer["type"] == "conversation.item.truncated") == (end <= have), answer

    def delete(self, n):
        if self.mirror.order:
            item_id = self.mirror.order[n % len(self.mirror.order)]
            self.direct.send({"type": "conversation.item.delete", "item_id": item_id})

    def compare(self):
        """Read every item back: order, status, transcript and audio are as believed."""
        found = [item["id"] for item in self.direct.session._state.conversation.items]
        assert found == self.mirror.order
        for item_id in found:
            self.direct.send({"type": "conversation.item.retrieve", "item_id": item_id})
            item = self.look()[-1]["item"]
            audio = b"".join(decoded(part.pop("audio")) for part in item.get("content", ()) if "audio" in part)
            if item["status"] == "in_progress":
                continue
            assert item == self.mirror.items[item_id]
            if item_id in self.mirror.audio:
                heard = self.mirror.audio[item_id]
                cut = self.mirror.cuts.get(item_id)
                # Cut to its whole length, an item keeps its last part of a millisecond.
                left = heard if cut in (None, len(heard) // 48) else heard[: cut * 48]
                assert (len(audio), audio == left) == (len(left), True)


BEGINNINGS = st.sampled_from(["ask", "turn"])
INTERRUPTIONS = st.sampled_from(
    ["truncate", "speak", "play", "cancel", "truncate", "pause", "delete", "speak", "truncate", "commit", "clear"]
)
INTERRUPTION = st.tuples(INTERRUPTIONS, st.integers(0, 20))
TURN = st.tuples(BEGINNINGS, st.integers(1, 15), st.lists(INTERRUPTION, min_size=1, max_size=3))


@settings(deadline=None, max_examples=60)
@given(st.lists(TURN, min_size=1, max_size=4), st.booleans())
def test_both_sides_believe_in_the_same_items(turns, calls):
    """After any interruptions at any points, the items that the events told of are those that the server has."""
    with Direct(responder=lambda _: CALL if calls else SPOKEN) as direct:
        play = Play(direct)
        for beginning, far, interruptions in turns:
            for move, number in [(beginning, 0), ("play", far), *interruptions]:
                getattr(play, move)(number)
                play.look()
            play.compare()
        play.play(1000)
        play.compare()
        assert not play.mirror.running
