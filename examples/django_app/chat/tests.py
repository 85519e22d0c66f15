"""python manage.py test; no key and no network needed."""

import json

from django.core.management import call_command
from django.test import Client as Browser
from django.test import TransactionTestCase, override_settings

from chat.models import Memory
from realtime_sync import Client
from realtime_sync.server import LocalServer


def answer_of(response) -> str:
    """Put the pieces of a streamed answer together; it has to end well."""
    text = response.getvalue().decode()
    blocks = [block.split("\ndata: ") for block in text.split("\n\n") if block.startswith("event: ")]
    assert blocks[-1][0] == "event: done", blocks
    return "".join(json.loads(data).get("text", "") for _, data in blocks)


class ChatTest(TransactionTestCase):
    """The pages, with the local server."""

    def setUp(self):
        self.server = LocalServer().start()
        self.addCleanup(self.server.close)
        setting = override_settings(REALTIME_SYNC={"client": self.make_client})
        setting.enable()
        self.addCleanup(setting.disable)  # which closes the pool

    def make_client(self):
        return Client(base_url=self.server.base_url, api_key="local", max_retries=0)

    def ask(self, text, browser=None):
        return (browser or self.client).post("/ask", {"text": text})

    def test_answers_are_streamed_and_remembered(self):
        self.assertIn("Nice to meet you, Ada", answer_of(self.ask("My name is Ada.")))
        self.assertEqual(answer_of(self.ask("What is my name?")), "Your name is Ada.")
        self.assertContains(self.client.get("/"), '<p class="user">My name is Ada.</p>', html=True)
        self.assertContains(self.client.get("/"), '<p class="assistant">Your name is Ada.</p>', html=True)

    def test_visitors_do_not_know_of_each_other(self):
        answer_of(self.ask("My name is Ada."))
        self.assertIn("not told me your name", answer_of(self.ask("What is my name?", Browser())))

    def test_a_forged_row_begins_anew(self):
        answer_of(self.ask("My name is Ada."))
        Memory.objects.update(state='{"version": 1, "history": []}')
        self.assertContains(self.client.get("/"), "could not be restored")
        self.assertIn("not told me your name", answer_of(self.ask("What is my name?")))
        self.assertNotContains(self.client.get("/"), "could not be restored")

    def test_a_new_conversation(self):
        answer_of(self.ask("My name is Ada."))
        self.assertEqual(self.client.post("/forget").status_code, 302)
        self.assertNotContains(self.client.get("/"), "Ada.</p>")

    def test_what_visitors_type_is_text(self):
        answer_of(self.ask("<script>alert(1)</script>"))
        self.assertNotContains(self.client.get("/"), "<script>alert")

    def test_nothing_and_too_much(self):
        for text in ("", "  ", "x" * 4001):
            response = self.ask(text)
            self.assertEqual(response.status_code, 400)
            self.assertIn("at most", response.json()["error"]["message"])

    def test_without_the_token_nothing_is_asked(self):
        strict = Browser(enforce_csrf_checks=True)
        self.assertEqual(self.ask("Hello", strict).status_code, 403)
        self.assertEqual(self.server.received, [])

    def test_the_table_is_what_the_model_says(self):
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)

    def test_the_server_is_down(self):
        self.server.close()
        response = self.ask("Hello")
        self.assertEqual(response.status_code, 503)
        self.assertIn("Retry-After", response.headers)
        self.assertEqual(self.client.get("/").status_code, 200)
