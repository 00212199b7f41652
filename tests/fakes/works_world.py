"""A world in which carriers announce works on circuits of three sites."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from tests.fakes.engine_world import START, FakeInventory, World, rule, ruleset
from tests.fakes.notices import notice
from watcher import engine, model

DAY = 24 * 60  # in the minutes that notices are written in
INVENTORY = FakeInventory(
    vyvx_a=engine.InventoryEntry(
        labels={"name": "NYC-LON 1", "site": "NYC"}, circuit_ids=("1-ABC",)
    ),
    vyvx_b=engine.InventoryEntry(
        labels={"name": "NYC-PAR 2", "site": "NYC"}, service_ids=("2-DEF",)
    ),
    vyvx_c=engine.InventoryEntry(labels={"name": "Lyon 3"}, redundancy_group="uplinks"),
    evpl_d=engine.InventoryEntry(
        labels={"name": "Lyon 4"}, circuit_ids=("FRA 77",), redundancy_group="uplinks"
    ),
)
INVENTORY.inventory_entries["vyvx/c"] = replace(
    INVENTORY.inventory_entries["vyvx/c"], circuit_ids=("3-GHI",)
)


class WorksWorld(World):
    """A world that says what people were told of works."""

    def __init__(self, *, zone=None, polled=True):
        works = engine.WorksPolicy(
            receivers=("noc", "mqtt"), zone=None if zone is None else ZoneInfo(zone)
        )
        super().__init__(replace(ruleset(rule(), inventory=INVENTORY, detailed=True), works=works))
        if polled:
            self.poll_all()

    def poll_all(self):
        self.poll(a="online", b="online", c="online")
        self.poll(source="evpl", d={"status": "up"})

    def read(self, *windows, at=None, **fields):
        """Read a notice of windows in days after START, each from its begin on for six hours."""
        edges = [(begin * DAY, begin * DAY + 360) for begin in windows]
        read = (self.now - START) / timedelta(minutes=1) if at is None else at * DAY
        return self.read_notice(notice(*edges, read=read, stamp=read, **fields), at)

    def read_notice(self, notice, at=None):
        """Read this notice, at a day."""
        when = None if at is None else timedelta(days=at)
        return self.step(model.NoticeRead(notice=notice), when)

    def book(self, subject, begin, end, *, at=None, booking="1", **fields):
        """Read a reservation between these days."""
        scheduled = model.Window(start=day(begin), end=day(end))
        details = model.Details(
            bookings=(model.Booking(id=booking, scheduled=scheduled, **fields),)
        )
        when = None if at is None else timedelta(days=at)
        return self.step(model.DetailsRead(subject=subject, details=details), when)

    def reload(self, **changes):
        """Put other rules in force."""
        self.ruleset = replace(self.ruleset, **changes)
        return self.step(engine.Reloaded(ruleset=self.ruleset))

    def until(self, days):
        """Wait until so many days after START."""
        return self.wait_until(day(days))

    @property
    def given(self):
        """What people were told, as (day, about, work)."""
        return [
            ((entry.at - START) / timedelta(days=1), entry.data["about"], entry.data["work"])
            for entry in self.announced
        ]

    @property
    def announced(self):
        """The entries about works."""
        return [entry for entry in self.tables.entries if "work" in entry.data]

    @property
    def text(self):
        """The last of them."""
        return self.announced[-1].text

    @property
    def announcements(self):
        """The incidents about works, by the work."""
        return {incident.group: incident for incident in self.incidents if incident.is_announcement}

    def view(self, work="lumen/W1"):
        """Return the incident about a work as receivers get it."""
        incident = self.announcements[work]
        entries = [entry for entry in self.tables.entries if entry.incident == incident.id]
        return model.IncidentView(
            incident=incident, alerts=(), alert_counts={}, timeline=tuple(entries)
        )


def day(days):
    return START + timedelta(days=days)
