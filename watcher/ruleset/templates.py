"""Jinja templates of titles and summaries: sandboxed, compiled once, tried on a made-up subject.

Law: whatever a vendor's text holds, a title is one line of printable characters, of bounded length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import jinja2
from jinja2 import meta
from msgspec.structs import replace

from watcher import engine, model, syntax_words
from watcher.ruleset.problems import suggest
from watcher.ruleset.template_cost import BoundedEnvironment, problems_of_cost
from watcher.text import TemplateLabels
from watcher.vendors.catalog import VENDORS

LONGEST = 1_000  # characters of a template
SHOWN = 300  # characters of what it renders
# What rendering raises: jinja2's own errors, and what filters and operators let through.
_FAILURES = (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError)


def _format_value(value: object) -> object:
    if isinstance(value, float):
        return model.format_number(value)
    return "" if value is None else value


def new_environment() -> jinja2.Environment:
    """Build the one environment of a ruleset."""
    return BoundedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=_format_value,
        autoescape=False,  # plain text: each receiver escapes for its own markup
    )


def problems_in(
    source: str, environment: jinja2.Environment, words: Mapping[str, object]
) -> Iterator[str]:
    """Yield what is wrong with a template that can use these words."""
    if len(source) > LONGEST:
        yield f"is longer than {LONGEST} characters"
        return
    try:
        tree = environment.parse(source)
        used = meta.find_undeclared_variables(tree)
    except jinja2.TemplateSyntaxError as error:
        yield f"not a valid template: {syntax_words.of_template(str(error.message))}"
        return
    except RecursionError:
        yield "is nested too deeply"
        return
    costs = list(problems_of_cost(tree))
    yield from costs
    if costs:
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
        assert isinstance(labels, Mapping)  # noqa: S101  # for mypy; engine.SubjectView gives it
        try:
            text = template.render({**words, "labels": TemplateLabels(labels)})
        except _FAILURES as error:
            raise engine.ExpressionError(f"{source}: {error}") from error
        line = " ".join(text.split())
        if not line.isprintable():
            line = "".join(letter for letter in line if letter.isprintable())
        return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"

    return render


def sample_words(
    rule: engine.Rule, kind: str | None, inventory: engine.Inventory
) -> Mapping[str, object]:
    """Return the words of a made-up subject of a kind; of a blind source where that is None.

    They come from engine.SubjectView, so that the engine alone decides which words there are.
    """
    at = datetime(2000, 1, 1, tzinfo=UTC)
    context: Callable[[Mapping[str, object]], engine.Context] = dict
    source = kind or "source"
    traits = engine.SourceTraits(name=source, kind=kind or "", blind_after=at - at)
    if kind is not None:
        vendor = VENDORS[kind]
        traits = replace(traits, likely_domain=vendor.likely_domain, place=vendor.place)
    ruleset = engine.Ruleset(
        rules=(),
        sources={source: traits},
        inventory=inventory,
        context=context,
    )
    if kind is None:
        health = model.SourceHealth(source=source, error="timed out", failing_since=at)
        subject = engine.SubjectView.of_source(ruleset, health, {})
    else:
        fields = next(VENDORS[kind].fields.samples())
        subject = engine.SubjectView(
            ruleset,
            f"{source}/id",
            fields=fields,
            previous=fields,
            labels={},
            metrics={},
            inventory_entries={},
        )
    measured = isinstance(rule.condition, engine.Threshold)
    value: model.Scalar = 50.5 if measured else "word"
    return subject.words(
        rule, value=value, was="word", since=at, direction="in", window="p95 over 24 h"
    )
