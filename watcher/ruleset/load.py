"""Rule files and the inventory become the ruleset that the engine runs.

Law: all of it or nothing; every fault of every file is told at once.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from watcher import engine, model
from watcher.ruleset import document, schema
from watcher.ruleset.compile import Compiler, Written
from watcher.ruleset.faults import Faults, Place
from watcher.ruleset.inventory import compile_inventory
from watcher.ruleset.shapes import checked


def load(
    patterns: Sequence[str],
    *,
    inventory: Path | None,
    sources: Mapping[str, engine.SourceTraits],
    receivers: Sequence[str],
) -> engine.Ruleset:
    """Read the rule files that match the patterns, and the inventory if there is one.

    Raises model.FaultyConfigError with one line for each fault:
    `file:line:column: key: what is wrong; what was expected`.
    """
    faults = Faults()
    inventory_file = document.read(inventory, faults) if inventory else None
    entries = checked(schema.InventoryFile, inventory_file, faults) if inventory_file else None
    looked_up = compile_inventory(entries, inventory_file, sources, faults)
    files = [read for file in _files(patterns, faults) if (read := document.read(file, faults))]
    compiler = Compiler(sources, receivers, looked_up, faults)
    rules = [compiler.compile(written) for written in _written(files, faults)]
    if faults.found:
        raise model.FaultyConfigError(faults.lines())
    digest = hashlib.sha256()
    for file in (*files, *([inventory_file] if inventory_file else [])):
        digest.update(file.raw + b"\0")
    return engine.Ruleset(
        rules=tuple(rule for rule in rules if rule is not None),
        sources=sources,
        inventory=looked_up,
        context=compiler.vocabulary.context,
        version=digest.hexdigest()[:12],
    )


def _files(patterns: Sequence[str], faults: Faults) -> list[Path]:
    files: dict[Path, None] = {}
    for pattern in patterns:
        # glob, because a pattern may be absolute, which Path.glob refuses.
        found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        if not found:
            faults.add(Place(Path(pattern)), "", "no file is named so; there are no rules in it")
        files.update(dict.fromkeys(map(Path, found)))
    return list(files)


def _written(files: Sequence[document.Document], faults: Faults) -> Iterator[Written]:
    """Give every rule that could be read; a name must be the only one of all files."""
    first: dict[str, Place] = {}
    for file in files:
        checked(schema.RuleFile, file, faults)
        given = file.content.get("rules") if isinstance(file.content, dict) else None
        for number in range(len(given) if isinstance(given, list) else 0):
            rule = checked(schema.Rule, file, faults, "rules", number)
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
