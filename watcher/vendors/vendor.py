"""What Watcher has to know of a vendor's product: one description, provided by its own folder.

`catalog.py` lists the descriptions. Settings, rules, the daemon, preflight checks and messages
read them there, so that a new vendor is a folder and a line in the catalogue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Generic, TypeVar

from msgspec import Struct, field

from watcher import model, ports
from watcher.vendors import settings
from watcher.vendors.http.account import VendorAccount

S = TypeVar("S", bound=settings.Polled)


class Fields(Struct, frozen=True, kw_only=True):
    """The fields of a subject: words with their vocabulary, and figures.

    `metrics` are the figures that come as samples, so that a threshold can be set on them. `units`
    says what figures are in.
    """

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every field's name."""
        return (*self.words, *self.figures)

    def samples(self) -> Iterator[dict[str, model.Scalar]]:
        """Yield fields as the vendor may send them, for dry runs: each word, some figures.

        The first is the most ordinary one.
        """
        longest = max((len(words) for words in self.words.values()), default=1)
        for turn in range(max(longest, 3)):
            words = {name: words[turn % len(words)] for name, words in self.words.items()}
            figures = dict.fromkeys(self.figures, (50.5, 0.0, 100.0)[turn % 3])
            yield {**words, **figures}


class Traits(Struct, frozen=True, kw_only=True):
    """What differs between two configured sources of one vendor."""

    granularity: timedelta = timedelta(minutes=5)  # between two samples
    settle: timedelta = timedelta(0)  # how old samples are when they are first passed on
    history: timedelta = timedelta(0)  # how often the vendor's own record is read; 0: never
    pre_roll: timedelta = timedelta(minutes=15)  # before a booking starts


def no_traits(_: settings.Polled) -> Traits:
    """Return the traits of a source without samples, record and bookings."""
    return Traits()


async def no_hint(_: settings.Polled, __: VendorAccount) -> str:
    """Return no hint: its settings leave nothing to confuse."""
    return ""


def well_by_rules(_: Mapping[str, model.Scalar], __: float | None) -> bool | None:
    """Return True: a subject without a state is well where no condition of a rule holds."""
    return True


def no_place(_: Mapping[str, str]) -> str:
    """Return no place: its labels do not say where its subjects are measured."""
    return ""


class Vendor(Struct, Generic[S], frozen=True, kw_only=True):
    """One product of a vendor: how its sources are configured, built, read and spoken of."""

    kind: str  # in the settings, in rules and of subjects; the folder's name
    settings: type[S]  # of `[sources.NAME]`
    build: Callable[[str, S, VendorAccount], ports.Source]  # opens nothing
    fields: Fields
    likely_domain: Callable[[Mapping[str, model.Scalar]], model.FaultDomain]
    # Whether a subject is well, by its fields and the bandwidth that was bought; None: they do not
    # tell. Nothing is called recovered before this is True.
    well: Callable[[Mapping[str, model.Scalar], float | None], bool | None] = well_by_rules
    # Where a subject is measured, by its labels, as messages say it.
    place: Callable[[Mapping[str, str]], str] = no_place
    states: tuple[str, ...] = ()  # the words of `state` from good to bad; others cannot be compared
    down: tuple[str, ...] = ()  # words of `state` or `status` in which it carries nothing
    unused: tuple[str, ...] = ()  # and in which nobody expects it to
    carrier: str = "the vendor"  # as people call it
    booked: bool = False  # whether its subjects are booked for a time, and so have phases
    detailed: bool = False  # whether a subject's details can be fetched
    stamped: bool = False  # whether its answers carry the vendor's clock
    traits: Callable[[S], Traits] = no_traits
    # What a failed poll says about the settings; empty: nothing.
    hint: Callable[[S, VendorAccount], Awaitable[str]] = no_hint
    # Changes the bandwidth of its subjects; None: nobody can.
    bandwidth: Callable[[S, VendorAccount], ports.BandwidthChanger] | None = None
