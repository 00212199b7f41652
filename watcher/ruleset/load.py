"""Rule files and the inventory become the ruleset that the engine runs.

Law: all of it or nothing, and every problem of every file is reported at once.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from watcher import engine, model
from watcher.ruleset import schema, yaml_document
from watcher.ruleset.compile import Compiler, WrittenRule
from watcher.ruleset.inventory import compile_inventory
from watcher.ruleset.problems import Place, Problems
from watcher.ruleset.relations import check_faults, check_inhibitions
from watcher.ruleset.rotas import compile_rotas
from watcher.ruleset.sources import works_policy
from watcher.ruleset.validate import validated, without_faults
from watcher.ruleset.windows.maintenance import compile_window
from watcher.ruleset.yaml_document import Document


def load(
    patterns: Sequence[str],
    *,
    inventory: Path | None,
    sources: Mapping[str, engine.SourceTraits],
    receivers: Sequence[str],
    quiet: Collection[str] = (),
    works: engine.WorksPolicy | None = None,
) -> engine.Ruleset:
    """Return the ruleset of the rule files that match the patterns, and of the inventory.

    `quiet` are the receivers that nothing is held back from, `works` is how planned works are
    taken.

    Raises model.InvalidConfigError with one line for each problem:
    `file:line:column: key: what is wrong; what was expected`.
    """
    if not patterns:
        raise model.InvalidConfigError(("rules: no rule file is named, so nothing is watched",))
    problems = Problems()
    inventory_file = yaml_document.load(inventory, problems) if inventory else None
    entries = validated(schema.InventoryFile, inventory_file, problems) if inventory_file else None
    compiled_inventory = compile_inventory(entries, inventory_file, sources, problems)
    documents = [
        document
        for file in _files(patterns, problems)
        if (document := yaml_document.load(file, problems))
    ]
    _check_content(documents, problems)
    # Their keys are checked with the rest of each file.
    files = [(document, validated(schema.RuleFile, document, Problems())) for document in documents]
    rotas = compile_rotas([(document, file) for document, file in files if file], problems)
    compiler = Compiler(sources, receivers, compiled_inventory, problems, rotas)
    written_rules = list(_written_rules(documents, problems))
    rules = [compiler.compile(written) for written in written_rules]
    check_faults(written_rules, problems)
    check_inhibitions(written_rules, problems)
    windows, storm = _global_parts(documents, problems)
    if not problems:  # as in a file that cannot be read there may be rules
        _check_that_something_is_watched(documents, problems)
    if problems:
        raise model.InvalidConfigError(problems.lines())
    digest = hashlib.sha256()
    for document in (*documents, *([inventory_file] if inventory_file else [])):
        digest.update(document.raw + b"\0")
    return engine.Ruleset(
        rules=tuple(rule for rule in rules if rule is not None),
        sources=sources,
        inventory=compiled_inventory,
        context=compiler.vocabulary.context,
        candidates=compiler.vocabulary.candidates,
        maintenance=windows,
        storm=storm,
        quiet=frozenset(quiet),
        rotas=rotas,
        works=works or works_policy(),
        version=digest.hexdigest()[:12],
    )


def describe_changes(before: engine.Ruleset, after: engine.Ruleset) -> str:
    """Name the rules that were added, changed and removed, in one sentence."""
    old = {rule.name: rule.digest for rule in before.rules}
    new = {rule.name: rule.digest for rule in after.rules}
    parts = [
        f"{what} {', '.join(sorted(names))}"
        for what, names in (
            ("added", new.keys() - old.keys()),
            ("changed", {name for name in new.keys() & old.keys() if new[name] != old[name]}),
            ("removed, with their alerts resolved:", old.keys() - new.keys()),
        )
        if names
    ]
    if parts:
        return "; ".join(parts)
    if before.version != after.version:
        return "no rule changed, but other parts of the files did"
    return "nothing changed"


def _files(patterns: Sequence[str], problems: Problems) -> list[Path]:
    files: dict[Path, None] = {}
    for pattern in patterns:
        # glob, because a pattern may be absolute, which Path.glob refuses.
        names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  # see above
        if not names:
            problems.add(Place(Path(pattern)), "", "no file matches")
        files.update(dict.fromkeys(map(Path, names)))
    return list(files)


def _check_content(documents: Sequence[Document], problems: Problems) -> None:
    """Report each file without content: it would end every alert of the rules that it had."""
    for document in documents:
        if document.content in (None, {}):
            problems.add(
                Place(document.file),
                "",
                "holds nothing; expected rules, maintenance, rotas or storm",
            )


def _check_that_something_is_watched(documents: Sequence[Document], problems: Problems) -> None:
    """Report files that have no rule between them: every alert would end, and none would begin."""
    if not any(document.content.get("rules") for document in documents):
        first = documents[0]
        what = "there is no rule in any rule file, so nothing is watched; expected at least one"
        problems.add(first.place(("rules",)), "rules", what)


def _written_rules(documents: Sequence[Document], problems: Problems) -> Iterator[WrittenRule]:
    """Yield each valid rule; report one whose name another rule of any file has already."""
    places: dict[str, Place] = {}
    for document in documents:
        rules = document.content.get("rules") if isinstance(document.content, dict) else None
        for number in range(len(rules) if isinstance(rules, list) else 0):
            rule = validated(schema.Rule, document, problems, "rules", number)
            if rule is None:
                rule = without_faults(schema.Rule, document, "rules", number)
            if rule is None:
                continue
            written = WrittenRule(rule=rule, document=document, number=number)
            if rule.name in places:
                what = f"there is already a rule of this name, at {places[rule.name]}"
                written.report(problems, "name", what)
            else:
                places[rule.name] = document.place(("rules", number, "name"))
                yield written


def _global_parts(
    documents: Sequence[Document], problems: Problems
) -> tuple[tuple[engine.Maintenance, ...], engine.Storm]:
    """Return what the files hold beside rules: maintenance windows, and the storm guard."""
    windows: dict[str, engine.Maintenance] = {}
    storm: engine.Storm | None = None
    for document in documents:
        file = validated(schema.RuleFile, document, problems)
        for number, window in enumerate(file.maintenance if file else ()):
            if window.name in windows:
                place = document.place(("maintenance", number, "name"))
                problems.add(place, f"{window.name}.name", "there is already a window of this name")
            windows[window.name] = compile_window(window, document, number, problems)
        if file and file.storm:
            if storm is not None:
                problems.add(document.place(("storm",)), "storm", "is in another file already")
            storm = engine.Storm(incidents=file.storm.incidents, window=file.storm.window)
    return tuple(windows.values()), storm or engine.Storm()
