"""What `watcher check` says of a configuration that gives its secrets away."""

from __future__ import annotations

import pytest

from watcher import model, settings
from watcher.daemon.secrets import secrets_in, weaknesses
from watcher.http.redaction import Redactor

GOOD = """
[accounts.lumen]
kind = "oauth2"
token_url = "https://api.lumen.com/token"
client_id = "id"
client_secret = "abcdef"
[sources.iod]
kind = "internet_on_demand"
account = "lumen"
base_url = "https://api.lumen.com"
[diagnostics]
account = "lumen"
base_url = "https://api.lumen.com"
[receivers.noc]
kind = "slack"
channel = "C0123456789"
[receivers.bridge]
kind = "webhook"
url = "https://tickets.example.com/hook"
secret = "a secret of ours"
[receivers.programs]
kind = "mqtt"
[slack]
bot_token = "xoxb-1"
[mqtt]
host = "broker.example.com"
password = "hidden"
tls = true
[works.imap]
host = "imap.example.com"
password = "hidden"
tls = {} # of the mailbox
[web]
token = "twelve letters"
[heartbeat]
url = "https://hc.example.com/uuid"
"""


def weaknesses_of(tmp_path, text: str) -> list[str]:
    config = tmp_path / "config.toml"
    config.write_text(text)
    return list(weaknesses(settings.load(config)))


def test_a_careful_configuration_has_none(tmp_path):
    assert weaknesses_of(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "weakness"),
    [
        ('"abcdef"', '"x"', "accounts.lumen.client_secret: a secret of 1 characters is none"),
        ("tls = {}", "tls = false", "works.imap.tls: the password would cross"),
        ('"abcdef"', '"  "', "accounts.lumen.client_secret: is blank"),
        ('"xoxb-1"', '"xoxb-1 "', "slack.bot_token: begins or ends with white space"),
        ('"twelve letters"', '"guess me"', "web.token: can be guessed"),
        ('"a secret of ours"', '"short"', "receivers.bridge.secret: can be guessed"),
        ("https://api.lumen.com/token", "http://api.lumen.com/t", "accounts.lumen.token_url: secr"),
        ("https://tickets", "http://tickets", "receivers.bridge.url: secrets would cross"),
        ("https://hc.", "http://hc.", "heartbeat.url: secrets would cross the network"),
        ("tls = true", "tls = false", "mqtt.tls: the password would cross the network"),
        ('"xoxb-1"', '"xoxb-1"\napi_url = "http://slack.example.com"', "slack.api_url: secrets"),
    ],
)
def test_what_gives_a_secret_away_is_named(tmp_path, old, new, weakness):
    assert old in GOOD
    (sentence,) = weaknesses_of(tmp_path, GOOD.replace(old, new))
    assert sentence.startswith(weakness)


def test_on_this_host_plain_text_is_fine(tmp_path):
    local = GOOD.replace("https://", "http://").replace("tls = true", "tls = false")
    for host in ("api.lumen.com", "tickets.example.com", "hc.example.com", "broker.example.com"):
        local = local.replace(host, "127.0.0.1")
    assert weaknesses_of(tmp_path, local) == []


def test_a_database_that_everybody_may_read_is_named(tmp_path):
    database = tmp_path / "watcher.db"
    database.touch(0o644)
    (sentence,) = weaknesses_of(tmp_path, GOOD)
    assert sentence == (f"store.url: everybody on this host may read {database}: chmod 640")
    database.chmod(0o640)
    assert weaknesses_of(tmp_path, GOOD) == []


@pytest.mark.parametrize("key", ["heartbeat.url", "receivers.bridge.url"])
@pytest.mark.parametrize(
    "url", ["hc.example.com/uuid", "ftp://hc/uuid", "x", "https://", "http://[", "http://hc:x/uuid"]
)
def test_an_address_that_is_none_is_refused_and_not_shown(tmp_path, key, url):
    config = tmp_path / "config.toml"
    kind = "" if key == "heartbeat.url" else 'kind = "webhook"'
    config.write_text(f'[{key.removesuffix(".url")}]\nurl = "{url}"\n{kind}')
    with pytest.raises(model.InvalidConfigError) as caught:
        settings.load(config)
    (problem,) = caught.value.problems
    assert problem == f"{config}:2: {key}: not an HTTP or HTTPS address"


@pytest.mark.parametrize(
    ("key", "path", "shown"),
    [
        ("bridge", "/services/T012AB/B034CD/Xy9ZZsecretZZ", "/services/***/***/***"),
        ("bridge", "/api/webhooks/alerts/0f3a77c1/enqueue", "/api/webhooks/alerts/***/enqueue"),
        ("bridge", "/v2/hook?room=noc&token=s3cr3t1", "/v2/hook?room=noc&token=***"),
        ("heartbeat", "/0b1c2d3e-uuid/start", "/***/start"),
    ],
)
def test_in_the_log_no_part_of_an_address_is_shown_but_for_its_words(tmp_path, key, path, shown):
    config = tmp_path / "config.toml"
    old = f"https://{'tickets.example.com/hook' if key == 'bridge' else 'hc.example.com/uuid'}"
    config.write_text(GOOD.replace(old, f"https://other.example.com{path}"))
    redact = Redactor(secrets_in(settings.load(config)))
    assert redact(f"asked for {path} in vain") == "asked for *** in vain"
    separated = path.replace("/", " / ")
    assert redact(separated) == shown.replace("/", " / ")
