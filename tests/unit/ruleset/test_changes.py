"""What a reload says has changed."""

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import rule, ruleset
from watcher.ruleset import describe_changes


def rules(version="1", **digests):
    made = ruleset(*(replace(rule(name), digest=digest) for name, digest in digests.items()))
    return replace(made, version=version)


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (rules(a="1", b="1"), "nothing changed"),
        (rules("2", a="1", b="1"), "no rule changed, but other parts of the files did"),
        (rules("2", a="1", b="2"), "changed b"),
        (rules("2", a="1", b="1", c="1"), "added c"),
        (
            rules("2", b="2", d="1", c="1"),
            "added c, d; changed b; removed, with their alerts resolved: a",
        ),
    ],
)
def test_a_reload_names_what_is_different(after, sentence):
    assert describe_changes(rules(a="1", b="1"), after) == sentence
