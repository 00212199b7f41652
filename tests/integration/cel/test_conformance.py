"""What the CEL specification says, of the parts that rules can use.

`CEL_SPEC` is a checkout of https://github.com/google/cel-spec. Its cases that bind variables, or
are about protobuf messages, which no rule has, are left out.
"""

import codecs
import json
import os
import re
from pathlib import Path

import pytest

from watcher import engine
from watcher.ruleset.cel import Expression
from watcher.ruleset.cel.environment import CompileErrors

SPEC = os.environ.get("CEL_SPEC", "")
FILES = (
    *("basic", "comparisons", "conversions", "fp_math", "integer_math", "lists", "logic", "macros"),
    *("math_ext", "parse", "string", "string_ext", "timestamps"),
)
TEST = re.compile(r"^  test:? \{\n(.*?)^  \}$", re.MULTILINE | re.DOTALL)
STRING = r"""(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
EXPRESSION = re.compile(rf"^    expr:\s*((?:{STRING}\s*)+)", re.MULTILINE)
VALUE = re.compile(rf"^    value:?\s*\{{\s*(\w+)_value:\s*({STRING}|[^\s}}]+)\s*\}}", re.MULTILINE)
NOT_OURS = re.compile(
    r"bindings|type_env|container:|disable_macros|TestAll|google\.protobuf|optional|cel\.|proto\."
    r"|\({32}"  # together with the comparison, deeper than the library goes
)
SUFFIX = {"uint64": "u"}

pytestmark = pytest.mark.skipif(not SPEC, reason="CEL_SPEC names no checkout of google/cel-spec")


def text_of(quoted):
    """Return a text as its file quotes it, piece by piece."""
    text = "".join(part[1:-1] for part in re.findall(STRING, quoted))
    text = re.sub(r"\\(?:\?|u(\w{4})|U(\w{8})|.)", unescaped, text, flags=re.DOTALL)
    return codecs.escape_decode(text.encode())[0].decode()


def unescaped(match):
    """Return what only this format escapes; the rest is as in Python's bytes."""
    if match[0] == r"\?":
        return "?"
    number = match[1] or match[2]
    return chr(int(number, 16)).replace("\\", r"\\") if number else match[0]


def cases(name):
    """Yield each case that fits: its expression, and what that equals; None for an error."""
    text = (Path(SPEC) / "tests/simple/testdata" / f"{name}.textproto").read_text()
    for body in TEST.findall(text):
        written, value = EXPRESSION.search(body), VALUE.search(body)
        if NOT_OURS.search(body) or written is None:
            continue
        source = text_of(written[1])
        if "eval_error" in body:
            yield source, None
        elif value is not None and value[1] in {"bool", "int64", "uint64", "string", "double"}:
            if value[1] == "string":
                yield source, json.dumps(text_of(value[2]), ensure_ascii=False)
            elif not re.search("nan|inf", value[2], re.IGNORECASE):
                yield source, value[2] + SUFFIX.get(value[1], "")


def outcome(source, expected):
    try:
        return Expression(source if expected is None else f"({source}) == {expected}").evaluate({})
    except (engine.ExpressionError, CompileErrors) as error:
        return None if expected is None else str(error)


@pytest.mark.parametrize("name", FILES)
def test_expressions_mean_what_the_specification_says(name):
    of_file = list(cases(name))
    assert len(of_file) > 10
    wrong = {
        source: outcome(source, expected)
        for source, expected in of_file
        if outcome(source, expected) is not (None if expected is None else True)
    }
    assert wrong == {}
