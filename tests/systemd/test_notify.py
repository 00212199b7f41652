from __future__ import annotations

import secrets
import socket

import pytest

from watcher import systemd


@pytest.fixture(params=["path", "abstract"])
def listener(request, tmp_path, monkeypatch):
    """Listen as systemd does, in the file system or in the abstract namespace."""
    name = (
        str(tmp_path / "notify") if request.param == "path" else f"@watcher-{secrets.token_hex(8)}"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


def test_systemd_hears_every_message(listener):
    systemd.ready()
    systemd.status("2 sources,\n 1 incident: Zürich")
    systemd.watchdog()
    systemd.stopping()
    heard = [listener.recv(1_000).decode() for _ in range(4)]
    assert heard == [
        "READY=1",
        "STATUS=2 sources, 1 incident: Zürich",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.ready()


def test_a_socket_on_which_nobody_listens_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with pytest.raises(OSError, match="No such file"):
        systemd.ready()
