"""What the loops need of sources, store, responses and receivers, said as Protocols.

Law: an adapter implements a port and imports no loop; a loop imports ports and no adapter.
"""

from watcher.ports.counting import Meter, Reading, Tally
from watcher.ports.ledger import Commit, Envelope, Inbox, Ledger, Loaded, Recorded, RulesRead
from watcher.ports.readers import Backlog, Daemon, Library, Standing
from watcher.ports.responses import (
    Backups,
    Examination,
    Examiner,
    Gazetteer,
    Ordered,
    Orderer,
    Provision,
    Qualifier,
)
from watcher.ports.sources import Source, Submit
from watcher.ports.telling import Accounts, Debt, Receiver, Telling
from watcher.ports.work import Change, Job, Paper, Start, Workshop

__all__ = [
    "Accounts",
    "Backlog",
    "Backups",
    "Change",
    "Commit",
    "Daemon",
    "Debt",
    "Envelope",
    "Examination",
    "Examiner",
    "Gazetteer",
    "Inbox",
    "Job",
    "Ledger",
    "Library",
    "Loaded",
    "Meter",
    "Ordered",
    "Orderer",
    "Paper",
    "Provision",
    "Qualifier",
    "Reading",
    "Receiver",
    "Recorded",
    "RulesRead",
    "Source",
    "Standing",
    "Start",
    "Submit",
    "Tally",
    "Telling",
    "Workshop",
]
