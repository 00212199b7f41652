"""What carriers are called in what people read."""

from __future__ import annotations

import pytest

from watcher import model


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("lumen", "Lumen"),
        ("aws", "AWS"),
        ("crowncastle", "Crown Castle"),
        ("noc.example", "noc.example"),
        ("Orange Business", "Orange Business"),
        ("as64500", "as64500"),
    ],
)
def test_a_carrier_is_written_as_people_write_it(provider, name):
    assert model.format_carrier(provider) == name
