"""Mosquitto 2 with a configuration of its own on a free port."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.ports import free_port, until_it_listens
from tests.servers.programs import program


class Mosquitto:
    """`start` and `stop` may alternate; nothing is kept in between, as after a lost disk."""

    def __init__(self, folder: Path, *lines: str, users: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._process: asyncio.subprocess.Process | None = None
        settings = [f"listener {self.port} 127.0.0.1", "persistence false", "user root", *lines]
        if users:
            passwd = program("mosquitto_passwd", "mosquitto")
            passwords = folder / "passwords"
            for number, (user, password) in enumerate(users.items()):
                flags = ["-b"] if number else ["-b", "-c"]
                subprocess.run([passwd, *flags, passwords, user, password], check=True)
            settings += [f"password_file {passwords}", "allow_anonymous false"]
        else:
            settings += ["allow_anonymous true"]
        self._config.write_text("\n".join(settings) + "\n")

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            program("mosquitto", "mosquitto"),
            "-c",
            str(self._config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until_it_listens(self.port, self._process)

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@pytest.fixture
async def mosquitto(tmp_path) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    await broker.start()
    yield broker
    await broker.stop()


def certificates(folder: Path) -> Path:
    """An authority and a certificate for localhost; the authority's file."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    key, request, cert = folder / "server.key", folder / "server.csr", folder / "server.pem"
    names = folder / "names.ext"
    names.write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "authorityKeyIdentifier=keyid\n"  # CPython asks for these from 3.13 on
        "keyUsage=critical,digitalSignature\n"
    )
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    signed = ["-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
    openssl = program("openssl", "openssl")
    for command in (
        [
            "req",
            "-x509",
            *new_key,
            "-keyout",
            ca_key,
            "-out",
            ca,
            "-subj",
            "/CN=test",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
            "-days",
            "2",
        ],
        ["req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", request, "-out", cert, "-days", "2", "-extfile", names, *signed],
    ):
        subprocess.run([openssl, *map(str, command)], check=True, capture_output=True)
    return ca
