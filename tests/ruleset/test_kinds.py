"""What rules may name is what the sources really say."""

import pytest

from watcher import model
from watcher.ruleset import kinds
from watcher.sources import evpl, internet_on_demand, vyvx


def test_rules_know_every_state_of_vyvx():
    words = kinds.KINDS["vyvx"].words
    assert set(words["state"]) == set(words["ingress_state"]) == vyvx.STATES


def test_rules_know_every_status_of_internet_on_demand():
    known = set(kinds.KINDS["internet_on_demand"].words["status"])
    assert known == internet_on_demand.STATUSES | {model.UNKNOWN}


def test_rules_know_the_metric_of_evpl():
    assert kinds.KINDS["evpl"].metrics == (evpl.METRIC,)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_samples_of_a_kind_cover_every_word(kind):
    said = list(kinds.KINDS[kind].samples())
    for name, words in kinds.KINDS[kind].words.items():
        assert {each[name] for each in said} == set(words)
