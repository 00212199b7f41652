"""Changes of bandwidth that rules propose: checked against the sources, and compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from watcher import engine, model
from watcher.ruleset import schema
from watcher.ruleset.faults import suggest

_KIND = "internet_on_demand"


def faults_of(
    remedy: schema.Remedy, sources: Mapping[str, engine.SourceTraits]
) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with one, as key and sentence."""
    if remedy.to > remedy.max:
        to, most = model.format_mbps(remedy.to), model.format_mbps(remedy.max)
        yield "to", f"{to} is above max, which is {most}"
    wrong = connection_fault(remedy.connection, sources)
    if wrong:
        yield "connection", wrong


def connection_fault(connection: str | None, sources: Mapping[str, engine.SourceTraits]) -> str:
    """Say why a connection's key names no Internet On-Demand source; empty where it does.

    Where none is configured the kind stands for it, as rules may be kept for a source to come.
    """
    if connection is None:
        return ""
    names = {name for name, traits in sources.items() if traits.kind == _KIND} or {_KIND}
    named = connection.partition("/")[0]
    return "" if named in names else f"there is no {_KIND} source {named!r}{suggest(named, names)}"


def compile_remedy(remedy: schema.Remedy | None) -> engine.Bandwidth | None:
    """Compile one that is without faults."""
    if remedy is None:
        return None
    return engine.Bandwidth(
        connection=remedy.connection or "",
        to=remedy.to,
        max=remedy.max,
        approved=remedy.approval == "none",
        revert=remedy.revert == "on_resolve",
    )
