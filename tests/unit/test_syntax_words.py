"""A file that a parser refuses is answered in words of the person who wrote it."""

from __future__ import annotations

import re
import tomllib

import jinja2
import pytest
import yaml

from watcher import syntax_words

# What parsers call things, which no operator has to know.
THEIRS = re.compile(r"<|token|print statement|statement block|Jinja|document start|hex value|\('")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("port = \n", ":1:8", "expected a value"),
        ("kind = vyvx", ":1:8", 'text in quotes, as in "60s"'),
        ("on = True", ":1:6", "a number, true or false"),
        ("interval = 60s", ":1:14", 'text stands in quotes, as in "60s"'),
        ("a = 1\na = 2\n", ":2:6", "this key is set twice in its section"),
        ("[a]\nx = 1\n[a]\n", ":3:3", "this section is there twice"),
        ('key = "abc\nb = 1', ":1:11", "a text lacks its closing quote"),
        ("key = 'abc", "", "a text lacks its closing quote (at the end of the file)"),
        ('file = "C:\\Users"', ":1:13", r"in double quotes \ is written \\"),
        ('file = "C:\\q"', ":1:13", r"in double quotes \ is written \\"),
        ("x = [1 2]", ":1:8", "a list lacks a comma or its closing ]"),
        ("x = {a = 1", "", "a table lacks a comma or its closing }"),
        ("key: 1", ":1:4", "expected KEY = VALUE"),
        ("= 5", ":1:1", "expected [SECTION] or KEY = VALUE"),
        ("[sources\nx = 1", ":1:9", "a section's name lacks its closing ]"),
    ],
)
def test_toml_says_where_and_what_to_write(text, place, words):
    with pytest.raises(tomllib.TOMLDecodeError) as refused:
        tomllib.loads(text)
    where, what = syntax_words.of_toml(str(refused.value))
    assert where == place
    assert words in what
    assert not THEIRS.search(what)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules:\n\t- name: x", "indented with spaces, not with a tab"),
        ("title: % x", "a text that begins with % stands in quotes"),
        ("name: @x", "a text that begins with @ stands in quotes"),
        ("name: x: y", "a text with a colon and a space stands in quotes"),
        ("a: x\nb y\nc: z", "is a colon missing"),
        ('name: "x\nsource: vyvx\n', "a text lacks its closing quote"),
        ("rules:\n  - name: x\n   source: vyvx\n", "its indentation differs"),
        ("title: {{ name }} is down", "a text that begins with {, [ or a quote"),
        ("{name: x, source: vyvx", "expected a comma, or the closing }"),
        ("rules: [", "the file ends before the value"),
        ("rules: []\n---\nrules: []\n", "a second document begins"),
        ("[web]\nlisten = 1", "expected KEY: VALUE lines"),
    ],
)
def test_yaml_says_what_to_write(text, words):
    with pytest.raises(yaml.MarkedYAMLError) as refused:
        yaml.SafeLoader(text).get_single_node()
    what = syntax_words.of_yaml(str(refused.value.problem))
    assert words in what
    assert not THEIRS.search(what)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ name ", "it ends too early; expected '}}'"),
        ("{% for %}", "expected an expression, got '%}'"),
        ("{{ }}", "expected an expression, got '}}'"),
        ("{{ a b }}", "expected '}}', got 'b'"),
        ("{% if x %}", "{% if %} is not closed with {% endif %}"),
        ("{% endif %}", "{% endif %} is not known, or ends nothing"),
        ("{% if x %}{% endfor %}", "{% endfor %} is not known, or ends nothing"),
    ],
)
def test_a_template_says_what_to_write(text, words):
    with pytest.raises(jinja2.TemplateSyntaxError) as refused:
        jinja2.Environment(autoescape=True).parse(text)
    what = syntax_words.of_template(str(refused.value.message))
    assert what == words
    assert not THEIRS.search(what)


def test_what_has_no_words_of_ours_is_shown_as_it_is():
    assert syntax_words.of_toml("odd (at line 2, column 3)") == (":2:3", "odd")
    assert syntax_words.of_toml("odd") == ("", "odd")
    assert syntax_words.of_yaml("odd") == "odd"
    assert syntax_words.of_template("odd.") == "odd"
