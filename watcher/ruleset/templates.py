"""Jinja templates of titles and summaries: sandboxed, compiled once, tried on a sample.

Law: whatever a vendor's text holds, a title is one line of printable characters, of bounded length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import jinja2
from jinja2 import meta, sandbox

from watcher import engine
from watcher.ruleset.problems import suggest

LONGEST = 1_000  # characters of a template
SHOWN = 300  # characters of what it renders
# What rendering raises: jinja2's own errors, and what filters and operators let through.
_FAILURES = (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError)


class _Labels:
    """Labels in a template: a missing one reads ""; no method hides a label of the same name."""

    __slots__ = ("_labels",)

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    def __getitem__(self, name: str) -> str:
        return self._labels.get(name, "")


def _shown(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return "" if value is None else value


def new_environment() -> jinja2.Environment:
    """Build the one environment of a ruleset."""
    return sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        autoescape=False,  # plain text: each receiver escapes for its own markup
    )


def faults_of(
    source: str, environment: jinja2.Environment, words: Mapping[str, object]
) -> Iterator[str]:
    """Tell what is wrong with a template that may use these words."""
    if len(source) > LONGEST:
        yield f"is longer than {LONGEST} characters"
        return
    try:
        used = meta.find_undeclared_variables(environment.parse(source))
    except jinja2.TemplateSyntaxError as error:
        yield f"is no valid template: {error.message}"
        return
    unknown = sorted(used - set(words) - set(environment.globals))
    for name in unknown:
        yield f"{name!r} is not known{suggest(name, words)}"
    if not unknown:
        try:
            compile_template(source, environment)(words)
        except engine.ExpressionError as error:
            yield f"fails on a sample: {error}"


def compile_template(source: str, environment: jinja2.Environment) -> engine.Template:
    """Compile a template; what it renders is one printable line."""
    template = environment.from_string(source)

    def render(words: Mapping[str, object]) -> str:
        labels = words["labels"]
        assert isinstance(labels, Mapping)  # noqa: S101 -- for mypy; engine.Scene gives it
        try:
            text = template.render({**words, "labels": _Labels(labels)})
        except _FAILURES as error:
            raise engine.ExpressionError(f"{source}: {error}") from error
        line = " ".join(text.split())
        if not line.isprintable():
            line = "".join(letter for letter in line if letter.isprintable())
        return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"

    return render
