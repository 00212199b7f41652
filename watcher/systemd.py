"""Tells systemd how the daemon is; without $NOTIFY_SOCKET (not started by systemd), nothing.

Law: nobody's alerts wait for systemd. Its queue may be full, with the messages of others.
Source: sd_notify(3), sd_watchdog_enabled(3). Every call raises OSError if systemd does not listen.
"""

import os
import socket

READY_SECONDS = 2.0  # without this message systemd ends the daemon, so it is worth a moment


def ready() -> None:
    """Start-up is over. Raises TimeoutError, too, when systemd takes nothing for 2 s."""
    _send("READY=1", patience=READY_SECONDS)


def stopping() -> None:
    """Shut-down has begun."""
    _send("STOPPING=1")


def alive(status: str) -> None:
    """Real progress was made, due twice in every WatchdogSec; `systemctl status` shows the line."""
    _send("WATCHDOG=1\nSTATUS=" + " ".join(status.split()))


def _send(message: str, *, patience: float = 0.0) -> None:
    """Send a message, waiting `patience` seconds for room; with none a full queue loses it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        notify.settimeout(patience)
        try:
            notify.sendto(message.encode(), address)
        except BlockingIOError:
            return
