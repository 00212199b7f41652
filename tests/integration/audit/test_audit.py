"""The audit of what is pinned: what it finds, and that it says when it could not ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.servers.ports import free_port

SCRIPT = Path(__file__).parents[3] / ".ci" / "audit.py"
PINS = "aiohttp==3.14.5 \\\n    --hash=sha256:00\npydantic[email]==2.12 ; python_version > '3'\n"


@pytest.fixture
def advisories():
    """Answer with one advisory for each package that is named in `affected`."""
    affected: list[str] = []

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            results = [
                {"vulns": [{"id": "PYSEC-1"}]} if query["package"]["name"] in affected else {}
                for query in body["queries"]
            ]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", affected
        server.shutdown()
        thread.join()


def audit(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    (folder / "constraints.txt").write_text(PINS)
    environment = {**os.environ, "WATCHER_ADVISORIES": url}
    return subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_known_is_a_failure_with_its_advisory(advisories, tmp_path):
    url, affected = advisories
    affected.append("pydantic")
    done = audit(tmp_path, url)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "pydantic 2.12: PYSEC-1 (https://osv.dev/PYSEC-1)",
        "dependencies audited: 2 pins, 1 known advisories",
    ]


def test_nothing_known_is_fine(advisories, tmp_path):
    url, _ = advisories
    done = audit(tmp_path, url)
    assert (done.returncode, done.stdout) == (
        0,
        "dependencies audited: 2 pins, 0 known advisories\n",
    )


def test_a_source_that_cannot_be_asked_is_no_failure_and_is_said(tmp_path):
    done = audit(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 0
    assert done.stdout.startswith("dependencies NOT audited: ")
