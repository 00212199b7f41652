"""What the slash command lists, word for word."""

from datetime import timedelta

from msgspec.structs import replace

from tests.fakes.incident_builder import BEGIN
from watcher import model
from watcher.receivers.slack.interactive import listings

NOW = BEGIN + timedelta(minutes=29)


def test_the_worst_comes_first_with_who_has_taken_it(builder):
    minor = replace(
        builder.incident,
        id="w-2",
        severity=model.Severity.WARNING,
        title="LD1 <!channel> is busy",
        acknowledged_by="Ana",
        flags=("silenced",),
    )
    assert listings.incident_list([minor, builder.incident], [], [], NOW) == [
        "*2 open incidents*",
        (
            "*\N{LARGE RED CIRCLE} NYC Arena uplink is offline: likely Lumen side*"
            " · 29 min, since 03:10:22 UTC · w-7k3m"
        ),
        (
            "*\N{LARGE ORANGE CIRCLE} LD1 &lt;!channel&gt; is busy*"
            " · 29 min, since 03:10:22 UTC · acknowledged by Ana · silenced · w-2"
        ),
    ]


def test_nothing_open_is_no_all_clear_while_a_source_is_blind():
    blind = model.SourceHealth(source="evpl", sight=model.Visibility.BLIND, failing_since=BEGIN)
    seen = model.SourceHealth(source="vyvx")
    assert listings.incident_list([], [blind, seen], [], NOW) == [
        "*No open incidents*",
        ("\N{MEDIUM WHITE CIRCLE} *evpl* is blind since 03:10:22 UTC: failures there are unknown"),
    ]


def test_a_long_list_is_cut(builder):
    many = [replace(builder.incident, id=f"w-{number}") for number in range(30)]
    lines = listings.incident_list(many, [], [], NOW)
    assert lines[0] == "*30 open incidents*"
    assert lines[-1] == "and 10 more"
    assert len(lines) == listings.MOST_LINES + 2
