"""The state and its indexes are changed by the step context and by nobody else in the engine."""

import ast
import functools
from pathlib import Path

import pytest

from watcher import engine

ENGINE = Path(engine.__file__).parent
# The context; and what changes itself by its own verbs, called by the context.
OWNERS = ("context.py", "state.py", "indexes.py", "changes.py", "timers.py", "rules/thresholds.py")
OTHERS = sorted(
    str(file.relative_to(ENGINE))
    for file in ENGINE.rglob("*.py")
    if str(file.relative_to(ENGINE)) not in OWNERS
)
MUTATING = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop"),
    *("popitem", "popleft", "remove", "reverse", "setdefault", "sort", "update"),
    *("difference_update", "intersection_update", "__setitem__", "__delitem__", "__setattr__"),
}
FUNCTIONS = {"insort", "insort_left", "insort_right", "heappush", "heappop", "setattr", "delattr"}


def is_context(node):
    return "ctx" in (getattr(node, "id", None), getattr(node, "attr", None))


def is_rooted(node, names=frozenset()):
    """Whether an expression is the state, or a part of it, and not a copy."""
    parts = []
    match node:
        case ast.Name(id=name):
            return name in {"ctx", "state", *names}
        case ast.Attribute(attr="ctx" | "state"):
            return True
        case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.NamedExpr(value=value):
            parts = [value]
        case ast.Call(func=ast.Attribute(value=value)) if not is_context(value):
            parts = [value]
        case ast.BoolOp(values=values):
            parts = values
        case ast.IfExp(body=body, orelse=orelse):
            parts = [body, orelse]
    return any(is_rooted(part, names) for part in parts)


def bindings(tree):
    """Yield each name that is bound to an expression, as a pair."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                pairs = [(target, value) for target in targets]
            case ast.AnnAssign(target=target, value=value) if value is not None:
                pairs = [(target, value)]
            case ast.NamedExpr(target=target, value=value) | ast.For(target=target, iter=value):
                pairs = [(target, value)]
            case _:
                continue
        for target, value in pairs:
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                yield from zip(target.elts, value.elts, strict=True)
            elif isinstance(target, ast.Tuple):
                yield from ((element, value) for element in target.elts)
            else:
                yield target, value


def rooted_names(function, names=()):
    """Return the local names of parts of the state, these among them."""
    names = set(names)
    while True:
        more = {
            target.id
            for target, value in bindings(function)
            if isinstance(target, ast.Name) and is_rooted(value, names)
        }
        if more <= names:
            return names
        names |= more


def changes(node, names, writers):
    """Yield the expressions by which one statement or call changes a part of the state."""
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            pass
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            targets = [target]
        case ast.Call(func=ast.Attribute(value=value, attr=verb)):
            shared = verb in MUTATING or (verb in writers and not is_context(value))
            if shared and is_rooted(value, names):
                yield node
            return
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in FUNCTIONS:
            if is_rooted(first, names):
                yield node
            return
        case _:
            return
    for target in targets:
        parts = target.elts if isinstance(target, ast.Tuple) else [target]
        for part in parts:
            if isinstance(part, ast.Attribute | ast.Subscript) and is_rooted(part.value, names):
                yield part


@functools.cache
def writing_methods():
    """Return the names of the methods by which parts of the state change themselves."""
    writers = set()
    for file in ("state.py", "indexes.py", "timers.py", "rules/thresholds.py"):
        for part in ast.parse((ENGINE / file).read_text(encoding="utf-8")).body:
            # A backfill's state is the one part that another room changes, by its verbs alone.
            if isinstance(part, ast.ClassDef) and part.name != "BackfillState":
                writers |= {method.name for method in part.body if writes(method)}
    return writers - {"__init__"}


def writes(method):
    if not isinstance(method, ast.FunctionDef):
        return False
    names = rooted_names(method, {"self"})
    return any(True for node in ast.walk(method) for _ in changes(node, names, set()))


def violations(source):
    """Return the changes of the state in a module, each with its line."""
    return [
        f"{part.lineno}: {ast.unparse(part)}"
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for names in [rooted_names(function)]
        for node in ast.walk(function)
        for part in changes(node, names, writing_methods())
    ]


@pytest.mark.parametrize("file", OTHERS)
def test_only_the_step_context_changes_the_state(file):
    assert violations((ENGINE / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "ctx.state.incident_index.latest[rule, group] = identity",
        "del ctx.state.incidents[identity]",
        "ctx.state.ruleset = ruleset",
        "ctx.agenda.details_asked += 1",
        "state.source_index.awaited.discard(source)",
        "case.ctx.state.silences.clear()",
        "self.state.subjects.pop(key)",
        "ctx.state.alerts.setdefault(key, {})[rule] = alert",
        "ctx.state.timers.cancel(timer)",
        "ctx.state.forget_resolved(now)",
        "state.alert_index.add_firing(alert)",
        "ctx.state.samples.put(sample)",
        "insort(ctx.state.incident_index.resolved, (now, identity))",
        "subjects = ctx.state.subjects; subjects[key] = subject",
        "state = ctx.state; index = state.subject_index; index.missing.get(source, {}).pop(key)",
        "for queue in ctx.state.incident_index.openings.values(): queue.popleft()",
        "if backfill := ctx.state.backfill(source): backfill.paused_until = None",
    ],
)
def test_a_change_past_the_step_context_is_found(planted):
    source = f"def handle(ctx, state, case, self, key):\n    {planted}\n".replace("; ", "\n    ")
    assert violations(source)


@pytest.mark.parametrize(
    "allowed",
    [
        "ctx.schedule(timer, ctx.now)",
        "ctx.agenda.note_opened(source, identity)",
        "keys = list(ctx.state.subjects); keys.append(key)",
        "names = [alert.rule for alert in ctx.state.alerts_on(key)]; names.sort()",
        "texts = {}; texts[key] = ctx.state.subjects[key].id",
    ],
)
def test_the_verbs_of_the_context_and_copies_are_free(allowed):
    source = f"def handle(ctx, key):\n    {allowed}\n".replace("; ", "\n    ")
    assert violations(source) == []


def test_the_parts_of_the_state_have_the_writing_methods_that_we_think_of():
    expected = {"adopt_rules", "add_firing", "cancel", "drop_outside", "note_fallback", "put"}
    assert expected <= writing_methods()
    assert not {"alerts_on", "incident", "newest"} & writing_methods()
