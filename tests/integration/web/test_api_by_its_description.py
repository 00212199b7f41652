"""Requests drawn from the OpenAPI document: whatever it allows is answered as it says."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.fakes import sample_data
from tests.servers.programs import unavailable

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,negative_data_rejection,positive_data_acceptance"
)


async def test_what_the_description_allows_is_answered_as_it_says(serve, reader):
    schemathesis = Path(sys.executable).with_name("schemathesis")
    if not schemathesis.exists():
        unavailable("schemathesis is missing: pip install schemathesis")
    async with serve(reporter=sample_data.bad_night(reader)) as site:
        process = await asyncio.create_subprocess_exec(
            str(schemathesis),
            *("run", f"{site.url}/api/v1/openapi.json", "--checks", CHECKS, "--seed", "16"),
            *("--phases", "coverage,fuzzing", "--max-examples", "8", "--no-color"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "200"},
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-5_000:]
