"use strict";
// Fetches the page again and again. When that fails, what is shown stays, and says how old it is.

const EVERY = 5_000; // ms
let fetched = performance.now();
const live = new EventSource(new URL("/events", location.origin)); // says at once what has changed

async function refresh() {
  if (!getSelection().isCollapsed) return; // somebody is about to copy something
  try {
    const reply = await fetch(location.href, { signal: AbortSignal.timeout(10_000) });
    const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
    const page = fresh.getElementById("page");
    if (!page) throw new Error(`status ${reply.status}`);
    if (page.dataset.refused) throw new Error(page.dataset.refused);
    const active = document.activeElement;
    const form = active?.closest("form"); // somebody is about to choose something
    const focused = active?.getAttribute("href");
    if (form) page.querySelector("form")?.replaceWith(form);
    const shown = document.querySelectorAll("details"); // as the reader has left them
    page.querySelectorAll("details").forEach((fold, at) => {
      if (shown[at]) fold.open = shown[at].open;
    });
    document.getElementById("page").replaceWith(page);
    document.title = fresh.title;
    if (form) active.focus({ preventScroll: true });
    else if (focused) page.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    fetched = performance.now();
  } catch (error) {
    const trouble = document.getElementById("trouble");
    if (trouble) trouble.textContent = `It could not be refreshed: ${error.message}.`;
  }
}

function age() {
  const seconds = Math.round((performance.now() - fetched) / 1000);
  const shown = document.getElementById("age");
  if (shown) shown.textContent = `, ${seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`} ago`;
}

live.addEventListener("changed", refresh);
setInterval(refresh, EVERY);
setInterval(age, 1_000);
