"""What is wrong with the syntax of TOML, YAML and templates, in words for who wrote the file.

Their parsers speak of tokens and nodes. Mistakes that people make have words here that say what to
write; of the others the parser's own sentence is shown.
"""

from __future__ import annotations

import re

_AT = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_TOML = (
    (r"Invalid value", 'expected a value: text in quotes, as in "60s", a number, true or false'),
    (
        r"Expected newline or end of document after a statement",
        'more follows the value; text stands in quotes, as in "60s"',
    ),
    (r"Cannot overwrite a value", "this key is set twice in its section"),
    (r"Cannot declare .* twice", "this section is there twice: put its keys together"),
    (
        r"(Unterminated string|Illegal character '\\n'|Expected \"'\")",
        "a text lacks its closing quote",
    ),
    (
        r"(Unescaped '\\' in a string|Invalid hex value)",
        r"in double quotes \ is written \\; in single quotes as it is",
    ),
    (r"Unclosed array", "a list lacks a comma or its closing ]"),
    (r"Unclosed inline table", "a table lacks a comma or its closing }"),
    (r"Expected '=' after a key in a key/value pair", "expected KEY = VALUE"),
    (r"Invalid (statement|initial character for a key part)", "expected [SECTION] or KEY = VALUE"),
    (r"Expected '\]' at the end of a table declaration", "a section's name lacks its closing ]"),
)
_QUOTE_IT = 'a text that begins with {0} stands in quotes, as in "{0} ..."'
_YAML = (
    (r"found character '\\t'.*", "a line is indented with spaces, not with a tab"),
    (r"found character '(?P<sign>.)' that cannot start any token", ""),
    (r"mapping values are not allowed here", "a text with a colon and a space stands in quotes"),
    (r"could not find expected ':'", "expected KEY: VALUE; is a colon missing on the line before?"),
    (r"found unexpected end of stream", "a text lacks its closing quote"),
    (
        r"expected <block end>, but found '<(block mapping start|block sequence start)>'",
        "its indentation differs from that of the lines before",
    ),
    (
        r"expected <block end>, but found '.*'",
        "a text that begins with {, [ or a quote stands in quotes as a whole",
    ),
    (r"expected ',' or '(?P<sign>.)', but got .*", "expected a comma, or the closing {0}"),
    (r"expected the node content, but found '<stream end>'", "the file ends before the value"),
    (r"expected '<document start>', but found '.*'", "expected KEY: VALUE lines and nothing else"),
    (r"but found another document", "a second document begins; expected one in a file"),
    (r"special characters are not allowed", "a control character; leave it out"),
)
_OPEN = re.compile(r".*The innermost block that needs to be closed is '(\w+)'\.")
_UNKNOWN = re.compile(r"Encountered unknown tag '(\w+)'\.")
_JINJA = (
    ("'end of print statement'", "'}}'"),
    ("'end of statement block'", "'%}'"),
    ("begin of print statement", "'{{'"),
    ("unexpected end of template, expected", "it ends too early; expected"),
    ("Expected", "expected"),
    ("expected token ", "expected "),
)


def of_toml(problem: str) -> tuple[str, str]:
    """Return `:LINE:COLUMN`, or nothing at the end of the file, and what is wrong there."""
    place = _AT.search(problem)
    if place is None:
        return "", problem
    sentence = problem[: place.start()]
    for pattern, words in _TOML:
        if re.fullmatch(pattern, sentence):
            sentence = words
            break
    if place["line"] is None:
        return "", f"{sentence} (at the end of the file)"
    return f":{place['line']}:{place['column']}", sentence


def of_yaml(problem: str) -> str:
    """Return what is wrong."""
    for pattern, words in _YAML:
        if match := re.fullmatch(pattern, problem):
            sign = match.groupdict().get("sign", "")
            return (words or _QUOTE_IT).replace("{0}", sign)
    return problem


def of_template(problem: str) -> str:
    """Return what is wrong."""
    if tag := _UNKNOWN.match(problem):
        return f"{{% {tag[1]} %}} is not known, or ends nothing"
    if block := _OPEN.fullmatch(problem):
        return f"{{% {block[1]} %}} is not closed with {{% end{block[1]} %}}"
    for theirs, ours in _JINJA:
        problem = problem.replace(theirs, ours)
    return problem.removesuffix(".")
