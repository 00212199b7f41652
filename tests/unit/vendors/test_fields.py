"""What rules may name is what the sources really say."""

import pytest

from watcher import model
from watcher.vendors.catalog import VENDORS
from watcher.vendors.evpl.source import METRIC
from watcher.vendors.internet_on_demand.source import STATUSES
from watcher.vendors.vyvx.source import STATES


def test_rules_know_every_state_of_vyvx():
    words = VENDORS["vyvx"].fields.words
    assert words["state"] == words["ingress_state"] == (*STATES, model.UNKNOWN)


def test_rules_know_every_status_of_internet_on_demand():
    words = VENDORS["internet_on_demand"].fields.words
    assert words["status"] == (*STATUSES, model.UNKNOWN)


def test_rules_know_the_metric_of_evpl():
    assert VENDORS["evpl"].fields.metrics == (METRIC,)


@pytest.mark.parametrize("kind", VENDORS)
def test_samples_of_a_kind_cover_every_word(kind):
    fields = VENDORS[kind].fields
    samples = list(fields.samples())
    for name, words in fields.words.items():
        assert {sample[name] for sample in samples} == set(words)
