"""The engine names no vendor: what differs between vendors comes with a source's traits."""

import re
from pathlib import Path

import pytest

from watcher import engine, model
from watcher.vendors.catalog import VENDORS

ENGINE = Path(engine.__file__).parent
SIDES = {model.FaultDomain.LUMEN, model.FaultDomain.ORANGE}
NAMED = re.compile("|".join([*VENDORS, *SIDES, "on.demand"]), re.IGNORECASE)


@pytest.mark.parametrize(
    "file", sorted(str(file.relative_to(ENGINE)) for file in ENGINE.rglob("*.py"))
)
def test_a_module_of_the_engine_names_no_vendor(file):
    lines = (ENGINE / file).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if NAMED.search(line)] == []


def test_a_vendor_in_the_engine_would_be_found():
    assert NAMED.search('case "vyvx":')
    assert NAMED.search("return FaultDomain.LUMEN")
