"""The configuration of a simulated installation, from its plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.year import slack
from tests.year.peers import diagnostics, evpl, iod, vyvx
from tests.year.plan import (
    AHEAD,
    BOSS,
    CALLS_PER_SECOND,
    COOLDOWN,
    DUTY,
    GRACE,
    NOC,
    STORM_WINDOW,
    Plan,
    Reload,
    Rule,
    Threshold,
    Window,
    service_of,
)
from watcher import settings

_CONFIG = """
instance = "{instance}"
rules = ["rules.yaml"]

[receivers.noc]
kind = "slack"
channel = "{noc}"
mention = "{mention}"

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

_BOSS = """
[receivers.boss]
kind = "slack"
channel = "{boss}"
"""

_STORE = """
[store]
retention = "{retention}"
"""

_VYVX = """
[accounts.vyvx]
kind = "mpa"
key_id = "key"
secret = "simulated-secret"
calls_per_month = {budget}
calls_per_second = {rate}

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

_DIAGNOSTICS = """
[diagnostics]
base_url = "https://{host}"
cooldown = "{cooldown}"
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
    diagnose: {diagnose}
    fault: {fault}
    title: "{{{{ name }}}} is {{{{ {field} }}}}"
    {more}
"""

_HOURS = 'hours: {{zone: {window.zone}, from: "{start}", to: "{end}"}}'

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
    {more}
"""

_NO_DATA = """
  - name: silent
    source: evpl
    no_data: {after}
    where: subject == "evpl/{line}"
    severity: warning
    notify: [noc, mqtt]
    title: "{{{{ name }}}} is silent"
"""

_WINDOW = """
  - name: window-{number}
    match: {{subject: {subject}}}
    zone: {window.zone}
    from: "{start}"
    to: "{end}"
"""

_ROTA = """
people:{people}
rotas:
  - name: video
    zone: {rota.zone}
    turns: [{turns}]
    handover: [{handovers}]
    start: {rota.start:%Y-%m-%d}
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
    mention = "oncall: video" if plan.rota else "<!here>"
    config = _WORKS if works or plan.diagnoses else ""
    config += _CONFIG.format(
        instance=instance,
        slack=slack.HOST,
        app_token="xapp-simulated" if plan.has_buttons else "",
        noc=NOC,
        duty=DUTY,
        mention=mention,
    )
    config += _STORE.format(retention=_span(plan.retention))
    if any(part.boss for part in (*plan.rules, *_reloads(plan))):
        config += _BOSS.format(boss=BOSS)
    if plan.circuits_of("vyvx"):
        config += _VYVX.format(
            host=vyvx.HOST,
            budget=plan.calls_per_month,
            rate=CALLS_PER_SECOND,
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
            interval=_span(max(plan.interval, plan.works_interval)),
            grace=_span(GRACE),
        )
    if works or plan.diagnoses:
        (folder / "inventory.yaml").write_text(f"subjects:\n{_subjects(plan, works)}")
    if plan.diagnoses:
        config += _DIAGNOSTICS.format(host=diagnostics.HOST, cooldown=_span(COOLDOWN))
    (folder / "config.toml").write_text(config)
    write_rules(plan, folder, None)
    return settings.load(folder / "config.toml")


def _subjects(plan: Plan, works: Sequence[str]) -> str:
    """Return what carriers call circuits, and what Service Diagnostics does."""
    entries: dict[str, list[str]] = {key: [f"circuit_ids: ['{key}']"] for key in works}
    for circuit in plan.circuits_of("vyvx") if plan.diagnoses else ():
        entries.setdefault(circuit.id, []).append(f"service_ids: [{service_of(circuit)}]")
    return "".join(f"  vyvx/{key}: {{{', '.join(of)}}}\n" for key, of in entries.items())


def write_rules(plan: Plan, folder: Path, reload: Reload | None) -> None:
    """Write the rules as they are from a reload on, or at the beginning."""
    changes = {} if reload is None else {"escalate": reload.escalate, "boss": reload.boss}
    rules = "".join(
        _rule(plan, replace(rule, **changes), source, field, words)
        for rule in plan.rules
        for source, (field, words) in _FIELDS.items()
        if plan.circuits_of(source) and (not words or not words.keys().isdisjoint(rule.to))
    )
    if plan.hours:
        rules += _rule_with_hours(plan, plan.hours)
    if plan.lines:
        rules += "".join(_thresholds(plan))
    if plan.no_data:
        rules += _NO_DATA.format(line=plan.no_data.line, after=_span(plan.no_data.after))
    subjects = {circuit.id: circuit.subject for circuit in plan.circuits}
    windows = "".join(
        _WINDOW.format(
            number=number,
            subject=subjects[window.circuit],
            window=window,
            start=_time(window.start),
            end=_time(window.end),
        )
        for number, window in enumerate(plan.windows)
    )
    text = f"rules:{rules}" + (f"\nmaintenance:{windows}" if windows else "")
    storm = f"\nstorm: {{incidents: {plan.storm}, window: {_span(STORM_WINDOW)}}}\n"
    (folder / "rules.yaml").write_text(text + storm + _rota(plan))


def _reloads(plan: Plan) -> list[Reload]:
    return [fact for fact in plan.facts if isinstance(fact, Reload)]


def _rota(plan: Plan) -> str:
    if plan.rota is None:
        return ""
    return _ROTA.format(
        rota=plan.rota,
        people="".join(f"\n  {who}: {{slack: {member(who)}}}" for who in plan.rota.turns),
        turns=", ".join(plan.rota.turns),
        handovers=", ".join(f'"{_time(minute)}"' for minute in plan.rota.handovers),
    )


def member(person: str) -> str:
    """Return how Slack knows somebody."""
    return f"U{person.upper():0>9}"


def _time(minutes: int) -> str:
    return "{:02}:{:02}".format(*divmod(minutes, 60))


def _rule_with_hours(plan: Plan, hours: Window) -> str:
    """Return the first rule once more, for one circuit: it applies at these hours."""
    rule = replace(plan.rules[0], name="staffed", fault="", escalate=timedelta(), boss=timedelta())
    where = f'where: subject == "vyvx/{hours.circuit}"'
    more = f"{where}\n    {_hours(hours)}"
    return _rule(replace(plan, hours=None), rule, "vyvx", "state", {}, more)


def _rule(  # noqa: PLR0917  # two callers, above
    plan: Plan, rule: Rule, source: str, field: str, words: Mapping[str, str], more: str = ""
) -> str:
    if plan.hours and source == "vyvx":
        more = f'where: subject != "vyvx/{plan.hours.circuit}"'
    return _RULE.format(
        name=f"{rule.name}-{source}",
        source=source,
        field=field,
        to=", ".join(words.get(state, state) for state in rule.to),
        hold=_span(rule.hold),
        keep=_span(rule.keep),
        severity=rule.severity,
        escalate=_escalate(rule),
        diagnose=str(plan.diagnoses).lower(),
        fault=f"{rule.fault}-{source}" if rule.fault else "null",
        more=more,
    )


def _escalate(rule: Rule) -> str:
    steps = (("duty", rule.escalate), ("boss", rule.boss))
    written = (f"{{after: {_span(after)}, notify: [{who}]}}" for who, after in steps if after)
    return f"[{', '.join(written)}]"


def _thresholds(plan: Plan) -> Iterator[str]:
    """Yield the rules about lines, and the first once more for one line: it applies at hours."""
    hours = plan.line_hours
    but_not = f'where: subject != "evpl/{hours.circuit}"' if hours else ""
    for rule in plan.thresholds:
        yield _threshold(rule, but_not)
    if hours:
        where = f'where: subject == "evpl/{hours.circuit}"'
        rule = replace(plan.thresholds[0], name="staffed-line")
        yield _threshold(rule, f"{where}\n    {_hours(hours)}")


def _hours(hours: Window) -> str:
    return _HOURS.format(window=hours, start=_time(hours.start), end=_time(hours.end))


def _threshold(rule: Threshold, more: str) -> str:
    window = f"over: {_span(rule.over)}\n      aggregate: avg" if rule.over else ""
    return _THRESHOLD.format(
        name=rule.name,
        above=rule.above,
        clear=rule.clear,
        consecutive=rule.consecutive,
        window=window,
        keep=_span(rule.keep),
        more=more,
    )


def _span(span: timedelta) -> str:
    return f"{span.total_seconds():.0f}s"
