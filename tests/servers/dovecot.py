"""Dovecot with one mailbox on free ports: 2.3 of Debian 12 and 2.4 of Debian 13."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.servers.mosquitto import certificates
from tests.servers.ports import free_port, until_it_listens
from tests.servers.programs import program

USER, PASSWORD = "noc", 'se"cret pass'

COMMON = """
protocols = imap
listen = 127.0.0.1, 127.0.0.2
base_dir = {run}
state_dir = {run}
log_path = {run}/log
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""

OLD = """
ssl = yes
ssl_cert = <{certificates}/server.pem
ssl_key = <{certificates}/server.key
disable_plaintext_auth = no
mail_location = maildir:{mail}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {run}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}
}}
"""

NEW = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
ssl = yes
ssl_server_cert_file = {certificates}/server.pem
ssl_server_key_file = {certificates}/server.key
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {mail}
passdb passwd-file {{
  default_password_scheme = PLAIN
  passwd_file_path = {run}/users
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {mail}
  }}
}}
"""


class Dovecot:
    """A server whose mails are files; `flags` shows what reading has changed."""

    def __init__(self, folder: Path) -> None:
        self.port, self.tls_port = free_port(), free_port()
        self.ca_file = certificates(folder)
        self._folder = folder
        self._mail = folder / "mail"
        self._owner = pwd.getpwnam("mail")
        self._delivered = 0
        self._process: asyncio.subprocess.Process | None = None

    def deliver(self, content: bytes, folder: str = "") -> None:
        """Put a mail into the inbox, or into a folder by its name on disk."""
        place = self._mail / folder
        for part in (".", "cur", "new", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
            self._give_away(place / part)
        self._delivered += 1
        name = f"{1_700_000_000 + self._delivered}.M1P{self._delivered}.host"
        (place / "new" / name).write_bytes(content)
        self._give_away(place / "new" / name)

    def flags(self) -> set[str]:
        """Return the flags of all mails, as maildir keeps them in their names."""
        names = [path.name for path in (self._mail / "cur").iterdir()]
        return {name.partition(":2,")[2] for name in names} - {""}

    def renumber(self) -> None:
        """Lose what Dovecot knows of its numbers, as a restored backup does."""
        for path in self._mail.glob("dovecot*"):
            path.unlink()

    async def start(self) -> None:
        binary = program("dovecot", "dovecot-imapd")
        version = await asyncio.to_thread(
            subprocess.run, [binary, "--version"], capture_output=True, check=True
        )
        run = self._folder / "run"
        run.mkdir()
        (run / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
        self._mail.mkdir()
        self._give_away(self._mail)
        text = (OLD if version.stdout.startswith(b"2.3") else NEW) + COMMON
        config = self._folder / "dovecot.conf"
        config.write_text(
            text.format(
                run=run,
                mail=self._mail,
                certificates=self._folder,
                port=self.port,
                tls_port=self.tls_port,
                uid=self._owner.pw_uid,
                gid=self._owner.pw_gid,
            )
        )
        self._process = await asyncio.create_subprocess_exec(binary, "-F", "-c", str(config))
        await until_it_listens(self.port, self._process)

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def _give_away(self, path: Path) -> None:
        os.chown(path, self._owner.pw_uid, self._owner.pw_gid)


@asynccontextmanager
async def running() -> AsyncIterator[Dovecot]:
    """Run a server; its login processes are not root, and have to reach its folder."""
    if os.getuid():
        pytest.skip("Dovecot serves several users, and so needs root")
    program("dovecot", "dovecot-imapd")
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    os.chmod(folder, 0o755)  # noqa: S103, PTH101  # its own users have to reach the files
    server = Dovecot(folder)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(folder)
