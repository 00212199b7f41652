"""Modals: the forms that an app opens for one person, and what that person sends off.

GET /_sim/views lists the open ones by person, the one in front last; POST /_sim/submit sends the
one in front off (`user`, `name`, `values` by block); POST /_sim/close closes it.
Source: docs.slack.dev, Modals, views.open and view_submission payloads. A trigger_id opens one
modal, within 3 seconds.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from watcher.clock import Clock
from watcher.simulator.slack import limits, workspace
from watcher.simulator.slack.arguments import SlackError
from watcher.simulator.slack.workspace import Workspace

TRIGGER_SECONDS = 3.0
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_MOST_DEEP = 3  # modals on top of one another

View = dict[str, Any]


class Modals:
    """The open modals; `open` is by person, the one in front last."""

    def __init__(self, space: Workspace, clock: Clock) -> None:
        self.open: dict[str, list[View]] = {}
        self._space = space
        self._clock = clock
        self._triggers: dict[str, tuple[str, float, bool]] = {}  # whose, until when, and if used
        self._count = 0

    def trigger(self, user: str) -> str:
        """Return a trigger_id for what this person has just pressed or typed."""
        name = f"{self._name('trigger')}.{workspace.TEAM}"
        self._triggers[name] = (user, self._clock.monotonic() + TRIGGER_SECONDS, False)
        return name

    def open_view(self, trigger: str, view: Any) -> View:
        """Open a modal. Raises SlackError for a trigger that is over, and a view beyond limits."""
        if trigger not in self._triggers:
            raise SlackError("invalid_trigger_id")
        user, until, used = self._triggers[trigger]
        if used:
            raise SlackError("exchanged_trigger_id")
        if self._clock.monotonic() > until:
            raise SlackError("expired_trigger_id")
        shown = self._checked(view)
        self._triggers[trigger] = (user, until, True)
        self.open.setdefault(user, []).append(shown)
        self._space.version += 1
        return shown

    def front(self, user: str) -> View | None:
        """Return the modal that a person has in front, if there is one."""
        views = self.open.get(user)
        return views[-1] if views else None

    def close(self, user: str) -> None:
        """Close the modal in front."""
        if self.open.get(user):
            self.open[user].pop()
            self._space.version += 1

    def submission(self, user: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return the payload of the modal in front, filled in with `values` by block."""
        view = self.open[user][-1]
        state = {
            block["block_id"]: {
                block["element"]["action_id"]: _state(
                    block["element"], values.get(block["block_id"])
                )
            }
            for block in view["blocks"]
            if block["type"] == "input"
        }
        return {
            "type": "view_submission",
            "team": {"id": workspace.TEAM},
            "user": {"id": user, "username": name, "name": name, "team_id": workspace.TEAM},
            "trigger_id": self.trigger(user),
            "view": view | {"state": {"values": state}},
            "response_urls": [],
        }

    def answer(self, user: str, answer: Any) -> dict[str, str]:
        """Do what the app answered to a submission; return its errors by block."""
        views = self.open[user]
        response = answer if isinstance(answer, dict) else {}
        match response.get("response_action"):
            case "errors":
                return dict(response.get("errors") or {})
            case "update":
                views[-1] = self._checked(response.get("view"))
            case "push" if len(views) < _MOST_DEEP:
                views.append(self._checked(response.get("view")))
            case "clear":
                views.clear()
            case _:
                views.pop()
        self._space.version += 1
        return {}

    def _checked(self, view: Any) -> View:
        view = json.loads(view) if isinstance(view, str) else view
        problems = list(limits.view_problems(view))
        if problems:
            raise SlackError("invalid_arguments", [f"[ERROR] {problem}" for problem in problems])
        name = self._name("view")
        return dict(view) | {"id": f"V{name[:10].upper()}", "team_id": workspace.TEAM}

    def _name(self, kind: str) -> str:
        self._count += 1
        return hashlib.sha256(f"{kind}/{self._count}".encode()).hexdigest()[:16]


def missing(view: View, values: dict[str, Any]) -> dict[str, str]:
    """Return what Slack itself says below the fields before it sends a modal off."""
    fields = [block for block in view["blocks"] if block["type"] == "input"]
    absent = {
        block["block_id"]: "Please complete this required field."
        for block in fields
        if not block.get("optional")
        and not _filled(block["element"], values.get(block["block_id"]))
    }
    odd = {
        block["block_id"]: "Please enter a valid URL."
        for block in fields
        if block["element"]["type"] == "url_text_input"
        and not _ADDRESS.match(values.get(block["block_id"]) or "x:/")
    }
    return absent | odd


def _filled(element: dict[str, Any], value: Any) -> bool:
    return value not in {None, ""} or any(key.startswith("initial_") for key in element)


def _state(element: dict[str, Any], value: Any) -> dict[str, Any]:
    """Return what an element holds, in the shape of its kind."""
    kind = element["type"]
    match kind:
        case "static_select":
            options = [option for option in element["options"] if option["value"] == value]
            chosen = options[0] if options else element.get("initial_option")
            return {"type": kind, "selected_option": chosen}
        case "datetimepicker":
            at = value if value not in {None, ""} else element.get("initial_date_time")
            return {"type": kind, "selected_date_time": int(at) if at is not None else None}
        case _:
            text = value if value is not None else element.get("initial_value")
            return {"type": kind, "value": text or None}
