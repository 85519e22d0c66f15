"""What visitors said: one row of a SQLite table for each."""

import sqlite3
from contextlib import closing

_TABLE = "create table if not exists conversations (visitor text primary key, state text not null)"


class Conversations:
    """A store for `realtime_sync.contrib`: `get` and `set`. Any thread and any process: each call has its connection."""

    def __init__(self, path: str) -> None:
        self._path = path
        with closing(self._connect()) as database, database:
            database.execute(_TABLE)

    def get(self, visitor: str) -> str | None:
        """Return what is known of a visitor."""
        with closing(self._connect()) as database:
            row = database.execute("select state from conversations where visitor = ?", (visitor,)).fetchone()
        return row[0] if row else None

    def set(self, visitor: str, state: str) -> None:
        """Keep what is known of a visitor."""
        with closing(self._connect()) as database, database:
            database.execute("insert or replace into conversations values (?, ?)", (visitor, state))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)
