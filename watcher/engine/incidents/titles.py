"""What an incident is called: title and summary, by the templates of the rule that leads it."""

from __future__ import annotations

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules.rule import ExpressionError, Rule
from watcher.engine.rules.subject_view import SubjectView


def title_and_summary(
    ctx: StepContext,
    rule: Rule,
    member: model.IncidentAlert,
    view: SubjectView,
    *,
    side: model.FaultDomain | None = None,
) -> tuple[str, str]:
    """Return the title, and a sentence below it; a template that fails is reported.

    `side` is what people were notified of as the likely side; None: what the fields say now.
    """
    value = member.value if member.value is not None else member.to
    words = view.words(
        rule,
        value=value,
        was=member.from_,
        since=member.since,
        direction=member.direction,
        window=member.window,
    )
    if side is not None:
        words |= {"fault_domain": str(side), "side": model.format_side(side)}
    try:
        summary = "" if rule.summary is None else rule.summary(words)
        return rule.title(words), summary
    except ExpressionError as error:
        ctx.add_expression_error(rule, view.key, error)
        return f"{view.name}: {rule.name}", ""
