"""The law of rotas: a new message mentions who is on call, and nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from tests.year.laws import messages
from tests.year.laws.calendar import on_call
from tests.year.laws.timing import is_clock_wrong
from tests.year.plan import NOC, Plan
from tests.year.trace import Trace

_MENTION = re.compile(r"<@U0*([A-Z]+)>")
_AROUND = timedelta(minutes=1)  # a handover: the message was on its way


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield who was mentioned although somebody else was on call."""
    if plan.rota is None:
        return
    for record in trace.of("slack"):
        mentioned = _MENTION.search(messages.text(record))
        of_noc = record.fields["channel"] == NOC and record.fields["method"] == "chat.postMessage"
        if not mentioned or not of_noc or is_clock_wrong(plan, record.at, record.at):
            continue
        who = {on_call(plan.rota, at) for at in (record.at - _AROUND, record.at)}
        if mentioned[1].lower() not in who:
            yield f"wrong person: {mentioned[1].lower()} at {record.at}, not {' or '.join(who)}"
