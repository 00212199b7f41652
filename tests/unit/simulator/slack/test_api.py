"""The simulated Slack answers as Slack's documentation says."""

import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from watcher import simulator

NOC = "C0123456789"


async def refused(call):
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


async def test_the_client_learns_who_it_is(slack):
    answer = await slack.auth_test()

    assert (answer["team"], answer["user_id"]) == ("Network operations", "U0WATCHER0")


async def test_a_wrong_token_is_refused(slack):
    slack.token = "xoxb-other"

    assert (await refused(slack.auth_test()))["error"] == "invalid_auth"


async def test_no_token_at_all_is_refused(sim, http):
    async with http.post(f"{sim.slack_api_url}auth.test") as answer:
        assert (await answer.json())["error"] == "not_authed"


async def test_a_posted_message_is_in_the_history_with_its_metadata(slack):
    metadata = {"event_type": "incident", "event_payload": {"incident_id": "I1"}}
    posted = await slack.chat_postMessage(channel=NOC, text="hello", metadata=metadata)
    plain = await slack.conversations_history(channel=NOC)
    whole = await slack.conversations_history(channel=NOC, include_all_metadata=True)

    assert posted["ts"] == whole["messages"][0]["ts"]
    assert "metadata" not in plain["messages"][0]
    assert whole["messages"][0]["metadata"] == metadata


async def test_arguments_may_come_as_a_form(sim, http):
    form = {"channel": NOC, "text": "hello", "blocks": json.dumps([section("*hello*")])}
    headers = {"Authorization": f"Bearer {sim.credentials.slack_bot_token}"}
    address = f"{sim.slack_api_url}chat.postMessage"
    async with http.post(address, data=form, headers=headers) as answer:
        assert (await answer.json())["message"]["blocks"][0]["text"]["text"] == "*hello*"


async def test_no_two_messages_have_the_same_ts(slack):
    stamps = [(await slack.chat_postMessage(channel=NOC, text="x"))["ts"] for _ in range(5)]

    assert stamps == sorted(set(stamps))


async def test_replies_are_in_the_thread_and_only_broadcasts_in_the_channel(slack):
    ts = (await slack.chat_postMessage(channel=NOC, text="parent"))["ts"]
    await slack.chat_postMessage(channel=NOC, text="quiet", thread_ts=ts)
    await slack.chat_postMessage(channel=NOC, text="loud", thread_ts=ts, reply_broadcast=True)
    history = await slack.conversations_history(channel=NOC)
    replies = await slack.conversations_replies(channel=NOC, ts=ts)

    assert [message["text"] for message in history["messages"]] == ["loud", "parent"]
    assert [message["text"] for message in replies["messages"]] == ["parent", "quiet", "loud"]
    assert replies["messages"][0]["reply_count"] == 2


async def test_history_is_bounded_by_oldest_latest_and_limit(slack, clock):
    stamps = []
    for number in range(4):
        clock.advance(1)
        stamps.append((await slack.chat_postMessage(channel=NOC, text=str(number)))["ts"])
    newer = await slack.conversations_history(channel=NOC, oldest=stamps[1])
    between = await slack.conversations_history(
        channel=NOC, oldest=stamps[1], latest=stamps[2], inclusive=True
    )
    page = await slack.conversations_history(channel=NOC, limit=3)
    cursor = page["response_metadata"]["next_cursor"]
    rest = await slack.conversations_history(channel=NOC, limit=3, cursor=cursor)

    def texts(answer):
        return [message["text"] for message in answer["messages"]]

    assert (texts(newer), texts(between)) == (["3", "2"], ["2", "1"])
    assert (texts(page), page["has_more"]) == (["3", "2", "1"], True)
    assert (texts(rest), rest["has_more"]) == (["0"], False)


async def test_an_update_with_text_alone_takes_the_blocks_away_and_shows_as_edited(slack):
    ts = (await slack.chat_postMessage(channel=NOC, text="x", blocks=[section("x")]))["ts"]
    answer = await slack.chat_update(channel=NOC, ts=ts, text="y")

    assert "blocks" not in answer["message"]
    assert "edited" in answer["message"]


async def test_an_update_with_blocks_does_not_show_as_edited(slack):
    metadata = {"event_type": "incident", "event_payload": {"version": 1}}
    ts = (await slack.chat_postMessage(channel=NOC, text="x", metadata=metadata))["ts"]
    await slack.chat_update(channel=NOC, ts=ts, text="y", blocks=[section("y")])
    answer = await slack.conversations_history(channel=NOC, include_all_metadata=True)

    (message,) = answer["messages"]
    assert message["blocks"][0]["text"]["text"] == "y"
    assert "edited" not in message
    assert message["metadata"] == metadata


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0000000000", "text": "x"}, "channel_not_found"),
        ({"channel": "noc", "text": "x"}, "channel_not_found"),
        ({"channel": NOC}, "no_text"),
        ({"channel": NOC, "blocks": {"type": "divider"}}, "invalid_blocks"),
        ({"channel": NOC, "attachments": ["x"]}, "invalid_attachments"),
        ({"channel": NOC, "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": NOC, "text": "x", "metadata": {"event_type": "e"}}, "invalid_metadata_format"),
    ],
)
async def test_a_message_that_slack_would_not_take_is_refused(slack, arguments, error):
    answer = await refused(slack.api_call("chat.postMessage", json=arguments))

    assert answer["error"] == error


async def test_a_reply_to_a_reply_is_refused(slack):
    ts = (await slack.chat_postMessage(channel=NOC, text="parent"))["ts"]
    reply = await slack.chat_postMessage(channel=NOC, text="reply", thread_ts=ts)
    answer = await refused(
        slack.chat_postMessage(channel=NOC, text="deeper", thread_ts=reply["ts"])
    )

    assert answer["error"] == "cannot_reply_to_message"


async def test_an_update_of_nothing_is_refused(slack):
    answer = await refused(slack.chat_update(channel=NOC, ts="1.000001", text="x"))

    assert answer["error"] == "message_not_found"


async def test_a_deleted_message_is_gone(slack):
    ts = (await slack.chat_postMessage(channel=NOC, text="x"))["ts"]
    await slack.chat_delete(channel=NOC, ts=ts)
    answer = await refused(slack.chat_update(channel=NOC, ts=ts, text="y"))
    history = await slack.conversations_history(channel=NOC)

    assert (answer["error"], history["messages"]) == ("message_not_found", [])


async def test_a_deleted_parent_leaves_a_tombstone_that_takes_no_reply(slack):
    ts = (await slack.chat_postMessage(channel=NOC, text="x"))["ts"]
    await slack.chat_postMessage(channel=NOC, text="reply", thread_ts=ts)
    await slack.chat_delete(channel=NOC, ts=ts)
    thread = await slack.conversations_replies(channel=NOC, ts=ts)
    update = await refused(slack.chat_update(channel=NOC, ts=ts, text="y"))
    reply = await refused(slack.chat_postMessage(channel=NOC, text="late", thread_ts=ts))

    assert [message["text"] for message in thread["messages"]] == [
        "This message was deleted.",
        "reply",
    ]
    assert (update["error"], reply["error"]) == ("message_not_found", "cannot_reply_to_message")


def button(**keys):
    return {"type": "button", "text": {"type": "plain_text", "text": "x"}, "action_id": "a"} | keys


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (section("x" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text"),
        (section(""), "must be more than 0 characters"),
        ({"type": "section"}, "missing required field: text"),
        (
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11},
            "no more than 10 items allowed",
        ),
        (
            {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
            "must be less than 151 characters",
        ),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "must be plain_text"),
        (
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11},
            "no more than 10 items allowed",
        ),
        ({"type": "context", "elements": []}, "no less than 1 items allowed"),
        ({"type": "actions", "elements": [button(), button()]}, "action_id must be unique"),
        ({"type": "actions", "elements": [button(value="x" * 2001)]}, "less than 2001"),
        ({"type": "actions", "elements": [button(style="loud")]}, "must be primary or danger"),
        ({"type": "image", "image_url": "https://x.example/y.png"}, "missing required field: alt"),
        ({"type": "marquee"}, "unsupported type"),
        ({"type": "divider", "block_id": "x" * 256}, "must be less than 256 characters"),
    ],
)
async def test_a_block_beyond_slacks_limits_is_refused_with_its_place(slack, block, fault):
    answer = await refused(
        slack.api_call("chat.postMessage", json={"channel": NOC, "blocks": [block]})
    )

    assert answer["error"] == "invalid_blocks"
    assert fault in answer["response_metadata"]["messages"][0]


async def test_a_message_has_at_most_50_blocks(slack):
    await slack.chat_postMessage(channel=NOC, text="x", blocks=[{"type": "divider"}] * 50)
    answer = await refused(
        slack.chat_postMessage(channel=NOC, text="x", blocks=[{"type": "divider"}] * 51)
    )

    assert answer["error"] == "invalid_blocks"


async def test_the_blocks_of_a_message_together_are_bounded(slack):
    await slack.chat_postMessage(channel=NOC, text="x", blocks=[section("x" * 3000)] * 4)
    answer = await refused(
        slack.chat_postMessage(channel=NOC, text="x", blocks=[section("x" * 3000)] * 5)
    )

    assert answer["error"] == "msg_blocks_too_long"


async def test_blocks_of_an_attachment_are_checked_too(slack):
    attachments = [{"color": "#f00", "blocks": [section("x" * 3001)]}]
    answer = await refused(slack.chat_postMessage(channel=NOC, text="x", attachments=attachments))

    assert "/attachments/0/blocks/0" in answer["response_metadata"]["messages"][0]


async def test_a_file_uploaded_by_the_client_lands_in_the_thread(sim, slack, http):
    ts = (await slack.chat_postMessage(channel=NOC, text="parent"))["ts"]
    await slack.files_upload_v2(
        file=b"%PDF-1.4 x", filename="r.pdf", title="Report", channel=NOC, thread_ts=ts
    )
    replies = await slack.conversations_replies(channel=NOC, ts=ts)

    (file,) = replies["messages"][1]["files"]
    assert (file["title"], file["mimetype"], file["size"]) == ("Report", "application/pdf", 10)
    headers = {"Authorization": f"Bearer {sim.credentials.slack_bot_token}"}
    async with http.get(file["url_private_download"], headers=headers) as answer:
        assert await answer.read() == b"%PDF-1.4 x"
    async with http.get(file["url_private_download"]) as answer:
        assert answer.status == 403


async def test_an_upload_in_three_steps_is_shown_only_after_the_last(slack, http):
    ts = (await slack.chat_postMessage(channel=NOC, text="parent"))["ts"]
    made = await slack.files_getUploadURLExternal(filename="r.png", length=3)
    async with http.post(made["upload_url"], data=b"abc") as answer:
        assert answer.status == 200
    before = await slack.conversations_replies(channel=NOC, ts=ts)
    done = await slack.files_completeUploadExternal(
        files=[{"id": made["file_id"], "title": "R"}], channel_id=NOC, thread_ts=ts
    )
    after = await slack.conversations_replies(channel=NOC, ts=ts)
    info = await slack.files_info(file=made["file_id"])

    assert (len(before["messages"]), len(after["messages"])) == (1, 2)
    assert done["files"][0]["id"] == made["file_id"]
    assert done["files"][0]["shares"] == {}
    assert NOC in info["file"]["shares"]["public"]


async def test_completing_an_upload_twice_shares_the_file_twice(slack, http):
    made = await slack.files_getUploadURLExternal(filename="r.png", length=3)
    async with http.post(made["upload_url"], data=b"abc"):
        pass
    for _ in range(2):
        await slack.files_completeUploadExternal(files=[{"id": made["file_id"]}], channel_id=NOC)

    assert len((await slack.conversations_history(channel=NOC))["messages"]) == 2


async def test_an_empty_file_is_a_missing_argument(slack):
    answer = await refused(slack.files_getUploadURLExternal(filename="r.pdf", length=0))

    assert answer["error"] == "missing_argument"


async def test_bytes_of_another_length_are_refused(slack, http):
    made = await slack.files_getUploadURLExternal(filename="r.png", length=3)
    async with http.post(made["upload_url"], data=b"abcd") as answer:
        assert answer.status == 400
    answer = await refused(
        slack.files_completeUploadExternal(files=[{"id": made["file_id"]}], channel_id=NOC)
    )

    assert answer["error"] == "file_not_found"


async def test_an_unknown_method_is_refused(slack):
    assert (await refused(slack.api_call("chat.sing")))["error"] == "unknown_method"


RATED = "world: {slack: {rate_limited: true}}"
ALONE = "world: {slack: {channels: {C0000000001: {name: closed, member: false}}}}"


@pytest.mark.parametrize("scenario", [simulator.parse(RATED, name="rated.yaml")])
async def test_a_channel_takes_a_burst_and_then_one_message_a_second(scenario, slack, clock):
    for _ in range(5):
        await slack.chat_postMessage(channel=NOC, text="x")
    answer = await refused(slack.chat_postMessage(channel=NOC, text="x"))
    clock.advance(1)
    await slack.chat_postMessage(channel=NOC, text="x")

    assert (answer.status_code, answer["error"]) == (429, "ratelimited")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("scenario", [simulator.parse(ALONE, name="alone.yaml")])
async def test_a_bot_that_was_not_invited_cannot_post(scenario, slack):
    answer = await refused(slack.chat_postMessage(channel="C0000000001", text="x"))
    info = await slack.conversations_info(channel="C0000000001")

    assert answer["error"] == "not_in_channel"
    assert info["channel"]["is_member"] is False


async def test_rate_limiting_can_be_switched_on(sim, slack):
    sim.change(fault={"vendor": "slack", "kind": "http_429", "retry_after": "7", "times": 1})
    answer = await refused(slack.chat_postMessage(channel=NOC, text="x"))
    await slack.chat_postMessage(channel=NOC, text="x")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


async def test_an_outage_can_be_switched_on_and_off(sim, slack):
    sim.change(fault={"vendor": "slack", "kind": "http_503"})
    answer = await refused(slack.chat_postMessage(channel=NOC, text="x"))
    sim.change(clear="slack")
    await slack.chat_postMessage(channel=NOC, text="x")

    assert answer.status_code == 503


async def test_an_error_of_slacks_own_can_be_switched_on(sim, slack):
    body = {"ok": False, "error": "token_revoked"}
    sim.change(fault={"vendor": "slack", "kind": "answer", "body": body})

    assert (await refused(slack.auth_test()))["error"] == "token_revoked"


async def test_a_post_can_be_received_and_the_connection_lost(sim, slack):
    sim.change(
        fault={"vendor": "slack", "kind": "drop", "endpoint": "chat.postMessage", "times": 1}
    )
    with pytest.raises(aiohttp.ClientError):
        await slack.chat_postMessage(channel=NOC, text="did it arrive?")
    history = await slack.conversations_history(channel=NOC)

    assert [message["text"] for message in history["messages"]] == ["did it arrive?"]
