"""A title costs little, whatever its template asks for."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fuzzing import examples
from watcher import engine
from watcher.ruleset import templates

WORDS = {"name": "USA East", "state": "offline", "value": 82.5, "labels": {"site": "NYC"}}


def problems(source: str) -> list[str]:
    return list(templates.problems_in(source, templates.new_environment(), WORDS))


def render(source: str) -> str:
    return templates.compile_template(source, templates.new_environment())(WORDS)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{% for a in name %}x{% endfor %}", "for is not for titles"),
        ("{% set a = name %}{{ a }}", "set is not for titles"),
        ("{% macro m() %}x{% endmacro %}{{ m() }}", "macro is not for titles"),
        ("{{ 10 ** 10 ** 3 }}", r"** is not for titles"),
        ("{{ range(9) }}", "'range' is not known"),
        ("{{ lipsum() }}", "'lipsum' is not known"),
        ("{{ 'x' * 9 }}", "* is for numbers"),
        ("{{ '%9d' % 1 }}", "% formats no text here"),
        ("{{ 'x'|center(9) }}", "No filter named 'center'"),
        ("{{ '{:9}'.format(1) }}", "not safely callable"),
        ("{{ 'x'.ljust(9) }}", "not safely callable"),
        ("{{ 'x'.zfill(9) }}", "not safely callable"),
        ("{{ " + "(" * 300 + "1" + ")" * 300 + " }}", ""),
        ("{{ name" + "|replace('a', 'aaaaaaaa')" * 12 + " }}", "characters comes up"),
        ("{{ (9" + "00000" * 9 + " * 9" + "0" * 9 + ") }}", "number that is too large"),
    ],
    ids=lambda text: text[:30],
)
def test_what_costs_too_much_is_refused_when_rules_are_read(source, problem):
    (text,) = problems(source) or [""]
    assert problem in text


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("{{ name }} is {{ state }}", "USA East is offline"),
        ("{{ name|upper }}{% if value > 80 %} at {{ value }} %{% endif %}", "USA EAST at 82.5 %"),
        ("{{ labels.site|default('?', true) }} {{ labels.none|default('?', true) }}", "NYC ?"),
        ("{{ name.split(' ')|join('-') }}", "USA-East"),
        ("{{ value * 2 + 1 }} {{ (value % 10)|round(1) }}", "166 2.5"),
        ("{{ name ~ ', ' ~ state }}", "USA East, offline"),
        ("{{ name|replace('East', 'West') }}", "USA West"),
    ],
)
def test_what_a_title_needs_is_there(source, title):
    assert problems(source) == []
    assert render(source) == title


PARTS = st.sampled_from(
    [
        *("name", "labels.site", "value", "'x'", "9", "(", ")", "[", "]", ":", "|", "~", "+", "*"),
        *("replace('a','aaaa')", "join(name)", "upper", "list", "string", "%", "**", "-", ",", "."),
        *("if", "else", "not", "in", "is", "format", "split()", "sum", "batch(9)", "__class__"),
    ]
)


@pytest.mark.fuzz
@examples(100)
@given(st.lists(PARTS, max_size=30).map(" ".join) | st.text(max_size=60))
def test_whatever_a_template_says_it_is_refused_or_rendered_soon(expression):
    source = "{{ " + expression + " }}"
    started = time.process_time()
    if not problems(source):
        with contextlib.suppress(engine.ExpressionError):
            assert len(render(source)) <= templates.SHOWN
    assert time.process_time() - started < 2
