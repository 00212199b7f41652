"""An expression that fails on a subject is reported once, and again after it has worked."""

from datetime import UTC, datetime, timedelta

from watcher import engine, model, ruleset

NOW = datetime(2026, 11, 29, tzinfo=UTC)
RULES = """
rules:
  - {name: odd, source: lines, expression: "int(utilization) / int(utilization - 7.0) > 900"}
  - {name: full, source: lines, expression: utilization > 80}
"""


def test_an_error_is_over_once_the_expression_works_again(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    traits = engine.SourceTraits(name="lines", kind="evpl", blind_after=timedelta(minutes=3))
    state = engine.restore(
        ruleset.load(
            [str(tmp_path / "*.yaml")], inventory=None, sources={"lines": traits}, receivers=[]
        )
    )
    failed = []
    for minute, utilization in enumerate([7.0, 7.0, 5.0, 7.0, 97.0]):
        seen = model.Observed(key="lines/1", fields={"utilization": utilization})
        polled = model.Polled(source="lines", seen=(seen,), total=1)
        effects = engine.step(state, polled, NOW + timedelta(minutes=minute))
        failed.append(
            [effect.rule for effect in effects if isinstance(effect, model.ExpressionFailed)]
        )
    assert failed == [["odd"], [], [], ["odd"], []]
    assert set(state.alerts["lines/1"]) == {"full"}
