"""The two builds of the benchmarks: how they are run, made, and why one may be missing."""

import subprocess
import sys
from pathlib import Path

import builds
import pytest
from builds import Build, UnavailableError

THIS = Build(name="now", python=Path(sys.executable))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Have the older build, if any, in a folder of its own."""
    monkeypatch.setattr(builds, "ROOT", tmp_path)
    return tmp_path / ".venv" / "before"


def test_a_verb_is_run_by_the_console_script_beside_the_python():
    build = Build(name="now", python=Path("/env/bin/python"))
    command = ["/env/bin/watcher", "run", "--config", "/x.toml"]
    assert build.watcher("run", "--config", Path("/x.toml")) == command


def test_a_probe_prints_its_figures_in_its_last_line(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "PROBES", tmp_path)
    (tmp_path / "rate.py").write_text(
        "import sys; print('noise'); print('{\"a\": %s}' % sys.argv[1])"
    )
    assert THIS.probe("rate", 7) == {"a": 7}


def test_the_older_build_runs_its_own_probe_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "PROBES", tmp_path)
    (tmp_path / "before").mkdir()
    (tmp_path / "rate.py").write_text("print('{\"a\": 1}')")
    older = Build(name="before", python=Path(sys.executable))
    assert older.probe("rate") == {"a": 1}
    (tmp_path / "before" / "rate.py").write_text("print('{\"a\": 2}')")
    assert older.probe("rate") == {"a": 2}
    assert THIS.probe("rate") == {"a": 1}


def test_a_probe_that_fails_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "PROBES", tmp_path)
    (tmp_path / "rate.py").write_text("raise SystemExit(3)")
    with pytest.raises(subprocess.CalledProcessError):
        THIS.probe("rate")


def test_the_cpu_of_a_command_is_its_own_and_not_its_wait():
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    assert 0.3 <= THIS.cpu([sys.executable, "-c", busy]) < 3
    asleep = THIS.cpu([sys.executable, "-S", "-c", "import time; time.sleep(0.4)"])
    assert asleep < 0.3


def test_a_command_that_ends_otherwise_than_expected_is_an_error_with_its_words():
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with pytest.raises(RuntimeError, match="no such thing"):
        THIS.cpu(command)
    assert THIS.cpu(command, expected=(0, 1)) > 0


def test_pins_of_the_older_tests_are_left_out_with_their_hashes():
    aiohttp, pytest_, yarl = (
        f"{name}==1 \\\n    --hash=sha256:{name}\n" for name in ("aiohttp", "pytest", "yarl")
    )
    pins, kept = aiohttp + pytest_ + yarl, aiohttp + yarl
    assert builds._pins_to_run(pins) == kept


def test_an_older_build_that_is_ready_is_used_as_it_is(home):
    home.mkdir(parents=True)
    (home / ".ready").write_text(builds.BEFORE)
    build = builds.before()
    assert (build.is_before, build.python) == (True, home / "bin" / "python")


def test_one_that_was_made_of_another_commit_or_half_is_made_again(home, monkeypatch):
    (home / "old").mkdir(parents=True)
    (home / ".ready").write_text("another commit")
    made = []
    monkeypatch.setattr(builds, "_take_out", made.append)
    monkeypatch.setattr(builds, "_install", lambda where, tree: made.append((where, tree)))
    builds.before()
    assert made == [home / "tree", (home, home / "tree")]
    assert not (home / "old").exists()
    assert (home / ".ready").read_text() == builds.BEFORE


def test_without_the_commit_in_the_history_there_is_no_older_build(home, monkeypatch, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)  # noqa: S607  # whichever git
    monkeypatch.setattr(builds, "GIT", ("-C", str(tmp_path)))
    with pytest.raises(UnavailableError, match="6357129 is not in this clone's history"):
        builds.before()
    assert not (home / ".ready").exists()


def test_what_cannot_be_installed_is_said_with_the_installers_last_line():
    failing = "import sys; print('first', file=sys.stderr); sys.exit('no network')"
    with pytest.raises(UnavailableError, match="cannot be installed here: no network"):
        builds._do(sys.executable, "-c", failing)
