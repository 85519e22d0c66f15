"""Formats: what the wire says, and the arithmetic."""

from __future__ import annotations

import pytest

from realtime_sync.audio import G711_ALAW, G711_ULAW, PCM16_24K, AudioFormat
from realtime_sync.config import NOT_GIVEN
from realtime_sync.errors import ConfigurationError
from realtime_sync.types import UnknownObject, realtime
from realtime_sync.wire import parse_event


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, PCM16_24K),
        (NOT_GIVEN, PCM16_24K),
        (G711_ALAW, G711_ALAW),
        ("pcm16", PCM16_24K),
        ("g711_ulaw", G711_ULAW),
        ("g711_alaw", G711_ALAW),
        ({"type": "audio/pcm", "rate": 24000}, PCM16_24K),
        ({"type": "audio/pcm"}, PCM16_24K),
        ({"type": "audio/pcm", "rate": None}, PCM16_24K),
        ({"type": "audio/pcm", "rate": 16000}, AudioFormat("pcm16", 16000)),
        ({"type": "audio/pcmu"}, G711_ULAW),
        ({"type": "audio/pcma"}, G711_ALAW),
        (realtime.RealtimeAudioFormatsAudioPCM(rate=24000), PCM16_24K),
        (realtime.RealtimeAudioFormatsAudioPCM(), PCM16_24K),
        (realtime.RealtimeAudioFormatsAudioPCMU(), G711_ULAW),
        (realtime.RealtimeAudioFormatsAudioPCMA(), G711_ALAW),
    ],
    ids=str,
)
def test_a_format_of_the_wire(value, expected):
    """Formats of both generations of the API, as JSON and as objects, are understood, and written as the present one."""
    assert AudioFormat.from_wire(value) == expected
    assert AudioFormat.from_wire(AudioFormat.from_wire(value).to_wire()) == expected


@pytest.mark.parametrize(
    "value",
    ["opus", "", 24000, {"type": "audio/opus"}, {"rate": 24000}, {}, b"pcm16", UnknownObject({"type": "audio/mp3"})],
    ids=repr,
)
def test_a_format_that_is_not_known_is_named(value):
    """Other formats are an error that has them in its message."""
    name = "audio/mp3" if isinstance(value, UnknownObject) else repr(value)
    with pytest.raises(ConfigurationError, match="not known: use pcm16") as caught:
        AudioFormat.from_wire(value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [("mp3", 24000), ("pcm16", 0), ("pcm16", -8000), ("pcm16", 24000.0), ("pcm16", True), ("g711_ulaw", 24000)],
)
def test_a_format_that_cannot_be(encoding, rate):
    """A wrong encoding or rate is refused when the format is made."""
    with pytest.raises(ConfigurationError, match=rf"{encoding}|{rate}"):
        AudioFormat(encoding, rate)


def test_the_format_of_a_session_that_came():
    """The format object of a decoded event is one that is understood."""
    event = parse_event(
        '{"type": "session.created", "session": {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcma"}}}}}',
        "realtime",
    )
    assert AudioFormat.from_wire(event.session.audio.output.format) == G711_ALAW


def test_the_arithmetic():
    """Bytes, seconds and milliseconds, as the protocol counts them: 48 and 8 bytes a millisecond."""
    assert (PCM16_24K.sample_width, PCM16_24K.bytes_per_second) == (2, 48000)
    assert (G711_ULAW.sample_width, G711_ULAW.bytes_per_second) == (1, 8000)
    assert PCM16_24K.seconds(24000) == 0.5
    assert [PCM16_24K.ms(n) for n in (0, 47, 48, 95, 96)] == [0, 0, 1, 1, 2]
    assert [G711_ALAW.ms(n) for n in (7, 8)] == [0, 1]
    assert PCM16_24K.size(0.1) == 4800
    assert PCM16_24K.size(0.00003) == 2, "whole samples"
    assert AudioFormat("pcm16", 11025).size(0.02) % 2 == 0


def test_silence():
    """Silence is the middle of each encoding."""
    assert PCM16_24K.silence(0.001) == b"\0\0" * 24
    assert G711_ULAW.silence(0.001) == b"\xff" * 8
    assert G711_ALAW.silence(0.001) == b"\xd5" * 8


def test_formats_are_values():
    """Equal formats are one key, and nobody changes one that others use."""
    assert len({PCM16_24K, AudioFormat(), AudioFormat("pcm16", 24000)}) == 1
    assert AudioFormat("g711_alaw").rate == 8000
    with pytest.raises(AttributeError):
        PCM16_24K.rate = 8000
