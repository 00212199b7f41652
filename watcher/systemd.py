"""Tells systemd how the daemon is; without $NOTIFY_SOCKET (not started by systemd), nothing.

Source: sd_notify(3), sd_watchdog_enabled(3). Every call raises OSError if systemd does not listen.
"""

import os
import socket


def ready() -> None:
    """Start-up is over."""
    _send("READY=1")


def stopping() -> None:
    """Shut-down has begun."""
    _send("STOPPING=1")


def status(text: str) -> None:
    """Show one line in `systemctl status`."""
    _send("STATUS=" + " ".join(text.split()))


def watchdog() -> None:
    """Real progress was made; due twice in every WatchdogSec."""
    _send("WATCHDOG=1")


def _send(message: str) -> None:
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        address = "\0" + path[1:] if path.startswith("@") else path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.sendto(message.encode(), address)
