"""Ask with a recording, get the answer as a WAV file and its transcript.

python examples/voice_file.py                           the recording in this package, with the local server
python examples/voice_file.py question.wav answer.wav   your own
python examples/voice_file.py --real …                  with OpenAI, using OPENAI_API_KEY
"""

import argparse
import contextlib

from realtime_sync import Client
from realtime_sync.audio import sample_speech


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", help="a WAV file: PCM or G.711, any rate, mono or stereo")
    parser.add_argument("answer", nargs="?", default="answer.wav", help="the file to write (default: %(default)s)")
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()

    with contextlib.ExitStack() as stack:
        if options.real:
            client = Client()
        else:
            from realtime_sync.server import LocalServer

            server = stack.enter_context(LocalServer())
            client = Client(base_url=server.base_url, api_key="local")

        # Without turn detection the whole recording is one turn, sent as fast as it goes.
        session = {"audio": {"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-mini-transcribe"}}}}
        with client.realtime.connect(model="gpt-realtime", session=session) as rt:
            turn = rt.ask(audio=options.question or sample_speech())

        print("you said:", turn.input_transcript or "(no transcript)")
        print("answer:  ", turn.transcript)
        turn.save_wav(options.answer)
        print(f"{turn.audio_format.seconds(len(turn.audio)):.1f} s of audio are in {options.answer}")
        print(f"first audio after {turn.timings.first_audio or 0:.2f} s")


if __name__ == "__main__":
    main()
