"""The picture of a breach: what it shows, and what it leaves out."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from msgspec.structs import replace
from PIL import Image

from tests.fakes.incident_builder import IncidentBuilder
from watcher.receivers import chart

BLUE, GREEN, RED, PINK = (21, 101, 192), (46, 125, 50), (198, 40, 40), (253, 236, 234)


@pytest.fixture
def builder():
    builder = IncidentBuilder()
    builder.measure()
    return builder


def drawn(builder, samples=None):
    breach = chart.breach_of(builder.alert, builder.incident)
    given = builder.samples if samples is None else samples
    shown = [sample for sample in given if breach.start <= sample.at <= breach.end]
    return Image.open(io.BytesIO(chart.draw(breach, shown))).convert("RGB")


def columns(picture, colour):
    """The columns in which the plot shows a colour."""
    pixels = picture.load()
    return {
        x
        for x in range(64, 977)
        for y in range(62, 356)
        if sum(abs(a - b) for a, b in zip(pixels[x, y], colour, strict=True)) < 30
    }


def test_an_alert_that_is_no_figure_has_no_chart():
    builder = IncidentBuilder()
    assert chart.breach_of(builder.alert, builder.incident) is None


def test_six_hours_before_the_breach_are_shown_up_to_its_notification(builder):
    breach = chart.breach_of(builder.alert, builder.incident)
    assert (breach.start, breach.end) == (builder.begin - timedelta(hours=6), builder.begin)


def test_when_it_is_over_the_whole_breach_is_shown(builder):
    builder.resolve(after=7_200)
    breach = chart.breach_of(builder.alert, builder.incident)
    assert breach.start == builder.begin - timedelta(hours=6)
    assert breach.end == builder.begin + timedelta(hours=2)


def test_of_a_breach_that_lasts_for_days_the_end_is_shown(builder):
    builder.resolve(after=7 * 86_400)
    breach = chart.breach_of(builder.alert, builder.incident)
    assert breach.end - breach.start == timedelta(hours=48)


def test_both_directions_the_limit_and_the_time_of_the_breach_are_drawn(builder):
    builder.resolve(after=7_200)
    picture = drawn(builder)
    assert picture.size == (1000, 400)
    assert len(columns(picture, BLUE)) > 500
    assert len(columns(picture, GREEN)) > 500
    assert len(columns(picture, RED)) > 400
    begin = 64 + (976 - 64) * 6 / 8  # six of eight hours
    assert min(columns(picture, PINK)) == pytest.approx(begin, abs=2)


def test_where_nothing_was_measured_there_is_no_line(builder):
    picture = drawn(builder)
    # From minute 145 to 180 of 360; the last sample before it is at minute 145.
    gap = {round(64 + (976 - 64) * minute / 360) for minute in range(148, 178)}
    assert not gap & columns(picture, BLUE)


def test_where_nobody_had_looked_before_the_chart_begins_later(builder):
    late = builder.samples[-60:]  # the last two and a half hours, both ways
    builder.resolve(after=7_200)
    breach = chart.breach_of(builder.alert, builder.incident)
    picture = Image.open(io.BytesIO(chart.draw(breach, late))).convert("RGB")
    assert min(columns(picture, BLUE)) == pytest.approx(64, abs=2)


def test_too_few_samples_are_no_picture(builder):
    breach = chart.breach_of(builder.alert, builder.incident)
    assert chart.draw(breach, builder.samples[:2]) == b""


def test_one_value_all_the_time_and_a_limit_of_nothing_can_be_drawn(builder):
    builder.alert = replace(builder.alert, limit=0.0)
    assert drawn(builder, [replace(sample, value=0.0) for sample in builder.samples]).size == (
        1000,
        400,
    )


def test_a_sample_that_stands_alone_is_a_point(builder):
    alone = [sample for sample in builder.samples if sample.direction == "in"]
    sparse = [*alone[40:60], alone[0]]
    assert min(columns(drawn(builder, sparse), BLUE)) < 100


def test_a_breach_notified_in_the_moment_it_began_can_be_drawn(builder):
    breach = chart.breach_of(builder.alert, builder.incident)
    still = replace(breach, start=breach.end)
    assert chart.draw(still, builder.samples[-4:]).startswith(b"\x89PNG")


def test_a_breach_that_began_after_it_was_reported_by_our_clock_can_be_drawn(builder):
    builder.change(opened_at=builder.alert.since - timedelta(minutes=9))
    assert columns(drawn(builder), PINK) | columns(drawn(builder), BLUE)
