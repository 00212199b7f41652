"""Code, docs and messages use the field's words; a retired word is reported with what to say."""

from __future__ import annotations

import pytest

from tests.unit.house import vocabulary


def test_no_retired_word_is_left_in_a_name():
    assert [str(place) for place in vocabulary.names_in_tree()] == []


def test_no_sentence_reads_as_translated():
    assert [str(place) for place in vocabulary.prose_in_tree()] == []


@pytest.mark.parametrize(
    "source",
    [
        "told = 1",
        "def tell_everybody(): ...",
        "class Dossier: ...",
        "def f(*, owed): ...",
        "f(debt=1)",
        "view.desk",
        "import watcher.store.workshop",
        "from watcher import model as dossier",
        "[each for each in incidents]",
        "match event:\n    case Poll(key=found): ...",
        "def f(keys: vendor_settings.Account): ...",
    ],
)
def test_a_retired_name_is_found_wherever_python_has_names(source):
    assert list(vocabulary.retired_names("watcher/a.py", source))


def test_a_file_is_not_named_by_a_retired_word():
    (place,) = vocabulary.retired_names("watcher/store/workshop.py", "")
    assert str(place) == "watcher/store/workshop.py:1: workshop -> job queue"


def test_a_stored_or_public_name_is_left_alone():
    assert not list(vocabulary.retired_names("watcher/a.py", "receipt.told_through"))
    assert not list(vocabulary.retired_names("watcher/a.py", "settings.keys()"))


def test_a_name_that_only_contains_the_letters_of_a_retired_word_is_left_alone():
    assert not list(vocabulary.retired_names("watcher/a.py", "string = drawers + toldness"))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("'sixty' is no duration", "is no duration"),
        ("Whoever reads it", "Whoever"),
        ("it begins anew", "anew"),
        ("the receiver is told", "is told"),
        ("3 incidents owed", "owed"),
        ("the daemon stands by", "stands by"),
        ("it ends in order", "ends in order"),
        ("and MQTT, too.", ", too"),
    ],
)
def test_odd_prose_is_found(text, match):
    assert match in [place.word for place in vocabulary.retired_prose("docs/a.md", text)]


@pytest.mark.parametrize(
    "text",
    [
        "it is no longer open",
        "there is no such key",
        "it is too long",
        "sorted in order of age",
    ],
)
def test_plain_prose_is_left_alone(text):
    assert not list(vocabulary.retired_prose("docs/a.md", text))


def test_a_place_in_a_string_has_its_own_line():
    source = 'x = 1\ny = """first\nwhoever comes"""\n'
    (place,) = vocabulary.retired_prose("watcher/a.py", source)
    assert place.line == 3


def test_every_allowed_name_is_still_used():
    sources = [source for file, source in vocabulary.python_files()]
    used = {name for source in sources for name, _ in vocabulary.identifiers(source)}
    there = {name for name, _ in vocabulary.ALLOWED_THERE}
    assert {*vocabulary.ALLOWED, *there} - used == set()
