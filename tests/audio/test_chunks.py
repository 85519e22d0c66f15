"""Audio from anywhere, in pieces to send."""

from __future__ import annotations

import gc
import io
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import G711_ULAW, PCM16_24K, AudioFormat, Recording, chunks, convert
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from tests.audio.support import cut, pcm, sine, wav

RAW = pcm(range(1000))
PIECE = PCM16_24K.size(0.01)


def test_raw_bytes():
    """Bytes are raw audio of the asked format, in pieces of the asked length, the last one shorter."""
    pieces = list(chunks(RAW, PCM16_24K, chunk_ms=10))
    assert [len(each) for each in pieces] == [480, 480, 480, 480, 80]
    assert b"".join(pieces) == RAW
    assert all(type(each) is bytes for each in pieces)
    assert [len(each) for each in chunks(bytearray(9600), PCM16_24K)] == [4800, 4800], "100 ms, unless asked otherwise"


@settings(max_examples=15, deadline=None)
@given(
    samples=st.integers(1, 400),
    rate=st.sampled_from([8000, 16000, 24000, 44100]),
    channels=st.sampled_from([1, 2]),
    chunk_ms=st.sampled_from([1, 7, 100]),
    target=st.sampled_from([PCM16_24K, G711_ULAW]),
)
def test_wav_files_are_converted(samples, rate, channels, chunk_ms, target):
    """A WAV file, in memory, as a file object or as a path, becomes what `convert` makes of it as a whole."""
    mono = sine(300, rate, samples / rate)
    frames = b"".join(mono[i : i + 2] * channels for i in range(0, len(mono), 2))
    content = wav(frames, rate=rate, channels=channels)
    expected = convert(mono, AudioFormat("pcm16", rate), target)
    size = target.size(chunk_ms / 1000)
    for source in (content, io.BytesIO(content), io.BufferedReader(io.BytesIO(content))):
        pieces = list(chunks(source, target, chunk_ms=chunk_ms))
        assert b"".join(pieces) == expected
        assert {len(each) for each in pieces[:-1]} <= {size}
        assert 0 < len(pieces[-1]) <= size


def test_paths(tmp_path):
    """A path is that of a WAV file, which is closed at the end, or when nobody wants more of it."""
    path = tmp_path / "x.wav"
    path.write_bytes(wav(RAW))
    assert b"".join(chunks(path, PCM16_24K)) == RAW
    assert b"".join(chunks(str(path), PCM16_24K)) == RAW
    pieces = chunks(path, PCM16_24K, chunk_ms=1)
    assert next(pieces) == RAW[:48]
    del pieces
    gc.collect()  # an open file would be a warning, and so an error


def test_recordings():
    """A recording knows its own format."""
    recording = Recording(AudioFormat("pcm16", 8000), sine(300, 8000, 0.25))
    assert b"".join(chunks(recording, PCM16_24K)) == recording.convert(PCM16_24K).data


def test_raw_files():
    """A binary file without a header is raw audio; short reads do not matter."""

    class Trickle(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    for file in (io.BytesIO(RAW), Trickle(RAW)):
        assert [len(each) for each in chunks(file, PCM16_24K, chunk_ms=10)] == [480, 480, 480, 480, 80]
    assert list(chunks(io.BytesIO(b"ab"), PCM16_24K)) == [b"ab"], "shorter than any header"


def test_files_are_read_as_it_goes():
    """No more of a file is read than the pieces so far need."""

    class Endless:
        taken = 0

        def __init__(self, header):
            self._header = io.BytesIO(header)

        def read(self, size):
            data = self._header.read(size) or bytes(size)
            self.taken += len(data)
            return data

    header = wav(b"", rate=48000, riff_size=0xFFFFFFFF, data_size=0xFFFFFFFF)
    for file, rate in ((Endless(b""), 24000), (Endless(header), 48000)):
        pieces = chunks(file, PCM16_24K, chunk_ms=20)
        for _ in range(10):
            assert len(next(pieces)) == 960
        assert file.taken <= 12 * (rate * 2 // 50) + len(header)


def test_live_input_is_passed_on_as_it_comes():
    """Pieces of an iterator come out at once, uncut, but for samples that are not whole."""
    taken = []

    def microphone():
        for number in count():
            taken.append(number)
            yield bytes([number, 0, number])

    pieces = chunks(microphone(), PCM16_24K)
    assert taken == [], "nothing is taken before it is asked for"
    assert next(pieces) == b"\0\0"
    assert taken == [0]
    assert next(pieces) == b"\0\1\0\1"
    assert taken == [0, 1]


@settings(max_examples=40)
@given(data=st.binary(min_size=1, max_size=60), sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any))
def test_live_input_loses_nothing(data, sizes):
    """Any pieces, empty ones too, come out as the same bytes in whole samples."""
    data += b"\0" * (len(data) % 2)
    pieces = list(chunks(cut(data, sizes), PCM16_24K))
    assert b"".join(pieces) == data
    assert all(pieces)
    assert not any(len(each) % 2 for each in pieces)
    assert b"".join(chunks([memoryview(data), bytearray(data)], G711_ULAW)) == data * 2


@pytest.mark.parametrize(
    "empty",
    [b"", io.BytesIO(), wav(b""), io.BytesIO(wav(b"")), Recording(PCM16_24K, b"")],
    ids=lambda each: type(each).__name__,
)
def test_no_audio(empty):
    """A source without audio is an error, raised before anything could have been sent."""
    with pytest.raises(ConfigurationError, match="no audio: the source is empty"):
        chunks(empty, PCM16_24K)


@pytest.mark.parametrize("empty", [[], [b""], iter(())], ids=["nothing", "empty pieces", "no pieces"])
def test_no_live_audio(empty):
    """A live source that ends without audio is an error at its end."""
    with pytest.raises(ConfigurationError, match="no audio"):
        list(chunks(empty, PCM16_24K))


def test_half_a_sample_at_the_end():
    """All that is whole comes out first; then the error."""
    for source in (b"abcde", io.BytesIO(b"abcde"), [b"abc", b"de"]):
        out = []
        with pytest.raises(ConfigurationError, match="5 bytes ends inside a sample"):
            out.extend(chunks(source, PCM16_24K, chunk_ms=0.05))
        assert b"".join(out) in (b"", b"abcd")


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("/no/such/file.wav", ConfigurationError, "cannot open the audio file '/no/such/file.wav': No such file"),
        (b"ID3\4\0\0\0\0\0\0\0\0\0\0", ConfigurationError, "the audio is an MP3 file"),
        (io.BytesIO(b"fLaC\0\0\0\x22\0\0\0\0\0\0"), ConfigurationError, "FLAC"),
        (wav(RAW, tag=3, bits=32), ConfigurationError, "IEEE float"),
        (io.StringIO("text"), LocalProtocolError, "gives text: open it in binary mode"),
        (None, LocalProtocolError, "got NoneType"),
        (5, LocalProtocolError, "got int"),
        (object(), LocalProtocolError, "audio must be bytes, a path"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_source(source, error, message):
    """What cannot be sent is refused by the call itself, by name."""
    with pytest.raises(error, match=message):
        chunks(source, PCM16_24K)


@pytest.mark.parametrize(
    ("piece", "message"), [("YWJj", "piece of audio.*got str"), (1, "got int"), (None, "NoneType")]
)
def test_live_pieces_that_are_no_bytes(piece, message):
    """What came before a wrong piece comes out."""
    pieces = chunks([b"ab", piece], PCM16_24K)
    assert next(pieces) == b"ab"
    with pytest.raises(LocalProtocolError, match=message):
        next(pieces)


def test_a_path_to_something_else(tmp_path):
    """Raw audio has no path: nothing tells its format."""
    path = tmp_path / "x.raw"
    path.write_bytes(RAW)
    with pytest.raises(ConfigurationError, match=r"x\.raw' is not a WAV file"):
        chunks(path, PCM16_24K)


@pytest.mark.parametrize("chunk_ms", [0, -1])
def test_a_length_that_cannot_be(chunk_ms):
    """Pieces have a positive length; one shorter than a sample is a sample."""
    with pytest.raises(ConfigurationError, match="chunk_ms"):
        chunks(RAW, PCM16_24K, chunk_ms=chunk_ms)
    assert next(chunks(RAW, PCM16_24K, chunk_ms=0.001)) == RAW[:2]
