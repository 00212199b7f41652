"""The words that are retired, what to say in their place, and a search of the tree for them.

`python -m tests.unit.house.vocabulary` prints each place, as FILE:LINE: WORD -> REPLACEMENT.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = ("watcher", "tests", "benchmarks")
PROSE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "rules", "systemd", "watcher")
SUFFIXES = frozenset({".py", ".md", ".yaml", ".toml", ".service", ".html"})

# Parts of a name: `tell_at` and `DoTell` both hold `tell`.
WORDS: Mapping[str, str] = {
    "told": "notified, delivered; or name the thing",
    "tell": "notify, deliver, render",
    "tells": "notifies, shows",
    "telling": "delivery, session",
    "teller": "delivery worker",
    "untold": "not notified, pending",
    "owe": "pending",
    "owed": "pending",
    "owes": "is pending",
    "debt": "pending delivery",
    "debts": "pending deliveries",
    "dossier": "incident view",
    "paper": "report files",
    "papers": "report files",
    "wish": "request",
    "wishes": "requests",
    "desk": "command service",
    "workshop": "job queue",
    "gazetteer": "unserved addresses",
    "meter": "call budget, call counter",
    "tally": "usage counter",
    "bell": "wakeup",
    "siren": "database alarm",
    "cry": "send",
    "cries": "sends",
    "easel": "page renderer, PDF previewer",
    "library": "incident reader, status reader",
    "shelf": "incident reader, status reader",
    "standing": "receiver health",
    "consequences": "effect writer, effects",
    "examiner": "diagnostics runner",
    "qualifier": "backup finder",
    "orderer": "bandwidth changer",
    "scene": "subject view; scenario",
    "sweep": "backfill",
    "sweeps": "backfills",
    "lap": "pass",
    "glance": "batch",
    "breath": "tick",
    "stretch": "state interval",
    "stretches": "state intervals",
    "heard": "reported outages",
    "misfire": "expression error",
    "misfired": "expression error",
    "errand": "priority",
    "errands": "priorities",
    "film": "recorder",
    "goods": "catalogue",
    "pace": "quota, interval",
    "spoil": "fault",
    "trouble": "active fault, failure",
    "whisper": "ephemeral",
    "roster": "channel members",
    "judge": "evaluate",
    "judges": "evaluates",
    "judged": "evaluated",
    "verdict": "result",
    "verdicts": "results",
    "begun": "started, opened",
    "diary": "in-memory outbox, record",
    "diaries": "records",
    "whoever": "the person who, anyone who",
    "anew": "again",
    "mend": "fix",
    "mended": "fixed",
}

# Whole names of variables, parameters, attributes, functions and modules.
NAMES: Mapping[str, str] = {
    "each": "the thing: incident, alert, source",
    "one": "the thing: incident, alert, source",
    "known": "the thing: existing, valid",
    "found": "the thing: incidents, problems, matches",
    "said": "the thing: parts, words, output",
    "ring": "set",
    "look": "refresh, check",
    "piece": "outage",
    "pieces": "outages",
    "drive": "runner",
    "hub": "the thing that it is",
    "door": "the thing that it is",
    "stage": "the fixture's thing: worker, outbox",
    "story": "scenario, incident builder",
    "drawer": "incident builder",
    "living": "the thing that it is",
    "sabotage": "fault injection",
    "settings_keys": "settings, as other keys are secrets",
    "utils": "what it is for",
    "helpers": "what it is for",
    "manager": "what it does",
    "base": "what it is",
}

# Names that are persisted, public or somebody else's, with the reason; the code says them as is.
ALLOWED: Mapping[str, str] = {
    "told_through": "field of model.Receipt: a column, and a key of JSON",
    "told_at": "field of model.Incident: a column, and a key of JSON",
    "tell_at": "field of model.Incident, which snapshots hold",
    "owed_since": "column of receipts",
    "judged_until": "field of model.Subject, which snapshots hold",
    "VERDICT": "event of MQTT: the likely side of a fault is another one",
    "trouble": "key of the status document",
    "misfire_grace_time": "APScheduler's own",
    "BEGUN": "value of ports.ChangeStart, which jobs hold",
}
# Names that are allowed in some files alone: (name, start of the path) -> reason.
ALLOWED_THERE: Mapping[tuple[str, str], str] = {
    ("told", "watcher/model/"): "field of model.Subject, which snapshots hold",
    ("told", "watcher/engine/"): "field of model.Subject, which snapshots hold",
    ("told", "watcher/jobs/"): "field of ports.BandwidthChange, which is stored",
    ("told", "watcher/simulator/"): "key of a scenario",
    ("told", "tests/integration/store/"): "field of model.Subject, which snapshots hold",
    ("owed", "watcher/delivery/"): "field of status.ReceiverState, a key of the status document",
    ("owed", "watcher/operations/"): "key of the status document",
    ("owed", "watcher/web/"): "key of the status document",
    ("owed", "tests/"): "key of the status document, column of receipts",
    ("one", "watcher/store/"): "SQLAlchemy's own",
    ("tell", "tests/chaos/"): "a file's own",
    ("told", "watcher/ports/store.py"): "field of ports.BandwidthChange, which is stored",
    ("told", "watcher/rule_tests/"): "key of a rule test",
    ("owed", "watcher/ports/store.py"): "field of ports.Backlog, a key of the status document",
    ("owed", "watcher/store/"): "column of receipts",
    ("papers", "watcher/store/"): "table of reports",
}
# Files that speak of the retired words.
NOT_SEARCHED = (
    "docs/decisions/0013",
    "watcher/store/migrations/",  # applied once and for all
)


@dataclass(frozen=True, order=True)
class Place:
    """A retired word in a file."""

    file: str
    line: int
    word: str
    replacement: str

    def __str__(self) -> str:
        """Return the place as editors jump to it."""
        return f"{self.file}:{self.line}: {self.word} -> {self.replacement}"


# What reads as translated, in text for people: pattern -> what to write.
PATTERNS: Mapping[re.Pattern[str], str] = {
    re.compile(pattern): replacement
    for pattern, replacement in {
        r"(?<!here )\b(?:is|are|was) no (?!longer\b|more\b|less\b|one\b)[a-z]+": "is not a ...",
        r"\b[Ww]hoever\b": "anyone who, the person who",
        r"\b[Aa]new\b": "again",
        r"\b[Mm]end(?:s|ed|ing)?\b": "fix",
        r"\bfor ever\b": "forever",
        r"\balike\b": "the same",
        r"\b(?:end|stop|close|exit)(?:p?ed|s|p?ing)? in order\b": "cleanly",
        r"\b(?:is|are|was|were|be|been|being|nobody|people) told\b": "notified, shown",
        r"\btold to\b": "notified",
        r"\bowed\b": "pending",
        r"\bst(?:ands?|ood|anding) by\b": "standby",
        r"\bcomes? and goe?s?\b": "flapping",
        r"\bgiven? back by\b": "acknowledgement withdrawn by",
        r",? too(?=[.;:)]|$)": "leave it out",
    }.items()
}


def identifiers(source: str) -> Iterator[tuple[str, int]]:
    """Yield each name in Python source with its line: definitions, uses, arguments, imports."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.arg(arg="keys", annotation=ast.expr() as kind) if "ettings" in ast.unparse(
                kind
            ):
                yield "settings_keys", node.lineno
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.keyword(arg=str(name)):
                yield name, node.value.lineno
            case ast.alias(name=name, asname=alias):
                yield alias or name.rpartition(".")[2], node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno
            case _:
                pass


def parts_of(name: str) -> list[str]:
    """Split a name into its words, in lower case."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def replacement_of(name: str) -> tuple[str, str] | None:
    """Return a retired word of a name and its replacement; None when it has none."""
    plain = name.strip("_")
    if plain.lower() in NAMES:
        return name, NAMES[plain.lower()]
    for part in parts_of(plain):
        if part in WORDS:
            return (name if part == plain else f"{part} in {name}"), WORDS[part]
    return None


def retired_names(file: str, source: str) -> Iterator[Place]:
    """Yield the places where Python source uses a retired name."""
    if replaced := replacement_of(Path(file).stem):
        yield Place(file, 1, *replaced)
    for name, line in identifiers(source):
        if not _is_allowed(name.strip("_"), file) and (replaced := replacement_of(name)):
            yield Place(file, line, *replaced)


def _is_allowed(name: str, file: str) -> bool:
    return name in ALLOWED or any(
        name == allowed and file.startswith(there) for allowed, there in ALLOWED_THERE
    )


def texts(source: str) -> Iterator[tuple[str, int]]:
    """Yield the strings, docstrings and comments of Python source, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value, node.lineno  # a text without a space is a key
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string, token.start[0]


def retired_prose(file: str, content: str) -> Iterator[Place]:
    """Yield the places where text for people reads as translated."""
    parts = texts(content) if file.endswith(".py") else [(content, 1)]
    for text, start in parts:
        for pattern, replacement in PATTERNS.items():
            for match in pattern.finditer(text):
                line = start + text.count("\n", 0, match.start())
                yield Place(file, line, " ".join(match.group().split()), replacement)


def _files(roots: Iterable[str]) -> Iterator[tuple[str, str]]:
    for root in roots:
        path = ROOT / root
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(ROOT).as_posix()
            if file.suffix in SUFFIXES and file.is_file() and not name.startswith(NOT_SEARCHED):
                yield name, file.read_text(encoding="utf-8")


def python_files() -> Iterator[tuple[str, str]]:
    """Yield the path and source of each Python file."""
    return ((file, source) for file, source in _files(CODE) if file.endswith(".py"))


def names_in_tree() -> list[Place]:
    """Return every retired name in code and tests."""
    return sorted(
        {place for file, source in python_files() for place in retired_names(file, source)}
    )


def prose_in_tree() -> list[Place]:
    """Return every place in docs, help, messages, docstrings and comments that reads oddly."""
    return sorted({place for file, text in _files(PROSE) for place in retired_prose(file, text)})


def main() -> None:
    """Print all places, or those in files whose path starts with an argument."""
    chosen = tuple(sys.argv[1:]) or ("",)
    for place in [*names_in_tree(), *prose_in_tree()]:
        if place.file.startswith(chosen):
            sys.stdout.write(f"{place}\n")


if __name__ == "__main__":
    main()
