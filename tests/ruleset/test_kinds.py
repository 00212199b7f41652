"""What rules may name is what the sources really say."""

import pytest

from watcher import model
from watcher.vendors import catalog
from watcher.vendors.evpl.source import METRIC
from watcher.vendors.internet_on_demand.source import STATUSES
from watcher.vendors.vyvx.source import STATES


def test_rules_know_every_state_of_vyvx():
    words = catalog.KINDS["vyvx"].words
    assert set(words["state"]) == set(words["ingress_state"]) == STATES


def test_rules_know_every_status_of_internet_on_demand():
    known = set(catalog.KINDS["internet_on_demand"].words["status"])
    assert known == STATUSES | {model.UNKNOWN}


def test_rules_know_the_metric_of_evpl():
    assert catalog.KINDS["evpl"].metrics == (METRIC,)


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_samples_of_a_kind_cover_every_word(kind):
    said = list(catalog.KINDS[kind].samples())
    for name, words in catalog.KINDS[kind].words.items():
        assert {each[name] for each in said} == set(words)
