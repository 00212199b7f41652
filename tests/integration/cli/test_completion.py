"""Shell completion in a real bash, installed as a user installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPLETE = """
. "$HOME/.bashrc"
complete -p watcher >/dev/null || exit 1
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_watcher_completion watcher
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Return a function that says what bash offers for the last of some words."""
    home = tmp_path_factory.mktemp("home")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**os.environ, "HOME": str(home), "PATH": programs, "COLUMNS": "80"}

    def run(*words: str) -> str:
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True)
        return done.stdout

    run("watcher", "--install-completion", "bash")

    def offered(*words: str) -> list[str]:
        return run("bash", "--noprofile", "--norc", "-c", COMPLETE, "bash", *words).split()

    return offered


def test_bash_completes_commands_and_the_commands_below_them(complete):
    assert complete("watcher", "sil") == ["silence"]
    assert set(complete("watcher", "silence", "")) == {"add", "list", "expire"}


def test_bash_completes_options_and_the_words_that_an_option_takes(complete):
    assert complete("watcher", "incidents", "--a") == ["--all"]
    assert complete("watcher", "schema", "asy") == ["asyncapi"]
    assert "resolved" in complete("watcher", "ticket", "w-1", "4711", "--state", "")
