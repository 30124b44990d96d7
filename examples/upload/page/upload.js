// Files go up one after the other, each as the body of a PUT. XMLHttpRequest and not
// fetch, because only it tells how much has been sent.
"use strict";

const at = (id) => document.getElementById(id);
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const waiting = [];
let running = false;

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function address(name) {
  return "files/" + encodeURIComponent(name);
}

// ---- what is being uploaded ----

function add(files) {
  for (const file of files) {
    const item = element("li", "waiting");
    const facts = element("span", "facts", `${size(file.size)}, waiting`);
    const bar = element("progress", "");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    const button = element("button", "", "Cancel");
    button.type = "button";
    const upload = { file, item, facts, bar, request: null, cancelled: false };
    button.addEventListener("click", () => cancel(upload));
    item.append(element("span", "name", file.name), facts, button, bar);
    at("arriving").append(item);
    waiting.push(upload);
  }
  run();
}

function cancel(upload) {
  upload.cancelled = true;
  upload.request?.abort();
  upload.item.remove();
}

async function run() {
  if (running) return;
  running = true;
  while (waiting.length > 0) {
    const upload = waiting.shift();
    if (upload.cancelled) continue;
    const problem = await send(upload);
    if (problem && !upload.cancelled) {
      upload.item.className = "failed";
      upload.facts.textContent = problem;
      upload.bar.remove();
      upload.item.querySelector("button").textContent = "Dismiss";
    } else {
      upload.item.remove();
      await list();
    }
  }
  running = false;
}

// Resolves to what went wrong, or "".
function send(upload) {
  const { file, facts, bar } = upload;
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    upload.request = request;
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.loaded / Math.max(event.total, 1);
      facts.textContent = `${size(event.loaded)} of ${size(file.size)}`;
    });
    request.addEventListener("load", () => {
      const text = request.responseText.trim();
      resolve(request.status === 201 ? "" : text || `status ${request.status}`);
    });
    request.addEventListener("error", () => resolve("The connection broke, or the file is too large."));
    request.addEventListener("abort", () => resolve("Cancelled"));
    request.open("PUT", address(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(file);
  });
}

// ---- what was uploaded ----

async function list() {
  const answer = await fetch("files");
  const { files } = await answer.json();
  at("files").replaceChildren(...files.map(row));
}

function row(file) {
  const item = document.createElement("li");
  const link = element("a", "name", file.name);
  link.href = address(file.name);
  link.download = file.name;
  const facts = element("span", "facts", `${size(file.size)}, ${date.format(new Date(file.time))}`);
  const button = element("button", "", "Delete");
  button.type = "button";
  button.setAttribute("aria-label", `Delete ${file.name}`);
  button.addEventListener("click", async () => {
    if (!confirm(`Delete ${file.name}?`)) return;
    await fetch(link.href, { method: "DELETE" });
    await list();
  });
  item.append(link, facts, button);
  return item;
}

// ---- choosing and dropping ----

at("choose").addEventListener("change", (event) => {
  add(event.target.files);
  event.target.value = ""; // the same file may be chosen again
});

// Anywhere on the page, so that a file that is dropped beside the frame does not replace it.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  add(event.dataTransfer.files);
});

list();
