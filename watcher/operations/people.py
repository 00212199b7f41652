"""Who makes a change: the person behind `sudo`, and the login at the other end of a socket.

Law: root is nobody's name. What costs money needs one that is.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = "root"
_LOGIN_UID = Path("/proc/self/loginuid")  # who logged in, whatever they became since
_UNSET = 2**32 - 1
_OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")  # of users outside of the user namespace
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def is_nobody(by: str) -> bool:
    """Return whether a name stands for no person."""
    return by.strip().casefold() in {"", ROOT}


def login_name(
    environment: Mapping[str, str],
    *,
    uid: int,
    login_uid: int | None,
    name_of: Callable[[int], str],
) -> str:
    """Return who runs this: as root, the person who became root; empty where nobody knows.

    `sudo`, `doas` and `pkexec` say it; after `su` the kernel still knows who logged in.
    """
    if uid != 0:
        return name_of(uid)
    for variable in ("SUDO_USER", "DOAS_USER"):
        if not is_nobody(environment.get(variable, "")):
            return environment[variable]
    pkexec = environment.get("PKEXEC_UID", "")
    if pkexec.isascii() and pkexec.isdigit() and (name := name_of(int(pkexec))):
        return name
    if login_uid not in {None, 0, _UNSET} and (name := name_of(login_uid or 0)):
        return name
    return name_of(uid)


def current_login() -> str:
    """Return who runs this process; empty where nobody knows."""
    try:
        login_uid = int(_LOGIN_UID.read_text())
    except (OSError, ValueError):
        login_uid = None
    return login_name(os.environ, uid=os.getuid(), login_uid=login_uid, name_of=name_of_uid)


def name_of_uid(uid: int) -> str:
    """Return the login name of a user id; empty where the system has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""


def peer_uid(connection: socket.socket) -> int:
    """Return the user id at the other end of a unix socket, as the kernel says it."""
    size = _CREDENTIALS.size
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    uid: int = _CREDENTIALS.unpack(credentials)[1]
    return uid


def login_of_peer(uid: int) -> str:
    """Return the login of the person who is connected with this user id, to attribute a change to.

    Empty for root and for the daemon's own user, who act for anybody; and where a user namespace
    (PrivateUsers= of a systemd unit) hides who it is.
    """
    if uid in {0, os.getuid()} or uid == _overflow_uid():
        return ""
    return name_of_uid(uid) or f"user {uid}"


def _overflow_uid() -> int:
    try:
        return int(_OVERFLOW_UID.read_text())
    except (OSError, ValueError):
        return 65_534  # the kernel's default


def attribute(by: str, login: str) -> str:
    """Return whom a change is attributed to.

    `login` is that of the connection; where it is empty, the name counts that was given. Others act
    as themselves: another name that they give has theirs beside it.
    """
    if not login or by == login:
        return by
    return f"{by} ({login})" if by else login
