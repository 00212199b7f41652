"""What comes out of rule files and the inventory that are in order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from watcher import engine, model, ruleset

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SOURCES = {
    name: engine.SourceTraits(name=name, kind=kind, blind_after=timedelta(minutes=3))
    for name, kind in [
        ("vyvx", "vyvx"),
        ("vyvx-eu", "vyvx"),
        ("lines", "evpl"),
        ("iod", "internet_on_demand"),
    ]
}
DOWN = "rules: [{name: down, source: vyvx, transition: {field: state, to: offline}}]"


@pytest.fixture
def load(tmp_path):
    def read(text, inventory=None, receivers=("noc", "mqtt")):
        (tmp_path / "rules.yaml").write_text(text)
        book = None
        if inventory is not None:
            book = tmp_path / "inventory.yaml"
            book.write_text(inventory)
        return ruleset.load(
            [str(tmp_path / "rules.yaml")], inventory=book, sources=SOURCES, receivers=receivers
        )

    return read


def rule(load, body, source="vyvx"):
    (only,) = load(f"rules:\n  - name: r\n    source: {source}\n    {body}\n").rules
    return only


def facts(**fields):
    return {
        "state": "online",
        "ingress_state": "online",
        "labels": {},
        "previous": {},
        "subject": "vyvx/1",
        "phase": "unknown",
        "fault_domain": "lumen",
        **fields,
    }


def truth(load, expression, source="vyvx", **fields):
    rules = load(f"rules:\n  - name: r\n    source: {source}\n    expression: {expression}\n")
    return rules.rules[0].condition.holds(rules.context(facts(**fields)))


def test_the_shipped_rules_and_the_example_inventory_load():
    rules = ruleset.load(
        [str(ROOT / "rules/*.yaml")],
        inventory=ROOT / "inventory.example.yaml",
        sources=SOURCES,
        receivers=("noc",),
    )
    watched = {rule.name: rule.sources for rule in rules.rules}
    assert watched == {
        "vyvx-service-down": {"vyvx", "vyvx-eu"},
        "vyvx-service-degraded": {"vyvx", "vyvx-eu"},
        "vyvx-service-impaired": {"vyvx", "vyvx-eu"},
        "vyvx-source-side": {"vyvx", "vyvx-eu"},
        "vyvx-pre-roll": {"vyvx", "vyvx-eu"},
        "vyvx-disappeared": {"vyvx", "vyvx-eu"},
        "vyvx-not-monitored": {"vyvx", "vyvx-eu"},
        "evpl-saturated": {"lines"},
        "evpl-burst": {"lines"},
        "evpl-busy": {"lines"},
        "evpl-silent": {"lines"},
        "iod-suspended": {"iod"},
        "iod-stuck": {"iod"},
        "iod-bandwidth": {"iod"},
        "source-blind": {"vyvx", "vyvx-eu", "lines", "iod"},
    }
    assert rules.inventory.entry("vyvx/EXAMPLE-1", {}).service_ids == ("EXAMPLE-SVC1",)


@pytest.mark.parametrize(
    ("source", "watched"),
    [("vyvx", {"vyvx", "vyvx-eu"}), ("vyvx-eu", {"vyvx-eu"})],
)
def test_source_names_one_source_or_all_of_a_kind(load, source, watched):
    assert rule(load, "transition: {field: state, to: offline}", source).sources == watched


def test_a_rule_for_a_kind_that_is_not_configured_rests(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("rules: [{name: r, source: evpl, threshold: {metric: utilization, above: 80}}]")
    (only,) = ruleset.load([str(file)], inventory=None, sources={}, receivers=()).rules
    assert only.sources == frozenset()


def test_an_absent_notify_means_every_receiver(load):
    down = "transition: {field: state, to: [offline]}"
    assert rule(load, down).notify == ("noc", "mqtt")
    assert rule(load, down + "\n    notify: [mqtt]").notify == ("mqtt",)
    assert rule(load, down + "\n    notify: mqtt").notify == ("mqtt",)


def test_p95_needs_twenty_samples_by_default(load):
    p95 = "threshold: {metric: utilization, aggregate: p95, over: 1d, above: 80}"
    assert rule(load, p95, "lines").condition.min_samples == 20
    last = "threshold: {metric: utilization, below: 1}"
    assert rule(load, last, "lines").condition == engine.Threshold(
        metric="utilization", limit=1.0, above=False
    )


@pytest.mark.parametrize(
    ("window", "share"),
    [
        ("aggregate: avg, over: 1h", 0.8),
        ("aggregate: avg, over: 1h, coverage: 0.5", 0.5),
        ("aggregate: max, over: 1h, coverage: 0", 0.0),
        ("over: 1h", 0.0),
        ("consecutive: 2", 0.0),
    ],
)
def test_an_aggregate_needs_samples_for_most_of_its_window(load, window, share):
    threshold = f"threshold: {{metric: utilization, above: 80, {window}}}"
    assert rule(load, threshold, "lines").condition.coverage == share


@pytest.mark.parametrize(
    ("expected", "bandwidth", "differs"),
    [(500.0, 250.0, True), (500.0, 500.0, False), (None, 250.0, False), (500.0, None, None)],
)
def test_an_unknown_bandwidth_is_never_another_one(load, expected, bandwidth, differs):
    other = "expected_mbps != null && double(bandwidth_mbps) != expected_mbps"
    fields = {"expected_mbps": expected, "bandwidth_mbps": bandwidth}
    assert truth(load, f'"{other}"', "iod", **fields) is differs


@pytest.mark.parametrize(("own", "mbps"), [("500 Mbps", 500), ("2 Gbps", 2000), ("1.5 Gbps", 1500)])
def test_what_a_subject_bought_stands_in_the_inventory(load, own, mbps):
    book = f"""
    subjects:
      iod/C1: {{bandwidth: "{own}"}}
    match:
      - {{where: subject.startsWith("iod/"), bandwidth: 100 Mbps}}
    """
    inventory = load(DOWN, book).inventory
    assert inventory.entry("iod/C1", {}).expected_mbps == mbps
    assert inventory.entry("iod/C2", {}).expected_mbps == 100
    assert inventory.entry("vyvx/1", {}).expected_mbps is None


def test_the_version_differs_when_the_content_does(load):
    text = "rules: [{name: r, source: vyvx, transition: {field: state, to: offline}}]"
    assert load(text).version == load(text).version
    assert load(text).version != load(text + "\n#").version
    assert load(text).version != load(text, inventory="subjects: {}").version


@pytest.mark.parametrize(
    ("expression", "fields", "expected"),
    [
        ("state == 'offline'", {"state": "offline"}, True),
        ("state in ['offline', 'degraded']", {"state": "online"}, False),
        ("labels.site == ''", {}, True),
        ("labels['site'] == 'NYC'", {"labels": {"site": "NYC"}}, True),
        ("labels.all(name, labels[name] != '')", {"labels": {"site": ""}}, False),
        ("'site' in labels && labels.other == ''", {"labels": {"site": "x"}}, True),
        ("previous.state == 'impaired'", {"previous": {"state": "impaired"}}, True),
        ("previous.state == 'impaired'", {}, False),
        ("fault_domain == 'lumen' && phase == 'unknown'", {}, True),
        ("subject.startsWith('vyvx/')", {}, True),
    ],
)
def test_expressions_read_fields_labels_and_what_was_before(load, expression, fields, expected):
    assert truth(load, f'"{expression}"', **fields) is expected


@pytest.mark.parametrize(
    ("expression", "fields"),
    [
        ("utilization > 80", {"utilization": None}),
        ("utilization > 80", {}),
        ("utilization - previous.utilization > 10", {"utilization": 5.0}),
    ],
)
def test_an_expression_over_an_unknown_value_is_neither_true_nor_false(load, expression, fields):
    assert truth(load, expression, "lines", **fields) is None


def test_what_fails_on_known_values_is_an_error(load):
    with pytest.raises(engine.ExpressionError, match="divide by zero"):
        truth(load, "int(utilization) / int(utilization - 7.0) > 1", "lines", utilization=7.0)


def title(load, template, **words):
    made = rule(load, f"transition: {{field: state, to: [offline]}}\n    title: {template!r}")
    return made.title({"name": "Cup", "state": "offline", "labels": {}, "value": None, **words})


@pytest.mark.parametrize(
    ("template", "words", "expected"),
    [
        ("{{ name }} is {{ state }}", {}, "Cup is offline"),
        ("{{ labels.site }}|{{ labels.items }}", {"labels": {"site": "NYC"}}, "NYC|"),
        ("{{ value }}", {"value": 87.256}, "87.26"),
        ("{{ value }}", {"value": 80.0}, "80"),
        ("[{{ value }}]", {}, "[]"),
        ("{{ name }}", {"name": "a\nb\x1b[31m\u202e c"}, "a b[31m c"),
        ("{{ name }}", {"name": "x" * 400}, "x" * 299 + "…"),
        ("{{ name }}", {"name": "<!channel>"}, "<!channel>"),
    ],
)
def test_a_title_is_one_printable_line(load, template, words, expected):
    assert title(load, template, **words) == expected


@pytest.mark.parametrize("source", ["'*'", "vyvx", "evpl"])
def test_the_default_titles_say_what_is_wrong(load, source):
    down = rule(load, "transition: {field: state, to: [offline]}")
    words = {"labels": {}, "name": "Cup", "state": "offline"}
    assert down.title(words) == "Cup is offline"
    full = rule(load, "threshold: {metric: utilization, above: 80}", "lines")
    words = {"labels": {}, "name": "A-B", "value": 87.5, "direction": "outbound", "unit": "%"}
    assert full.title(words) == "A-B: outbound utilization is 87.5 %"
    words |= {"direction": "", "unit": ""}
    assert full.title(words) == "A-B: utilization is 87.5"
    blind = rule(load, "blind: 5m", source)
    words = {"labels": {}, "source": "vyvx", "permanent": True}
    assert blind.title(words) == "vyvx cannot be seen: config fault"


INVENTORY = """
subjects:
  vyvx/1:
    {service_ids: [A], labels: {site: NYC}, contacts: {lumen: NOC}, runbook: https://r/1,
    circuit_ids: C1, redundancy_group: ring}
match:
  - {where: labels.po == "7", labels: {site: LAX, customer: acme}, service_ids: [A, B],
    circuit_ids: [C1, C2], provider: zayo, redundancy_group: other}
  - {where: subject == "vyvx/1", labels: {customer: other}, contacts: {lumen: X, source: truck}}
"""


def test_the_inventory_joins_a_subject_and_what_matches(load):
    entry = load(DOWN, INVENTORY).inventory.entry("vyvx/1", {"po": "7"})
    assert entry == engine.InventoryEntry(
        service_ids=("A", "B"),
        labels={"site": "NYC", "customer": "acme"},
        contacts=(
            model.Contact(domain="lumen", text="NOC"),
            model.Contact(domain="source", text="truck"),
        ),
        runbook="https://r/1",
        circuit_ids=("C1", "C2"),
        provider="zayo",
        redundancy_group="ring",
    )


def test_a_circuit_of_several_subjects_is_allowed_and_named(load):
    shared = "subjects: {vyvx/2: {circuit_ids: c  1}, vyvx/1: {circuit_ids: [C 1, C2]}}"
    assert load(DOWN, shared).inventory.shared_circuits() == [
        "works on circuit C 1 are about vyvx/1, vyvx/2"
    ]


def test_a_subject_that_the_inventory_does_not_know_gets_nothing(load):
    inventory = load(DOWN, INVENTORY).inventory
    assert inventory.entry("vyvx/9", {}) == engine.InventoryEntry()


def test_a_compiled_rule_drives_the_engine(load):
    rules = load(
        "rules:\n"
        "  - name: down\n"
        "    source: vyvx\n"
        "    transition: {field: state, from: [online], to: [offline]}\n"
        "    where: labels.customer != 'test'\n"
        "    title: '{{ labels.site }} {{ name }} is {{ state }}, was {{ was }}'\n",
        INVENTORY,
    )
    state = engine.restore(rules)
    for minute, word in enumerate(["online", "offline"]):
        seen = model.Observed(key="vyvx/1", fields={"state": word, "ingress_state": "unknown"})
        event = model.Polled(source="vyvx", seen=(seen,), total=1)
        effects = engine.step(state, event, NOW + timedelta(minutes=minute))
    (incident,) = [effect for effect in effects if isinstance(effect, model.Incident)]
    assert incident.title == "NYC 1 is offline, was online"
    assert incident.notify == ("noc", "mqtt")
