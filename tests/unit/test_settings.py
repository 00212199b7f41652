"""Settings: what is read, from where, and how problems are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher import model, settings

GOOD = """
instance = "ops1"

[accounts.vyvx]
kind = "mpa"
key_id = "key"
secret = "hidden-in-the-file"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
interval = "15s"

[receivers.mqtt]
kind = "mqtt"
"""


@pytest.fixture
def config(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write


def problems_of(path: Path) -> list[str]:
    with pytest.raises(model.InvalidConfigError) as caught:
        settings.load(path)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_good_file_loads_with_its_paths_made_absolute(config, tmp_path):
    loaded = settings.load(config(GOOD))
    assert loaded.sources["vyvx"].interval.total_seconds() == 15
    assert loaded.rules == (str(tmp_path / "rules/*.yaml"),)
    assert loaded.store.url == f"sqlite:///{tmp_path}/watcher.db"
    assert loaded.control.socket == Path("/run/watcher/control.sock")


def test_every_problem_of_a_file_is_reported_at_once_with_its_line_and_key(config):
    text = GOOD.replace('interval = "15s"', "interval = 15") + '\n[web]\nlistne = ""\n'
    assert problems_of(config(text)) == [
        (
            "12: sources.vyvx.interval: 15 is not a duration: write it with its unit, "
            "as in 15s, 5m, 4h, 30d"
        ),
        "18: web.listne: there is no such key; did you mean listen?",
    ]


def test_an_account_that_a_source_names_must_exist(config):
    assert problems_of(config(GOOD.replace("[accounts.vyvx]", "[accounts.other]"))) == [
        "11: sources.vyvx.account: there is no [accounts.vyvx]"
    ]


def test_an_unknown_kind_is_reported_with_the_kinds_that_exist(config):
    (problem,) = problems_of(config(GOOD.replace('kind = "vyvx"', 'kind = "vyxv"')))
    assert problem.startswith("10: sources.vyvx.kind: 'vyxv': expected 'vyvx', 'evpl' or ")


def test_a_missing_secret_is_reported_at_its_account(config):
    text = GOOD.replace('secret = "hidden-in-the-file"', "")
    assert problems_of(config(text)) == ["4: accounts.vyvx.secret: is missing"]


def test_the_environment_overrides_the_file(config, monkeypatch):
    monkeypatch.setenv("WATCHER_SOURCES__VYVX__INTERVAL", "30s")
    loaded = settings.load(config(GOOD))
    assert loaded.sources["vyvx"].interval.total_seconds() == 30
    assert loaded.sources["vyvx"].account == "vyvx"


def test_a_credential_file_supplies_a_secret(config, tmp_path, monkeypatch):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "watcher_accounts__vyvx__secret").write_text("from-systemd\n")
    text = GOOD.replace('secret = "hidden-in-the-file"', "")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    loaded = settings.load(config(text))
    assert loaded.accounts["vyvx"].secret.get_secret_value() == "from-systemd"


def test_a_misspelt_section_in_the_environment_is_an_error(config, monkeypatch):
    monkeypatch.setenv("WATCHER_SLAK__BOT_TOKEN", "x")
    assert problems_of(config(GOOD)) == [
        "environment: WATCHER_SLAK__BOT_TOKEN: there is no section [slak]"
    ]


def test_secrets_never_show_in_a_repr_or_in_an_error(config):
    assert "hidden-in-the-file" not in repr(settings.load(config(GOOD)))
    broken = GOOD.replace('secret = "hidden-in-the-file"', 'secret = ["hidden-in-the-file"]')
    assert "hidden-in-the-file" not in " ".join(problems_of(config(broken)))


def test_posting_to_slack_needs_a_bot_token(config):
    text = GOOD + '\n[receivers.noc]\nkind = "slack"\nchannel = "C0123456789"\n'
    assert problems_of(config(text)) == [
        "1: slack.bot_token: is empty, but a receiver posts to Slack"
    ]


def test_listening_beyond_loopback_needs_a_token(config):
    (problem,) = problems_of(config(GOOD + '\n[web]\nlisten = "0.0.0.0:9464"\n'))
    assert "web.token: is empty" in problem


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[sources\n", "1:9: not valid TOML: a section's name lacks its closing ]"),
        ("x = 1\nx = 2\n", "2:6: not valid TOML: this key is set twice"),
    ],
)
def test_invalid_toml_is_reported_in_one_line(config, text, sentence):
    (problem,) = problems_of(config(text))
    assert sentence in problem
    assert "\n" not in problem


def test_a_missing_file_says_how_to_start(tmp_path):
    (problem,) = problems_of(tmp_path / "none.toml")
    assert problem.endswith("there is no such file; `watcher init` writes one")


def test_a_folder_in_the_place_of_the_file_is_named_as_one(tmp_path):
    assert problems_of(tmp_path) == [" is a folder; name the file in it"]


def test_a_user_in_an_address_is_refused_without_showing_it(config):
    text = GOOD.replace(
        'interval = "15s"', 'interval = "15s"\nbase_url = "https://me:geheim@vendor.example"'
    )
    (problem,) = problems_of(config(text))
    assert "must not carry a user or password" in problem
    assert "geheim" not in problem


def test_an_invalid_environment_variable_is_reported_in_one_line(config, monkeypatch):
    monkeypatch.setenv("WATCHER_RULES", "not-a-list")
    (problem,) = problems_of(config(GOOD))
    assert problem == (
        'environment: WATCHER_RULES: not valid JSON; a list is written as ["one", "two"]'
    )


def test_a_wrong_value_is_looked_for_where_it_was_set(config, credentials, monkeypatch):
    monkeypatch.setenv("WATCHER_MQTT__PORT", "abc")
    monkeypatch.setenv("WATCHER_WEB__LISTENS", "127.0.0.1:1")
    (credentials / "watcher_sources__vyvx__interval").write_text("soon")
    assert sorted(problems_of(config(GOOD))) == [
        (
            "credentials: watcher_sources__vyvx__interval: 'soon' is not a duration: write 15s, 5m,"
            " 4h, 30d or 1h30m"
        ),
        "environment: WATCHER_MQTT__PORT: 'abc': expected a whole number",
        "environment: WATCHER_WEB__LISTENS: there is no such key; did you mean listen?",
    ]


def test_a_credential_that_is_not_text_is_reported(config, tmp_path, monkeypatch):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "watcher_slack__bot_token").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    (problem,) = problems_of(config(GOOD))
    assert problem == "credentials: a file in $CREDENTIALS_DIRECTORY is not UTF-8 text"


BRIDGE = '\n[receivers.{}]\nkind = "webhook"\nurl = "https://{}.example"\nfallback = "{}"\n'


def test_impossible_fallbacks_are_reported_with_their_lines(config):
    chain = [("a", "mqtt"), ("b", "c"), ("c", "d"), ("d", "b"), ("e", "e"), ("f", "g"), ("h", "b")]
    text = GOOD + "".join(BRIDGE.format(name, name, to) for name, to in chain)
    assert problems_of(config(text)) == [
        "25: receivers.b.fallback: is circular: b -> c -> d -> b",
        "40: receivers.e.fallback: is e itself; name another receiver",
        "45: receivers.f.fallback: there is no [receivers.g]",
    ]


def test_a_fallback_is_due_after_five_minutes_by_default(config):
    text = GOOD + BRIDGE.format("a", "a", "mqtt")
    receiver = settings.load(config(text)).receivers["a"]
    assert (receiver.fallback, receiver.fallback_after.total_seconds()) == ("mqtt", 300)


def test_a_comment_behind_a_table_does_not_move_the_line(config):
    text = GOOD.replace("[sources.vyvx]", "[sources.vyvx]   # a comment").replace('"15s"', "15")
    (problem,) = problems_of(config(text))
    assert problem.startswith("12: sources.vyvx.interval: ")


def test_the_address_of_the_database_is_read_without_any_secret(config, tmp_path, monkeypatch):
    path = config(GOOD.replace('kind = "mqtt"', 'kind = "slack"'))  # and there is no token
    assert settings.store_url(path) == f"sqlite:///{tmp_path}/watcher.db"
    (tmp_path / "watcher_store__url").write_text("sqlite:////var/lib/watcher/watcher.db\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert settings.store_url(path) == "sqlite:////var/lib/watcher/watcher.db"
    monkeypatch.setenv("WATCHER_STORE__URL", "mysql://db")
    with pytest.raises(model.InvalidConfigError, match="environment: WATCHER_STORE__URL: "):
        settings.store_url(path)


def test_the_group_of_the_control_socket_stays_when_its_path_is_resolved(config):
    loaded = settings.load(config(GOOD + '\n[control]\ngroup = "watcher-ops"\n'))
    assert loaded.control.group == "watcher-ops"


@pytest.mark.parametrize("other", ["eu_vyvx", "eu vyvx"])
def test_two_sources_that_would_share_an_mqtt_topic_are_refused(config, other):
    source = 'kind = "vyvx"\naccount = "vyvx"\n'
    text = f'{GOOD}\n[sources."eu.vyvx"]\n{source}\n[sources."{other}"]\n{source}'
    problem = f"sources.{other}: would share the MQTT topic watcher/sources/eu_vyvx with eu.vyvx"
    assert problems_of(config(text)) == [f"21: {problem}; rename one"]
    webhook = 'kind = "webhook"\nurl = "https://tickets.example"'
    assert settings.load(config(text.replace('kind = "mqtt"', webhook)))


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_a_secret_of_a_section_that_is_gone_is_named_and_stops_nothing(config, credentials):
    (credentials / "watcher_receivers__bridge__secret").write_text("hunter2\n")
    (credentials / "watcher_accounts__vyvx__secret").write_text("fresh\n")
    path = config(GOOD)
    loaded = settings.load(path)
    assert set(loaded.receivers) == {"mqtt"}
    assert loaded.accounts["vyvx"].secret.get_secret_value() == "fresh"
    (line,) = settings.unused_credentials(path)
    assert "watcher_receivers__bridge__secret" in line
    assert "there is no [receivers.bridge]" in line
    assert "hunter2" not in line


def test_a_secret_of_a_section_that_the_environment_makes_is_used(config, credentials, monkeypatch):
    (credentials / "watcher_receivers__bridge__secret").write_text("signs\n")
    monkeypatch.setenv("WATCHER_RECEIVERS__BRIDGE__KIND", "webhook")
    monkeypatch.setenv("WATCHER_RECEIVERS__BRIDGE__URL", "https://tickets.corp/hook")
    path = config(GOOD)
    assert settings.load(path).receivers["bridge"].secret.get_secret_value() == "signs"
    assert settings.unused_credentials(path) == []


def test_a_misspelt_credential_is_named(config, credentials):
    (credentials / "watcher_acounts__vyvx__secret").write_text("hunter2\n")
    (line,) = settings.unused_credentials(config(GOOD))
    assert "there is no section [acounts]" in line


WORKS = """
[works]
directory = "works"
[works.imap]
host = "imap.example"
username = "noc"
tls = {ca_file = "authority.pem"}
"""


def test_paths_of_works_are_relative_to_the_file(config, tmp_path):
    works = settings.load(config(GOOD + WORKS)).works
    assert works.directory == tmp_path / "works"
    assert works.imap.tls.ca_file == tmp_path / "authority.pem"
    assert works.fetches
    assert not settings.load(config(GOOD)).works.fetches


def test_the_password_of_a_mailbox_is_a_credential_that_may_outlive_its_section(
    config, tmp_path, monkeypatch
):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "watcher_works__imap__password").write_text("hidden-in-a-credential")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    imap = settings.load(config(GOOD + WORKS)).works.imap
    assert imap.password.get_secret_value() == "hidden-in-a-credential"
    assert "hidden" not in repr(imap)
    assert not settings.load(config(GOOD)).works.fetches


def test_what_is_wrong_with_works_is_said(config):
    source = GOOD.replace("sources.vyvx", "sources.works") + "[works]\ndirectory = 'works'\n"
    assert problems_of(config(source))[0].endswith(
        "[works] is a source of this name; rename this one"
    )
    receivers = GOOD + "[works]\nreceivers = ['nco']\n"
    assert problems_of(config(receivers)) == ["17: works.receivers: there is no [receivers.nco]"]
    endless = GOOD + "[works]\ngrace = '25h'\n"
    (problem,) = problems_of(config(endless))
    assert problem == "17: works.grace: expected at most 1 day"
    assert settings.load(config(GOOD + "[works]\ngrace = '24h'\n")).works.grace.days == 1
    nowhere = GOOD + "[works.imap]\nusername = 'noc'\n"
    assert problems_of(config(nowhere)) == ["16: works.imap: username is set, but host is empty"]


EVERY_MISTAKE = """\
rules = "rules/*.yaml"

[accounts.vyvx]
kind = "oauth2"
token_url = "https://lumen.example/token"
client_id = "x"
client_secret = "hidden-in-the-file"

[sources.vyvx]
kind = "vyvx"
base_url = "https://lumen.example/vyvx"
account = "lumen"
interval = "0s"

[sources.evpl]
kind = "evpl"
base_url = "https://orange.example"
account = "vyvx"
settle = "2h"

[receivers.noc]
kind = "slack"
channel = "#noc"
fallback = "hook"

[receiver.hook]
kind = "webhook"

[receivers.page]
kind = "pager"

[receivers.bridge]
kind = "webhook"
url = "bridge.example"
secret = "whsec_-_"

[slack]
bot_token = ""

[web]
listen = "0.0.0.0:99999"

[mqtt]
prot = "5"
discovery = true
"""


def test_every_mistake_of_a_file_is_named_in_one_round_and_in_our_words(config):
    problems = problems_of(config(EVERY_MISTAKE))
    keys = [problem.partition(": ")[2].partition(": ")[0] for problem in problems]
    assert keys == [
        "rules",
        "sources.vyvx.account",
        "sources.vyvx.interval",
        "sources.evpl",
        "sources.evpl.application_id",
        "sources.evpl.operator_code",
        "receivers.noc.channel",
        "receivers.noc.fallback",
        "receiver",
        "receivers.page.kind",
        "receivers.bridge.url",
        "receivers.bridge.secret",
        "slack.bot_token",
        "web.token",
        "web.listen",
        "mqtt.prot",
        "mqtt.discovery",
    ]
    for words in ("pydantic", "regular expression", "^[", "input should", "timedelta"):
        assert words not in "\n".join(problems).casefold()
