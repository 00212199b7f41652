"""A literal that a name never equals is a problem wherever it is written; type names are values."""

import pytest

from tests.unit.ruleset.test_problems import SOURCES
from watcher import model, ruleset
from watcher.ruleset import cel
from watcher.vendors.catalog import VENDORS

OFFLINE = "is never 'offlin'; did you mean offline?"


def problems(source, *kinds):
    fields = [VENDORS[kind].fields for kind in kinds or ("vyvx",)]
    return [problem.what for problem in cel.problems_in(source, fields)]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('state in ["offlin"]', f"state {OFFLINE}"),
        ('state in (["offline", "offlin"])', f"state {OFFLINE}"),
        ('state in [null, ingress_state, "offlin"]', f"state {OFFLINE}"),
        ('!(state in ["online", "offlin"])', f"state {OFFLINE}"),
        ('"offlin" in [state]', f"state {OFFLINE}"),
        ('previous.state == "offlin"', f"previous.state {OFFLINE}"),
        ('previous["state"] != "offlin"', f"previous.state {OFFLINE}"),
        ('"offlin" == (previous.state)', f"previous.state {OFFLINE}"),
        ('previous.ingress_state in ["offlin"]', f"previous.ingress_state {OFFLINE}"),
        ('fault_domain == "lumn"', "fault_domain is never 'lumn'; did you mean lumen?"),
        ('fault_domain in ["orang"]', "fault_domain is never 'orang'; did you mean orange?"),
        ('phase in ["on_airr"]', "phase is never 'on_airr'; did you mean on_air?"),
        ('vanished ? phase == "on_airr" : true', "phase is never 'on_airr'; did you mean on_air?"),
        ('(state) == "offlin"', f"state {OFFLINE}"),
        ('((state)) != (("offlin"))', f"state {OFFLINE}"),
        ('(previous.state == "online" && state == "offlin")', f"state {OFFLINE}"),
        ('state != "offlin"', f"state {OFFLINE}"),
        ('dyn(state) == "offlin"', f"state {OFFLINE}"),
        ('[state].exists(s, s == "offlin")', f"state {OFFLINE}"),
        ('["offlin"].exists(word, word == state)', f"state {OFFLINE}"),
        ("state == r'''offlin'''", f"state {OFFLINE}"),
        ("vanished == 'true'", "vanished is never 'true': it is true or false"),
        ("labels.critical == true", "labels.critical is never true: it is a text"),
        ("labels['floor'] == 3", "labels.floor is never 3: it is a text"),
        ("expected_mbps == '50'", "expected_mbps is never '50': it is a number"),
        ("string == 'online'", "string is never 'online': it is a type"),
    ],
)
def test_a_literal_that_a_name_never_equals_is_a_problem(source, problem):
    assert problems(source) == [problem]


def test_a_figure_is_never_a_text():
    assert problems("utilization == '90'", "evpl") == ["utilization is never '90': it is a number"]
    assert problems("previous.bandwidth_mbps in ['500']", "internet_on_demand") == [
        "previous.bandwidth_mbps is never '500': it is a number"
    ]


@pytest.mark.parametrize(
    "source",
    [
        'state in ["offline", "degraded"] && previous.state != "unknown"',
        'fault_domain in ["lumen", "orange", "source", "undetermined", "none"]',
        'phase == "ended" || vanished == true',
        'state == null || state in [null, "offline"]',
        '"off" + "line" == state || state + "" == "offlin" + "e"',
        'state in ["off"] + ["offline"]',
        'state == "off\\x6cine" || state == r"offline" || state == """offline"""',
        'labels.state == "offlin" || labels.site in ["offlin"] || subject == "offlin"',
        'state.startsWith("offl") || state.contains("lin")',
        '["a", "b"].exists(state, state == "a")',
        '["off"].exists(part, part + "line" == state)',
        '(state == "offline") == true',
        '{"state": "offlin"}["state"] == "offlin"',
        "expected_mbps == 50 || expected_mbps == 50.5",
        '"site" in labels',
    ],
)
def test_what_may_be_true_is_accepted(source):
    assert problems(source) == []


def test_a_word_of_any_kind_that_a_rule_watches_is_accepted():
    assert problems('subject == "x" && fault_domain == "lumen"', "vyvx", "evpl") == []
    assert problems('fault_domain == "lumn"', "vyvx", "evpl") == [
        "fault_domain is never 'lumn'; did you mean lumen?"
    ]


@pytest.mark.parametrize("key", ["where", "well"])
def test_it_is_found_in_each_expression_of_a_rule(tmp_path, key):
    file = tmp_path / "rules.yaml"
    rule = "name: r, source: vyvx, fault: f, transition: {field: state, to: [offline]}"
    file.write_text(f"rules: [{{{rule}, {key}: 'state in [\"offlin\"]'}}]")
    with pytest.raises(model.InvalidConfigError, match=OFFLINE[:18]):
        ruleset.load([str(file)], inventory=None, sources=SOURCES, receivers=())


@pytest.mark.parametrize(
    ("source", "truth"),
    [
        ("type(utilization) == double", True),
        ("type(utilization) != double", False),
        ("type(labels.site) == string", True),
        ("type(vanished) in [int, bool]", True),
        ("type(utilization) == type(1.0)", True),
    ],
)
def test_the_name_of_a_type_is_a_value(source, truth):
    assert problems(source, "evpl") == []
    vocabulary = cel.Vocabulary()
    predicate = vocabulary.add(source)
    given = {"utilization": 97.0, "vanished": False, "labels": {"site": "NYC"}, "previous": {}}
    assert predicate(vocabulary.context(given)) is truth
