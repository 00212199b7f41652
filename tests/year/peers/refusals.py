"""What a vendor does in place of an answer, or to one, while the plan says so."""

from __future__ import annotations

from datetime import datetime

from tests.year.faults import VendorFault
from tests.year.network import Answer

PARTIAL_STEP = 2  # a list that is partial has every other entry, from the first on


def refusal(fault: VendorFault | None) -> Answer | None:
    """Return what it answers instead."""
    match fault:
        case VendorFault(kind="down"):
            return Answer(status=503)
        case VendorFault(kind="limited"):
            return Answer(status=429, headers={"Retry-After": "40"})
        case _:
            return None


def known_at(fault: VendorFault | None, now: datetime) -> datetime:
    """Return of which time it speaks."""
    return fault.at if fault is not None and fault.kind == "old" else now


def step(fault: VendorFault | None) -> int:
    """Return each how manieth entry of a list it gives."""
    return PARTIAL_STEP if fault is not None and fault.kind == "partial" else 1


def cut(fault: VendorFault | None, answer: Answer) -> Answer:
    """Return what arrives of an answer."""
    if fault is not None and fault.kind == "cut":
        answer.body = answer.body[: len(answer.body) // 2]
    return answer
