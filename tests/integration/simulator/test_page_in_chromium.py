"""The simulated Slack in a real browser, as a person sees it."""

import asyncio

import aiomqtt
import pytest
from playwright.async_api import async_playwright, expect

from tests.servers.programs import program
from watcher import simulator
from watcher.simulator.vendors import pdf

NOC = "C0123456789"

pytestmark = pytest.mark.browser


@pytest.fixture
async def page():
    """A page that fails the test when the browser has anything to complain about."""
    complaints = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program("chromium", "chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        opened = await browser.new_page(viewport={"width": 1440, "height": 900})
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        yield opened
        await browser.close()
    assert complaints == []


@pytest.fixture
def report(sim):
    service = sim.world.diagnosables["SVC1"]
    return pdf.summary("SVC1", service, sim.world.now())


async def test_an_incident_reads_as_it_would_in_slack(sim, slack, page, post_incident, report):
    await post_incident(slack, report)
    await page.goto(sim.page_url)

    await expect(page.locator("#name")).to_have_text("noc")
    await expect(page.locator("#messages .message")).to_have_count(3)
    parent = page.locator("#messages .message").first
    await expect(parent.locator(".b-header")).to_contain_text("USA East recovered")
    await expect(parent.locator(".replies")).to_contain_text("6 replies")
    bar = await parent.locator(".attachment").evaluate(
        "bar => getComputedStyle(bar, '::before').backgroundColor"
    )
    assert bar == "rgb(46, 182, 125)"
    await expect(page.locator(".mention.loud").first).to_have_text("@here")
    await expect(page.locator(".replied").first).to_contain_text("replied to a thread")


async def test_a_thread_opens_beside_the_channel_with_its_files(
    sim, slack, page, post_incident, report
):
    await post_incident(slack, report)
    await page.goto(sim.page_url)
    await page.locator(".replies").click()

    thread = page.locator("#thread .message")
    await expect(thread).to_have_count(7)
    await expect(thread.nth(4).locator(".f-card")).to_contain_text("Service Diagnostics SVC1")
    await expect(thread.nth(6).locator(".also")).to_have_text("also sent to the channel")
    picture = thread.nth(5).locator("img")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.naturalWidth") == 612
    address = await thread.nth(4).locator(".f-links a").first.get_attribute("href")
    answer = await page.request.get(sim.page_url.rstrip("/") + address)
    assert await answer.body() == report
    await page.locator("#close").click()
    await expect(page.locator("#pane")).to_be_hidden()


async def test_a_new_message_and_an_edit_appear_by_themselves(sim, slack, page):
    await page.goto(sim.page_url)
    await expect(page.locator("#name")).to_have_text("noc")
    ts = (await slack.chat_postMessage(channel=NOC, text="first words"))["ts"]
    await expect(page.locator("#messages")).to_contain_text("first words")
    await slack.chat_update(channel=NOC, ts=ts, text="second thoughts")

    await expect(page.locator("#messages .message")).to_contain_text("second thoughts")
    await expect(page.locator(".edited")).to_have_text("(edited)")


async def test_reading_further_up_is_not_disturbed_by_what_arrives(sim, slack, page):
    for number in range(60):
        await slack.chat_postMessage(channel=NOC, text=f"message {number}")
    await page.goto(sim.page_url)
    await expect(page.locator("#messages .message")).to_have_count(60)
    await page.locator("#messages").evaluate("list => { list.scrollTop = 200; }")
    first = await page.locator("#messages .message").first.element_handle()
    await slack.chat_postMessage(channel=NOC, text="one more")
    await expect(page.locator("#messages .message")).to_have_count(61)

    assert await page.locator("#messages").evaluate("list => list.scrollTop") == 200
    assert await first.evaluate("element => element.isConnected")


async def test_a_reader_at_the_end_follows_what_arrives(sim, slack, page):
    for number in range(60):
        await slack.chat_postMessage(channel=NOC, text=f"message {number}")
    await page.goto(sim.page_url)
    await expect(page.locator("#messages .message")).to_have_count(60)
    await slack.chat_postMessage(channel=NOC, text="one more")

    await expect(page.get_by_text("one more")).to_be_in_viewport()


async def test_another_channel_counts_what_was_not_read_there(sim, slack, page):
    await slack.chat_postMessage(channel="C0123456790", text="escalated")
    await page.goto(sim.page_url)
    other = page.locator("#channels a", has_text="duty-managers")
    await expect(other.locator("span")).to_have_text("1")
    await other.click()

    await expect(page.locator("#messages")).to_contain_text("escalated")
    await expect(page.locator("#channels a.current")).to_have_text("duty-managers")


HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\">"
    "<script>document.title='owned'</script>"
    "<javascript:document.title='owned'|press me>"
    "</div></article></body>"
)


async def test_hostile_text_is_shown_and_does_nothing(sim, slack, page):
    attachment = {
        "color": "red;background:url(//x.example)",
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": HOSTILE[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": HOSTILE}]},
            {"type": "image", "image_url": "https://x.example/y.png", "alt_text": HOSTILE},
        ],
    }
    await slack.chat_postMessage(channel=NOC, text=HOSTILE, attachments=[attachment])
    await slack.files_upload_v2(
        content="<script>document.title='owned'</script>",
        filename="<b>.html",
        title=HOSTILE,
        channel=NOC,
    )
    await page.goto(sim.page_url)
    await expect(page.locator("#messages .message")).to_have_count(2)

    shown = page.locator("#messages .message").first
    await expect(shown).to_contain_text("<script>document.title='owned'</script>")
    assert await page.locator("#messages script, #messages [onerror], #messages img").count() == 0
    assert await page.locator("a[href^='javascript']").count() == 0
    address = await page.locator(".f-links a").first.get_attribute("href")
    answer = await page.request.get(sim.page_url.rstrip("/") + address)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert await page.title() == "Network operations · simulated Slack"


async def test_mqtt_topics_are_shown_as_they_arrive(clock, page):
    async with simulator.Simulator(simulator.load("quiet"), clock) as sim:
        await page.goto(f"{sim.page_url}mqtt")
        async with asyncio.timeout(10), aiomqtt.Client("127.0.0.1", sim.mqtt_port) as client:
            await client.publish("watcher/status", "online", qos=1, retain=True)
            await client.publish(
                "watcher/incidents/I1", '{"id": "I1", "title": "<b>down</b>"}', qos=1
            )
            await expect(page.locator(".passed")).to_have_count(2)

        await expect(page.locator("#topics li")).to_have_text(
            ["watcher/incidents/I1", "watcher/status"]
        )
        await expect(page.locator("#payload")).to_contain_text('"title": "<b>down</b>"')
        await page.goto("about:blank")


async def test_buttons_and_the_command_reach_the_app_and_its_answer_is_seen(sim, page, http):
    sim.workspace.post(
        NOC,
        {
            "text": "down",
            "blocks": [
                {
                    "type": "actions",
                    "elements": [
                        {
                            "type": "button",
                            "text": {"type": "plain_text", "text": "Acknowledge"},
                            "action_id": "acknowledge",
                            "value": "w-1",
                        }
                    ],
                }
            ],
        },
    )
    headers = {"Authorization": f"Bearer {sim.credentials.slack_app_token}"}
    address = f"{sim.slack_api_url}apps.connections.open"
    async with http.post(address, headers=headers) as response:
        link = (await response.json())["url"]
    async with http.ws_connect(link) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        await page.goto(sim.page_url)

        async def answered(words):
            envelope = await asyncio.wait_for(socket.receive_json(), 10)
            await socket.send_json({"envelope_id": envelope["envelope_id"]})
            body = {"response_type": "ephemeral", "text": words}
            await http.post(envelope["payload"]["response_url"], json=body)
            message = page.locator("#messages .message", has_text=words)
            await expect(message.locator(".whispered")).to_have_text("Only visible to you")
            return envelope

        await page.get_by_role("button", name="Acknowledge").click()
        envelope = await answered("you may not")
        (pressed,) = envelope["payload"]["actions"]
        assert (pressed["action_id"], pressed["value"]) == ("acknowledge", "w-1")
        await page.get_by_label("Slash command").fill("/watcher why w-1")
        await page.get_by_role("button", name="Send").click()
        envelope = await answered("nothing is open")
        typed = envelope["payload"]
        assert (typed["command"], typed["text"]) == ("/watcher", "why w-1")


def modal(*fields, title="Add a note"):
    text = {"type": "plain_text", "text": title}
    return {"type": "modal", "title": text, "submit": text, "blocks": list(fields)}


def input_block(name, element, **keys):
    label = {"type": "plain_text", "text": name}
    return {
        "type": "input",
        "block_id": name,
        "label": label,
        "element": {**element, "action_id": name},
        **keys,
    }


async def test_a_menu_opens_a_form_that_shows_what_is_wrong_and_keeps_what_was_typed(
    sim, page, http
):
    option = {"text": {"type": "plain_text", "text": "Add a note"}, "value": "note/w-1"}
    menu = {"type": "overflow", "action_id": "menu", "options": [option]}
    sim.workspace.post(NOC, {"text": "down", "blocks": [{"type": "actions", "elements": [menu]}]})
    hours = [{"text": {"type": "plain_text", "text": text}, "value": text} for text in ("1h", "4h")]
    form = modal(
        input_block("Note", {"type": "plain_text_input", "multiline": True}),
        input_block("How long", {"type": "static_select", "options": hours}),
        input_block("Until", {"type": "datetimepicker"}, optional=True),
    )
    headers = {"Authorization": f"Bearer {sim.credentials.slack_app_token}"}
    async with http.post(f"{sim.slack_api_url}apps.connections.open", headers=headers) as response:
        link = (await response.json())["url"]
    async with http.ws_connect(link) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        await page.goto(sim.page_url)

        async def received(answer=None):
            envelope = await asyncio.wait_for(socket.receive_json(), 10)
            payload = {} if answer is None else {"payload": answer}
            await socket.send_json({"envelope_id": envelope["envelope_id"], **payload})
            return envelope["payload"]

        await page.get_by_label("More actions").click()
        await page.get_by_role("button", name="Add a note").click()
        pressed = await received()
        assert pressed["actions"][0]["selected_option"] == option
        bot = {"Authorization": f"Bearer {sim.credentials.slack_bot_token}"}
        opening = {"trigger_id": pressed["trigger_id"], "view": form}
        async with http.post(
            f"{sim.slack_api_url}views.open", headers=bot, json=opening
        ) as response:
            assert (await response.json())["ok"]
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Note").fill("carrier says 04:00")
        await dialog.get_by_label("How long").select_option("4h")
        await dialog.get_by_label("Until").fill("2026-11-29T07:00")
        await dialog.get_by_role("button", name="Add a note").click()
        errors = {"Until": "That is past"}
        submitted = await received({"response_action": "errors", "errors": errors})
        values = submitted["view"]["state"]["values"]
        assert values["Note"]["Note"]["value"] == "carrier says 04:00"
        assert values["How long"]["How long"]["selected_option"]["value"] == "4h"
        assert values["Until"]["Until"]["selected_date_time"] == 1795935600
        await expect(dialog.locator(".error", has_text="That is past")).to_be_visible()
        await expect(dialog.get_by_label("Note")).to_have_value("carrier says 04:00")
        await dialog.get_by_role("button", name="Add a note").click()
        await received()
        await expect(dialog).to_be_hidden()


async def test_a_form_is_opened_once_for_each_press_and_within_three_seconds(sim, http):
    bot = {"Authorization": f"Bearer {sim.credentials.slack_bot_token}"}

    async def opened(trigger, view):
        address = f"{sim.slack_api_url}views.open"
        body = {"trigger_id": trigger, "view": view}
        async with http.post(address, headers=bot, json=body) as response:
            return (await response.json()).get("error")

    trigger = sim.modals.trigger("U0ANN")
    note = modal(input_block("Note", {"type": "plain_text_input"}))
    assert await opened(trigger, {**note, "title": {"type": "plain_text", "text": "x" * 25}}) == (
        "invalid_arguments"
    )
    assert await opened(trigger, note) is None
    assert await opened(trigger, note) == "exchanged_trigger_id"
    assert await opened("nonsense", note) == "invalid_trigger_id"
