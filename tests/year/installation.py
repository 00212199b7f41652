"""The configuration of a simulated installation, from its plan."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.year import slack, vendor
from tests.year.plan import NOC, Plan
from watcher import settings

_CONFIG = """
instance = "{instance}"
rules = ["rules.yaml"]

[accounts.vyvx]
kind = "mpa"
key_id = "key"
secret = "simulated-secret"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "https://{vendor}/vyvx/v1.0"
interval = "{interval}"
fast_interval = "{fast_interval}"

[receivers.noc]
kind = "slack"
channel = "{channel}"

[receivers.mqtt]
kind = "mqtt"

[slack]
bot_token = "xoxb-simulated"
api_url = "https://{slack}/api/"

[mqtt]
host = "broker.invalid"

[web]
listen = ""

[control]
socket = "watcher.sock"
"""

_RULE = """
  - name: {name}
    source: vyvx
    transition: {{field: state, to: [{to}]}}
    for: {hold}
    keep_firing_for: {keep}
    severity: {severity}
    title: "{{{{ name }}}} is {{{{ state }}}}"
"""


def write(plan: Plan, folder: Path, *, instance: str = "ops1") -> settings.Settings:
    """Write config.toml and the rules, and return the settings as a daemon loads them."""
    config = _CONFIG.format(
        instance=instance,
        vendor=vendor.HOST,
        slack=slack.HOST,
        channel=NOC,
        interval=_span(plan.interval),
        fast_interval=_span(plan.fast_interval),
    )
    (folder / "config.toml").write_text(config)
    rules = "".join(
        _RULE.format(
            name=rule.name,
            to=", ".join(rule.to),
            hold=_span(rule.hold),
            keep=_span(rule.keep),
            severity=rule.severity,
        )
        for rule in plan.rules
    )
    (folder / "rules.yaml").write_text(f"rules:{rules}")
    return settings.load(folder / "config.toml")


def _span(span: timedelta) -> str:
    return f"{span.total_seconds():.0f}s"
