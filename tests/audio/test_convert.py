"""From format to format, whole and in pieces."""

from __future__ import annotations

from array import array
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import G711_ALAW, G711_ULAW, PCM16_24K, AudioFormat, Converter, convert
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from tests.audio.support import CUTS, cut, fit, numbers, pcm, sine

FORMATS = [PCM16_24K, AudioFormat("pcm16", 8000), AudioFormat("pcm16", 16000), G711_ULAW, G711_ALAW]


@settings(max_examples=40, deadline=None)
@given(
    source=st.sampled_from(FORMATS),
    target=st.sampled_from(FORMATS),
    data=st.binary(max_size=600),
    sizes=CUTS,
)
def test_pieces_leave_no_trace(source, target, data, sizes):
    """However the audio is cut, inside samples too, the output is that of the whole, and of the right length."""
    data = data[: len(data) // source.sample_width * source.sample_width]
    whole = convert(data, source, target)
    samples = len(data) // source.sample_width
    assert len(whole) == ceil(samples * target.rate / source.rate) * target.sample_width
    converter = Converter(source, target)
    assert b"".join(map(converter.feed, cut(data, sizes))) + converter.finish() == whole
    if source == target:
        assert whole == data


def test_telephone_to_api_and_back():
    """A tone survives the way a call takes: mu-law to PCM16 at 24 kHz and back, at the quality that mu-law has."""
    call = convert(sine(1000, 8000, 0.15), AudioFormat("pcm16", 8000), G711_ULAW)
    there = convert(call, G711_ULAW, PCM16_24K)
    back = numbers(convert(convert(there, PCM16_24K, G711_ULAW), G711_ULAW, AudioFormat("pcm16", 8000)))
    amplitude, db = fit(back[160:960], 1000, 8000)
    assert amplitude == pytest.approx(20000, rel=0.02)
    assert db > 30


def test_silence_stays_silence():
    """Silence of any format becomes silence of any other; A-law has no zero, its silence is about 8 of 32767."""
    for source in FORMATS:
        for target in FORMATS:
            silence = convert(source.silence(0.05), source, target)
            if source.encoding != "g711_alaw":
                assert silence == target.silence(0.05)
            assert max(map(abs, numbers(convert(silence, target, AudioFormat("pcm16", target.rate))))) <= 12


def test_half_a_sample_at_the_end():
    """Audio that ends inside a sample is refused at the end, once nothing more can come."""
    with pytest.raises(ConfigurationError, match=r"5 bytes ends inside a sample.*pcm16 has 2"):
        convert(b"abcde", PCM16_24K, G711_ULAW)
    converter = Converter(PCM16_24K, PCM16_24K)
    assert converter.feed(b"abc") == b"ab"
    assert converter.feed(b"d") == b"cd"
    assert converter.feed(b"e") == b""
    with pytest.raises(ConfigurationError, match="inside a sample"):
        converter.finish()


def test_a_finished_converter():
    """Nothing can be fed behind the end, which there is once."""
    converter = Converter(PCM16_24K, G711_ULAW)
    converter.finish()
    with pytest.raises(LocalProtocolError, match="finished"):
        converter.feed(b"ab")
    with pytest.raises(LocalProtocolError, match="finished"):
        converter.finish()


def test_arrays_of_samples():
    """Buffers of bytes and of 16-bit numbers are audio, sliced ones too."""
    samples = array("h", [1, 2, 3, 4])
    expected = pcm([1, 2, 3, 4])
    for data in (
        samples,
        memoryview(samples),
        bytearray(expected),
        memoryview(expected),
        memoryview(expected).cast("c"),
    ):
        assert convert(data, PCM16_24K, PCM16_24K) == expected
    assert convert(memoryview(samples)[::2], PCM16_24K, PCM16_24K) == pcm([1, 3])
    one_channel = memoryview(expected).cast("B").cast("h", (4, 1))
    assert convert(one_channel, PCM16_24K, PCM16_24K) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("YWJj", "got str: decode base64 text first"),
        (5, "got int"),
        (None, "got NoneType"),
        ([1, 2], "got list"),
        (array("f", [0.5]), "16-bit numbers of one channel; got array of numbers of format 'f'"),
        (array("i", [5]), "format 'i'"),
        (memoryview(bytes(8)).cast("h", (2, 2)), r"shape \(2, 2\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_audio(data, message):
    """Text, numbers, arrays of floats (what sound devices give by default) and of several channels are refused by name."""
    with pytest.raises(LocalProtocolError, match=message):
        convert(data, PCM16_24K, G711_ULAW)
