"""Which names of a carrier are one: the known ones, and those of `[works] providers`."""

from datetime import timedelta

import pytest

from watcher import ruleset
from watcher.engine.rules.works import carrier_of


@pytest.mark.parametrize(
    ("provider", "carrier"),
    [
        ("Lumen", "lumen"),
        ("lumen.com", "lumen"),
        ("CenturyLink", "lumen"),
        ("Level  3", "lumen"),
        ("maintenance.level3.com", "lumen"),
        ("orange-business.com", "orange"),
        ("Orange Business Services", "orange"),
        ("orange.co.uk", "orange"),
        ("zayo.com", "zayo"),
        ("ntt", "ntt"),
        ("Acme Fibre Ltd.", "acme fibre ltd."),
    ],
)
def test_the_names_of_a_carrier_are_one(provider, carrier):
    assert carrier_of(provider, ruleset.works_policy()) == carrier


def test_further_names_come_from_the_settings():
    policy = ruleset.works_policy(
        timedelta(minutes=3), {"Dark Fibre Inc": "Zayo", "notices.example.net": "centurylink"}
    )
    assert policy.grace == timedelta(minutes=3)
    assert carrier_of("dark  fibre inc", policy) == carrier_of("zayo.com", policy) == "zayo"
    assert carrier_of("noc.notices.example.net", policy) == "lumen"
