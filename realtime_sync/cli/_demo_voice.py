"""The demo's voice turn: a recording goes in at the pace of speech, the answer comes out as a WAV file."""

from __future__ import annotations

import argparse
from typing import Any

from realtime_sync.audio import read_wav, sample_speech
from realtime_sync.cli._table import Row, Stopwatch
from realtime_sync.client import Client

__all__ = ["speak"]

CONFIGURATION = {
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad"},
        }
    },
}


def speak(client: Client, options: argparse.Namespace) -> Row:
    """Hold one spoken turn with the server's voice detection."""
    recording = read_wav(options.wav) if options.wav else sample_speech()
    print(f"you> ({recording.seconds:.1f} s of speech from {options.wav or 'the package'}, at its own pace)")
    with client.realtime.connect(model=options.model, session=CONFIGURATION) as session:
        watch = Stopwatch(session, "(voice)")
        with session.stream(audio=recording, pace=1.0, timeout=options.timeout) as stream:
            for event in stream:
                watch.events += 1
                _show(event)
            turn = stream.turn()
    print("\n")
    if turn.input_transcript:
        print(f"     the server heard: {turn.input_transcript}")
    if turn.audio and turn.audio_format is not None:
        turn.save_wav(options.output)
        seconds = turn.audio_format.seconds(len(turn.audio))
        print(f"     {seconds:.1f} s of answer are in {options.output}")
    print()
    return watch.row(turn.timings.first_token)


def _show(event: Any) -> None:
    """Print live what happens."""
    if event.type == "input_audio_buffer.speech_started":
        print(f"     speech began at {event.audio_start_ms} ms", flush=True)
    elif event.type == "input_audio_buffer.speech_stopped":
        print(f"     speech ended at {event.audio_end_ms} ms", flush=True)
    elif event.type == "response.created":
        print("bot> ", end="", flush=True)
    elif event.type == "response.output_audio_transcript.delta":
        print(event.delta, end="", flush=True)
