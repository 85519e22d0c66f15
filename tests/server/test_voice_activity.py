"""Voice detection and the buffer below it: free of sockets and clocks."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import G711_ULAW, PCM16_24K, AudioFormat
from realtime_sync.server._loudness import decibels, loudness
from realtime_sync.server._problem import Problem
from realtime_sync.server.realtime._input_audio import InputAudio
from realtime_sync.server.realtime._voice_activity import SpeechEdge, VoiceActivity
from tests.server.support import voice

VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
TURN = PCM16_24K.silence(1) + voice(1) + PCM16_24K.silence(1)


def quieter(pcm, factor):
    samples = memoryview(bytearray(pcm)).cast("h")
    for index, sample in enumerate(samples):
        samples[index] = round(sample * factor)
    return samples.tobytes()


def edges(pcm, position=0, rate=24000, **changes):
    activity = VoiceActivity(rate, position, {**VAD, **changes})
    return [(edge.kind, edge.at_ms) for edge in activity.feed(pcm)]


def test_a_turn_has_its_offsets():
    """Speech begins a padding before the first loud frame, and ends a silence after the last."""
    assert edges(TURN) == [("started", 700), ("stopped", 2500)]
    assert edges(TURN, prefix_padding_ms=0, silence_duration_ms=200) == [("started", 1000), ("stopped", 2200)]
    assert edges(TURN, position=5000) == [("started", 5700), ("stopped", 7500)]


def test_offsets_never_lie_before_the_beginning():
    """Padding reaches no further back than the audio does."""
    assert edges(voice(1))[0] == ("started", 0)


def test_other_rates():
    """Frames are a fiftieth of a second at any rate."""
    assert edges(TURN, rate=48000) == [("started", 200), ("stopped", 1500)]


@pytest.mark.parametrize("pause", [0.1, 0.4])
def test_short_pauses_belong_to_the_turn(pause):
    """A pause that is shorter than the closing silence does not end a turn."""
    assert edges(voice(0.3) + PCM16_24K.silence(pause) + TURN[48000:])[1:] == [("stopped", round(1800 + pause * 1000))]


def test_several_turns_at_once():
    """One piece of audio can hold several turns."""
    assert [kind for kind, _ in edges(TURN * 3)] == ["started", "stopped"] * 3


def test_clicks_and_whispers_are_no_speech():
    """What is too short or too quiet is not heard; a lower threshold hears quieter speech, a higher one less."""
    click = PCM16_24K.silence(0.2) + voice(0.04) + PCM16_24K.silence(0.2)
    assert edges(click * 5) == []
    whisper = quieter(voice(0.5), 0.03)
    assert edges(whisper) == []
    assert edges(whisper, threshold=0.3) != []
    assert edges(voice(0.5), threshold=1) != []
    assert edges(quieter(voice(0.5), 0.2), threshold=1) == []


def test_speech_that_fades_goes_on():
    """What has begun ends at a lower level than it began at."""
    fading = voice(0.5) + quieter(voice(1), 0.04) + PCM16_24K.silence(1)
    assert edges(fading) == [("started", 0), ("stopped", 2000)]


@pytest.mark.parametrize(("eagerness", "silence"), [("low", 2000), ("medium", 1000), ("auto", 1000), ("high", 500)])
def test_semantic_detection_waits_by_its_eagerness(eagerness, silence):
    """The stand-in for semantic detection is a longer or shorter silence."""
    activity = VoiceActivity(24000, 0, {"type": "semantic_vad", "eagerness": eagerness})
    found = list(activity.feed(voice(1) + PCM16_24K.silence(2.1)))
    assert found[-1] == SpeechEdge("stopped", 1000 + silence)


def test_settings_may_change_in_mid_speech():
    """New settings count from the next frame on; a reset forgets the speech."""
    activity = VoiceActivity(24000, 0, VAD)
    assert [edge.kind for edge in activity.feed(voice(0.5))] == ["started"]
    activity.adjust({**VAD, "silence_duration_ms": 100})
    assert list(activity.feed(PCM16_24K.silence(0.2))) == [SpeechEdge("stopped", 600)]
    list(activity.feed(voice(0.5)))
    activity.reset()
    assert list(activity.feed(PCM16_24K.silence(1))) == []


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, len(TURN)), max_size=12))
def test_cuts_do_not_matter(cuts):
    """However audio is cut into pieces, inside samples too, the same is found in it."""
    bounds = [0, *sorted(cuts), len(TURN)]
    activity = VoiceActivity(24000, 0, VAD)
    found = [edge for begin, end in itertools.pairwise(bounds) for edge in activity.feed(TURN[begin:end])]
    assert [(edge.kind, edge.at_ms) for edge in found] == [("started", 700), ("stopped", 2500)]


def test_loudness():
    """A sine has its amplitude by the root of two; silence is as quiet as it gets."""
    levels = loudness(voice(0.1) + b"\0", 24000)
    assert len(levels) == 5
    assert all(abs(level - 8000 / 2**0.5) < 10 for level in levels)
    assert decibels(32768) == 0
    assert decibels(0) == decibels(1e-9) == -100


def test_the_buffer_is_taken_by_time():
    """Audio is taken from one moment to another, on the clock of all audio; what lies before is gone, the rest stays."""
    buffer = InputAudio(PCM16_24K)
    audio = voice(1)
    buffer.append(audio)
    assert buffer.take(250, 500).data == audio[12000:24000]
    assert (buffer.start_ms, buffer.end_ms) == (500, 1000)
    assert buffer.take(0, 400).data == b""
    buffer.forget(750)
    assert buffer.start_ms == 750
    assert buffer.take(None, 5000).data == audio[36000:]
    assert buffer.end_ms == 1000


def test_a_sample_that_is_cut_is_completed_later():
    """A piece may end inside a sample: the sample belongs to what is taken next."""
    buffer = InputAudio(PCM16_24K)
    buffer.append(b"\1\2\3")
    assert buffer.take().data == b"\1\2"
    buffer.append(b"\4")
    assert buffer.take().data == b"\3\4"


def test_another_format_converts_what_is_held():
    """When the format changes, the audio that waits keeps its length in time."""
    buffer = InputAudio(PCM16_24K)
    buffer.append(voice(1))
    buffer.switch(PCM16_24K)
    buffer.switch(G711_ULAW)
    assert buffer.end_ms == 1000
    assert len(buffer.take(0, 500).data) == 4000
    assert buffer.format == G711_ULAW == AudioFormat("g711_ulaw")


def test_too_little_cannot_be_committed():
    """Less than 100 ms is no turn."""
    buffer = InputAudio(PCM16_24K)
    buffer.append(bytes(4798))
    with pytest.raises(Problem, match=r"99\.96ms"):
        buffer.check_commit()
    buffer.append(bytes(2))
    buffer.check_commit()
