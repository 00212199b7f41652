"""The buttons under an incident's message: what people may do with it as it is.

Law: pure. What each does when it is pressed is in `slack_actions`; its value is the incident's id.
"""

from __future__ import annotations

from collections.abc import Iterator

from watcher import model
from watcher.receivers import words

ACKNOWLEDGE, SILENCE, DIAGNOSE, PACKET = "acknowledge", "silence", "diagnose", "packet"
APPROVE, REFUSE = "approve", "refuse"


def offer(dossier: model.Dossier) -> Iterator[words.Block]:
    """Offer what can be done; an incident about no subject can only be taken."""
    told = dossier.incident
    if told.status is model.IncidentStatus.OPEN:
        yield words.button("Acknowledge", ACKNOWLEDGE, told.id, style="primary")
    else:
        yield words.button("Take over", ACKNOWLEDGE, told.id)
    if dossier.alerts:
        again = " again" if told.diagnostics else ""
        yield words.button("Silence 1 h", SILENCE, told.id)
        yield words.button(f"Run diagnostics{again}", DIAGNOSE, told.id)
        yield words.button("Carrier packet", PACKET, told.id)
    if told.remedy and told.remedy.approval(told.id):
        wanted = model.format_mbps(told.remedy.to_mbps)
        sentence = (
            f"{told.remedy.id} is raised from {model.format_mbps(told.remedy.from_mbps)} to"
            f" {wanted}. The carrier charges for it."
        )
        ask = ("Order it?", sentence, "Order")
        yield words.button(f"Approve {wanted}", APPROVE, told.id, style="primary", ask=ask)
        yield words.button("Refuse", REFUSE, told.id)
