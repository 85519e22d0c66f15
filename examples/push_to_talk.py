"""Push to talk: hold a key, speak, let go, hear the answer.

Here a thread plays the microphone: it hands over pieces of a recording while the "key" is down. With a real one, let
its callback do `microphone.put(piece)`, and put None when the key goes up.

python examples/push_to_talk.py            with the local server
python examples/push_to_talk.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import queue
import sys
import threading
from collections.abc import Iterator

from realtime_sync import Client
from realtime_sync.audio import chunks, sample_speech


def hold_the_key(microphone: "queue.Queue[bytes | None]") -> None:
    recording = sample_speech()
    for piece in chunks(recording, recording.format, chunk_ms=100):
        microphone.put(piece)
    microphone.put(None)  # the key is up


def spoken(microphone: "queue.Queue[bytes | None]") -> Iterator[bytes]:
    while (piece := microphone.get()) is not None:
        yield piece


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")

        with client.realtime.connect(
            model="gpt-realtime", session={"audio": {"input": {"turn_detection": None}}}
        ) as rt:
            for turn_number in (1, 2):
                microphone: queue.Queue[bytes | None] = queue.Queue()
                threading.Thread(target=hold_the_key, args=(microphone,)).start()
                # The pieces go out as they come; when they end, the turn is committed and answered.
                with rt.stream(audio=spoken(microphone)) as stream:
                    heard = 0
                    for piece in stream.audio():
                        heard += len(piece)  # Here a sound device would play it.
                    print(f"turn {turn_number}: {stream.turn().transcript}")
                    print(f"        {stream.audio_format.seconds(heard):.1f} s of audio to play")


if __name__ == "__main__":
    main()
