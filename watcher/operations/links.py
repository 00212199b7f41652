"""Where incidents can be read, for those who hear of them elsewhere or look for one. Pure."""

from __future__ import annotations

from msgspec import Struct

from watcher import model


def no_incident(identity: str) -> str:
    """Return the refusal for an incident that is not there, with where to look."""
    return f"there is no incident {identity}; see `watcher incidents --all` or the board"


def no_subject(key: str) -> str:
    """Return the refusal for a subject that is not there, with where to look."""
    return f"there is no subject {key}; see Services on the board"


class Addresses(Struct, frozen=True, kw_only=True):
    """The addresses of pages below `board`, its own address for people; empty: not known."""

    board: str = ""

    def page(self, incident: str) -> str:
        """Return the address of an incident's page; empty where nobody said where the board is."""
        return f"{self.board}/incidents/{incident}" if self.board else ""

    def of(self, incident: model.Incident) -> dict[str, str]:
        """Return the links of an incident's document, relative where the board is not known."""
        itself = f"{self.board}/api/v1/incidents/{incident.id}"
        links = {
            "self": itself,
            "page": f"{self.board}/incidents/{incident.id}",
            "timeline": f"{itself}/timeline",
        }
        for diagnosis in incident.diagnostics:
            if diagnosis.report is not None:
                links[f"report {diagnosis.run}"] = f"{itself}/reports/{diagnosis.run}.pdf"
        return links

    def elsewhere(self, incident: model.Incident) -> dict[str, str]:
        """Return the links for a document that this server does not send."""
        return self.of(incident) if self.board else {}


NOWHERE = Addresses()
