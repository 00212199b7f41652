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


@pytest.mark.parametrize("kind", VENDORS)
def test_every_metric_has_a_unit(kind):
    fields = VENDORS[kind].fields
    assert set(fields.metrics) <= set(fields.units) <= set(fields.figures)


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        ({"pop_name": "PARIS", "pop_country": "FR", "pop_section": "PAR-01"}, "POP PARIS (FR)"),
        ({"pop_name": "PARIS"}, "POP PARIS"),
        ({"pop_section": "PAR-01", "pop_country": "FR"}, "POP PAR-01 (FR)"),
        ({"pop_country": "FR"}, "POP FR"),
        ({}, ""),
    ],
)
def test_an_evpl_line_is_measured_at_a_pop(labels, place):
    assert VENDORS["evpl"].place(labels) == place
