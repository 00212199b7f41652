"""Every problem of every file is reported with its place and the nearest valid word."""

import textwrap
from datetime import timedelta

import pytest
from msgspec.structs import replace

from watcher import engine, model, ruleset
from watcher.ruleset.problems import Place

SOURCES = {
    name: engine.SourceTraits(name=name, kind=kind, blind_after=timedelta(minutes=3))
    for name, kind in [("vyvx", "vyvx"), ("lines", "evpl"), ("iod", "internet_on_demand")]
}
HEAD = "rules:\n  - name: r\n    source: vyvx\n"
DOWN = "    transition: {field: state, to: [offline]}\n"


@pytest.fixture
def load(tmp_path):
    def read(*texts, inventory=None):
        for number, text in enumerate(texts):
            (tmp_path / f"{number}.yaml").write_text(textwrap.dedent(text))
        book = None
        if inventory is not None:
            book = tmp_path / "inventory.yml"
            book.write_text(textwrap.dedent(inventory))
        return ruleset.load(
            [str(tmp_path / "*.yaml")], inventory=book, sources=SOURCES, receivers=("noc", "mqtt")
        )

    return read


@pytest.fixture
def problems(load, tmp_path):
    def read(*texts, inventory=None):
        with pytest.raises(model.InvalidConfigError) as caught:
            load(*texts, inventory=inventory)
        return [line.removeprefix(f"{tmp_path}/") for line in caught.value.problems]

    return read


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            "    transision: {field: state, to: [offline]}\n",
            "0.yaml:4:5: r.transision: there is no such key; did you mean transition?",
        ),
        (
            "    transition: {field: state, form: [online], to: [offline]}\n",
            "0.yaml:4:32: r.transition.form: there is no such key; did you mean from?",
        ),
        (
            "    transition: {field: stat, to: [offline]}\n",
            "0.yaml:4:25: r.transition.field: there is no field 'stat'; did you mean state?",
        ),
        (
            "    transition: {field: state, to: [offline, ofline]}\n",
            "0.yaml:4:46: r.transition.to: state is never 'ofline'; did you mean offline?",
        ),
        (
            "    transition: {field: state, from: [unknown], to: [offline]}\n",
            (
                "0.yaml:4:38: r.transition.from: unknown is skipped when looking back, so it "
                "cannot be used here"
            ),
        ),
        (
            DOWN + "    notify: [nok]\n",
            "0.yaml:5:14: r.notify: there is no receiver 'nok'; did you mean noc?",
        ),
        (
            DOWN + "    for: 20\n",
            (
                "0.yaml:5:10: r.for: 20 is not a duration: write it with its unit, as in 15s, 5m, "
                "4h, 30d"
            ),
        ),
        (
            DOWN + "    during: [on_aire]\n",
            (
                "0.yaml:5:14: r.during[0]: 'on_aire': expected 'booked', 'pre_roll', 'on_air', "
                "'overrun', 'ended' or 'unknown'; did you mean on_air?"
            ),
        ),
        (
            DOWN + "    severity: fatal\n",
            "0.yaml:5:15: r.severity: 'fatal': expected 'info', 'warning' or 'critical'",
        ),
        (
            DOWN + "    for: 1s\n    for: 2s\n",
            "0.yaml:6:5: for: duplicate key; the first is on line 5",
        ),
        (
            DOWN + "    expression: state == 'offline'\n",
            (
                "0.yaml:2:5: r: needs exactly one condition: transition, threshold, expression, "
                "no_data or blind"
            ),
        ),
        (
            "    expression: stat == 'offline'\n",
            "0.yaml:4:17: r.expression: 'stat' is not known; did you mean state?",
        ),
        (
            "    expression: state == 'ofline'\n",
            "0.yaml:4:26: r.expression: state is never 'ofline'; did you mean offline?",
        ),
        (
            "    expression: state ==\n",
            "0.yaml:4:24: r.expression: not valid CEL: at line 1, character 9: it ends too early",
        ),
        (
            "    expression: state.startWith('on')\n",
            "0.yaml:4:23: r.expression: there is no function startWith(); did you mean startsWith?",
        ),
        (
            "    expression: state > 1\n",
            ("0.yaml:4:23: r.expression: '>' cannot be used on a text and a whole number"),
        ),
        (
            "    expression: state\n",
            ("0.yaml:4:17: r.expression: evaluates to a text; expected true or false"),
        ),
        (
            "    expression: has(labels.site)\n",
            (
                '0.yaml:4:21: r.expression: has() is not needed: a missing label reads ""; compare '
                "with that"
            ),
        ),
        (
            "    expression: previous.stat == 'online'\n",
            "0.yaml:4:17: r.expression: previous.stat is not known; did you mean state?",
        ),
        (
            "    expression: '[1].all(a, [1].all(b, [1].all(c, a == b)))'\n",
            "0.yaml:4:17: r.expression: nests 3 macros (all, exists, map, filter); at most 2",
        ),
        (
            f"    expression: {'true && ' * 200}true\n",
            "0.yaml:4:17: r.expression: is longer than 1000 characters",
        ),
        (
            DOWN + "    title: '{{ nme }}'\n",
            "0.yaml:5:12: r.title: 'nme' is not known; did you mean name?",
        ),
        (
            DOWN + "    title: '{{ name'\n",
            "0.yaml:5:12: r.title: not a valid template: it ends too early; expected '}}'",
        ),
        (
            DOWN + "    title: '{{ name.__class__.mro() }}'\n",
            (
                "0.yaml:5:12: r.title: fails on a sample: {{ name.__class__.mro() }}: access to "
                "attribute '__class__' of 'str' object is unsafe."
            ),
        ),
        (
            "    blind: 5m\n    where: labels.x == ''\n",
            "0.yaml:2:5: r: a rule with blind cannot have where",
        ),
    ],
)
def test_a_problem_is_reported_with_its_place(problems, written, problem):
    assert problems(HEAD + written) == [problem]


@pytest.mark.parametrize(
    ("threshold", "problem"),
    [
        ("metric: utilization", "needs exactly one of above and below"),
        ("metric: utilization, above: 80, below: 5", "needs exactly one of above and below"),
        ("metric: utilization, above: 80, clear: 90", "clear must lie on the good side"),
        ("metric: utilization, above: 80, aggregate: p95", "needs over"),
        ("metric: utilization, above: .nan", "nan: expected a finite number"),
        ("metric: utilization, above: '80'", "'80': expected a number"),
        ("metric: utilization, above: 80, coverage: 0.5", "needs over"),
        (
            "metric: utilization, above: 80, over: 1h, coverage: 80",
            "80: expected at most 1",
        ),
        ("metric: utilization, above: 80, over: 0s", "must be longer than 0"),
        ("metric: utilisation, above: 80", "did you mean utilization?"),
        ("metric: utilization, above: 80, aggregate: p99", "expected 'last', 'avg', 'min'"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(problems, threshold, problem):
    (line,) = problems(f"rules:\n  - name: r\n    source: lines\n    threshold: {{{threshold}}}\n")
    assert problem in line


@pytest.mark.parametrize(
    ("threshold", "problem"),
    [
        (
            "aggregate: p95, over: 1h",
            (
                "0.yaml:4:71: r.threshold.over: lines has 12 samples in 1 h, one every 5 min, and"
                " p95 needs 20: use a window of 1 h 40 min or more, or set min_samples"
            ),
        ),
        (
            "aggregate: avg, over: 30m, min_samples: 7",
            (
                "0.yaml:4:89: r.threshold.min_samples: lines has 6 samples in 30 min, one every 5"
                " min, and min_samples is 7: use a window of 35 min or more, or lower min_samples"
            ),
        ),
        (
            "over: 5m, min_samples: 2, consecutive: 3",
            (
                "0.yaml:4:72: r.threshold.min_samples: lines has 1 sample in 5 min, one every 5"
                " min, and min_samples is 2: use a window of 10 min or more, or lower min_samples"
            ),
        ),
    ],
)
def test_a_window_that_never_holds_enough_samples_is_refused(problems, threshold, problem):
    written = f"metric: utilization, above: 80, {threshold}"
    lines = problems(f"rules:\n  - name: r\n    source: lines\n    threshold: {{{written}}}\n")
    assert lines == [problem]


@pytest.mark.parametrize(
    "window", ["aggregate: p95, over: 100m", "aggregate: p95, over: 1h, min_samples: 12"]
)
def test_a_window_that_can_hold_enough_samples_is_accepted(load, window):
    threshold = f"threshold: {{metric: utilization, above: 80, {window}}}"
    load(f"rules:\n  - name: r\n    source: lines\n    {threshold}\n")


def test_a_window_is_measured_by_the_granularity_of_each_source_that_a_rule_watches(tmp_path):
    file = tmp_path / "rules.yaml"
    threshold = "{metric: utilization, above: 80, aggregate: p95, over: 2h}"
    file.write_text(f"rules: [{{name: r, source: evpl, threshold: {threshold}}}]")
    sources = {
        name: replace(SOURCES["lines"], name=name, granularity=timedelta(minutes=granularity))
        for name, granularity in [("paris", 5), ("lyon", 15)]
    }
    with pytest.raises(model.InvalidConfigError, match="lyon has 8 samples in 2 h") as caught:
        ruleset.load([str(file)], inventory=None, sources=sources, receivers=())
    assert len(caught.value.problems) == 1


def test_all_problems_of_all_files_are_reported_at_once(problems, tmp_path):
    lines = problems(
        HEAD.replace("vyvx", "vyxv") + DOWN + "  - 5\n",
        HEAD + DOWN + "    nottify: [noc]\n",
        inventory="subjects: {vyvz/1: {label: {a: b}}}",
    )
    assert lines == [
        "0.yaml:3:13: r.source: there is no source 'vyxv'; did you mean vyvx?",
        "0.yaml:5:5: rules[1]: expected keys and values",
        f"1.yaml:2:11: r.name: there is already a rule of this name, at {tmp_path}/0.yaml:2:11",
        "1.yaml:5:5: r.nottify: there is no such key; did you mean notify?",
        "inventory.yml:1:21: subjects.vyvz/1.label: there is no such key; did you mean labels?",
    ]


def test_a_name_is_used_once_in_all_files(problems, tmp_path):
    assert problems(HEAD + DOWN, HEAD + DOWN) == [
        f"1.yaml:2:11: r.name: there is already a rule of this name, at {tmp_path}/0.yaml:2:11"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules: [", "0.yaml:1:9: not valid YAML: the file ends before the value"),
        ("rules: &a [*a]", "aliases (*a) are not supported; write it out"),
        ("[" * 40 + "]" * 40, "is nested deeper than 32 levels"),
        ("? [a]\n: b", "a key must be plain text"),
        ("rules: 2026-02-31", "holds a value that YAML cannot read"),
        ("rules: \x07", "not valid YAML"),
        ("5", "expected keys and values"),
        ("rules: {}", "expected a list"),
        ("#" * 1_000_001, "is larger than 1,000,000 bytes; split it"),
        ("rules: !!python/name:os.system x", "not valid YAML"),
    ],
)
def test_a_file_that_is_not_a_rule_file_is_refused(problems, text, problem):
    lines = problems(text)
    assert any(problem in line for line in lines), lines


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "0.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(model.InvalidConfigError, match="is not UTF-8 text"):
        ruleset.load([str(tmp_path / "0.yaml")], inventory=None, sources=SOURCES, receivers=())


def test_a_pattern_that_matches_no_file_is_a_problem(tmp_path):
    with pytest.raises(model.InvalidConfigError) as refused:
        ruleset.load([str(tmp_path / "*.yaml")], inventory=None, sources=SOURCES, receivers=())
    assert refused.value.problems == (f"{tmp_path}/*.yaml: no file matches",)


def test_a_folder_in_the_place_of_a_file_is_named_as_one(tmp_path):
    (tmp_path / "rules").mkdir()
    with pytest.raises(model.InvalidConfigError) as refused:
        ruleset.load([str(tmp_path / "rules")], inventory=None, sources=SOURCES, receivers=())
    assert refused.value.problems == (f"{tmp_path}/rules: is a folder; expected a file",)


def test_an_inventory_that_is_missing_is_named_without_a_line(tmp_path):
    (tmp_path / "0.yaml").write_text(HEAD + DOWN)
    inventory = tmp_path / "inventory.yaml"
    with pytest.raises(model.InvalidConfigError) as refused:
        ruleset.load([str(tmp_path / "0.yaml")], inventory=inventory, sources=SOURCES, receivers=())
    assert refused.value.problems == (f"{inventory}: there is no such file",)


@pytest.mark.parametrize(
    "text",
    ["", "\n", " \n\t\r\n", "\ufeff", "\ufeff\n", "# all gone\n", "---\n", "null", "{}", "~ #"],
)
@pytest.mark.parametrize("others", [(), (HEAD + DOWN,)])
def test_a_rule_file_without_content_is_a_problem_even_among_others(problems, text, others):
    last = len(others)
    (line,) = problems(*others, text)
    assert line in {
        f"{last}.yaml: is empty",
        f"{last}.yaml: holds nothing; expected rules, maintenance, rotas or storm",
    }


def test_an_empty_inventory_is_a_problem_and_one_of_comments_is_not(problems, load):
    assert problems(HEAD + DOWN, inventory="") == ["inventory.yml: is empty"]
    assert load(HEAD + DOWN, inventory="# subjects:\n").rules


NO_RULE = "rules: there is no rule in any rule file, so nothing is watched; expected at least one"
WORKS = (
    "maintenance: [{name: works, match: {source: vyvx}, from: '01:00', to: '02:00', zone: UTC}]\n"
)


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        (["rules: []\n"], "0.yaml:1:8"),
        (["rules: []\n", "rules: []\n"], "0.yaml:1:8"),
        ([WORKS], "0.yaml:1:1"),
        (["storm: {incidents: 10}\n", "rules: []\n"], "0.yaml:1:1"),
    ],
)
def test_no_rule_at_all_is_a_problem(problems, texts, place):
    assert problems(*texts) == [f"{place}: {NO_RULE}"]


def test_no_rule_is_not_said_where_a_file_cannot_be_read(problems):
    (line,) = problems("rules: [", "rules: []\n")
    assert "not valid YAML" in line


def test_no_pattern_of_rule_files_is_a_problem():
    with pytest.raises(model.InvalidConfigError) as caught:
        ruleset.load([], inventory=None, sources=SOURCES, receivers=())
    assert caught.value.problems == ("rules: no rule file is named, so nothing is watched",)


@pytest.mark.parametrize("text", [WORKS, "storm: {incidents: 10}\n", "rules: []\n"])
def test_a_file_without_rules_is_fine_beside_one_with_rules(load, text):
    assert [rule.name for rule in load(text, HEAD + DOWN).rules] == ["r"]


@pytest.mark.parametrize(
    ("inventory", "problem"),
    [
        ("subjects: {vyvy/1: {}}", "there is no source 'vyvy'; expected SOURCE/ID; did you mean"),
        ("match: [{where: label.x == '1'}]", "'label' is not known; did you mean labels?"),
        ("match: [{where: labels.x}]", "expected true or false"),
        ("subjects: {vyvx/1: {address: here}}", "'here' is not an address: write it as in '1 Main"),
        ("subjects: {iod/C1: {bandwidth: 500}}", "500 is not a bandwidth: write it with its unit"),
        (
            "subjects: {iod/C1: {bandwidth: fast}}",
            "'fast' is not a bandwidth: write it with its unit",
        ),
        ("subjects: {vyvx/1: {contacts: {lumne: x}}}", "expected 'lumen', 'orange' or 'source'"),
        ("subjects: {vyvx/1: {connection: 77}}", "77: expected text"),
        ("subjects: {vyvx/1: {connection: c77}}", "expected SOURCE/ID, as in iod/77133831778"),
        (
            "subjects: {vyvx/1: {connection: iot/77}}",
            "there is no internet_on_demand source 'iot'; did you mean iod?",
        ),
        (
            "subjects: {vyvx/1: {connection: internet_on_demand/77}}",
            "there is no internet_on_demand source 'internet_on_demand'",
        ),
        (
            "match: [{where: 'true', connection: lines/77}]",
            "match[0].connection: there is no internet_on_demand source 'lines'",
        ),
    ],
)
def test_an_invalid_inventory_is_refused(problems, inventory, problem):
    (line,) = problems(HEAD + DOWN, inventory=inventory)
    assert line.startswith("inventory.yml:1:")
    assert problem in line


@pytest.mark.parametrize(
    ("remedy", "problem"),
    [
        ("{to: 2 Gbps, max: 1 Gbps}", "0.yaml:5:21: r.bandwidth.to: 2 Gbps is above max, which is"),
        ("{to: 2, max: 1 Gbps}", "r.bandwidth.to: 2 is not a bandwidth: write it with its unit"),
        (
            "{to: 0.5 Mbps, max: 1 Gbps}",
            "r.bandwidth.to: cannot be ordered: use whole Mbit/s from 1",
        ),
        ("{to: 2 Gbps}", "r.bandwidth.max: is missing"),
        (
            "{to: 2 Gbps, max: 2 Gbps, approval: slack}",
            "approval: 'slack': expected 'cli' or 'none'",
        ),
        (
            "{to: 2 Gbps, max: 2 Gbps, revert: yes}",
            "revert: true: expected 'on_resolve' or 'never'",
        ),
        (
            "{to: 2 Gbps, max: 2 Gbps, connection: vyvx/1}",
            "0.yaml:5:54: r.bandwidth.connection: there is no internet_on_demand source 'vyvx'",
        ),
    ],
)
def test_an_impossible_remedy_is_refused(problems, remedy, problem):
    (line,) = problems(HEAD + DOWN + f"    bandwidth: {remedy}\n")
    assert problem in line


def test_a_rule_about_blindness_changes_no_bandwidth(problems):
    text = HEAD + "    blind: 5m\n    bandwidth: {to: 2 Gbps, max: 2 Gbps}\n"
    (line,) = problems(text)
    assert "a rule with blind cannot have bandwidth" in line


def test_a_remedy_is_read_as_it_is_written(load):
    text = (
        HEAD
        + DOWN
        + (
            "    bandwidth: {connection: iod/C1, to: 1500 Mbps, max: 2 Gbps, approval: none,"
            " revert: on_resolve}\n"
        )
    )
    (rule,) = load(text).rules
    assert rule.bandwidth == engine.Bandwidth(
        connection="iod/C1", to=1500.0, max=2000.0, approved=True, revert=True
    )


def test_a_remedy_asks_and_stays_unless_it_says_otherwise(load):
    text = HEAD + DOWN + "    bandwidth: {to: 2 Gbps, max: 2 Gbps}\n"
    inventory = "subjects: {vyvx/1: {connection: iod/C1}}"
    rules = load(text, inventory=inventory)
    assert rules.rules[0].bandwidth == engine.Bandwidth(to=2000.0, max=2000.0)
    entry = rules.inventory.entry("vyvx/1", {})
    assert entry.connection == "iod/C1"


def test_what_is_wrong_with_an_expression_is_reported_beside_a_wrong_key(problems):
    assert problems(
        HEAD + "    expression: sate == 'offline'\n    for: sixty\n    wehre: 'true'\n"
    ) == [
        "0.yaml:4:17: r.expression: 'sate' is not known; did you mean state?",
        "0.yaml:5:10: r.for: 'sixty' is not a duration: write 15s, 5m, 4h, 30d or 1h30m",
        "0.yaml:6:5: r.wehre: there is no such key; did you mean where?",
    ]


def test_a_problem_is_named_from_where_one_stands(tmp_path, monkeypatch):
    place = Place(tmp_path / "rules/vyvx.yaml", 3, 4)
    monkeypatch.chdir(tmp_path)
    assert str(place) == "rules/vyvx.yaml:3:4"
    monkeypatch.chdir("/")
    assert str(place) == f"{tmp_path}/rules/vyvx.yaml:3:4"


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("    expression: vanished && sate == 'x'\n", "4:29"),
        ("    expression: 'vanished && sate == \"x\"'\n", "4:30"),
        ("    expression: 'subject != ''a'' && sate == \"x\"'\n", "4:38"),
        ('    expression: "subject != \\"a\\" && sate == \'x\'"\n', "4:38"),
        ('    expression: "subject != \\"\\x41\\" && sate == 1"\n', "4:17"),  # not looked through
        ("    expression: vanished &&\n      sate == 'x'\n", "5:7"),
        ("    expression: |\n      vanished &&\n        sate == 'x'\n", "6:9"),
        ("    expression: >-\n      vanished\n      && subject == 'é' && sate == 'x'\n", "6:28"),
    ],
)
def test_a_problem_inside_an_expression_is_where_it_stands_in_the_file(problems, written, place):
    (problem,) = problems(HEAD + written)
    assert problem.startswith(f"0.yaml:{place}: r.expression: ")


def test_a_problem_inside_an_expression_of_the_inventory_is_where_it_stands(problems):
    (problem,) = problems(
        HEAD + DOWN, inventory="match:\n  - where: labels.a == '' && sate == ''\n"
    )
    assert problem.startswith("inventory.yml:2:30: match[0].where: 'sate' is not known")
