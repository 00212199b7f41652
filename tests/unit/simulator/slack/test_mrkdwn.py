"""Slack's mrkdwn becomes HTML for the simulated page."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.simulator.slack import mrkdwn


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _slanted_ ~gone~", "<strong>bold</strong> <em>slanted</em> <s>gone</s>"),
        ("po_number_x 2*3*4", "po_number_x 2*3*4"),
        ("`a *b* <c>`", "<code>a *b* &lt;c&gt;</code>"),
        ("```one\ntwo```\nafter", "<pre>one\ntwo</pre>after"),
        ("one\ntwo", "one<br>two"),
        ("&gt; quoted\n&gt; too\nnot", "<blockquote>quoted<br>too</blockquote>not"),
        ("a &lt; b &amp;&amp; c", "a &lt; b &amp;&amp; c"),
        ("&amp;lt;", "&amp;lt;"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&lt;img src=x&gt;", "&lt;img src=x&gt;"),
        ("<!here> <!channel>", '<span class="mention loud">@here</span> '),
        ("<!subteam^S1|@noc>", '<span class="mention loud">@noc</span>'),
        ("<#C1>", '<span class="mention">#noc</span>'),
        ("<@U1>", '<span class="mention">@U1</span>'),
        ("<!date^1778760006^{date_num} {time_secs}|then>", "<time>2026-05-14 12:00:06</time>"),
        ("<javascript:alert(1)|press>", "&lt;javascript:alert(1)|press&gt;"),
        ("12:30:45 and :nonsense:", "12:30:45 and :nonsense:"),
    ],
)
def test_it_is_shown_as_slack_shows_it(text, html):
    assert mrkdwn.render(text, {"C1": "noc"}).startswith(html)


def test_a_link_shows_its_label_and_leads_where_it_says():
    html = mrkdwn.render('*<https://x.example/?a=1&amp;b="2|the *board*>*')

    assert 'href="https://x.example/?a=1&amp;b=&quot;2"' in html
    assert ">the <strong>board</strong></a></strong>" in html


@pytest.mark.parametrize("text", [":red_circle:", "\N{LARGE RED CIRCLE}", ":large_red_circle:"])
def test_an_emoji_is_drawn_whatever_the_fonts(text):
    assert 'href="#e-red_circle"' in mrkdwn.render(text)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.seen |= {name for name, _ in attrs if name.startswith("on")}


HOSTILE = st.text(alphabet="<>&;\"'`*_~|!@#:/ \nabhttps\ue000\ue0010123", max_size=60)


@given(HOSTILE | st.text(max_size=60))
def test_no_text_at_all_becomes_markup_of_its_own(text):
    parser = Tags()
    parser.feed(str(mrkdwn.render(text)))
    parser.close()

    allowed = {"strong", "em", "s", "code", "pre", "br", "blockquote", "a", "span", "svg", "use"}
    assert parser.seen <= allowed | {"time"}
    assert not re.search("[\ue000\ue001]", str(mrkdwn.render(text)))
