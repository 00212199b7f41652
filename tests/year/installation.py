"""The configuration of a simulated installation, from its plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tests.year import slack
from tests.year.peers import evpl, iod, vyvx
from tests.year.plan import AHEAD, DUTY, GRACE, NOC, STORM_WINDOW, Plan, Rule, Threshold
from watcher import settings

_CONFIG = """
instance = "{instance}"
rules = ["rules.yaml"]

[receivers.noc]
kind = "slack"
channel = "{noc}"

[receivers.duty]
kind = "slack"
channel = "{duty}"

[receivers.mqtt]
kind = "mqtt"

[slack]
bot_token = "xoxb-simulated"
api_url = "https://{slack}/api/"
app_token = "{app_token}"

[mqtt]
host = "broker.invalid"
commands = true

[web]
listen = ""

[control]
socket = "watcher.sock"
"""

_VYVX = """
[accounts.vyvx]
kind = "mpa"
key_id = "key"
secret = "simulated-secret"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "https://{host}/vyvx/v1.0"
interval = "{interval}"
fast_interval = "{fast_interval}"
history = "{history}"
"""

_IOD = """
[sources.iod]
kind = "internet_on_demand"
base_url = "https://{host}"
interval = "{interval}"
fast_interval = "{fast_interval}"
"""

_EVPL = """
[sources.evpl]
kind = "evpl"
base_url = "https://{host}/api-monitoring-live/v1"
operator_code = "OPERATOR"
application_id = "APPLICATION"
interval = "{interval}"
settle = "{settle}"
"""

_WORKS = """
inventory = "inventory.yaml"
"""

_FOLDER = """
[receivers.ahead]
kind = "slack"
channel = "{ahead}"

[works]
directory = "{folder}"
interval = "{interval}"
grace = "{grace}"
receivers = ["ahead"]
"""

_RULE = """
  - name: {name}
    source: {source}
    transition: {{field: {field}, to: [{to}]}}
    for: {hold}
    keep_firing_for: {keep}
    severity: {severity}
    notify: [noc, mqtt]
    escalate: {escalate}
    title: "{{{{ name }}}} is {{{{ {field} }}}}"
"""

_THRESHOLD = """
  - name: {name}
    source: evpl
    threshold:
      metric: utilization
      above: {above}
      clear: {clear}
      consecutive: {consecutive}
      {window}
    keep_firing_for: {keep}
    severity: critical
    notify: [noc, mqtt]
    title: "{{{{ name }}}} is full: {{{{ direction }}}} {{{{ value }}}} {{{{ unit }}}}"
"""

# Where each source says how a circuit is, and its words for that.
_FIELDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "vyvx": ("state", {}),
    "iod": ("status", iod.STATUSES),
}


def write(
    plan: Plan, folder: Path, *, instance: str = "ops1", notices: Path | None = None
) -> settings.Settings:
    """Write config.toml and the rules, and return the settings as a daemon loads them."""
    works = sorted({circuit for notice in plan.notices for circuit in notice.circuits})
    config = _WORKS if works else ""
    config += _CONFIG.format(
        instance=instance,
        slack=slack.HOST,
        app_token="xapp-simulated" if plan.has_buttons else "",
        noc=NOC,
        duty=DUTY,
    )
    if plan.circuits_of("vyvx"):
        config += _VYVX.format(
            host=vyvx.HOST,
            interval=_span(plan.interval),
            fast_interval=_span(plan.fast_interval),
            history=_span(plan.history),
        )
    if plan.circuits_of("iod"):
        config += _IOD.format(
            host=iod.HOST,
            interval=_span(plan.interval),
            fast_interval=_span(plan.fast_interval),
        )
    if plan.lines:
        config += _EVPL.format(
            host=evpl.HOST,
            interval=_span(plan.line_interval),
            settle=_span(plan.settle),
        )
    if works:
        config += _FOLDER.format(
            ahead=AHEAD,
            folder=notices,
            interval=_span(max(plan.interval, timedelta(minutes=1))),
            grace=_span(GRACE),
        )
        subjects = "".join(f"  vyvx/{key}: {{circuit_ids: ['{key}']}}\n" for key in works)
        (folder / "inventory.yaml").write_text(f"subjects:\n{subjects}")
    (folder / "config.toml").write_text(config)
    rules = "".join(
        _rule(rule, source, field, words)
        for rule in plan.rules
        for source, (field, words) in _FIELDS.items()
        if plan.circuits_of(source)
    )
    if plan.lines:
        rules += "".join(_threshold(rule) for rule in plan.thresholds)
    storm = f"storm: {{incidents: {plan.storm}, window: {_span(STORM_WINDOW)}}}\n"
    (folder / "rules.yaml").write_text(f"rules:{rules}\n{storm}")
    return settings.load(folder / "config.toml")


def _rule(rule: Rule, source: str, field: str, words: Mapping[str, str]) -> str:
    return _RULE.format(
        name=f"{rule.name}-{source}",
        source=source,
        field=field,
        to=", ".join(words.get(state, state) for state in rule.to),
        hold=_span(rule.hold),
        keep=_span(rule.keep),
        severity=rule.severity,
        escalate=_escalate(rule),
    )


def _escalate(rule: Rule) -> str:
    after = _span(rule.escalate)
    return f"[{{after: {after}, notify: [duty]}}]" if rule.escalate else "[]"


def _threshold(rule: Threshold) -> str:
    window = f"over: {_span(rule.over)}\n      aggregate: avg" if rule.over else ""
    return _THRESHOLD.format(
        name=rule.name,
        above=rule.above,
        clear=rule.clear,
        consecutive=rule.consecutive,
        window=window,
        keep=_span(rule.keep),
    )


def _span(span: timedelta) -> str:
    return f"{span.total_seconds():.0f}s"
