// Fills the simulated Slack: asks once a second, and changes only what has changed.
"use strict";

const find = (id) => document.getElementById(id);
const seen = new Map();
let version = "";
let first = true;

function place() {
  const [channel = "", thread = ""] = location.hash.slice(1).split("/");
  return { channel, thread };
}

function go(channel, thread) {
  location.hash = thread ? `${channel}/${thread}` : channel;
}

// Keeps elements whose HTML is the same, so that scrolling and selections stay.
function reconcile(list, messages) {
  const stuck = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const old = new Map([...list.children].map((element) => [element.dataset.key, element]));
  let day = "";
  const wanted = [];
  for (const message of messages) {
    if (message.day !== day && list.id === "messages") {
      day = message.day;
      wanted.push({ key: `day ${day}`, html: "", day });
    }
    wanted.push({ key: message.ts, html: message.html });
  }
  let previous = null;
  for (const item of wanted) {
    let element = old.get(item.key);
    old.delete(item.key);
    if (!element) {
      element = document.createElement(item.day ? "div" : "article");
      element.dataset.key = item.key;
      element.className = item.day ? "day" : "message";
      if (item.day) {
        const label = document.createElement("span");
        label.textContent = item.day;
        element.append(label);
      } else if (!first) {
        element.classList.add("new");
      }
    }
    if (!item.day && element.source !== item.html) {
      const open = element.querySelector(".menu[open]") !== null;
      element.innerHTML = item.html;
      element.source = item.html;
      const menu = element.querySelector(".menu");
      if (open && menu) menu.open = true; // an edit closes no menu
      colour(element);
    }
    const next = previous ? previous.nextSibling : list.firstChild;
    if (next !== element) list.insertBefore(element, next);
    previous = element;
  }
  for (const element of old.values()) element.remove();
  if (stuck) list.scrollTop = list.scrollHeight;
}

function colour(element) {
  for (const bar of element.querySelectorAll(".attachment")) {
    const names = { good: "#2eb67d", warning: "#ecb22e", danger: "#e01e5a" };
    const wanted = bar.dataset.color;
    const value = names[wanted] || (wanted.startsWith("#") ? wanted : `#${wanted}`);
    bar.style.setProperty("--bar", CSS.supports("color", value) ? value : "#c9ccd3");
  }
  for (const image of element.querySelectorAll("img")) {
    image.addEventListener("load", () => {
      const list = element.parentElement;
      const near = list && list.scrollHeight - list.scrollTop - list.clientHeight;
      if (list && near < image.clientHeight + 60) list.scrollTop = list.scrollHeight;
    });
  }
}

function listChannels(channels, current) {
  const list = find("channels");
  list.replaceChildren(
    ...channels.map((channel) => {
      const link = document.createElement("a");
      link.href = `#${channel.id}`;
      link.textContent = channel.name;
      if (channel.id === current) {
        link.className = "current";
        seen.set(channel.id, channel.count);
      }
      const unread = channel.count - (seen.get(channel.id) || 0);
      if (unread > 0) {
        const badge = document.createElement("span");
        badge.textContent = unread;
        link.append(badge);
        link.classList.add("unread");
      }
      const item = document.createElement("li");
      item.append(link);
      return item;
    }),
  );
}

function show(body, thread) {
  const channel = body.channels.find((one) => one.id === body.channel);
  listChannels(body.channels, body.channel);
  find("name").textContent = channel.name;
  find("topic").textContent = channel.topic;
  find("pane-name").textContent = channel.name;
  reconcile(find("messages"), body.messages);
  find("pane").hidden = !body.thread.length;
  document.body.classList.toggle("threaded", body.thread.length > 0);
  if (thread) reconcile(find("thread"), body.thread);
  else find("thread").replaceChildren();
  showModal(body.modal);
  first = false;
}

// Keeps a form that is there: what was typed in it stays.
function showModal(modal) {
  const dialog = find("modal");
  if (!modal) {
    dialog.close();
    dialog.shown = "";
    return;
  }
  if (dialog.shown !== modal.id) {
    dialog.innerHTML = modal.html;
    dialog.shown = modal.id;
  }
  if (!dialog.open) dialog.showModal();
}

async function refresh() {
  const { channel, thread } = place();
  const query = new URLSearchParams({ channel, thread, version });
  try {
    const answer = await fetch(`/page/channel?${query}`);
    document.body.classList.remove("lost");
    if (answer.status === 200) {
      const body = await answer.json();
      version = body.version;
      show(body, thread);
    }
  } catch {
    document.body.classList.add("lost");
  }
}

const person = { user: "U0VISITOR", name: "visitor" };

function here() {
  return place().channel || find("channels").querySelector("a").hash.slice(1);
}

async function send(lever, what) {
  const body = JSON.stringify({ channel: here(), ...person, ...what });
  return (await fetch(`/_sim/${lever}`, { method: "POST", body })).json();
}

// Tells whether Watcher took it in time, as Slack would show.
async function reach(lever, what, button) {
  button.disabled = true;
  try {
    const answer = await send(lever, what);
    button.classList.toggle("failed", !answer.acknowledged);
    button.title = answer.error || "";
  } finally {
    button.disabled = false;
  }
  refresh();
}

// Fields by block; a time is read as UTC, like every time on this page.
function filled(form) {
  const values = {};
  for (const field of form.querySelectorAll("[name]")) {
    values[field.name] = field.value;
    if (field.type === "datetime-local" && field.value) {
      values[field.name] = Date.parse(`${field.value}Z`) / 1000;
    }
  }
  return values;
}

async function submit(form) {
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    const answer = await send("submit", { values: filled(form) });
    for (const field of form.querySelectorAll("[data-block]")) {
      field.querySelector(".error").textContent = (answer.errors || {})[field.dataset.block] || "";
    }
    form.querySelector("[data-failed]").textContent = answer.error || "";
  } finally {
    button.disabled = false;
  }
  refresh();
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-action]");
  if (pressed && (!pressed.dataset.ask || confirm(pressed.dataset.ask))) {
    const ts = pressed.closest("article").dataset.key;
    const { action, value = "" } = pressed.dataset;
    reach("press", { ts, action_id: action, value }, pressed);
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (pressed || !menu.contains(event.target)) menu.open = false;
  }
  if (event.target.closest("[data-close]")) send("close", {}).then(refresh);
  const opener = event.target.closest("[data-thread]");
  if (opener) go(here(), opener.dataset.thread);
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.matches(".modal")) submit(event.target);
});
find("modal").addEventListener("cancel", (event) => {
  event.preventDefault();
  send("close", {}).then(refresh);
});
find("command").addEventListener("submit", (event) => {
  const [command, ...text] = find("typed").value.trim().split(" ");
  reach("command", { command, text: text.join(" ") }, event.target.querySelector("button"));
});
find("close").addEventListener("click", () => go(place().channel, ""));
addEventListener("hashchange", () => {
  first = true;
  refresh();
});
refresh();
setInterval(refresh, 700);
