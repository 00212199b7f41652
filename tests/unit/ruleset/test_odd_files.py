"""Whatever a rule file holds, it is loaded or refused with a place, and nothing else happens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.fuzzing import examples, odd_json
from watcher import engine, model, ruleset

SOURCES = {"vyvx": engine.SourceTraits(name="vyvx", kind="vyvx", blind_after=timedelta(minutes=3))}
WORDS = (
    *("rules", "name", "source", "transition", "threshold", "expression", "blind", "field", "to"),
    *("where", "for", "title", "severity", "labels", "group_by", "maintenance", "storm", "within"),
    *("metric", "above", "aggregate", "over", "5m", "vyvx", "state", "offline", "{{ name }}"),
    *("labels.x == 'y'", "match", "from", "zone", "UTC", "inhibited_by", "escalate", "notify"),
)
HEAD = b"rules:\n  - name: r\n    source: vyvx\n    blind: 5m\n"
PARTS = st.sampled_from(
    [*WORDS, ": ", "- ", "\n", "  ", "{", "}", "[", "]", "&a ", "*a", "!!x ", "|"]
)


@pytest.mark.fuzz
@examples(80)
@given(
    content=odd_json(WORDS)
    | st.lists(PARTS, max_size=30).map(lambda parts: "".join(parts).encode())
    | st.lists(PARTS, max_size=12).map(lambda parts: HEAD + b"    " + "".join(parts).encode())
)
def test_whatever_a_rule_file_holds_it_is_loaded_or_refused_with_its_name(
    tmp_path_factory, content
):
    path = tmp_path_factory.mktemp("rules") / "odd.yaml"
    path.write_bytes(content)
    try:
        loaded = ruleset.load([str(path)], inventory=None, sources=SOURCES, receivers=("noc",))
    except model.InvalidConfigError as error:
        problems = error.problems
    else:
        assert loaded.rules
        return
    assert problems
    assert all(str(path) in problem for problem in problems)
