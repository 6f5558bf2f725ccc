// Keeps the page as the files are: asks for it anew whenever the server says that something changed, and puts in what
// is another. And hands the forms over as JSON.
"use strict";

const edit = document.getElementById("edit");
const fields = edit ? [...edit.querySelectorAll("[name]")] : [];
let clean = values();

function values() {
  return JSON.stringify(fields.map((field) => field.value));
}

const dirty = () => values() !== clean;

function say(form, words, wrong) {
  const said = form.querySelector(".said");
  if (!said) return;
  said.textContent = words;
  said.classList.toggle("wrong", Boolean(wrong));
}

async function post(path, given) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) });
    const found = await answer.json();
    return { ...found, status: answer.status };
  } catch {
    return { problem: "the preview does not answer: is it still running?", status: 0 };
  }
}

// The frame

function fit(frame) {
  const inside = frame.contentDocument;
  if (inside && inside.documentElement) frame.style.height = `${Math.max(120, inside.documentElement.scrollHeight)}px`;
}

function watchFrame(frame) {
  frame.addEventListener("load", () => fit(frame));
  if (frame.contentDocument && frame.contentDocument.readyState === "complete") fit(frame);
}

// The new mail is loaded beside the old one and takes its place when it is there: nothing flickers, nothing jumps.
function exchange(frame, address) {
  if ((document.querySelector("iframe.next") || frame).getAttribute("src") === address) return;
  for (const older of document.querySelectorAll("iframe.next")) older.remove();
  const next = frame.cloneNode();
  next.classList.add("next");
  next.src = address;
  frame.after(next);
  return new Promise((done) => next.addEventListener("load", () => {
    done();
    // What is no mail says that there is none: the rest of the page will tell why.
    if (!next.contentDocument.querySelector("base")) return next.remove();
    fit(next);
    next.classList.remove("next");
    frame.remove();
  }));
}

// What is live

let asked = 0;

async function refresh() {
  const mine = ++asked;
  let text;
  try {
    const answer = await fetch(location.href);
    if (answer.status === 403) return stopped();
    text = await answer.text();
  } catch {
    return;
  }
  if (mine !== asked) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const region of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(region.id);
    if (!other) return location.reload();
    const frame = region.querySelector("iframe[data-frame]:not(.next)");
    const wanted = other.querySelector("iframe[data-frame]");
    if (frame && wanted) {
      exchange(frame, wanted.getAttribute("src"));
    } else if (region.innerHTML !== other.innerHTML) {
      region.replaceWith(document.adoptNode(other));
      other.querySelectorAll("iframe[data-frame]").forEach(watchFrame);
    }
  }
  takeFile(fresh.getElementById("edit"));
}

// The edit pane

function takeFile(other) {
  if (!edit || !other) return;
  const seen = other.dataset.seen;
  if (!fields.length || !other.querySelector("[name]")) {
    if (Boolean(fields.length) !== Boolean(other.querySelector("[name]")) && !dirty()) location.reload();
    return;
  }
  if (seen === edit.dataset.seen) return;
  if (dirty()) return clash(other);
  fill(other);
}

function fill(other) {
  for (const field of fields) field.value = other.querySelector(`[name=${field.name}]`).value;
  edit.dataset.seen = other.dataset.seen;
  clean = values();
  edit.querySelector(".clash").hidden = true;
}

function clash(other) {
  const box = edit.querySelector(".clash");
  box.hidden = false;
  box.querySelector("[data-take]").onclick = () => {
    fill(other);
    say(edit, "this is what the file says now");
  };
  box.querySelector("[data-keep]").onclick = () => {
    edit.dataset.seen = other.dataset.seen;
    box.hidden = true;
    save();
  };
}

async function save() {
  const given = Object.fromEntries(fields.map((field) => [field.name, field.value]));
  const sent = values();
  const found = await post(edit.dataset.save, { ...given, seen: edit.dataset.seen });
  if (found.problem) {
    say(edit, found.problem, true);
    if (found.status === 409) refresh();
    return;
  }
  edit.dataset.seen = found.seen;
  clean = sent;
  say(edit, found.said);
}

if (edit && fields.length) {
  edit.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  edit.addEventListener("input", () => say(edit, ""));
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      save();
    }
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirty()) event.preventDefault();
  });
}

// The other forms

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.post) return;
  event.preventDefault();
  const button = event.submitter;
  const path = (button && button.getAttribute("formaction")) || form.dataset.post;
  const given = { as: form.dataset.as || "" };
  for (const field of form.querySelectorAll("[name]")) {
    if (field.type === "checkbox") {
      given[field.name] = given[field.name] || [];
      if (field.checked) given[field.name].push(field.value);
    } else given[field.name] = field.value;
  }
  if (button) button.disabled = true;
  say(form, "…");
  const found = await post(path, given);
  if (button) button.disabled = false;
  say(form, found.problem || found.said || "", found.problem);
  if (found.problem) return;
  if (form.dataset.then === "as") {
    readAs(found.as);
  } else if (form.dataset.then === "proposed") {
    const done = document.getElementById("proposed");
    done.querySelector("[data-without-remote]").hidden = Boolean(found.remote);
    found.remote = found.remote || "origin";
    for (const place of done.querySelectorAll("[data-fill]")) place.textContent = [].concat(found[place.dataset.fill]).join(" ");
    form.hidden = true;
    done.hidden = false;
  }
});

function readAs(key) {
  const address = new URL(location.href);
  address.searchParams.set("as", key);
  location.href = address;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-as]")) readAs(event.target.value);
});

for (const field of document.querySelectorAll("[data-remember]")) {
  field.value = localStorage.getItem(field.dataset.remember) || "";
  field.addEventListener("change", () => localStorage.setItem(field.dataset.remember, field.value));
}

document.querySelectorAll("iframe[data-frame]").forEach(watchFrame);
window.addEventListener("resize", () => document.querySelectorAll("iframe[data-frame]").forEach(fit));

function stopped() {
  document.getElementById("stopped").hidden = false;
}

// Browsers hold six connections to one address at most: pages that nobody sees leave theirs to others.
let news;

function listen() {
  let first = true;
  news = new EventSource("/events");
  news.onmessage = async (message) => {
    document.getElementById("stopped").hidden = true;
    // What came with the page, or was asked for on coming back, is as new as the first word.
    if (!first) {
      // First the mail, which is what one looks at, then the rest of the page.
      const frame = document.querySelector("iframe[data-frame]:not(.next)");
      if (frame) await exchange(frame, frame.getAttribute("src").replace(/v=\d+/, `v=${message.data}`));
      refresh();
    }
    first = false;
  };
  news.onerror = () => {
    // It goes on asking by itself; what was missed meanwhile comes with the next refresh.
    first = false;
    stopped();
  };
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return news.close();
  listen();
  refresh();
});

listen();
