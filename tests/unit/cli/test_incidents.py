"""`watcher incidents` beside a daemon."""

from typer.testing import CliRunner

from watcher import cli, model
from watcher.cli import incidents


def test_a_daemon_of_an_earlier_version_is_named(monkeypatch):
    """An upgrade replaces the command at once, and the daemon when it is restarted."""
    earlier = {"incidents": [{"id": "w-1", "severity": "critical", "title": "down"}]}
    monkeypatch.setattr(incidents, "request", lambda *_: earlier)
    result = CliRunner().invoke(cli.program, ["incidents"])
    assert isinstance(result.exception, model.PermanentError)
    assert "restart it (systemctl restart watcher)" in str(result.exception)
    assert CliRunner().invoke(cli.program, ["incidents", "--json"]).exit_code == 0
