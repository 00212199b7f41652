"""What the daemon tells systemd through its notification socket."""

from __future__ import annotations

import secrets
import socket

import pytest

from watcher.daemon import lifecycle


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
    lifecycle.notify_ready()
    lifecycle.notify_alive("2 sources,\n 1 incident: Zürich")
    lifecycle.notify_stopping()
    messages = [listener.recv(1_000).decode() for _ in range(3)]
    assert messages == [
        "READY=1",
        "WATCHDOG=1\nSTATUS=2 sources, 1 incident: Zürich",
        "STOPPING=1",
    ]


@pytest.fixture
def full(listener):
    """Listen to nothing: as many messages wait as the kernel keeps."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                other.sendto(b"STATUS=another unit", listener.getsockname())
    return listener


def test_a_systemd_that_reads_nothing_blocks_nothing(full):
    lifecycle.notify_alive("2 sources")
    lifecycle.notify_stopping()
    assert full.recv(1_000) == b"STATUS=another unit"


def test_only_ready_waits_for_a_moment_because_without_it_the_start_has_failed(full, monkeypatch):
    monkeypatch.setattr(lifecycle, "READY_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        lifecycle.notify_ready()


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    lifecycle.notify_ready()


def test_a_socket_without_a_listener_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with pytest.raises(OSError, match="No such file"):
        lifecycle.notify_ready()
