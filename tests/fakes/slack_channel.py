"""What people see of a channel of the simulated Slack."""

NOC = "C0123456789"


class Channel:
    """What people see of the simulated channel."""

    def __init__(self, sim):
        self.sim = sim

    @property
    def parents(self):
        return [m for m in self.sim.workspace.top(NOC) if m.get("subtype") != "thread_broadcast"]

    def replies(self, parent):
        return self.sim.workspace.thread(NOC, parent["ts"])[1:]

    def configure(self, **settings):
        config = self.sim.workspace.config
        self.sim.workspace.config = config.model_copy(update=settings)

    def refuse(self, endpoint, code, **more):
        body = {"ok": False, "error": code}
        self.sim.change(fault={"vendor": "slack", "kind": "answer", "endpoint": endpoint,
                               "body": body, "times": 1, **more})  # fmt: skip

    def delete(self, message):
        self.sim.workspace.delete(NOC, message["ts"])


def shown(message):
    """What a message says, without the markup of its blocks."""
    lines = []
    for block in message.get("blocks") or ():
        texts = [block.get("text"), *block.get("elements", ())]
        lines += [text["text"] for text in texts if isinstance(text, dict) and "text" in text
                  and isinstance(text["text"], str)]  # fmt: skip
    return "\n".join(lines)


def link_to(message):
    return f"/archives/{NOC}/p{message['ts'].replace('.', '')}"
