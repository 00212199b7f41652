"""Shifts of people on call, as a calendar has them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Shift(Struct, frozen=True, kw_only=True, gc=False):
    """Somebody's turn, from `begin` until `end`."""

    begin: datetime
    end: datetime
    person: str


class Calendar(Struct, frozen=True, kw_only=True, gc=False):
    """What was last read of a rota's calendar: its shifts from `read_at` until `until`.

    `error` says why it could not be read since then; the shifts count all the same.
    """

    rota: str
    shifts: tuple[Shift, ...] = ()
    read_at: datetime
    until: datetime
    error: str = ""
