"""What the engine decides and what people and programs receive, over two nights, word for word."""

from __future__ import annotations

import pytest

from tests.integration.golden import player


@pytest.mark.parametrize("night", ["night", "demo", "works"])
async def test_a_played_journal_has_the_same_effects_and_messages_as_ever(night, tmp_path, golden):
    transcript = await player.transcribe(night, tmp_path)
    for name in ("effects", "slack", "mqtt", "webhook"):
        golden(f"{night}/{name}.txt", transcript.text(name))
