"""The built-in responder: what it says to what."""

import re

import pytest

from realtime_sync.audio import PCM16_24K, Recording
from realtime_sync.server import ResponderRequest, answer_by_rules
from realtime_sync.server._pieces import TextPiece, pieces


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
        (["Hello! What about the tides?"], r"^The moon"),
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
    """Speech that is not known and silence get honest answers."""
    speech = Recording(PCM16_24K, bytes(48000))
    for heard, answer in (("[1.0 seconds of speech]", "I heard 1.0 seconds of speech, but"), (None, "I hear nothing.")):
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": heard}]}
        assert answer_by_rules(ResponderRequest(api="realtime", items=(item,), audio=speech)).startswith(answer)


def test_easy_messages_are_read():
    """A message whose content is a plain string, as the Responses API allows, counts too."""
    item = {"type": "message", "role": "user", "content": "say easy"}
    assert answer_by_rules(ResponderRequest(api="responses", items=(item,))) == "easy"


def tool(name="roll_dice", **properties):
    return {"type": "function", "name": name, "parameters": {"properties": properties, "required": list(properties)}}


WEATHER = tool("get_current_weather", city={"type": "string"}) | {
    "description": "Tell whether a city has rain or is raining."
}
DICE = tool(sides={"type": "integer"})


@pytest.mark.parametrize(
    ("text", "tools", "choice", "call"),
    [
        ("roll dice with 6 sides", [DICE], "auto", ("roll_dice", {"sides": 6})),
        ("use roll_dice", [DICE], "auto", ("roll_dice", {"sides": 1})),
        ('roll_dice {"sides": 20}', [DICE], "auto", ("roll_dice", {"sides": 20})),
        ("roll_dice {broken}", [DICE], "auto", ("roll_dice", {"sides": 1})),
        ("roll dice", [DICE], "none", None),
        ("How is the weather in Oslo?", [WEATHER], "auto", ("get_current_weather", {"city": "Oslo"})),
        (
            "Is it raining in the city of Oslo?",
            [WEATHER],
            "auto",
            ("get_current_weather", {"city": "the city of Oslo"}),
        ),
        ("Is it raining in Oslo?", [WEATHER], "none", None),
        ("Which city do you like?", [WEATHER], "auto", None),
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
    """A tool is called when it is forced, named or spoken about, with arguments guessed from the words."""
    assert calls(text, tools=tuple(tools), tool_choice=choice) == ([call] if call else [])


def calls(text, **options):
    answer = respond(text, **options)
    return [part.function_call for part in answer] if isinstance(answer, list) else []


def test_parallel_calls():
    """Every tool that is named is called, unless the request wants one at a time."""
    tools = (tool("red"), tool("blue"))
    assert calls("red and blue", tools=tools) == [("red", {}), ("blue", {})]
    assert calls("red and blue", tools=tools, session={"parallel_tool_calls": False}) == [("red", {})]
    one_at_a_time = {"session": {"parallel_tool_calls": True}, "response": {"parallel_tool_calls": False}}
    assert calls("red and blue", tools=tools, **one_at_a_time) == [("red", {})]


def test_tool_outputs_are_told():
    """After the outputs of tools the answer tells them all."""
    items = (
        message("user", "roll dice"),
        {"type": "function_call", "name": "roll_dice", "call_id": "c", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "4"},
    )
    more = ({"type": "function_call_output", "call_id": "other", "output": "5"},)
    request = ResponderRequest(api="realtime", items=items + more, tools=(DICE,))
    assert answer_by_rules(request) == "roll_dice answered: 4\na tool answered: 5"
    assert answer_by_rules(ResponderRequest(api="realtime", items=more)) == "a tool answered: 5"
