"""Loads files of rule tests with the rules that they test.

All problems of all files are reported at once, with those of the rules among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from watcher import engine, model, ruleset, system_words
from watcher.rule_tests import schema
from watcher.ruleset import yaml_document
from watcher.ruleset.problems import Place, Problems, suggest
from watcher.ruleset.validate import validated
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import VENDORS
from watcher.vendors.vendor import Fields


class _AnyReceiver(tuple[str, ...]):
    """Receivers of every name: whether one exists is for `watcher check` to say."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


class LoadedTest(Struct, frozen=True, kw_only=True):
    """A test, the rules that it tests, and its place in a file."""

    test: schema.Test
    rules: engine.Ruleset
    document: Document
    number: int

    def place(self, *path: str | int) -> Place:
        """Return the place of a part of the test."""
        return self.document.place(("tests", self.number, *path))


def load(paths: Sequence[Path]) -> list[LoadedTest]:
    """Load the test files, and all of those in the given directories.

    Raises model.InvalidConfigError with one line for each problem.
    """
    problems = Problems()
    files = [
        document
        for file in _files(paths, problems)
        if (document := yaml_document.load(file, problems))
    ]
    of_rules: list[str] = []  # problems whose places are in the files of the rules
    tests: list[LoadedTest] = []
    for file in files:
        shape = validated(schema.TestFile, file, problems)
        if shape is None:
            continue
        rules = _load_rules(shape, file.file.parent, of_rules)
        for number in range(len(shape.tests)):
            test = validated(schema.Test, file, problems, "tests", number)
            if test is not None and rules is not None:
                loaded = LoadedTest(test=test, rules=rules, document=file, number=number)
                _check(loaded, problems)
                tests.append(loaded)
    if problems or of_rules:
        raise model.InvalidConfigError((*dict.fromkeys(of_rules), *problems.lines()))
    return tests


def _files(paths: Sequence[Path], problems: Problems) -> list[Path]:
    files: dict[Path, None] = {}
    for path in paths:
        try:
            inside = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        except OSError as error:  # a folder that is gone while it is looked through
            problems.add(Place(path), "", f"cannot be read: {system_words.of_error(error)}")
            continue
        if not inside:
            problems.add(Place(path), "", "there are no tests (*.yaml) in this directory")
        files.update(dict.fromkeys(inside))
    return list(files)


def _load_rules(
    shape: schema.TestFile, directory: Path, problems: list[str]
) -> engine.Ruleset | None:
    sources = {kind: traits(kind, schema.Source(kind=kind)) for kind in VENDORS}
    if shape.sources:
        sources = {name: traits(name, source) for name, source in shape.sources.items()}
    try:
        return ruleset.load(
            [str(directory / pattern) for pattern in shape.rules],
            inventory=directory / shape.inventory if shape.inventory else None,
            sources=sources,
            receivers=_AnyReceiver(),
        )
    except model.InvalidConfigError as error:
        problems += error.problems
        return None


def traits(name: str, source: schema.Source) -> engine.SourceTraits:
    """Return the traits of a source: the defaults of its kind, but for what the test sets."""
    config = VENDORS[source.kind].settings.model_construct(kind=source.kind)
    defaults = ruleset.source_traits(name, config)
    return replace(
        defaults,
        blind_after=source.blind_after or defaults.blind_after,
        granularity=source.granularity or defaults.granularity,
        settle=source.settle or defaults.settle,
    )


def _check(loaded: LoadedTest, problems: Problems) -> None:
    for key, what, path in _unknown_names(loaded):
        place = loaded.place(*path)
        problems.add(place, f"{loaded.test.name}.{key}", what)


def _unknown_names(loaded: LoadedTest) -> Iterator[tuple[str, str, Sequence[str | int]]]:
    """Yield names and values that do not exist, as key, sentence and path."""
    test, sources = loaded.test, loaded.rules.sources
    rules = [rule.name for rule in loaded.rules.rules]
    for key, subject in test.subjects.items():
        name, _, identity = key.partition("/")
        if name not in sources or not identity:
            what = f"there is no source {name!r}; expected SOURCE/ID{suggest(name, sources)}"
            yield f"subjects.{key}", what, ("subjects", key)
            continue
        fields = VENDORS[sources[name].kind].fields
        for field, series in subject.series.items():
            for what in _invalid_values(field, series, fields):
                yield f"subjects.{key}.series.{field}", what, ("subjects", key, "series", field)
    for section, number, names in _rule_references(test):
        for rule in names:
            if rule not in rules:
                what = f"there is no rule {rule!r}{suggest(rule, rules)}"
                yield section, what, (section.partition(".")[0], number)


def _rule_references(test: schema.Test) -> Iterator[tuple[str, int, Sequence[str]]]:
    """Yield the rules that a test names: section, number in it, names."""
    for number, action in enumerate(test.inbox):
        yield "inbox.rule", number, [action.rule]
    for number, expected in enumerate(test.expect):
        yield "expect.pending", number, list(expected.pending or ())
        yield "expect.firing", number, list(expected.firing or ())
        yield "expect.incidents", number, [incident.rule for incident in expected.incidents or ()]
        for section in ("told", "quiet"):
            entries = getattr(expected, section) or ()
            yield f"expect.{section}", number, [entry.rule for entry in entries if entry.rule]


def _invalid_values(field: str, series: schema.Series, fields: Fields) -> Iterator[str]:
    name = field.partition(" ")[0]
    if name not in fields.names or (field != name and name not in fields.metrics):
        yield f"there is no field {name!r}{suggest(name, fields.names)}"
        return
    words = fields.words.get(name)
    for value in dict.fromkeys(series.values):
        if isinstance(value, schema.Mark):
            continue
        if words is None and not isinstance(value, float):
            yield f"{name} must be a number, not {value!r}"
        elif words is not None and value not in words:
            yield f"{value!r} is not a value of {name}{suggest(str(value), words)}"
