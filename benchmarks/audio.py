"""How long audio takes: 10 s of it, to what a session takes, on one core; and how good it comes out.

python benchmarks/audio.py
"""

from __future__ import annotations

import io
import math
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parent.parent))

from realtime_sync.audio import G711_ALAW, G711_ULAW, PCM16_24K, AudioFormat, Playback, chunks, convert
from realtime_sync.audio._interpolation import Interpolation
from realtime_sync.audio._polyphase import Polyphase
from realtime_sync.audio._soxr import Soxr, soxr_is_installed

SECONDS = 10
ROUNDS = 5


def tone(frequency: float, rate: int, seconds: float = SECONDS) -> bytes:
    """Return a tone as PCM16."""
    step = 2 * math.pi * frequency / rate
    count = round(rate * seconds)
    return struct.pack(f"<{count}h", *(round(20000 * math.sin(step * i)) for i in range(count)))


def wav(rate: int, channels: int, bits: int) -> bytes:
    """Return a WAV file with a tone."""
    mono, width = tone(440, rate), bits // 8
    frame = width * channels
    wide = b"".join((bytes(width - 2) + mono[i : i + 2]) * channels for i in range(0, len(mono), 2))
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, bits)
    return b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + fmt + b"data" + struct.pack("<I", len(wide)) + wide


def best(call: Callable[[], object]) -> float:
    """Return the milliseconds of the fastest of a few calls."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def line(what: str, milliseconds: float) -> None:
    """Print a row of the table."""
    print(f"{what:<58}{milliseconds:9.1f}{SECONDS * 1000 / milliseconds:10.0f}")


def distance(data: bytes, frequency: float, rate: int) -> float:
    """Return the dB between a tone and all the rest, away from the ends."""
    samples = struct.unpack(f"<{len(data) // 2}h", data)[rate : 3 * rate]
    step = 2 * math.pi * frequency / rate
    sin = math.fsum(each * math.sin(step * i) for i, each in enumerate(samples)) * 2 / len(samples)
    cos = math.fsum(each * math.cos(step * i) for i, each in enumerate(samples)) * 2 / len(samples)
    power = (sin * sin + cos * cos) / 2
    return 10 * math.log10(power / (math.fsum(each * each for each in samples) / len(samples) - power))


def main() -> None:
    """Print the table."""
    engines = [Polyphase, Interpolation, *([Soxr] if soxr_is_installed() else [])]
    print(f"{f'{SECONDS} s of audio':<58}{'ms':>9}{'x real':>10}")
    for rate, channels, bits in ((48000, 2, 24), (44100, 2, 16), (24000, 1, 16)):
        content = wav(rate, channels, bits)
        name = f"chunks: WAV, {rate} Hz, {channels} x {bits} bits, to 24 kHz"
        line(name, best(lambda content=content: sum(map(len, chunks(io.BytesIO(content), PCM16_24K)))))
    for source, target in ((48000, 24000), (44100, 24000), (16000, 24000), (24000, 8000)):
        data = tone(1000, source)
        for engine in engines:
            stream: list[bytes] = []

            def run(engine=engine, data=data, source=source, target=target, stream=stream) -> None:
                resampler = engine(source, target)
                stream[:] = [resampler.feed(data), resampler.finish()]

            took = best(run)
            quality = distance(b"".join(stream), 1000, target)
            line(f"{engine.__name__}: {source} to {target} Hz ({quality:.0f} dB)", took)
    data = tone(1000, 44100)
    pieces = [data[at : at + 1764] for at in range(0, len(data), 1764)]
    for engine in engines:

        def live(engine=engine) -> None:
            resampler = engine(44100, 24000)
            for piece in pieces:
                resampler.feed(piece)

        line(f"{engine.__name__}: 44100 to 24000 Hz in pieces of 20 ms", best(live))
    telephone = tone(1000, 8000)
    for law in (G711_ULAW, G711_ALAW):
        coded = convert(telephone, AudioFormat("pcm16", 8000), law)
        line(f"{law.encoding}, encode", best(lambda law=law: convert(telephone, AudioFormat("pcm16", 8000), law)))
        line(
            f"{law.encoding}, decode",
            best(lambda law=law, coded=coded: convert(coded, law, AudioFormat("pcm16", 8000))),
        )

    def play() -> None:
        playback = Playback()
        for at in range(0, SECONDS * 48000, 4800):
            playback.add(bytes(4800), f"item_{at // 96000}")
        for _ in range(SECONDS * 50):
            playback.read(960, pad=True)

    line("Playback: add pieces of 100 ms, read blocks of 20 ms", best(play))


if __name__ == "__main__":
    main()
