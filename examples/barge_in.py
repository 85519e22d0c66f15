"""Interrupt the assistant: the user begins to speak while the answer is being played.

`Playback` knows what was heard; `interrupt` makes the server's conversation agree with it. The handler is urgent, so that
it runs at once, whatever the other callbacks are doing.

python examples/barge_in.py            with the local server
python examples/barge_in.py --real     with OpenAI, using OPENAI_API_KEY
"""

import contextlib
import sys

from realtime_sync import Client
from realtime_sync.audio import Playback, chunks, sample_speech

SPEAK_AFTER_MS = 200

CONFIGURATION = {
    # Detection finds the speech; interrupting and answering is left to us here, to show how it is done.
    "audio": {
        "input": {"turn_detection": {"type": "server_vad", "interrupt_response": False, "create_response": False}}
    }
}


def main() -> None:
    with contextlib.ExitStack() as stack:
        if "--real" in sys.argv:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")

        rt = stack.enter_context(client.realtime.connect(model="gpt-realtime", session=CONFIGURATION))
        playback = Playback()

        def stop_talking(event) -> None:
            position = playback.clear()
            done = rt.interrupt(played_ms=position.played_ms, item_id=position.item_id)
            print(f"\n[the user spoke: {position.played_ms} ms had been heard, {done.audio_end_ms} ms are kept]")

        rt.on("input_audio_buffer.speech_started", stop_talking, urgent=True)
        truncated = stack.enter_context(rt.subscribe("conversation.item.truncated"))

        print("bot> ", end="")
        speaking = False
        with rt.stream("Please count to 30.") as stream:
            for event in stream:
                if event.type == "response.output_audio_transcript.delta":
                    print(event.delta, end="", flush=True)
                elif event.type == "response.output_audio.delta":
                    playback.add(event)
                    playback.read(len(event.audio) // 2)  # a device that plays more slowly than the answer comes
                    if not speaking and playback.played_ms > SPEAK_AFTER_MS:
                        speaking = True
                        recording = sample_speech()
                        for piece in chunks(recording, recording.format):
                            rt.input_audio_buffer.append(piece)
            turn = stream.turn()
        print(f"the turn ended with status {turn.status!r}")
        truncated.get(timeout=10)
        print("the server has forgotten what was not heard")


if __name__ == "__main__":
    main()
