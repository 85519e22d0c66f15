"""How an answer becomes speech: pieces, phrases, limits, and who speaks."""

import io
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import G711_ULAW, PCM16_24K, AudioFormat, Recording, convert, write_wav
from realtime_sync.errors import ConfigurationError
from realtime_sync.server import LocalServer, Reply, _speaker, speak_by_espeak, speak_by_tone
from realtime_sync.server._pieces import (
    AudioPiece,
    CallPiece,
    EndPiece,
    TextPiece,
    audio_tokens,
    limited,
    pieces,
    spoken,
    tokens,
    written,
)
from realtime_sync.server._speaker import Speech, cached, default_speaker
from tests.server.support import voice


def speech(said=None, audio_format=PCM16_24K, pace=10.0):
    """Return a voice that writes down the phrases it speaks, a tenth of a second a character."""

    def speak(text, name, speed, kind):
        assert (name, speed, kind) == ("alloy", 1.0, audio_format)
        if said is not None:
            said.append(text)
        return audio_format.silence(len(text) / 10)

    return Speech(format=audio_format, pace=pace, speak=speak, voice="alloy", speed=1.0)


def text_in(parts):
    return "".join(piece.text for piece in parts if isinstance(piece, TextPiece))


def audio_in(parts):
    return b"".join(piece.audio for piece in parts if isinstance(piece, AudioPiece))


def test_speech_is_made_phrase_by_phrase():
    """Sentences and long clauses are spoken as they come; what is left is spoken at the end."""
    said = []
    answer = ["One two. ", "Three, ", "four! ", " ", "word " * 13, "five", " six"]
    parts = list(spoken(pieces(answer), speech(said)))
    assert said == ["One two.", "Three, four!", ("word " * 13).strip(), "five six"]
    assert text_in(parts) == "".join(answer)
    assert parts[-1] == EndPiece()


def test_blank_text_makes_no_sound():
    """Text of spaces only is a transcript without audio."""
    said = []
    parts = list(spoken(pieces("  \n"), speech(said)))
    assert (said, text_in(parts), audio_in(parts)) == ([], "  \n", b"")


def test_pauses_and_calls_come_after_what_was_said_before():
    """A call, or a part after a pause, waits until the text before it was spoken; pauses are kept."""
    call = Reply(text="Let me", delay=1, function_call=("f", {}))
    parts = list(spoken(pieces([call, Reply(text="Done", delay=2)]), speech()))
    kinds = [type(piece) for piece in parts]
    first_call = kinds.index(CallPiece)
    assert text_in(parts[:first_call]) == "Let me"
    assert len(audio_in(parts[:first_call])) == PCM16_24K.size(0.6)
    delays = [piece.delay for piece in parts if not isinstance(piece, AudioPiece)]
    assert sum(delays) == 3
    assert parts[first_call + 1] == TextPiece("Done", 2)


def test_words_keep_up_with_the_audio():
    """Text and audio alternate, each word no later than its share of the audio, at the pace of the voice."""
    parts = list(spoken(pieces("one two three four."), speech()))
    words = len(tokens("one two three four."))
    heard, told = 0.0, 0
    for piece in parts[:-1]:
        if isinstance(piece, AudioPiece):
            heard += piece.seconds
            assert told >= words * heard / 1.9 - 1e-9
            assert piece.delay == pytest.approx(piece.seconds / 10)
        else:
            told += 1
            assert (told - 1) / words <= (heard + 0.1) / 1.9
    assert heard == pytest.approx(1.9)


def test_a_recording_is_delivered_instead_of_a_voice():
    """A reply with audio brings its own speech, in the format of the response, after the text before it."""
    said = []
    recording = Recording(PCM16_24K, voice(0.5))
    answer = ["before ", Reply(text="own", audio=recording, delay=3), "after"]
    parts = list(spoken(pieces(answer), speech(said, G711_ULAW)))
    assert said == ["before", "after"]
    assert text_in(parts) == "before ownafter"
    assert convert(recording.data, PCM16_24K, G711_ULAW) in audio_in(parts)
    assert TextPiece("own", 3) in parts
    silent = list(spoken(pieces(Reply(audio=recording, delay=3)), speech()))
    assert (audio_in(silent), silent[0].delay) == (recording.data, pytest.approx(3.01))


def test_writing_leaves_recordings_out():
    """The same answer as text has the words and the pauses."""
    parts = list(written(pieces(Reply(text="one two", audio=Recording(PCM16_24K, voice(1)), delay=3))))
    assert parts == [TextPiece("one", 3.005), TextPiece(" two", 0.005), EndPiece()]


def test_the_end_keeps_its_pause():
    """A reply that only fails, or only ends, does so after its pause."""
    assert list(pieces(Reply(error="x", delay=1))) == [EndPiece("failed", message="x", delay=1)]
    ended = EndPiece("incomplete", reason="content_filter", delay=1)
    assert list(pieces(Reply(incomplete="content_filter", delay=1))) == [ended]


def test_tokens_of_speech():
    """Speech has twenty tokens a second, rounded up."""
    assert [audio_tokens(seconds) for seconds in (0, 0.01, 0.05, 0.1, 0.3, 1.001)] == [0, 1, 1, 2, 6, 21]


def cost(piece):
    if isinstance(piece, AudioPiece):
        return audio_tokens(piece.seconds)
    return len(tokens(piece.text if isinstance(piece, TextPiece) else piece.arguments))


@settings(deadline=None, max_examples=50)
@given(st.text("ab ", max_size=40), st.integers(1, 60), st.booleans())
def test_limits_are_exact(text, most, speaks):
    """A limited answer is the beginning of the whole one, of exactly the limit if there is more."""
    answer = [text, Reply(function_call=("f", {"x": text}))]
    whole = list(spoken(pieces(answer), speech()) if speaks else written(pieces(answer)))
    some = list(limited(iter(whole), most))
    total = sum(cost(piece) for piece in whole[:-1])
    assert sum(cost(piece) for piece in some[:-1]) == min(most, total)
    assert audio_in(whole).startswith(audio_in(some))
    assert text_in(whole).startswith(text_in(some))
    assert some[-1] == (EndPiece() if total <= most else EndPiece("incomplete", reason="max_output_tokens"))
    assert list(limited(iter(whole), None)) == whole


def test_the_tone():
    """Every word is a tone as long as it; voices differ, and speed shortens."""
    slow, fast = (speak_by_tone("one three", "alloy", speed) for speed in (1.0, 1.5))
    assert slow.seconds == pytest.approx(8 * 0.06 + 2 * 0.06, abs=0.01)
    assert fast.seconds == pytest.approx(slow.seconds / 1.5, abs=0.01)
    assert speak_by_tone("one three", "echo", 1.0).data != slow.data
    assert speak_by_tone("", "echo", 1.0).data == b""


def test_speech_is_remembered():
    """A phrase is spoken once; another voice, speed or format is another phrase."""
    said = []

    def speaker(text, name, speed):
        said.append((text, name, speed))
        return Recording(PCM16_24K, voice(0.1))

    speak = cached(speaker)
    assert speak("a", "v", 1.0, PCM16_24K) == speak("a", "v", 1.0, PCM16_24K) == voice(0.1)
    assert len(speak("a", "v", 1.0, G711_ULAW)) == 800
    speak("a", "v", 2.0, PCM16_24K)
    assert said == [("a", "v", 1.0), ("a", "v", 1.0), ("a", "v", 2.0)]


def test_espeak(monkeypatch):
    """The program gets voice and speed as options, and the text by its standard input."""
    calls = []

    def run(command, **options):
        calls.append((command, options["input"]))
        return subprocess.CompletedProcess(command, 0, wav(), b"")

    monkeypatch.setattr(subprocess, "run", run)
    said = speak_by_espeak("--help ü \ud800", "marin", 2.0)
    assert said == Recording(AudioFormat("pcm16", 22050), bytes(100))
    ((command, text),) = calls
    assert command[0] == "espeak-ng"
    assert command[command.index("-v") + 1] == "en+f3"
    assert command[command.index("-s") + 1] == "350"
    assert text == "--help ü ?".encode()
    speak_by_espeak("x", "nobody", 1.0)
    assert calls[-1][0][command.index("-v") + 1] == "en"


def wav():
    file = io.BytesIO()
    write_wav(file, bytes(100), AudioFormat("pcm16", 22050))
    return file.getvalue()


@pytest.mark.parametrize(
    "failure",
    [
        lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError("espeak-ng")),
        lambda *_, **__: (_ for _ in ()).throw(subprocess.TimeoutExpired("espeak-ng", 10)),
        lambda *_, **__: subprocess.CompletedProcess((), 0, b"no wav", b""),
    ],
    ids=["missing", "late", "garbage"],
)
def test_when_espeak_fails_a_tone_speaks(monkeypatch, caplog, failure):
    """Whatever is wrong with the program, there is speech, and a warning."""
    monkeypatch.setattr(subprocess, "run", failure)
    assert speak_by_espeak("one", "alloy", 1.0) == speak_by_tone("one", "alloy", 1.0)
    assert "a tone does" in caplog.text


@pytest.mark.parametrize(("found", "speaker"), [("/bin/espeak-ng", speak_by_espeak), (None, speak_by_tone)])
def test_who_speaks(monkeypatch, found, speaker):
    """The program speaks where it is installed, else the tone."""
    monkeypatch.setattr(_speaker.shutil, "which", lambda _: found)
    assert default_speaker() is speaker


@pytest.mark.skipif(default_speaker() is not speak_by_espeak, reason="espeak-ng is not installed")
def test_espeak_itself(caplog):
    """The real program speaks about as long as the words take, and faster when told to."""
    slow, fast = (speak_by_espeak("One, two, three, four, five.", "alloy", speed) for speed in (1.0, 1.5))
    assert 1 < fast.seconds < slow.seconds < 4
    assert not caplog.records


def test_a_speaker_that_raises_fails_the_response(serve, dial):
    """Trouble of a user's speaker is told like that of a responder."""
    done = dial(serve(speaker=lambda *_: 1 / 0)).ask("hello", output_modalities=["audio"])
    assert done["status"] == "failed"
    assert "ZeroDivisionError" in done["status_details"]["error"]["message"]


@pytest.mark.parametrize("pace", [0, -1, float("nan")])
def test_an_impossible_pace_is_refused(pace):
    """Speech must get on."""
    with pytest.raises(ConfigurationError, match="speech_pace must be above 0"):
        LocalServer(speech_pace=pace)
