"""Hugging Face's speech-to-speech realtime server, with stand-ins for its four models.

Its protocol layer, its queues, its conversation and its turn keeping run unchanged; none of that needs the models'
packages. What is said to it is told from silence by loudness, understood as a fixed phrase, answered by a few rules,
and spoken as a tone. Prints one JSON line when it is ready; ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from queue import Queue

import numpy as np
from openai.types.realtime import RealtimeConversationItemFunctionCall
from openai.types.realtime.conversation_item import RealtimeConversationItemAssistantMessage
from openai.types.realtime.realtime_conversation_item_assistant_message import Content
from openai.types.responses.response_function_tool_call import ResponseFunctionToolCall
from speech_to_speech.api.openai_realtime.pipeline_unit import PipelineUnit
from speech_to_speech.api.openai_realtime.server import RealtimeServer
from speech_to_speech.api.openai_realtime.service import RealtimeService
from speech_to_speech.baseHandler import BaseHandler
from speech_to_speech.LLM.lm_output_processor import LMOutputProcessor
from speech_to_speech.pipeline.cancel_scope import CancelScope
from speech_to_speech.pipeline.events import SpeechStartedEvent, SpeechStoppedEvent
from speech_to_speech.pipeline.history import ResponseHistory
from speech_to_speech.pipeline.messages import (
    AUDIO_RESPONSE_DONE,
    EndOfResponse,
    LLMResponseChunk,
    TokenUsage,
    Transcription,
    VADAudio,
)
from speech_to_speech.pipeline.speculative_turns import SpeculativeTurnTracker
from speech_to_speech.STT.transcription_notifier import TranscriptionNotifier
from speech_to_speech.utils.utils import response_wants_audio

RATE = 16_000
LOUD = 1_000
SILENCE_MS = 200
HEARD = "say hello yourself"
BLOCK = (8_000 * np.sin(np.arange(512) * 2 * np.pi * 16 / 512)).astype(np.int16)


class Detection(BaseHandler):
    """Speech is what is loud; it ends after some silence."""

    def setup(self, turns, events):
        self.turns, self.events = turns, events
        self.on_session_end()

    def on_session_end(self):
        self.samples = 0
        self.speech = []
        self.quiet_ms = 0.0
        self.turn = None
        self.turns.reset()

    def process(self, item):
        chunk, config = item
        audio = np.frombuffer(chunk, dtype=np.int16)
        self.samples += len(audio)
        loud = np.abs(audio).max() > LOUD
        if self.turn is None and not loud:
            return
        if self.turn is None:
            now_ms = self._ms() - self._ms(len(audio))
            turn_id, revision, reopened = self.turns.speech_started(now_ms)
            self.turn = {"turn_id": turn_id, "turn_revision": revision}
            self.events.put(SpeechStartedEvent(audio_start_ms=now_ms, reopened=reopened, **self.turn))
        self.speech.append(audio)
        self.quiet_ms = 0.0 if loud else self.quiet_ms + self._ms(len(audio))
        if self.quiet_ms < SILENCE_MS:
            return
        heard, turn = np.concatenate(self.speech).astype(np.float32) / 32_768, self.turn
        self.speech, self.quiet_ms, self.turn = [], 0.0, None
        self.events.put(SpeechStoppedEvent(duration_s=len(heard) / RATE, audio_end_ms=self._ms(), **turn))
        self.turns.segment_finalized(self._ms())
        yield VADAudio(audio=heard, runtime_config=config, mode="final", **turn)

    def _ms(self, samples=None):
        return (self.samples if samples is None else samples) * 1000 // RATE


class Recognition(BaseHandler):
    """Whatever was said, it was the same."""

    def process(self, said):
        yield Transcription(text=HEARD, language_code="en", turn_id=said.turn_id, turn_revision=said.turn_revision)


class Answers(BaseHandler):
    """A few rules over the conversation."""

    def setup(self, cancel_scope):
        self.cancel_scope = cancel_scope

    def process(self, request):
        chat = request.runtime_config.chat
        common = {
            "turn_id": request.turn_id,
            "turn_revision": request.turn_revision,
            "cancel_generation": self.cancel_scope.generation,
            "response_key": request.response_key,
        }
        each = {"runtime_config": request.runtime_config, "response": request.response, **common}
        newest = chat.buffer[-1] if chat.buffer else None
        anchor = chat.history_anchor_id()
        said = newest.content[0].text if newest is not None and newest.type == "message" else "say nothing"
        if "weather" in said:
            call = ResponseFunctionToolCall(
                type="function_call", name="get_weather", call_id="call_1", id="fc_1", arguments='{"city":"Paris"}'
            )
            item = RealtimeConversationItemFunctionCall(**call.model_dump(exclude_none=True), status="completed")
            yield LLMResponseChunk(
                tools=[call], history=ResponseHistory.capture(chat, [item], after_item_id=anchor), **each
            )
        elif "fail" in said:
            yield EndOfResponse(error="the stand-in was told to fail", **common)
            return
        else:
            item = RealtimeConversationItemAssistantMessage(
                type="message",
                role="assistant",
                id=f"msg_{request.response_key}",
                content=[Content(type="output_text", text=self._text(chat, newest, said))],
            )
            text = item.content[0].text
            yield from self._pieces(text.split() if response_wants_audio(request.response) else [text], each)
        yield TokenUsage(input_tokens=3, output_tokens=5, **common)
        history = ResponseHistory.capture(chat, [item], after_item_id=anchor, complete=True)
        yield EndOfResponse(history=history, **common)

    def _text(self, chat, newest, said):
        if newest is not None and newest.type == "function_call_output":
            return f"It is {newest.output}."
        if "how many" in said:
            return f"{len(chat.buffer)} items."
        if "count" in said:
            return " ".join(f"{number}," for number in range(200))
        return said.removeprefix("say ").capitalize() + "."

    def _pieces(self, pieces, each):
        for piece in pieces:
            if self.cancel_scope.is_stale(each["cancel_generation"]):
                return
            yield LLMResponseChunk(text=piece, **each)


class Tone(BaseHandler):
    """Every piece of text is a short tone, spoken faster than real time."""

    def setup(self, cancel_scope, turns):
        self.cancel_scope, self.turns = cancel_scope, turns

    def process(self, said):
        if isinstance(said, EndOfResponse):
            yield AUDIO_RESPONSE_DONE
            return
        if not self.turns.wait_for_gate(said.turn_id, said.turn_revision, commit=True):
            return
        for _ in range(4):
            if self.cancel_scope.is_stale(said.cancel_generation) or self.stop_event.wait(0.002):
                return
            yield BLOCK


def build_unit(index, stop):
    """Wire one pipeline as the package's own command does."""
    listening, playing, cancel_scope, turns = (
        threading.Event(),
        threading.Event(),
        CancelScope(),
        SpeculativeTurnTracker(),
    )
    heard, said, understood, prompts, written, spoken, audio, events = (Queue() for _ in range(8))
    listening.set()

    def handler(kind, queue_in, queue_out, **setup):
        return kind(stop, queue_in=queue_in, queue_out=queue_out, setup_kwargs=setup)

    handlers = [
        handler(Detection, heard, said, turns=turns, events=events),
        handler(Recognition, said, understood),
        handler(TranscriptionNotifier, understood, prompts, text_output_queue=events, should_listen=listening),
        handler(Answers, prompts, written, cancel_scope=cancel_scope),
        handler(LMOutputProcessor, written, spoken, speculative_turns=turns, text_output_queue=events),
        handler(Tone, spoken, audio, cancel_scope=cancel_scope, turns=turns),
    ]
    return PipelineUnit(
        index=index,
        service=RealtimeService(text_prompt_queue=prompts, should_listen=listening, speculative_turns=turns),
        cancel_scope=cancel_scope,
        should_listen=listening,
        response_playing=playing,
        input_queue=heard,
        output_queue=audio,
        text_output_queue=events,
        text_prompt_queue=prompts,
        handlers=handlers,
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def main():
    stop = threading.Event()
    pool = [build_unit(index, stop) for index in range(3)]
    port = free_port()
    server = RealtimeServer(stop, pool, host="127.0.0.1", port=port)
    for each in [*(handler for unit in pool for handler in unit.handlers), server]:
        threading.Thread(target=each.run, daemon=True).start()
    while not stop.wait(0.02):  # A server that cannot start sets it, and nothing is printed.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            print(json.dumps({"url": f"http://127.0.0.1:{port}/v1"}), flush=True)
            break
    if not stop.is_set():
        sys.stdin.read()
    stop.set()


main()
