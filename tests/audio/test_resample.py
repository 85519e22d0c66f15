"""Changes of rate: how good, how long, and that pieces leave no trace."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import _resample
from realtime_sync.audio._interpolation import Interpolation
from realtime_sync.audio._polyphase import Polyphase
from realtime_sync.audio._soxr import Soxr, soxr_is_installed
from tests.audio.support import CUTS, cut, fit, numbers, pcm, rms, sine

ENGINES = [
    Polyphase,
    Interpolation,
    pytest.param(Soxr, marks=pytest.mark.skipif(not soxr_is_installed(), reason="needs the extra audio")),
]
PAIRS = [(48000, 24000), (24000, 48000), (8000, 24000), (24000, 8000), (16000, 24000), (44100, 24000), (96000, 8000)]


def resample(engine, source, target, data):
    stream = engine(source, target)
    return stream.feed(data) + stream.finish()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("source", "target"),
    [(44100, 24000), (48000, 24000), (16000, 24000), (8000, 24000), (22050, 24000), (24000, 8000), (24000, 44100)],
)
def test_a_tone_stays_what_it_was(engine, source, target):
    """A tone of 1 kHz keeps its pitch and amplitude, with more than 60 dB between it and all that was added."""
    out = numbers(resample(engine, source, target, sine(1000, source, 0.14)))
    amplitude, db = fit(out[target // 50 : target // 50 + target // 10], 1000, target)
    assert amplitude == pytest.approx(20000, rel=0.002)
    assert db > 70 if engine is not Interpolation else 60


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("source", [48000, 44100])
@pytest.mark.parametrize("frequency", [12500, 15000, 20000])
def test_what_the_target_cannot_hold_is_gone(engine, source, frequency):
    """Tones over half of the target's rate do not come back as others: less than -70 dB is left of them."""
    out = numbers(resample(engine, source, 24000, sine(frequency, source, 0.1)))
    assert rms(out[500:1900]) < rms(numbers(sine(frequency, source, 0.1))) / 3162


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("source", "target"), [(8000, 24000), (16000, 24000), (24000, 48000)])
def test_going_up_adds_no_images(engine, source, target):
    """A tone near the upper end of the source has no mirror image above that end."""
    frequency = source * 3 // 8
    out = numbers(resample(engine, source, target, sine(frequency, source, 0.14)))
    out = out[target // 50 : target // 50 + target // 10]
    image = source - frequency
    assert fit(out, image, target)[0] < fit(out, frequency, target)[0] / 1500


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("source", "target"), [(44100, 24000), (24000, 8000), (8000, 24000)])
def test_no_delay(engine, source, target):
    """A click comes out where it went in, to within half a sample, and steady levels to the last bit."""
    click = [0] * source
    click[source // 4] = 30000
    out = numbers(resample(engine, source, target, pcm(click)))
    assert out.index(max(out)) == pytest.approx(target / 4, abs=0.51)
    steady = numbers(resample(engine, source, target, pcm([-12345] * (source // 10))))
    middle = steady[len(steady) // 3 : len(steady) * 2 // 3]
    assert set(middle) == {-12345}


@pytest.mark.parametrize("engine", ENGINES)
def test_loud_is_clipped(engine):
    """What overshoots full scale stops there; it does not wrap round."""
    square = pcm([32767 if i // 40 % 2 else -32768 for i in range(4000)])
    out = numbers(resample(engine, 48000, 24000, square))
    assert (min(out), max(out)) == (-32768, 32767)
    for i, each in enumerate(out):
        if i % 20 in range(4, 17):
            assert (each > 25000) if i // 20 % 2 else (each < -25000)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=30, deadline=None)
@given(
    rates=st.sampled_from(PAIRS),
    samples=st.lists(st.integers(-32768, 32767), max_size=300),
    copies=st.integers(1, 4),
    sizes=CUTS,
)
def test_pieces_leave_no_trace(engine, rates, samples, copies, sizes):
    """However the input is cut, the output is the same; n samples make n * target / source of them, rounded up."""
    data = pcm(samples * copies)
    whole = resample(engine, *rates, data)
    assert len(whole) // 2 == ceil(Fraction(len(data) // 2 * rates[1], rates[0]))
    stream = engine(*rates)
    pieces = [stream.feed(piece) for piece in cut(data, [size * 2 for size in sizes])]
    assert b"".join(pieces) + stream.finish() == whole


def test_long_pieces_are_cut_inside_too():
    """Input of more than one block of the arithmetic is the same as in small pieces."""
    data = sine(440, 48000, 0.5)
    stream = Polyphase(48000, 24000)
    assert b"".join(map(stream.feed, cut(data, [2000]))) + stream.finish() == resample(Polyphase, 48000, 24000, data)
    assert numbers(resample(Polyphase, 48000, 24000, data))[100:-100] == pytest.approx(
        numbers(sine(440, 24000, 0.5))[100:-100], abs=2
    )


def test_both_ways_of_our_own_agree():
    """Exact arithmetic in blocks and one output at a time differ by rounding only, where both are exact."""
    data = sine(700, 48000, 0.05) + sine(3000, 48000, 0.05)
    blocks, singly = (numbers(resample(engine, 48000, 24000, data)) for engine in (Polyphase, Interpolation))
    assert blocks == pytest.approx(singly, abs=1)


def test_most_of_it_comes_at_once():
    """A stream lags a few milliseconds behind its input, not more: live audio stays live."""
    for source, target in [(48000, 24000), (44100, 24000), (16000, 24000), (8000, 24000), (24000, 8000)]:
        stream = Polyphase(source, target)
        made = len(stream.feed(bytes(source // 10 * 2))) // 2
        assert made >= target * 0.09


@pytest.mark.parametrize(("source", "target"), [(44099, 24000), (7919, 8000)])
def test_awkward_ratios(monkeypatch, source, target):
    """Rates without a common divisor are as welcome."""
    monkeypatch.setattr(_resample, "soxr_is_installed", lambda: False)
    stream = _resample.resampler(source, target)
    assert isinstance(stream, Interpolation)
    out = numbers(stream.feed(sine(1000, source, 0.03)) + stream.finish())
    assert len(out) == ceil(Fraction(round(source * 0.03) * target, source))
    begin = target // 100
    assert fit(out[begin : begin + target // 1000 * 10], 1000, target // 1000 * 1000)[0] == pytest.approx(
        20000, rel=0.1
    )


def test_the_choice(monkeypatch):
    """Soxr is taken where it is installed, else exact blocks."""
    monkeypatch.setattr(_resample, "soxr_is_installed", lambda: False)
    assert isinstance(_resample.resampler(44100, 24000), Polyphase)
    monkeypatch.setattr(_resample, "soxr_is_installed", lambda: True)
    monkeypatch.setattr(_resample, "Soxr", lambda *rates: rates)
    assert _resample.resampler(44100, 24000) == (44100, 24000)


def test_soxr_without_numpy(monkeypatch):
    """One of both packages is as good as none."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert not soxr_is_installed.__wrapped__()


def test_nothing_heavy_is_imported_before_it_is_needed():
    """Importing the package loads neither numpy nor soxr, and makes no tables."""
    code = (
        "import sys, realtime_sync.audio; from realtime_sync.audio import _polyphase, _g711;"
        "print([n for n in ('numpy', 'soxr') if n in sys.modules], _polyphase._filter.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["[]", "0"]
