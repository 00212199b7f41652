"""Rule files and the inventory become the ruleset that the engine runs.

Law: all of it or nothing; every fault of every file is told at once.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from watcher import engine, model
from watcher.ruleset import schema, yaml_document
from watcher.ruleset.compile import Compiler, Written, check
from watcher.ruleset.inventory import compile_inventory
from watcher.ruleset.maintenance import compile_window
from watcher.ruleset.problems import Place, Problems
from watcher.ruleset.validate import validated


def load(
    patterns: Sequence[str],
    *,
    inventory: Path | None,
    sources: Mapping[str, engine.SourceTraits],
    receivers: Sequence[str],
    quiet: Collection[str] = (),
) -> engine.Ruleset:
    """Read the rule files that match the patterns, and the inventory if there is one.

    `quiet` are the receivers that nothing is held back from.

    Raises model.InvalidConfigError with one line for each fault:
    `file:line:column: key: what is wrong; what was expected`.
    """
    faults = Problems()
    inventory_file = yaml_document.read(inventory, faults) if inventory else None
    entries = validated(schema.InventoryFile, inventory_file, faults) if inventory_file else None
    looked_up = compile_inventory(entries, inventory_file, sources, faults)
    files = [
        read for file in _files(patterns, faults) if (read := yaml_document.read(file, faults))
    ]
    compiler = Compiler(sources, receivers, looked_up, faults)
    written = list(_written(files, faults))
    rules = [compiler.compile(each) for each in written]
    check(written, faults)
    windows, storm = _of_all_rules(files, faults)
    if faults.found:
        raise model.InvalidConfigError(faults.lines())
    digest = hashlib.sha256()
    for file in (*files, *([inventory_file] if inventory_file else [])):
        digest.update(file.raw + b"\0")
    return engine.Ruleset(
        rules=tuple(rule for rule in rules if rule is not None),
        sources=sources,
        inventory=looked_up,
        context=compiler.vocabulary.context,
        maintenance=windows,
        storm=storm,
        quiet=frozenset(quiet),
        version=digest.hexdigest()[:12],
    )


def _of_all_rules(
    files: Sequence[yaml_document.Document], faults: Problems
) -> tuple[tuple[engine.Maintenance, ...], engine.Storm]:
    """Read what the files say beside the rules."""
    windows: dict[str, engine.Maintenance] = {}
    storm: engine.Storm | None = None
    for file in files:
        read = validated(schema.RuleFile, file, faults)
        for number, written in enumerate(read.maintenance if read else ()):
            if written.name in windows:
                place = file.place(("maintenance", number, "name"))
                faults.add(place, f"{written.name}.name", "there is a window of this name already")
            windows[written.name] = compile_window(written, file, number, faults)
        if read and read.storm:
            if storm is not None:
                faults.add(file.place(("storm",)), "storm", "stands in another file, too")
            storm = engine.Storm(incidents=read.storm.incidents, window=read.storm.window)
    return tuple(windows.values()), storm or engine.Storm()


def _files(patterns: Sequence[str], faults: Problems) -> list[Path]:
    files: dict[Path, None] = {}
    for pattern in patterns:
        # glob, because a pattern may be absolute, which Path.glob refuses.
        found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        if not found:
            faults.add(Place(Path(pattern)), "", "no file is named so; there are no rules in it")
        files.update(dict.fromkeys(map(Path, found)))
    return list(files)


def _written(files: Sequence[yaml_document.Document], faults: Problems) -> Iterator[Written]:
    """Give every rule that could be read; a name must be the only one of all files."""
    first: dict[str, Place] = {}
    for file in files:
        given = file.content.get("rules") if isinstance(file.content, dict) else None
        for number in range(len(given) if isinstance(given, list) else 0):
            rule = validated(schema.Rule, file, faults, "rules", number)
            if rule is None:
                continue
            written = Written(rule=rule, document=file, number=number)
            place = file.place(("rules", number, "name"))
            if rule.name in first:
                what = f"there is a rule of this name already, at {first[rule.name]}"
                written.blame(faults, "name", what)
            else:
                first[rule.name] = place
                yield written


def describe(before: engine.Ruleset, after: engine.Ruleset) -> str:
    """Name the rules that were added, changed and removed, in one sentence."""
    old = {rule.name: rule.digest for rule in before.rules}
    new = {rule.name: rule.digest for rule in after.rules}
    parts = [
        f"{what} {', '.join(sorted(names))}"
        for what, names in (
            ("added", new.keys() - old.keys()),
            ("changed", {name for name in new.keys() & old.keys() if new[name] != old[name]}),
            ("removed, what fires is resolved:", old.keys() - new.keys()),
        )
        if names
    ]
    if parts:
        return "; ".join(parts)
    if before.version != after.version:
        return "no rule changed, but something beside the rules did"
    return "nothing changed"
