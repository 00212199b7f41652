"""Files of rule tests become tests that can be played, or faults.

Law: all faults of all files are told at once, those of the rules that they test among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watcher import engine, model, ruleset
from watcher.rule_tests import schema
from watcher.ruleset import yaml_document
from watcher.ruleset.problems import Place, Problems, suggest
from watcher.ruleset.validate import validated
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import VENDORS
from watcher.vendors.vendor import Fields


class _Everybody(tuple[str, ...]):
    """Receivers of every name: whom a rule tells is for `watcher check` to look at."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A test, the rules that it tests, and where it stands."""

    test: schema.Test
    rules: engine.Ruleset
    document: Document
    number: int

    def place(self, *path: str | int) -> Place:
        """Find where a part of the test stands."""
        return self.document.place(("tests", self.number, *path))


def load(paths: Sequence[Path]) -> list[Written]:
    """Read the test files, and those in directories that are named.

    Raises model.InvalidConfigError with one line for each fault.
    """
    faults = Problems()
    files = [read for file in _files(paths, faults) if (read := yaml_document.load(file, faults))]
    others: list[str] = []  # faults of rules, which have places in files of their own
    found: list[Written] = []
    for file in files:
        shape = validated(schema.TestFile, file, faults)
        if shape is None:
            continue
        rules = _rules(shape, file.file.parent, others)
        for number in range(len(shape.tests)):
            test = validated(schema.Test, file, faults, "tests", number)
            if test is not None and rules is not None:
                written = Written(test=test, rules=rules, document=file, number=number)
                _check(written, faults)
                found.append(written)
    if faults or others:
        raise model.InvalidConfigError((*dict.fromkeys(others), *faults.lines()))
    return found


def _files(paths: Sequence[Path], faults: Problems) -> list[Path]:
    files: dict[Path, None] = {}
    for path in paths:
        inside = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        if not inside:
            faults.add(Place(path), "", "there are no tests (*.yaml) in this directory")
        files.update(dict.fromkeys(inside))
    return list(files)


def _rules(shape: schema.TestFile, directory: Path, faults: list[str]) -> engine.Ruleset | None:
    sources = {kind: traits(kind, schema.Source(kind=kind)) for kind in VENDORS}
    if shape.sources:
        sources = {name: traits(name, each) for name, each in shape.sources.items()}
    try:
        return ruleset.load(
            [str(directory / pattern) for pattern in shape.rules],
            inventory=directory / shape.inventory if shape.inventory else None,
            sources=sources,
            receivers=_Everybody(),
        )
    except model.InvalidConfigError as error:
        faults += error.problems
        return None


def traits(name: str, source: schema.Source) -> engine.SourceTraits:
    """Give a source what its kind has where the test does not say otherwise."""
    config = VENDORS[source.kind].settings.model_construct(kind=source.kind)
    usual = ruleset.source_traits(name, config)
    return replace(
        usual,
        blind_after=source.blind_after or usual.blind_after,
        granularity=source.granularity or usual.granularity,
    )


def _check(written: Written, faults: Problems) -> None:
    for key, what, path in _wrong(written):
        place = written.place(*path)
        faults.add(place, f"{written.test.name}.{key}", what)


def _wrong(written: Written) -> Iterator[tuple[str, str, Sequence[str | int]]]:
    """Tell names that nobody knows, as key, sentence and path."""
    test, sources = written.test, written.rules.sources
    rules = [rule.name for rule in written.rules.rules]
    for key, subject in test.subjects.items():
        name, _, identity = key.partition("/")
        if name not in sources or not identity:
            what = f"there is no source {name!r}; expected SOURCE/ID{suggest(name, sources)}"
            yield f"subjects.{key}", what, ("subjects", key)
            continue
        kind = VENDORS[sources[name].kind].fields
        for field, said in subject.series.items():
            for what in _odd(field, said, kind):
                yield f"subjects.{key}.series.{field}", what, ("subjects", key, "series", field)
    for section, number, names in _named(test):
        for rule in names:
            if rule not in rules:
                what = f"there is no rule {rule!r}{suggest(rule, rules)}"
                yield section, what, (section.partition(".")[0], number)


def _named(test: schema.Test) -> Iterator[tuple[str, int, Sequence[str]]]:
    """Give the rules that a test names, with the place."""
    for number, act in enumerate(test.inbox):
        yield "inbox.rule", number, [act.rule]
    for number, expected in enumerate(test.expect):
        yield "expect.pending", number, list(expected.pending or ())
        yield "expect.firing", number, list(expected.firing or ())
        yield "expect.incidents", number, [each.rule for each in expected.incidents or ()]
        yield "expect.told", number, [each.rule for each in expected.told or () if each.rule]


def _odd(field: str, said: schema.Series, kind: Fields) -> Iterator[str]:
    name = field.partition(" ")[0]
    if name not in kind.names or (field != name and name not in kind.metrics):
        yield f"there is no such field{suggest(name, kind.names)}"
        return
    words = kind.words.get(name)
    for value in dict.fromkeys(said.values):
        if isinstance(value, schema.Mark):
            continue
        if words is None and not isinstance(value, float):
            yield f"{name} is a figure; expected a number, not {value!r}"
        elif words is not None and value not in words:
            yield f"{name} is never {value!r}{suggest(str(value), words)}"
