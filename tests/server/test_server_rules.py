"""The built-in responder: what it says to what."""

import re

import pytest

from realtime_sync.server import Reply, ResponderRequest, answer_by_rules
from realtime_sync.server._reply import TextPiece, pieces


def message(role, text):
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def respond(*texts, **options):
    items = tuple(message("user", text) for text in texts)
    return answer_by_rules(ResponderRequest(api="realtime", items=items, **options))


def said(*texts, **options):
    return "".join(piece.text for piece in pieces(respond(*texts, **options)) if isinstance(piece, TextPiece))


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        (["hello"], r"Hello! .*no model in me"),
        (["call me Ada", "Hi there"], r"Hello, Ada!"),
        (["who are you?"], r"rule-based responder; there is no model"),
        (["Are you an AI?"], r"there is no model"),
        (["say 'hello world'"], r"^hello world$"),
        (["Repeat after me: one two"], r"^one two$"),
        (["count to 5"], r"^1, 2, 3, 4, 5\.$"),
        (["please count up to 0"], r"nothing to count"),
        (["count to 999999999"], r"9999, 10000\.$"),
        (["my name is Ada"], r"Nice to meet you, Ada"),
        (["my name is Ada", "what is my name?"], r"^Your name is Ada\.$"),
        (["my name is Ada", "call me Bob", "what's my name"], r"^Your name is Bob\.$"),
        (["what's my name"], r"not told me"),
        (["red", "green", "what did I say before?"], r'^You said: "green"$'),
        (["red", "green", "what did I say first?"], r'^You said: "red"$'),
        (["what did I say?"], r"not said anything"),
        (["a", "b", "how many turns was that?"], r"turn 3"),
        (["what is 6*7?"], r"^6\*7 is 42\.$"),
        (["7 divided by 2"], r"is 3\.5\.$"),
        (["what is 2 plus 3 times 4"], r"is 14\.$"),
        (["how much is (1+2)*-3 ?"], r"is -9\.$"),
        (["2 ^ 10 ="], r"is 1024\.$"),
        (["1/0"], r"divided by zero"),
        (["9**9**9**9"], r"^You said"),
        (["(-8) ^ 0.5"], r"^You said"),
        (["7 // 2"], r"^You said"),
        (["10000^64" + " * 10000^64" * 20], r"^You said"),
        (["1 +* 2"], r"^You said"),
        (["((1)"], r"^You said"),
        (["2026"], r"^2026 is 2026\.$"),
        (["what time is it?"], r"^It is \w+, \d\d "),
        (["what is the date"], r"^It is \w+day, "),
        (["thank you"], r"You are welcome"),
        (["my name is Ada", "goodbye"], r"^Goodbye, Ada!$"),
        (["bye"], r"^Goodbye!$"),
        (["what are your instructions?"], r"I have no instructions"),
        (["the weather is nice"], r'^You said: "the weather is nice".*turn 1'),
        ([], r"Nobody has said anything"),
        (["  "], r"Nobody has said anything"),
    ],
)
def test_what_it_says(texts, pattern):
    """Each rule answers what it is for, and nothing is left without an answer."""
    assert re.search(pattern, said(*texts))


def test_instructions_are_told():
    """The responder repeats its instructions when asked."""
    assert said("what are your instructions?", instructions="be brief") == 'My instructions are: "be brief"'


def test_audio_is_not_understood_and_says_so():
    """Audio without a transcript gets an honest answer."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    text = answer_by_rules(ResponderRequest(api="realtime", items=(item,), audio=bytes(10)))
    assert text.startswith("You sent 10 bytes of audio. I cannot listen")


def test_easy_messages_are_read():
    """A message whose content is a plain string, as the Responses API allows, counts too."""
    item = {"type": "message", "role": "user", "content": "say easy"}
    assert answer_by_rules(ResponderRequest(api="responses", items=(item,))) == "easy"


def tool(name="roll_dice", **properties):
    return {"type": "function", "name": name, "parameters": {"properties": properties, "required": list(properties)}}


DICE = tool(sides={"type": "integer"})


@pytest.mark.parametrize(
    ("text", "tools", "choice", "call"),
    [
        ("roll dice with 6 sides", [DICE], "auto", ("roll_dice", {"sides": 6})),
        ("use roll_dice", [DICE], "auto", ("roll_dice", {"sides": 1})),
        ('roll_dice {"sides": 20}', [DICE], "auto", ("roll_dice", {"sides": 20})),
        ("roll_dice {broken}", [DICE], "auto", ("roll_dice", {"sides": 1})),
        ("roll dice", [DICE], "none", None),
        ("hello", [DICE], "auto", None),
        ("hello", [DICE], "required", ("roll_dice", {"sides": 1})),
        ("hello", [DICE, tool("b")], {"type": "function", "name": "b"}, ("b", {})),
        ("hello", [DICE], {"type": "function", "name": "none"}, None),
        ("weather in Oslo, please", [tool("weather", city={"type": "string"})], "auto", ("weather", {"city": "Oslo"})),
        (
            "f with blue 2.5",
            [
                tool(
                    "f",
                    colour={"enum": ["red", "blue"]},
                    x={"type": "number"},
                    flag={"type": "boolean"},
                    items={"type": "array"},
                    other={"type": ["string", "null"]},
                )
            ],
            "auto",
            ("f", {"colour": "blue", "x": 2.5, "flag": True, "items": [], "other": "blue 2"}),
        ),
    ],
)
def test_calling_tools(text, tools, choice, call):
    """A tool is called when it is forced or named, with arguments guessed from the words."""
    answer = respond(text, tools=tuple(tools), tool_choice=choice)
    assert (answer.function_call if isinstance(answer, Reply) else None) == call


def test_a_tool_output_is_told():
    """After a tool's output the answer tells it."""
    items = (
        message("user", "roll dice"),
        {"type": "function_call", "name": "roll_dice", "call_id": "c", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "4"},
    )
    assert answer_by_rules(ResponderRequest(api="realtime", items=items, tools=(DICE,))) == "roll_dice answered: 4"
