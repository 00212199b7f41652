"""What goes into `step()`: events, and the commands among them.

An event holds facts, never objects with behaviour, so that the journal can keep it and `watcher
replay` can feed it again. The time of observation is the `now` that accompanies it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from watcher.model.diagnoses import Diagnosis
from watcher.model.incidents import Fallback
from watcher.model.oncall import Calendar
from watcher.model.remedies import RemedyStatus
from watcher.model.silences import Silence
from watcher.model.subjects import AlarmRecord, Details, Observed, Sample
from watcher.model.tickets import TicketState
from watcher.model.works import Notice


class Polled(Struct, frozen=True, kw_only=True, gc=False):
    """A poll was answered.

    `seen` are the subjects that changed since the poll before (all of them on the first, and one
    that was absent and is back), `absent` the keys known before that it does not name, in at least
    three complete polls in a row, `total` how many it names. `remarks`, `future` and
    `unread_values` are those of the Snapshot. `repeats` is the time of the poll that a replay
    repeats, to go on from a checkpoint.
    """

    source: str
    seen: tuple[Observed, ...] = ()
    absent: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    complete: bool = True
    total: int = 0
    repeats: datetime | None = None
    remarks: tuple[str, ...] = ()
    future: int = 0
    unread_values: int = 0


class PollFailed(Struct, frozen=True, kw_only=True, gc=False):
    """A poll was not answered usefully. `permanent` says that waiting will not help."""

    source: str
    error: str
    permanent: bool = False


class Ticked(Struct, frozen=True, kw_only=True, gc=False):
    """One of the state's own deadlines has come."""


class ClockStepped(Struct, frozen=True, kw_only=True, gc=False):
    """The machine's clock was set: what was `now` until this event is `now + by` from it on."""

    by: timedelta


class Stalled(Struct, frozen=True, kw_only=True, gc=False):
    """Nobody has watched since then: the machine was suspended, or this process stood still."""

    since: datetime


class DetailsRead(Struct, frozen=True, kw_only=True, gc=False):
    """The answer to a request for a subject's details; `error` says why there are none."""

    subject: str
    details: Details | None
    error: str = ""


class HistoryRead(Struct, frozen=True, kw_only=True, gc=False):
    """What the vendor recorded of a subject between two times.

    `error` says why it could not be read; `permanent` says that waiting will not help.
    """

    subject: str
    start: datetime
    end: datetime
    alarms: tuple[AlarmRecord, ...] = ()
    error: str = ""
    permanent: bool = False


class Diagnosed(Struct, frozen=True, kw_only=True, gc=False):
    """A run of Service Diagnostics started, ended, failed or was refused by a budget."""

    diagnosis: Diagnosis


class DiagnosisWanted(Struct, frozen=True, kw_only=True, gc=False):
    """A person asks for a run for this incident; budgets and cooldown still apply."""

    incident: str
    by: str


class AlternativesRead(Struct, frozen=True, kw_only=True, gc=False):
    """What can be ordered as a backup at an address; `why` says why nothing.

    `note` is what people should know of such offers.
    """

    incident: str
    address: str
    offers: tuple[str, ...] = ()
    why: str = ""
    note: str = ""


class RemedyApproved(Struct, frozen=True, kw_only=True, gc=False):
    """A person wants the proposed change of bandwidth to be made."""

    incident: str
    by: str


class RemedyRefused(Struct, frozen=True, kw_only=True, gc=False):
    """A person does not want it."""

    incident: str
    by: str


class BandwidthNews(Struct, frozen=True, kw_only=True, gc=False):
    """How a change of bandwidth is now; `order` is that of BandwidthNeeded.

    `message` says why, where that is needed; `mbps` is what the vendor shows, if that is known.
    `over`: there will be no more news. `vendor_order` and `price` are the vendor's words, as is
    `had`, the bandwidth before the change.
    """

    incident: str
    order: str
    status: RemedyStatus
    message: str = ""
    mbps: float | None = None
    over: bool = False
    vendor_order: str = ""
    price: str = ""
    had: str = ""


class Acknowledged(Struct, frozen=True, kw_only=True, gc=False):
    """A person has acknowledged the incident."""

    incident: str
    by: str


class Unacknowledged(Struct, frozen=True, kw_only=True, gc=False):
    """A person has withdrawn an acknowledgement."""

    incident: str
    by: str


class ResolvedByHand(Struct, frozen=True, kw_only=True, gc=False):
    """A person has resolved the incident; `text` says why, in the person's words."""

    incident: str
    by: str
    text: str = ""


class Noted(Struct, frozen=True, kw_only=True, gc=False):
    """A person has written a note on the timeline."""

    incident: str
    by: str
    text: str


class TicketRecorded(Struct, frozen=True, kw_only=True, gc=False):
    """A person names the carrier's ticket, or says where it stands; empty: as it was."""

    incident: str
    by: str
    number: str = ""
    url: str = ""
    state: TicketState | None = None


class Silenced(Struct, frozen=True, kw_only=True, gc=False):
    """A person has muted notifications for a while."""

    silence: Silence


class Unsilenced(Struct, frozen=True, kw_only=True, gc=False):
    """A person has ended a silence, named by its id."""

    silence: str
    by: str


class ReceiverFailed(Struct, frozen=True, kw_only=True, gc=False):
    """A receiver has been failing for too long, or until a person fixes something.

    `others` are notified of that. `fallback` is notified in its place from now on; None leaves the
    fallback as it was. `since` belongs to what may pass by itself.
    """

    receiver: str
    error: str
    others: tuple[str, ...]
    fallback: Fallback | None = None
    since: datetime | None = None


class ReceiverRecovered(Struct, frozen=True, kw_only=True, gc=False):
    """A receiver was notified of something again."""

    receiver: str


class CalendarRead(Struct, frozen=True, kw_only=True, gc=False):
    """A calendar of who is on call was read, or could not be: then it has an `error`."""

    calendar: Calendar


class DrillWanted(Struct, frozen=True, kw_only=True, gc=False):
    """A person wants to see that these receivers are notified, by an incident of this id.

    `page`: it is critical, so that people are paged.
    """

    incident: str
    receivers: tuple[str, ...]
    by: str
    page: bool = False


class NoticeRead(Struct, frozen=True, kw_only=True, gc=False):
    """A carrier's notice of planned works was read."""

    notice: Notice


class WorkConfirmed(Struct, frozen=True, kw_only=True, gc=False):
    """A person has taken note of planned works, named by their key: they count."""

    work: str
    by: str


class WorkDismissed(Struct, frozen=True, kw_only=True, gc=False):
    """A person says that planned works, named by their key, do not count."""

    work: str
    by: str


# What may be put into the inbox: everything that the one writer does not observe by itself.
Command = (
    DetailsRead
    | HistoryRead
    | Diagnosed
    | DiagnosisWanted
    | AlternativesRead
    | RemedyApproved
    | RemedyRefused
    | BandwidthNews
    | Acknowledged
    | Unacknowledged
    | ResolvedByHand
    | Noted
    | TicketRecorded
    | Silenced
    | Unsilenced
    | ReceiverFailed
    | ReceiverRecovered
    | DrillWanted
    | CalendarRead
    | NoticeRead
    | WorkConfirmed
    | WorkDismissed
)
Event = Polled | PollFailed | Ticked | ClockStepped | Stalled | Command
