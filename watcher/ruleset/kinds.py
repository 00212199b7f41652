"""What each kind of source provides, so that a rule's names can be checked before it runs.

Law: this is the one list of field names and words that rules know; a test holds it against what the
sources really say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from watcher import model

_STATUSES = (
    "active",
    "provisioning",
    "suspended",
    "terminated",
    "change_pending",
    model.UNKNOWN,
)
_STATES = ("online", "impaired", "degraded", "offline", model.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The fields of a kind's subjects: words with their vocabulary, and figures.

    `metrics` are the figures that come as samples, so that a threshold can be set on them.
    """

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    booked: bool = False  # whether its subjects are booked for a time, and so have phases

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field's name."""
        return (*self.words, *self.figures)

    def samples(self) -> Iterator[dict[str, model.Scalar]]:
        """Give fields as the vendor may say them, to try expressions on: each word, some figures.

        The first is the most ordinary one.
        """
        longest = max((len(words) for words in self.words.values()), default=1)
        for turn in range(max(longest, 3)):
            words = {name: said[turn % len(said)] for name, said in self.words.items()}
            figures = dict.fromkeys(self.figures, (50.5, 0.0, 100.0)[turn % 3])
            yield {**words, **figures}


KINDS: Mapping[str, Kind] = {
    "vyvx": Kind(words={"state": _STATES, "ingress_state": _STATES}, booked=True),
    "evpl": Kind(figures=("utilization",), metrics=("utilization",)),
    "internet_on_demand": Kind(words={"status": _STATUSES}, figures=("bandwidth_mbps",)),
}
