// Messages arrive by an EventSource, which connects again by itself and then asks for
// what it missed; they leave by fetch. What people wrote is only ever put into the page
// as text, never as HTML.
"use strict";

const at = (id) => document.getElementById(id);
const messages = at("messages");
const time = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const seen = new Set(); // ids, in case one is told twice
let me = "";
let last = ""; // who spoke last

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function hue(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) % 360;
  return sum;
}

function showMessage(message) {
  const item = document.createElement("li");
  item.style.setProperty("--hue", hue(message.name));
  item.classList.toggle("own", message.name === me);
  item.classList.toggle("first", message.name !== last);
  const when = element("time", "", time.format(new Date(message.time)));
  when.dateTime = message.time;
  item.append(element("span", "name", message.name), element("span", "text", message.text), when);
  last = message.name;
  // Who reads further up is left there.
  const atEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 80;
  messages.append(item);
  if (atEnd || message.name === me) messages.scrollTop = messages.scrollHeight;
}

function showPeople(names) {
  at("people").replaceChildren(
    ...names.map((name) => {
      const item = element("li", "", name);
      item.style.setProperty("--hue", hue(name));
      return item;
    }),
  );
}

function showState(state, text) {
  at("state").dataset.state = state;
  at("state").textContent = text;
}

function listen() {
  const source = new EventSource("events?name=" + encodeURIComponent(me));
  source.onopen = () => showState("open", "Connected");
  source.onerror = () => {
    showState("waiting", "Connecting again");
    // After an answer that is no stream of events a browser does not try again.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
  source.addEventListener("people", (event) => showPeople(JSON.parse(event.data)));
  source.addEventListener("message", (event) => {
    if (seen.has(event.lastEventId)) return;
    seen.add(event.lastEventId);
    showMessage(JSON.parse(event.data));
  });
}

async function say(text) {
  const answer = await fetch("messages", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: me, text }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

at("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = at("text").value;
  at("text").value = "";
  at("problem").textContent = "";
  try {
    await say(text);
  } catch (error) {
    if (!at("text").value) at("text").value = text; // nothing that was typed is lost
    at("problem").textContent = "Not sent: " + error.message;
  }
});

function enter(name) {
  me = name;
  localStorage.setItem("name", me);
  at("text").disabled = at("say").querySelector("button").disabled = false;
  at("text").focus();
  listen();
}

at("enter").addEventListener("submit", () => enter(at("name").value.trim() || "somebody"));
at("name").value = localStorage.getItem("name") ?? "";
at("welcome").showModal();
