"""A secret is blotted out however the other side spells it."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.fakes.fuzzing import examples
from watcher.http.redaction import BLOT, Redactor, secrets_in

SPELLINGS = {
    "as it is": lambda secret: secret,
    "in an address": lambda secret: quote(secret, safe=""),
    "in a form": quote_plus,
    "in JSON": json.dumps,
    "in HTML": html.escape,
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
}


@pytest.mark.fuzz
@pytest.mark.parametrize("spelling", SPELLINGS)
@examples(50)
@given(
    secret=st.text(alphabet="abcXYZ019+/=&<\"'\\ é%", min_size=4, max_size=20),
    around=st.text(alphabet="xyz ", max_size=5),
)
def test_every_spelling_is_blotted_out(spelling, secret, around):
    assume(secret.strip() == secret and secret not in BLOT)
    spelt = SPELLINGS[spelling](secret)
    shown = Redactor([secret])(f"{around}{spelt}{around}")
    assert secret not in shown
    assert BLOT in shown


def test_what_is_too_short_to_be_a_secret_leaves_the_text_readable():
    assert Redactor(["", "a"])("a sentence") == "a sentence"


def test_a_basic_credential_hides_its_password_and_the_pair():
    credential = base64.b64encode(b"client:pass word").decode()
    redact = Redactor(secrets_in(f"Basic {credential}"))
    shown = redact(f"{credential} client:pass word, pass word, pass+word")
    assert shown == "*** ***, ***, ***"


def test_a_credential_that_is_not_base64_is_hidden_as_it_is():
    assert Redactor(secrets_in("Basic what???"))("Basic what???") == "Basic ***"
