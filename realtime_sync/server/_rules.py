"""The built-in responder: rules over the conversation, pleasant and honest. There is no model in it."""

from __future__ import annotations

import ast
import json
import operator
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from realtime_sync.server._fitting import fitting
from realtime_sync.server._reply import Answer, Reply, ResponderRequest
from realtime_sync.server._transcriber import UNKNOWN_SPEECH

__all__ = ["answer_by_rules"]

WHO = "I am the local server's rule-based responder; there is no model in me."
_MAX_COUNT = 10_000
_MAX_POWER = 64


def answer_by_rules(request: ResponderRequest) -> Answer:
    """Answer the newest item by the first rule that fits."""
    newest = request.items[-1] if request.items else {}
    answered = newest.get("type") == "function_call_output"
    calls = [] if answered else _calls(request)
    if calls:
        return [Reply(function_call=call) for call in calls]
    text_format = (request.setting("text") or {}).get("format", {})
    if text_format.get("type", "text") != "text":
        text = str(_tell_outputs(request)) if answered else request.text.strip()
        schema = text_format.get("schema") or {"type": "object", "properties": {"answer": {"type": "string"}}}
        return json.dumps(fitting(schema, text), ensure_ascii=False)
    if answered:
        return _tell_outputs(request)
    return _to_silence(request) if not request.text.strip() else _to_text(request, request.text.strip())


def _to_silence(request: ResponderRequest) -> Answer:
    if request.audio is not None:
        return f"I hear nothing. Are you still there? {WHO}"
    return f"Hello! Nobody has said anything yet. {WHO}"


def _to_text(request: ResponderRequest, text: str) -> Answer:
    if request.audio is not None and re.search(UNKNOWN_SPEECH, text):
        return f"I heard {text.strip('[]')}, but I know only one recording. {WHO}"
    for pattern, rule in _RULES:
        match = re.search(pattern, text, re.IGNORECASE)
        if match is not None and (answer := rule(request, match)) is not None:
            return answer
    return f'You said: "{text}" {WHO} This was turn {_turns(request)} of our conversation.'


def _turns(request: ResponderRequest) -> int:
    return sum(role == "user" for role, _ in request.messages)


def _earlier(request: ResponderRequest) -> list[str]:
    """Return what the user said before the newest message."""
    return [text for role, text in request.messages if role == "user"][:-1]


# rules: None means that the rule does not fit after all


def _greet(request: ResponderRequest, _: re.Match[str]) -> Answer:
    name = _known_name(request)
    return f"Hello{f', {name}' if name else ''}! {WHO} Try: what is 6 * 7, count to 10, or my name is Ada."


def _say(_: ResponderRequest, match: re.Match[str]) -> Answer:
    return match["words"].strip().strip("\"'")


def _count(_: ResponderRequest, match: re.Match[str]) -> Answer:
    last = min(int(match["number"]), _MAX_COUNT)
    return _numbers(last) if last else "There is nothing to count."


def _numbers(last: int) -> Iterator[str]:
    for number in range(1, last):
        yield f"{number}, "
    yield f"{last}."


def _learn_name(_: ResponderRequest, match: re.Match[str]) -> Answer:
    return f"Nice to meet you, {match['name']}. I will remember that while this conversation lasts."


_NAME = r"\b(?:my name is|call me|i am called) (?P<name>[^\W\d_][\w'-]*)"


def _known_name(request: ResponderRequest) -> str | None:
    found = [match["name"] for text in _earlier(request) if (match := re.search(_NAME, text, re.IGNORECASE))]
    return found[-1] if found else None


def _tell_name(request: ResponderRequest, _: re.Match[str]) -> Answer:
    name = _known_name(request)
    return f"Your name is {name}." if name else "You have not told me your name yet."


def _tell_earlier(request: ResponderRequest, match: re.Match[str]) -> Answer:
    earlier = _earlier(request)
    if not earlier:
        return "You had not said anything before that."
    return f'You said: "{earlier[0 if match["which"] else -1]}"'


def _tell_turns(request: ResponderRequest, _: re.Match[str]) -> Answer:
    return f"This is turn {_turns(request)} of our conversation."


def _tell_date(_: ResponderRequest, __: re.Match[str]) -> Answer:
    return time.strftime("It is %A, %d %B %Y, %H:%M here.")


def _tell_who(_: ResponderRequest, __: re.Match[str]) -> Answer:
    return f"{WHO} I greet, count, calculate, remember names and call tools."


def _tell_instructions(request: ResponderRequest, _: re.Match[str]) -> Answer:
    return f'My instructions are: "{request.instructions}"' if request.instructions else "I have no instructions."


def _tell_tides(_: ResponderRequest, __: re.Match[str]) -> Answer:
    """Answer the package's sample recording, which asks about them."""
    return f"The moon pulls the sea, the sun helps, and so the water rises and falls about twice a day. {WHO}"


def _thank(_: ResponderRequest, __: re.Match[str]) -> Answer:
    return "You are welcome."


def _part(request: ResponderRequest, _: re.Match[str]) -> Answer:
    name = _known_name(request)
    return f"Goodbye{f', {name}' if name else ''}!"


# arithmetic

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_TERM = (
    r"^(?:what(?:'s| is)|how much is|calculate|compute|please)?\s*"
    r"(?P<term>[-+(]*\d(?:[\d\s.()+*/%^-]|plus|minus|times|divided by|x)*[\d)])\s*[=?.!]*$"
)
_WORDS = {"plus": "+", "minus": "-", "times": "*", "divided by": "/", "x": "*", "^": "**"}


def _calculate(_: ResponderRequest, match: re.Match[str]) -> Answer | None:
    term = match["term"].strip()
    for word, sign in _WORDS.items():
        term = term.replace(word, sign)
    try:
        value = _value(ast.parse(term, mode="eval").body)
        shown = f"{value:.10g}" if isinstance(value, float) else str(value)
    except ZeroDivisionError:
        return "Nothing can be divided by zero."
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None
    return f"{match['term'].strip()} is {shown}."


def _value(node: ast.AST) -> int | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _number(_OPERATORS[type(node.op)](_value(node.operand)))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and not (abs(left) <= _MAX_COUNT and abs(right) <= _MAX_POWER):
            msg = "too large"
            raise ValueError(msg)
        return _number(_OPERATORS[type(node.op)](left, right))
    msg = "not arithmetic"
    raise ValueError(msg)


def _number(value: Any) -> int | float:
    """Refuse complex numbers: a root of a negative one is no answer here."""
    if not isinstance(value, int | float):
        msg = "not a real number"
        raise ValueError(msg)  # noqa: TRY004 - caught with the other ways in which a term does not work
    return value


# tools


def _tell_outputs(request: ResponderRequest) -> Answer:
    """Tell what the tools answered that the newest items are the outputs of."""
    calls = {item["call_id"]: item["name"] for item in request.items if item.get("type") == "function_call"}
    told: list[str] = []
    for item in reversed(request.items):
        if item.get("type") != "function_call_output":
            break
        told.append(f"{calls.get(item['call_id'], 'a tool')} answered: {item['output']}")
    return "\n".join(reversed(told))


def _calls(request: ResponderRequest) -> list[tuple[str, dict[str, Any]]]:
    """Call the tool that the request forces, every one that the newest message names, or the one that it is about."""
    choice, text = request.tool_choice, request.text
    functions = [tool for tool in request.tools if tool.get("type") in {"function", "custom"}]
    chosen = [tool for tool in functions if _mentions(text, str(tool["name"]))]
    if choice == "none":
        chosen = []
    elif isinstance(choice, Mapping) and "name" in choice:
        chosen = [tool for tool in functions if tool["name"] == choice["name"]]
    elif not chosen:
        chosen = [tool for tool in functions if _is_about(text, tool)][:1]
        if choice == "required" and not chosen:
            chosen = functions[:1]
    if request.setting("parallel_tool_calls") is False:
        chosen = chosen[:1]
    return [(str(tool["name"]), _given_to(tool, text)) for tool in chosen]


def _given_to(tool: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return a function's arguments; a custom tool gets the text as its input."""
    return {"input": text} if tool.get("type") == "custom" else _arguments(tool.get("parameters") or {}, text)


def _is_about(text: str, tool: Mapping[str, Any]) -> bool:
    """Tell whether the text has every telling word of the tool's name, or two of its description."""
    said = _telling(text)
    name = _telling(str(tool["name"]).replace("_", " "))
    return (bool(name) and name <= said) or len(_telling(str(tool.get("description") or "")) & said) > 1


def _telling(text: str) -> set[str]:
    """Return the words of a text that say what it is about, in the singular."""
    words = (word.removesuffix("s") for word in re.findall(r"[^\W\d_]{3,}", text.lower()))
    return set(words) - _COMMON


def _mentions(text: str, name: str) -> bool:
    """Tell whether the text names the tool, spelt with underscores or as words."""
    words = re.escape(name).replace("_", r"[_\s]+")
    return re.search(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE) is not None


def _arguments(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Take the arguments from JSON in the text if there is some, else guess the required ones from its words."""
    found = re.search(r"\{.*\}", text, re.DOTALL)
    if found is not None:
        try:
            given = json.loads(found[0])
        except ValueError:
            given = None
        if isinstance(given, dict):
            return given
    properties = schema.get("properties") or {}
    numbers = iter(re.findall(r"-?\d+(?:\.\d+)?", text))
    place = re.search(r"\b(?:in|for|of|to|with|at)\s+([^?.!,]+)", text, re.IGNORECASE)
    words = place[1].strip() if place else text
    return {name: _argument(properties.get(name) or {}, numbers, words) for name in schema.get("required") or ()}


def _argument(schema: Mapping[str, Any], numbers: Iterator[str], words: str) -> Any:
    if schema.get("enum"):
        return next((value for value in schema["enum"] if str(value).lower() in words.lower()), schema["enum"][0])
    kind = schema.get("type", "string")
    if kind == "integer":
        return int(float(next(numbers, "1")))
    if kind == "number":
        return float(next(numbers, "1"))
    return {"boolean": True, "array": [], "object": {}}.get(kind, words) if isinstance(kind, str) else words


_COMMON = frozenset(
    re.findall(
        r"\w+",
        "about all and any are ask call can check current find for from get give has have him how into make not now "
        "one out please put return run say search send set show tell that the thi tool turn use user want wa what when "
        "where which who will with would you your",
    )
)
"""Words that name nothing, as `_telling` leaves them."""

_RULES: tuple[tuple[str, Callable[[ResponderRequest, re.Match[str]], Answer | None]], ...] = (
    (r"\btides?\b", _tell_tides),
    (r"^(?:please )?(?:say|repeat(?: after me)?|echo)[:\s]+(?P<words>.+)", _say),
    (r"\bcount (?:up )?to (?P<number>\d{1,9})\b", _count),
    (r"\bwhat(?:'s| is) my name\b|\bwho am i\b", _tell_name),
    (_NAME, _learn_name),
    (r"\bwhat did i (?:say|ask|tell you)(?: (?:you|to you))?(?P<which> first)?", _tell_earlier),
    (r"\bhow many (?:turns|messages)\b|\bwhich turn\b", _tell_turns),
    (r"\b(?:what|which) (?:are|were) your instructions\b", _tell_instructions),
    (r"\b(?:who|what) are you\b|\bare you (?:a|an) ", _tell_who),
    (_TERM, _calculate),
    (r"\b(?:what|which) (?:day|date|time)\b|\bwhat(?:'s| is) the (?:day|date|time)\b", _tell_date),
    (r"^(?:hello|hi|hey|good (?:morning|day|evening))\b", _greet),
    (r"\b(?:thanks|thank you)\b", _thank),
    (r"\b(?:goodbye|bye|farewell)\b", _part),
)
