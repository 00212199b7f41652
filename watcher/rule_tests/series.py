"""What a vendor says at each step of a rule test, as people write it: `online*3 offline*10 online`.

Law: a series never ends; what it says last it goes on saying.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 1_000_000  # steps

_PART = re.compile(
    r"(?P<number>-?\d+(?:\.\d+)?)(?:(?P<by>[+-]\d+(?:\.\d+)?))?(?:\*(?P<numbers>\d+))?"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)(?:\*(?P<words>\d+))?"
)


class Mark(StrEnum):
    """What a step may hold in place of a value."""

    GAP = "_"  # of a metric: no sample; of a field: the poll fails
    FAILS = "fails"  # the poll fails
    REFUSED = "refused"  # the poll fails, and waiting will not cure it: a wrong key, say
    ABSENT = "absent"  # the poll does not list the subject
    UNREADABLE = "unreadable"  # it does, but what it says of the subject cannot be read
    STALE = "stale"  # the value before, with the vendor's time of before


Value = str | float | Mark


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one field or metric, from step 0 on."""

    values: tuple[Value, ...]

    def at(self, step: int) -> Value:
        """Give what is said at a step."""
        return self.values[min(step, len(self.values) - 1)]

    def known(self, step: int) -> str | float | None:
        """Give the last value up to a step; None before the first one."""
        for value in reversed(self.values[: step + 1]):
            if not isinstance(value, Mark):
                return value
        return None


def parse(text: str | float) -> Series:
    """Read a series. Raises ValueError with a sentence for what cannot be read."""
    if not isinstance(text, str):
        return Series((float(text),))
    values: list[Value] = []
    for part in text.split():
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(
                f"cannot read {part!r}: write a value, VALUE*TIMES or START+STEP*TIMES,"
                " as in online*3, 80*20 or 50+5*4"
            )
        times = int(match["numbers"] or match["words"] or 1)
        if times < 1 or len(values) + times > LONGEST:
            raise ValueError(f"{part!r}: a series has 1 to {LONGEST:,} steps")
        values += _values(match, times)
    if not values:
        raise ValueError("is empty: write what the vendor says at each step")
    return Series(tuple(values))


def _values(match: re.Match[str], times: int) -> list[Value]:
    if match["number"] is not None:
        first, by = float(match["number"]), float(match["by"] or 0)
        return [round(first + by * step, 9) for step in range(times)]
    word = match["word"]
    return [Mark(word) if word in set(Mark) else word] * times
