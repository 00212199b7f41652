"""`watcher init`: what it writes is valid, and lacks only what a person has to fill in."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from watcher import settings
from watcher.cli import examples
from watcher.cli.setup import init, starter
from watcher.daemon import factories
from watcher.rule_tests import runner

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())


def choices():
    for count in (1, 2, 3):
        for vendors in combinations(starter.VENDORS, count):
            yield starter.Choice(vendors=vendors, receivers=("mqtt",))
    for receiver in starter.RECEIVERS:
        yield starter.Choice(vendors=("vyvx",), receivers=(receiver,), diagnostics=True)
    yield starter.Choice(vendors=("vyvx",), receivers=tuple(starter.RECEIVERS), as_service=True)


@pytest.mark.parametrize("choice", [*choices()], ids=str)
def test_what_it_writes_is_valid_and_has_nothing_that_was_not_chosen(choice, tmp_path):
    for name, text in starter.files(ROOT, choice).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    loaded = settings.load(tmp_path / "config.toml")
    rules = factories.read_rules(loaded)
    assert {source.kind for source in loaded.sources.values()} == set(choice.vendors)
    assert {receiver.kind for receiver in loaded.receivers.values()} == set(choice.receivers)
    assert (loaded.diagnostics is not None) == choice.diagnostics
    watched = {source for rule in rules.rules for source in rule.sources}
    assert watched == set(loaded.sources)
    assert not [result for result in runner.run([tmp_path / "rules/tests"]) if result.failures]
    for problem in examples.leftovers(loaded, tmp_path / "config.toml"):
        assert "still an example" in problem or "is empty" in problem


def test_an_installation_below_etc_has_the_paths_of_the_unit(tmp_path):
    choice = starter.Choice(vendors=("evpl",), receivers=("mqtt",), as_service=True)
    config = tmp_path / "config.toml"
    config.write_text(starter.files(ROOT, choice)["config.toml"])
    loaded = settings.load(config)
    assert loaded.store.url == "sqlite:////var/lib/watcher/watcher.db"
    assert loaded.control.socket == Path("/run/watcher/control.sock")


async def test_a_script_names_what_it_has_and_existing_files_are_kept(watcher, tmp_path):
    (tmp_path / "inventory.yaml").write_text("mine")
    done = await watcher("init", str(tmp_path), "--vendor", "vyvx", "--notify", "slack")
    assert done.code == 0
    assert f"{tmp_path}/inventory.yaml: exists, kept as it is" in done.out
    assert "1 file of before stayed" in done.err
    assert (tmp_path / "inventory.yaml").read_text() == "mine"
    assert (tmp_path / "rules/vyvx.yaml").read_text() == (ROOT / "rules/vyvx.yaml").read_text()
    assert not (tmp_path / "rules/evpl.yaml").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "name what you have with --vendor: vyvx, evpl, internet_on_demand"),
        (("--vendor", "cisco"), "'cisco' is none of vyvx, evpl, internet_on_demand"),
        (("--vendor", "vyvx"), "name what you have with --notify: slack, mqtt, webhook"),
    ],
)
async def test_a_script_that_does_not_say_it_gets_the_choices(watcher, tmp_path, words, error):
    done = await watcher("init", str(tmp_path), *words)
    assert done.code == 2
    assert error in done.err
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_it_asks_for_each(monkeypatch):
    asked = []
    monkeypatch.setattr(
        init.typer, "confirm", lambda text, **_: asked.append(text) or "EVPL" in text
    )
    assert init._chosen("vendor", None, starter.VENDORS, "Buy?", asks=True) == ["evpl"]
    assert len(asked) == 3


async def test_a_file_in_the_place_of_the_folder_is_named(watcher, tmp_path):
    (tmp_path / "config.toml").write_text("mine")
    done = await watcher("init", str(tmp_path / "config.toml"), "--vendor", "vyvx")
    assert done.code == 2
    assert "config.toml is a file; name a folder" in done.err
