"""python -m unittest, in this folder; no key and no network needed."""

import json
import tempfile
import unittest
from pathlib import Path

from app import create_app, rts

from realtime_sync import Client
from realtime_sync.server import LocalServer


def answer_of(response) -> str:
    """Put the pieces of a streamed answer together; it has to end well."""
    blocks = [block.split("\ndata: ") for block in response.text.split("\n\n") if block.startswith("event: ")]
    assert blocks[-1][0] == "event: done", blocks
    return "".join(json.loads(data).get("text", "") for _, data in blocks)


class ChatTest(unittest.TestCase):
    """The pages, with the local server."""

    def setUp(self):
        self.server = LocalServer().start()
        self.addCleanup(self.server.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.app = create_app(
            TESTING=True,
            CHAT_DATABASE=str(Path(folder.name, "chat.sqlite3")),
            REALTIME_SYNC={"client": self.make_client},
        )
        self.browser = self.app.test_client()
        self.addCleanup(self.close_pool)

    def make_client(self):
        return Client(base_url=self.server.base_url, api_key="local", max_retries=0)

    def close_pool(self):
        with self.app.app_context():
            rts.site.close()

    def ask(self, text, browser=None):
        return (browser or self.browser).post("/ask", data={"text": text})

    def test_answers_are_streamed_and_remembered(self):
        self.assertIn("Nice to meet you, Ada", answer_of(self.ask("My name is Ada.")))
        self.assertEqual(answer_of(self.ask("What is my name?")), "Your name is Ada.")
        page = self.browser.get("/").text
        self.assertIn('<p class="user">My name is Ada.</p>', page)
        self.assertIn('<p class="assistant">Your name is Ada.</p>', page)

    def test_visitors_do_not_know_of_each_other(self):
        answer_of(self.ask("My name is Ada."))
        other = self.app.test_client()
        self.assertIn("not told me your name", answer_of(self.ask("What is my name?", other)))

    def test_a_new_conversation(self):
        answer_of(self.ask("My name is Ada."))
        self.assertEqual(self.browser.post("/forget").status_code, 302)
        self.assertNotIn("Ada.</p>", self.browser.get("/").text)

    def test_what_visitors_type_is_text(self):
        answer_of(self.ask("<script>alert(1)</script>"))
        self.assertNotIn("<script>alert", self.browser.get("/").text)

    def test_nothing_and_too_much(self):
        for text in ("", "  ", "x" * 4001):
            response = self.ask(text)
            self.assertEqual(response.status_code, 400)
            self.assertIn("at most", response.json["error"]["message"])

    def test_the_server_is_down(self):
        self.server.close()
        response = self.ask("Hello")
        self.assertEqual(response.status_code, 503)
        self.assertIn("Retry-After", response.headers)
        self.assertEqual(self.browser.get("/").status_code, 200)


if __name__ == "__main__":
    unittest.main()
