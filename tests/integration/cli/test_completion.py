"""Shell completion in a real bash and zsh, installed as a user installs it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.programs import program

COMPLETE = """
. "$HOME/.bashrc"
complete -p watcher >/dev/null || exit 1
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_watcher_completion watcher
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    """The environment of a user who has nothing but Watcher."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    home = str(tmp_path_factory.mktemp("home"))
    return {**os.environ, "HOME": home, "PATH": programs, "COLUMNS": "80", "TERM": "dumb"}


@pytest.fixture(scope="module")
def complete(environ):
    """Return a function that says what bash offers for the last of some words."""

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


class Zsh:
    """A shell at a terminal: what is typed, and what it shows."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._shown = ""

    def types(self, keys: str) -> None:
        """Type keys, and forget what was shown before."""
        self._shown = ""
        os.write(self._terminal, keys.encode())

    def shows(self, *texts: str) -> bool:
        """Wait until each of these is shown; False when nothing more comes before."""
        while not all(text in self._shown for text in texts):
            if not select.select([self._terminal], [], [], 60)[0]:
                return False
            self._shown += os.read(self._terminal, 4_096).decode(errors="replace")
        return True


@pytest.fixture
def zsh(environ):
    """A zsh set up as the page says, waiting for keys."""
    shell = program("zsh", "zsh")
    # What follows keeps zsh itself there, as the shell that is found.
    show = [shell, "-c", "watcher --show-completion > ~/.watcher.zsh; true"]
    subprocess.run(show, env=environ, check=True)
    rc = Path(environ["HOME"]) / ".zshrc"
    rc.write_text("autoload -Uz compinit && compinit -u\nsource ~/.watcher.zsh\nPS1='ready> '\n")
    with _terminal([shell, "-i"], environ) as terminal:
        at_work = Zsh(terminal)
        assert at_work.shows("ready> "), at_work._shown
        yield at_work


@contextmanager
def _terminal(command: list[str], environ: dict[str, str]) -> Iterator[int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, start_new_session=True
    )
    os.close(theirs)
    try:
        yield ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_zsh_completes_commands_and_the_commands_below_them(zsh):
    zsh.types("watcher sil\t")
    assert zsh.shows("ence"), zsh._shown
    zsh.types("\x15watcher silence \t")
    assert zsh.shows("add", "list", "expire"), zsh._shown


def test_zsh_completes_options_and_the_words_that_an_option_takes(zsh):
    zsh.types("watcher incidents --a\t")
    assert zsh.shows("ll"), zsh._shown
    zsh.types("\x15watcher schema asy\t")
    assert zsh.shows("ncapi"), zsh._shown
