// Fills the page of MQTT topics: asks once a second for what has passed since.
"use strict";

const find = (id) => document.getElementById(id);
const messages = new Map();
let after = 0;
let chosen = 0;

function part(tag, name, text) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}

function summary(message) {
  if (message.kind === "pdf") return "PDF document";
  if (message.kind === "binary") return "binary";
  if (message.kind === "deleted") return "empty: the retained message is deleted";
  return message.text.replace(/\s+/g, " ").slice(0, 160);
}

function choose(number) {
  const message = messages.get(number);
  if (!message) return;
  chosen = number;
  find("shown").textContent = `${message.topic} · ${message.size}`;
  find("payload").textContent = message.text || summary(message);
  for (const row of find("passed").children) {
    row.classList.toggle("chosen", Number(row.dataset.number) === number);
  }
}

function row(message) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "passed";
  element.dataset.number = message.number;
  const tags = document.createElement("span");
  tags.className = "tags";
  tags.append(part("span", `tag ${message.kind}`, message.kind), part("span", "quiet", message.size));
  element.append(
    part("time", "", message.time),
    part("b", "", message.topic),
    tags,
    part("span", "summary", summary(message)),
  );
  element.addEventListener("click", () => choose(message.number));
  return element;
}

async function refresh() {
  try {
    const answer = await fetch(`/page/topics?after=${after}`);
    const body = await answer.json();
    document.body.classList.remove("lost");
    if (body.count === after) return;
    const list = find("passed");
    const stuck = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    for (const message of body.messages) {
      messages.set(message.number, message);
      list.append(row(message));
    }
    after = body.count;
    find("count").textContent = `${after} so far`;
    find("topics").replaceChildren(
      ...body.topics.map((topic) => {
        const item = part("li", "", topic.topic);
        item.title = topic.size;
        item.addEventListener("click", () => choose(topic.number));
        return item;
      }),
    );
    if (stuck) list.scrollTop = list.scrollHeight;
    const documents = body.messages.filter((message) => message.topic.includes("/incidents/") && message.kind === "json");
    if (documents.length) choose(documents.at(-1).number);
    else if (!chosen) choose(after);
  } catch {
    document.body.classList.add("lost");
  }
}

refresh();
setInterval(refresh, 700);
