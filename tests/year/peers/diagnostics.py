"""Lumen Service Diagnostics: answers late, fails, or says something that no other run has said."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import Any

from tests.year.faults import VendorFault
from tests.year.network import Answer, Request, answer_json
from tests.year.peers import refusals
from tests.year.world import World
from watcher.vendors.diagnostics.preview import Preview

HOST = "diagnostics.invalid"
_KINDS = ("done", "done", "done", "no pdf", "failed", "never")
_NEVER = 1_000.0  # seconds


class Diagnostics:
    """One request is one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = random.Random(f"{world.plan.seed}/diagnostics/world")  # noqa: S311  # repeatable
        self._runs = 0

    async def serve(self, request: Request) -> Answer:
        """Answer one request; it and the answer take a while to arrive."""
        world, chance = self._world, self._chance
        await world.travel()
        self._runs += 1
        result = f"result {self._runs:03}"
        kind, seconds = chance.choice(_KINDS), chance.uniform(2, 90)
        service, asked = request.url.query["serviceId"], world.now()
        refused = refusals.refusal(world.spoilt(VendorFault))
        world.record("run", service=service, kind="failed" if refused else kind, result=result)
        if refused:
            return refused
        await asyncio.sleep(_NEVER if kind == "never" else seconds)
        if kind == "failed":
            return Answer(status=500)
        entry: dict[str, Any] = {"disposition": result, "summary": f"asked at {asked:%H:%M}"}
        if kind == "done":
            pdf = f"%PDF-1.7\n\N{LATIN SMALL LETTER E WITH ACUTE} {result}".encode()
            entry["pdf"] = f"data:application/pdf;base64,{base64.b64encode(pdf).decode()}"
        world.record("found", service=service, kind=kind, result=result)
        await world.travel()
        return answer_json({"data": [entry]})


async def render(_: object, pdf: bytes, page: int = 1) -> Preview:
    """Stand in for the process that draws a PDF."""
    del page
    return Preview(pages=1, png=b"\x89PNG\r\n\x1a\n\xc3\xa9" + pdf)
