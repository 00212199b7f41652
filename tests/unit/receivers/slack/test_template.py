"""A team's own text of the message: escaped, bounded, and never the end of the message."""

import pytest

from tests.fakes.slack_channel import shown
from watcher.receivers.slack.message import render_parent
from watcher.receivers.slack.template import MessageTemplate, RenderingError, load


def render(builder, clock, source, **more):
    template = MessageTemplate(source, "noc.txt")
    message = render_parent(builder.incident_view(), now=clock.now(), template=template, **more)
    return {"text": message.text, "blocks": message.blocks}


def test_a_template_takes_the_place_of_the_text_and_leaves_headline_and_small_print(builder, clock):
    source = "*{{ name }}* ({{ labels.po_number }}{{ labels.unknown }})\n\nRing {{ contacts[0] }}"
    message = render(builder, clock, source, mention="<!here>")
    header, section, small_print = message["blocks"]
    assert header["text"]["text"].endswith("NYC Arena uplink is offline: likely Lumen side")
    assert section["text"]["text"] == (
        "<!here> *NYC Arena uplink* (4711)\nRing Lumen NOC, +1 800 555 0100"
    )
    assert "w-7k3m" in small_print["elements"][0]["text"]
    assert message["text"] == render(builder, clock, "other", mention="<!here>")["text"]


def test_a_template_may_keep_the_built_in_text(builder, clock):
    text = shown(render(builder, clock, "{{ builtin }}\nTruck: {{ state }}, was {{ was }}"))
    assert "Madison Square Garden (New York)" in text
    assert "Booked 02:00 to 04:00 UTC (your time <!date^" in text  # markup stays markup
    assert text.count("Truck: offline, was online") == 1


def test_what_a_vendor_says_is_escaped_however_it_is_printed(builder, clock):
    builder.change(title="<!channel> & co", summary="<@U1>")
    text = shown(render(builder, clock, "{{ title | upper }} {{ [summary] | join }} {{ title }}"))
    body = text.split("\n")[1]
    assert body == "&lt;!CHANNEL&gt; &amp; CO &lt;@U1&gt; &lt;!channel&gt; &amp; co"


def test_several_subjects_can_be_listed(builder, clock):
    text = shown(
        render(builder, clock, "{% for s in subjects %}{{ s.name }}: {{ s.state }}{% endfor %}")
    )
    assert "NYC Arena uplink: offline" in text


@pytest.mark.parametrize(
    "source",
    ["{{ 1 / 0 }}", "{{ subjects[7].name }}", "{% if 0 %}x{% endif %}", "{{ labels + 1 }}"],
)
def test_a_template_that_fails_leaves_the_built_in_text_and_says_so(builder, clock, source):
    text = shown(render(builder, clock, source))
    assert "Madison Square Garden (New York)" in text
    assert "template noc.txt failed: " in text


def test_a_long_template_stays_within_a_section(builder, clock):
    source = "\n".join(f"{number} {'x' * 80}" for number in range(110))
    message = render(builder, clock, source, mention="<!subteam^S012345>")
    section = message["blocks"][1]["text"]["text"]
    assert len(section) <= 3_000
    assert section.endswith("more")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ naem }}", "'naem' is not known; there are acknowledged_by, builtin"),
        ("{% for %}", "line 1: "),
        (
            "{% for s in subjects %}" * 3 + "x" + "{% endfor %}" * 3,
            "more than 2 loops in each other",
        ),
        ("{{ range(9) }}", "a call is not available here"),
        ("{{ name.ljust(999999999) }}", "a call is not available here"),
        ("{{ name * 999999999 }}", r"\* is not available here"),
        ("{{ name | center(999999999) }}", "line 1: No filter named 'center'"),
        ("{% macro m() %}{% endmacro %}", "macro is not available here"),
        ("x" * 10_001, "is longer than 10000 characters"),
    ],
)
def test_a_template_that_cannot_work_is_refused_when_it_is_read(source, problem):
    with pytest.raises(RenderingError, match=problem):
        MessageTemplate(source, "noc.txt")


def test_a_template_that_cannot_be_read_is_said_plainly(tmp_path):
    with pytest.raises(RenderingError, match=r"^cannot be read: Is a directory$"):
        load(tmp_path)
    (tmp_path / "noc.txt").write_bytes(b"\xff")
    with pytest.raises(RenderingError, match=r"^is not UTF-8 text$"):
        load(tmp_path / "noc.txt")


def test_a_template_reaches_nothing_but_its_words(builder, clock):
    text = shown(render(builder, clock, "{{ ''.__class__.__mro__ }}"))
    assert "template noc.txt failed: " in text
