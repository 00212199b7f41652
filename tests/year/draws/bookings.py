"""Draws bookings: some circuits are booked for hours, with extensions shortly before the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.year.plan import Booking, Circuit


def draw_bookings(
    seed: int, circuits: tuple[Circuit, ...], begin: datetime, end: datetime
) -> Iterator[Booking]:
    """Yield the bookings of about a third of the circuits, until `end`."""
    chance = random.Random(f"{seed}/bookings")  # noqa: S311  # repeatable
    for circuit in circuits:
        if chance.random() < 0.7:
            continue
        number, at = 0, begin
        while True:
            starts = at + _minutes(chance, 0, 240)
            at = starts + _minutes(chance, 60, 480)
            if at >= end:
                break
            booking = Booking(at=begin, circuit=circuit.id, number=number, begin=starts, end=at)
            yield booking
            for _ in range(chance.choice((0, 0, 1, 2))):
                asked, at = at - _minutes(chance, 3, 50), at + _minutes(chance, 15, 120)
                yield Booking(at=asked, circuit=circuit.id, number=number, begin=starts, end=at)
            number += 1


def _minutes(chance: random.Random, least: int, most: int) -> timedelta:
    return timedelta(minutes=chance.randint(least, most))
