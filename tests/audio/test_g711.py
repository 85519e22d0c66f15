"""G.711: bit exact, both ways."""

from __future__ import annotations

import hashlib
import warnings

import pytest

from realtime_sync.audio import G711_ALAW, G711_ULAW, AudioFormat, convert
from realtime_sync.audio._g711 import decode_g711, encode_g711
from tests.audio.support import numbers, pcm

LAWS = ["g711_ulaw", "g711_alaw"]
CODES = bytes(range(256))
SAMPLES = pcm(range(-32768, 32768))
PCM_8K = AudioFormat("pcm16", 8000)


@pytest.mark.parametrize(
    ("law", "decoded", "encoded"),
    [
        (
            "g711_ulaw",
            "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
            "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
        ),
        (
            "g711_alaw",
            "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
            "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
        ),
    ],
)
def test_all_codes_and_all_samples(law, decoded, encoded):
    """Every code and every sample is what the tables of the recommendation say, told by a checksum of all."""
    assert hashlib.sha256(decode_g711(CODES, law)).hexdigest() == decoded
    assert hashlib.sha256(encode_g711(SAMPLES, law)).hexdigest() == encoded


@pytest.mark.parametrize("law", LAWS)
def test_against_the_standard_library(law):
    """Every code and every sample is what the module audioop of older Pythons makes of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop", reason="gone from Python 3.13 on")
    name = law.removeprefix("g711_")
    assert decode_g711(CODES, law) == getattr(audioop, f"{name}2lin")(CODES, 2)
    assert encode_g711(SAMPLES, law) == getattr(audioop, f"lin2{name}")(SAMPLES, 2)


@pytest.mark.parametrize(
    ("law", "table"),
    [
        # Decision values and codes of the tables 1a and 2a at the ends of the segments; outputs scaled to 16 bits.
        ("g711_alaw", {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xC5: 264, 0x80: 5504}),
        ("g711_ulaw", {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xF0: 120, 0xEF: 132, 0x8F: 16764}),
    ],
)
def test_values_of_the_tables(law, table):
    """Some outputs as they are printed in the recommendation."""
    assert dict(zip(table, numbers(decode_g711(bytes(table), law)), strict=True)) == table


@pytest.mark.parametrize("law", LAWS)
def test_codes_survive(law):
    """A code, decoded and encoded, is itself, but for the negative zero that only mu-law has."""
    expected = CODES.replace(b"\x7f", b"\xff") if law == "g711_ulaw" else CODES
    assert encode_g711(decode_g711(CODES, law), law) == expected


@pytest.mark.parametrize("law", LAWS)
def test_louder_is_never_quieter(law):
    """Encoding keeps the order of samples, and errs by at most half a step: 3 % of the sample, and one smallest step."""
    samples = numbers(SAMPLES)
    decoded = numbers(decode_g711(encode_g711(SAMPLES, law), law))
    assert decoded == sorted(decoded)
    for sample, after in zip(samples, decoded, strict=True):
        assert abs(after - sample) <= abs(sample) / 32 + 8 or abs(sample) > 32000


def test_between_the_laws():
    """One law becomes the other by way of PCM."""
    there = convert(CODES, G711_ULAW, G711_ALAW)
    assert there == convert(convert(CODES, G711_ULAW, PCM_8K), PCM_8K, G711_ALAW)
    assert len(there) == 256
    assert convert(b"", G711_ALAW, PCM_8K) == b""
