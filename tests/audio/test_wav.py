"""WAV files as programs write them, good and bad."""

from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import (
    G711_ALAW,
    G711_ULAW,
    PCM16_24K,
    AudioFormat,
    Recording,
    read_wav,
    sample_speech,
    write_wav,
)
from realtime_sync.audio._g711 import decode_g711
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from tests.audio.support import mean, numbers, pcm, rms, wav

DATA = pcm([0, 1, -1, 32767, -32768, 300])
FORMATS = st.sampled_from([PCM16_24K, AudioFormat("pcm16", 44100), AudioFormat("pcm16", 1), G711_ULAW, G711_ALAW])
GUID = "000000001000800000aa00389b71"


def extension(tag, valid_bits=16, channel_mask=4, guid=GUID):
    return struct.pack("<HHIH", 22, valid_bits, channel_mask, tag) + bytes.fromhex(guid)


@settings(max_examples=40)
@given(audio_format=FORMATS, data=st.binary(max_size=100))
def test_round_trip(audio_format, data):
    """What is written is read: format and every byte, empty and odd lengths too."""
    data = data[: len(data) // audio_format.sample_width * audio_format.sample_width]
    file = io.BytesIO()
    write_wav(file, data, audio_format)
    content = file.getvalue()
    assert len(content) == 8 + int.from_bytes(content[4:8], "little"), "the size that the file says it has"
    assert len(content) % 2 == 0
    assert read_wav(content) == Recording(audio_format, data)


@settings(max_examples=30)
@given(data=st.binary(max_size=60).map(lambda data: data[: len(data) // 2 * 2]))
def test_against_the_standard_library(data):
    """The standard library reads what we write and writes what we read."""
    file = io.BytesIO()
    write_wav(file, data, PCM16_24K)
    with wave.open(io.BytesIO(file.getvalue())) as theirs:
        assert theirs.getparams()[:4] == (1, 2, 24000, len(data) // 2)
        assert theirs.readframes(1000) == data
    file = io.BytesIO()
    with wave.open(file, "wb") as theirs:
        theirs.setnchannels(1)
        theirs.setsampwidth(2)
        theirs.setframerate(8000)
        theirs.writeframes(data)
    assert read_wav(file.getvalue()) == Recording(AudioFormat("pcm16", 8000), data)


def test_every_kind_of_place(tmp_path):
    """Paths, bytes and file objects are read and written alike; a file is read on from where it is, and stays open."""
    path = tmp_path / "a b.wav"
    Recording(PCM16_24K, DATA).save(path)
    write_wav(str(tmp_path / "c.wav"), bytearray(DATA), PCM16_24K)
    content = path.read_bytes()
    assert (tmp_path / "c.wav").read_bytes() == content
    for source in (path, str(path), content, bytearray(content), memoryview(content)):
        assert read_wav(source).data == DATA
    file = io.BytesIO(b"before" + content)
    file.seek(6)
    assert read_wav(file).data == DATA
    assert not file.closed


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@settings(max_examples=20)
@given(
    frames=st.lists(st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1)), max_size=40),
)
def test_widths_and_channels(bits, frames):
    """8 (unsigned), 16, 24 and 32 bits, mono and stereo: rounded to the nearest of 16 bits, clipped, mixed down to the mean."""
    keep = 32 - bits

    def encode(samples):
        whole = b"".join((each >> keep << keep).to_bytes(4, "little", signed=True)[keep // 8 :] for each in samples)
        return bytes(each ^ 0x80 for each in whole) if bits == 8 else whole

    def expected(*samples):
        return min(mean(*((each >> keep << keep) / 65536 for each in samples)), 32767)

    left = [each for each, _ in frames]
    mono = read_wav(wav(encode(left), bits=bits, rate=44100))
    assert mono.format == AudioFormat("pcm16", 44100)
    assert numbers(mono.data) == [expected(each) for each in left]
    both = [each for frame in frames for each in frame]
    stereo = read_wav(wav(encode(both), bits=bits, channels=2))
    assert numbers(stereo.data) == [expected(*frame) for frame in frames]


@pytest.mark.parametrize(("tag", "law"), [(7, "g711_ulaw"), (6, "g711_alaw")])
def test_g711(tag, law):
    """G.711 in a WAV stays what it is if it is mono at 8 kHz; else it comes as PCM."""
    codes = bytes(range(256))
    assert read_wav(wav(codes, tag=tag, bits=8, rate=8000)) == Recording(AudioFormat(law), codes)
    assert read_wav(wav(codes, tag=tag, bits=8, rate=16000)) == Recording(
        AudioFormat("pcm16", 16000), decode_g711(codes, law)
    )
    stereo = read_wav(wav(codes, tag=tag, bits=8, rate=8000, channels=2))
    samples = numbers(decode_g711(codes, law))
    assert numbers(stereo.data) == [mean(*samples[i : i + 2]) for i in range(0, 256, 2)]


@pytest.mark.parametrize(
    "content",
    [
        wav(DATA, tag=0xFFFE, extension=extension(1)),
        wav(DATA, extension=b"\0\0"),
        wav(DATA, before=b"LIST\x05\0\0\0abcde\0" + b"JUNK\0\0\0\0"),
        wav(DATA, before=b"LIST\x05\0\0\0abcde"),
        wav(DATA, before=b"bext" + struct.pack("<I", 70000) + bytes(70000)),
        wav(DATA, after=b"LIST\x04\0\0\0abcd"),
        wav(DATA, riff_size=0, data_size=0),
        wav(DATA, riff_size=0xFFFFFFFF, data_size=0xFFFFFFFF),
        wav(DATA, riff_size=0xFFFFFFFF, data_size=0),
        wav(DATA, riff_size=36, data_size=0),
        wav(DATA, data_size=0x7FFFF000),
        wav(DATA, data_size=len(DATA) + 1),
        wav(DATA + b"\1", data_size=len(DATA) + 1),
        wav(DATA, riff_size=7),
        wav(DATA, riff=b"RF64", riff_size=0xFFFFFFFF, data_size=0xFFFFFFFF),
        wav(
            DATA,
            riff=b"RF64",
            riff_size=0xFFFFFFFF,
            data_size=0xFFFFFFFF,
            before=b"ds64" + struct.pack("<IQQQI", 28, 200, len(DATA), 6, 0),
            after=b"LIST\x04\0\0\0abcd",
        ),
    ],
    ids=[
        "extensible",
        "an extension of no length",
        "an odd chunk before",
        "an odd chunk that nobody evened out",
        "a long chunk before",
        "a chunk behind",
        "sizes never filled in",
        "sizes unknown",
        "the audio's size never filled in",
        "sizes of a file that was empty when they were written",
        "cut short",
        "cut short by a byte",
        "half a sample at the end",
        "a wrong size of all",
        "RF64 without sizes",
        "RF64",
    ],
)
def test_what_real_writers_leave_behind(content):
    """Files that are strange but clear are read, from memory and from a pipe alike."""
    assert read_wav(content) == Recording(PCM16_24K, DATA)

    class Pipe:
        at = 0

        def read(self, size):
            part = content[self.at : self.at + min(size, 5)]
            self.at += len(part)
            return part

    assert read_wav(Pipe()).data == DATA


def test_an_empty_file_with_a_chunk_behind():
    """No audio is no audio, even if a chunk follows."""
    assert read_wav(wav(b"", after=b"LIST\x04\0\0\0abcd")).data == b""
    assert read_wav(wav(b"", channels=2, bits=24, after=b"LIST\x04\0\0\0abcd")).data == b""


def test_bits_that_fill_their_bytes_in_part():
    """12 bits in 2 bytes, and 24 in 4, are at the top of them."""
    assert numbers(read_wav(wav(pcm([16, -32768]), bits=12, width=2)).data) == [16, -32768]
    data = struct.pack("<2i", 0x12345600, -(1 << 31))
    assert numbers(read_wav(wav(data, bits=24, width=4)).data) == [0x1234, -32768]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"RIF", "not a WAV file: it begins with b'RIF'"),
        (b"hello, this is text", "not a WAV file: it begins with b'hello, this "),
        (b"RIFF\0\0\0\0AVI LIST", "RIFF, but not a WAV"),
        (wav(DATA, riff=b"RIFX"), "big-endian WAV"),
        (b"ID3\3\0\0\0\0\0\0\0\0\0", "MP3"),
        (b"OggS\0\2\0\0\0\0\0\0\0", "Ogg"),
        (b"\0\0\0\x20ftypM4A \0\0", "M4A"),
        (wav(DATA, tag=3, bits=32), "IEEE float .*0x0003.*ffmpeg"),
        (wav(DATA, tag=0xFFFE, extension=extension(3), bits=32), "IEEE float"),
        (wav(DATA, tag=0x55), "MP3"),
        (wav(DATA, tag=0x1234), "unknown .*0x1234"),
        (wav(DATA, tag=0xFFFE), "WAVE_FORMAT_EXTENSIBLE, without a subformat"),
        (wav(DATA, tag=0xFFFE, extension=extension(1, guid="ff" * 14)), "unknown encoding .*0100ffff"),
        (wav(DATA, channels=6), "6 channels"),
        (wav(DATA, channels=0), "0 channels"),
        (wav(DATA, rate=0), "rate of 0"),
        (wav(DATA, bits=64), "samples of 64 bits in 8 bytes"),
        (wav(DATA, bits=0), "samples of 0 bits"),
        (wav(DATA, tag=6, bits=16), "samples of 16 bits"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0\1\0data\0\0\0\0", "broken format"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "audio comes before its format"),
        (b"RIFF\0\0\0\0WAVE", "without a format"),
        (wav(DATA)[:36], "without audio"),
        (wav(DATA)[:30], "without"),
        (wav(DATA, before=b"LIST\xf0\xff\xff\xff"), "without a format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_named(content, message):
    """Anything else is an error that says what it is, whether it comes in memory or as a file."""
    with pytest.raises(ConfigurationError, match=message):
        read_wav(content)
    with pytest.raises(ConfigurationError, match=message):
        read_wav(io.BytesIO(content))


@given(junk=st.binary(max_size=60), at=st.integers(0, 60))
def test_damage_is_an_error_or_audio(junk, at):
    """Whatever the bytes, there is a recording or a `ConfigurationError`, never anything else."""
    content = wav(DATA, channels=2)
    content = content[:at] + junk + content[at + len(junk) :]
    try:
        recording = read_wav(content)
    except ConfigurationError:
        return
    assert len(recording.data) % recording.format.sample_width == 0


def test_a_path_that_cannot_be_opened(tmp_path):
    """A missing file, a folder and text that is no path are errors that have the name, and the system's error as cause."""
    for path in (tmp_path / "none.wav", str(tmp_path / "none.wav"), tmp_path):
        with pytest.raises(ConfigurationError, match=r"cannot open .*" + tmp_path.name) as caught:
            read_wav(path)
        assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(ConfigurationError, match="cannot open the audio file 'UklGR") as caught:
        read_wav("UklGR" * 3000)
    assert len(str(caught.value)) < 400
    with pytest.raises(ConfigurationError, match="null"):
        read_wav("a\0b")


@pytest.mark.parametrize("source", [None, 5, [1, 2], object()])
def test_what_is_no_source(source):
    """Other types are refused by name."""
    with pytest.raises(LocalProtocolError, match=type(source).__name__):
        read_wav(source)


def test_files_that_are_not_binary(tmp_path):
    """A file in text mode, and one that does not block, are told what to change."""
    path = tmp_path / "text"
    path.write_text("RIFF")
    with path.open() as file, pytest.raises(LocalProtocolError, match="binary mode"):
        read_wav(file)

    class NonBlocking:
        def read(self, _):
            return None

    with pytest.raises(LocalProtocolError, match="blocking"):
        read_wav(NonBlocking())


def test_what_cannot_be_written(tmp_path):
    """Half a sample, text, and nothing to write to are refused before anything is written."""
    path = tmp_path / "x.wav"
    with pytest.raises(ConfigurationError, match="inside a sample"):
        write_wav(path, b"abc", PCM16_24K)
    with pytest.raises(LocalProtocolError, match="str: decode base64"):
        write_wav(path, "YWJj", PCM16_24K)
    with pytest.raises(LocalProtocolError, match="path or a binary file; got int"):
        write_wav(5, b"", PCM16_24K)
    assert not path.exists()
    with pytest.raises(OSError, match="No such file"):
        write_wav(tmp_path / "no" / "x.wav", b"", PCM16_24K)


def test_more_than_a_wav_can_hold():
    """4 GiB is an error, not a wrong size."""

    class Huge(bytes):
        def __len__(self):
            return 2**32 - 8

    with pytest.raises(ConfigurationError, match="more than a WAV file can hold"):
        write_wav(io.BytesIO(), Huge(), PCM16_24K)


def test_recordings():
    """A recording knows its length, keeps its audio out of logs, converts, and refuses half samples."""
    recording = Recording(PCM16_24K, memoryview(bytes(48000)))
    assert recording.seconds == 1.0
    assert recording == Recording(PCM16_24K, bytes(48000))
    assert len(repr(recording)) < 120
    assert recording.convert(G711_ULAW) == Recording(G711_ULAW, G711_ULAW.silence(1))
    with pytest.raises(ConfigurationError, match="a recording of 3 bytes ends inside a sample"):
        Recording(PCM16_24K, b"abc")


def test_the_speech_that_comes_along():
    """The package has a few seconds of speech: loud parts, quiet parts, in the format of the API."""
    speech = sample_speech()
    assert speech.format == PCM16_24K
    assert 1.5 < speech.seconds < 3
    samples = numbers(speech.data)
    levels = [rms(samples[at : at + 480]) for at in range(0, len(samples) - 480, 480)]
    assert max(levels) > 4000
    assert min(levels) < 50
