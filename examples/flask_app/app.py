"""A page to talk on, with Flask: answers as they come, and a memory for every visitor.

flask run                                               while developing
gunicorn --workers 2 --threads 16 'app:create_app()'    for many visitors
"""

import os
from pathlib import Path

import assistant
from flask import Flask, Response, redirect, render_template, request, url_for
from memory import Conversations

from realtime_sync.contrib import BadInput, RememberedConversation
from realtime_sync.contrib.flask import RealtimeSync

LONGEST = 4000

rts = RealtimeSync()


def create_app(**config: object) -> Flask:
    """Make the application. Nothing is dialled before the first question."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ.get("CHAT_SECRET_KEY", "for development only")
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["CHAT_DATABASE"] = os.environ.get("CHAT_DATABASE", str(Path(app.root_path, "chat.sqlite3")))
    app.config["REALTIME_SYNC"] = {"client": assistant.make_client, "pool": {"max_connections": 4}}
    app.config.update(config)
    rts.init_app(app)
    memory = Conversations(app.config["CHAT_DATABASE"])

    def conversation() -> RememberedConversation:
        """Return the visitor's conversation."""
        return rts.conversation(store=memory, model=assistant.MODEL, instructions=assistant.INSTRUCTIONS)

    @app.get("/")
    def page() -> str:
        with conversation() as chat:
            turns = list(said(chat.conversation.history))
            return render_template("index.html", turns=turns, restarted=chat.restarted, is_local=assistant.is_local())

    @app.post("/ask")
    def ask() -> Response:
        text = request.form.get("text", "").strip()
        if not 0 < len(text) <= LONGEST:
            raise BadInput(f"Please ask something, in {LONGEST:,} characters at most.")
        return rts.stream_response(conversation().stream(text))

    @app.post("/forget")
    def forget() -> Response:
        with conversation() as chat:
            chat.forget()
        return redirect(url_for("page"))

    return app


def said(history):
    """Yield (who, text) of a conversation's messages, oldest first."""
    for item in history:
        if item["type"] == "message":
            content = item["content"]
            parts = content if isinstance(content, list) else [{"text": content}]
            yield item["role"], "".join(part.get("text", "") for part in parts)
