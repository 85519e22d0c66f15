"""Conversations that are remembered: signed, compressed, restored, and begun anew when they cannot be."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync import Client
from realtime_sync.contrib import RememberedConversation, Sealer, SessionStore, StateRejected, StateTooLarge, visitor_of
from realtime_sync.errors import ConfigurationError, LocalProtocolError
from realtime_sync.server import LocalServer
from tests.contrib.support import MemoryStore

STATE = {"version": 1, "history": [{"type": "message", "role": "user", "content": "Hällo \N{GRINNING FACE}"}]}
SEALER = Sealer(secrets="secret")


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


def test_what_is_sealed_opens():
    """A state comes back as it was, to the one it belongs to."""
    text = SEALER.seal(STATE, "ada")
    assert SEALER.open(text, "ada") == STATE
    assert text.isascii()


def test_repetitive_conversations_become_small():
    """What is kept is compressed."""
    state = {"history": [{"type": "message", "content": "the same words again"}] * 100}
    assert len(SEALER.seal(state, "ada")) < 400


@pytest.mark.parametrize("place", range(0, 200, 7))
def test_one_changed_character(place):
    """A stored text in which anything was altered is rejected."""
    text = SEALER.seal(STATE, "ada")
    place %= len(text)
    changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    with pytest.raises(StateRejected):
        SEALER.open(changed, "ada")


ANY_TEXT = st.text(st.sampled_from("a=._-\x00\xe9\ud800 1"), max_size=12)


@given(
    st.one_of(
        ANY_TEXT, st.binary(max_size=9), st.none(), st.integers(), st.builds("1.{}.{}".format, ANY_TEXT, ANY_TEXT)
    )
)
def test_anything_at_all(stored):
    """Whatever a store returns is opened or rejected, and nothing else."""
    with pytest.raises(StateRejected):
        SEALER.open(stored, "ada")


def test_forged_with_the_right_format():
    """A payload that anybody can make is not taken without the secret."""
    payload = base64.urlsafe_b64encode(
        zlib.compress(json.dumps({"owner": "ada", "saved_at": 0, "state": {}}).encode())
    ).decode()
    with pytest.raises(StateRejected, match="altered"):
        SEALER.open(f"1.{payload}.{'A' * 43}", "ada")


def test_somebody_elses():
    """A text that was copied from another visitor is rejected."""
    with pytest.raises(StateRejected, match="somebody else"):
        SEALER.open(SEALER.seal(STATE, "ada"), "bob")


def test_too_old():
    """Within the limit it opens, and after it does not."""
    clock = Clock()
    sealer = Sealer(secrets="s", max_age=60, clock=clock)
    text = sealer.seal(STATE, "ada")
    clock.now += 60
    assert sealer.open(text, "ada") == STATE
    clock.now += 1
    with pytest.raises(StateRejected, match="61 s old"):
        sealer.open(text, "ada")


def test_secrets_rotate():
    """The newest secret signs, and what older ones signed still opens until they are gone."""
    old = Sealer(secrets="old").seal(STATE, "ada")
    assert Sealer(secrets=["new", b"old"]).open(old, "ada") == STATE
    with pytest.raises(StateRejected, match="another secret"):
        Sealer(secrets=["new"]).open(old, "ada")


@pytest.mark.parametrize("secrets", ["", b"", [], [""]])
def test_without_a_secret(secrets):
    """Nothing is signed with nothing."""
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        Sealer(secrets=secrets)


def test_visitors_have_names():
    """A session gets a random name once; a name that is no text is replaced."""
    session = {}
    name = visitor_of(session)
    assert visitor_of(session) == name
    assert visitor_of({}) != name
    assert isinstance(visitor_of({"realtime_sync.visitor": 5}), str)


@pytest.fixture(scope="module")
def server():
    with LocalServer() as server:
        yield server


@pytest.fixture
def client(server):
    with Client(base_url=server.base_url, api_key="k", timeout=20) as client:
        yield client


@pytest.fixture
def remembered(client):
    """Make remembered conversations as a site does."""
    made = []

    def make(store, key="ada", max_bytes=None, sealer=SEALER, **parameters):
        def conversation(state):
            return client.responses.conversation(**{"model": "m", **parameters}, state=state)

        made.append(RememberedConversation(conversation, key=key, store=store, sealer=sealer, max_bytes=max_bytes))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_next_request_goes_on(remembered):
    """What was said in one request is known in the next, whether it was created, run or streamed."""
    store = MemoryStore()
    remembered(store).create("My name is Ada.")
    assert remembered(store).run("What is my name?").output_text == "Your name is Ada."
    with remembered(store).stream("How many turns?") as stream:
        assert "".join(stream.text()) == "This is turn 3 of our conversation."
        stream.response()
    assert len(remembered(store).conversation.history) == 6


def test_a_stream_that_is_left_is_not_remembered(remembered):
    """The visitor who closed the page can ask again."""
    store = MemoryStore()
    remembered(store).create("Hello")
    kept = dict(store.kept)
    with remembered(store).stream("Count to 10") as stream:
        next(iter(stream))
    assert store.kept == kept


@pytest.mark.parametrize(
    "stored",
    [
        "nonsense",
        SEALER.seal({"version": 99}, "ada"),
        SEALER.seal({"version": 1, "history": [{"role": "user"}]}, "ada"),
        Sealer(secrets="other").seal(STATE, "ada"),
        SEALER.seal(STATE, "bob"),
        5,
    ],
    ids=["nonsense", "future", "corrupt", "forged", "stolen", "number"],
)
def test_a_fresh_start(remembered, stored, caplog):
    """What cannot be gone on with is told and logged, and the visitor gets an answer all the same."""
    store = MemoryStore()
    store.kept["ada"] = stored
    chat = remembered(store)
    assert isinstance(chat.restarted, StateRejected | ConfigurationError)
    assert "begins anew" in caplog.text
    assert "turn 1 " in chat.create("How many turns?").output_text
    assert remembered(store).restarted is None


def test_what_else_is_wrong_is_not_blamed_on_the_state(remembered):
    """An argument that cannot work raises, with and without something stored."""
    store = MemoryStore()
    remembered(store).create("Hello")
    kept = dict(store.kept)
    with pytest.raises(ConfigurationError, match="fallback"):
        remembered(store, fallback="pigeon")
    assert store.kept == kept


def test_what_does_not_fit(remembered):
    """The answer is in the error, the sizes are named, and what was stored before is still there."""
    store = MemoryStore()
    chat = remembered(store, max_bytes=1200)
    chat.create("My name is Ada.")
    kept = dict(store.kept)
    with pytest.raises(StateTooLarge, match=r"1,200 that can be stored: .*forget\(\).*compact\(\).*store=") as caught:
        chat.create("Hello " + "".join(str(n * n * 7919) for n in range(400)))
    assert caught.value.response.output_text.startswith("Hello, Ada!")
    assert caught.value.size > caught.value.limit == 1200
    assert store.kept == kept


def test_forgetting(remembered):
    """After `forget` the next request begins anew, and nothing is wrong."""
    store = MemoryStore()
    chat = remembered(store)
    chat.create("My name is Ada.")
    chat.forget()
    following = remembered(store)
    assert following.restarted is None
    assert following.conversation.history == []


def test_a_cookie_cannot_remember_a_stream(remembered, server):
    """A session that goes out with the headers refuses before anything is asked."""
    before = len(server.received)
    with pytest.raises(ConfigurationError, match="store="):
        remembered(SessionStore({})).stream("Hello")
    assert len(server.received) == before


def test_a_failed_turn_is_not_remembered(remembered):
    """An input that cannot be sent changes nothing."""
    store = MemoryStore()
    with pytest.raises(LocalProtocolError):
        remembered(store).create([{"role": object()}])
    assert store.kept == {}


def test_a_stream_that_cannot_begin(remembered):
    """Nobody gets a stream whose end would close the conversation, so it is closed at once."""
    chat = remembered(MemoryStore())
    with pytest.raises(LocalProtocolError):
        chat.stream([{"role": object()}])
    assert chat.conversation.closed
