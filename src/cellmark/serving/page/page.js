// A photograph is dropped or chosen, sent to the service twice, and shown with what it answers.

import { Picture } from "./picture.js";

const part = (id) => document.getElementById(id);
const input = part("file"), drop = part("drop");
const picture = new Picture(part("picture"), part("whole"));
let current = { abort: new AbortController(), address: null };

function counted(number, noun) {
  return `${number || "no"} ${noun}${number === 1 ? "" : "s"}`;
}

function say(text, busy = false) {
  part("status").textContent = text;
  part("spinner").hidden = !busy;
  part("result").setAttribute("aria-busy", String(busy));
}

function complain(text) {
  const alert = part("alert");
  const before = alert.hidden ? [] : alert.textContent.split("\n");
  alert.textContent = [...new Set([...before, text])].join("\n"); // both requests may fail for the same reason
  alert.hidden = false;
}

async function ask(route, file, signal) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  const answer = await fetch(`${route}?upright=true`, { method: "POST", body: file, headers, signal });
  const content = await answer.json().catch(() => ({ detail: `${answer.status} ${answer.statusText}` }));
  if (!answer.ok) throw new Error(content.detail);
  return content;
}

// The size of a photograph as it is shown; null where this browser cannot show it.
async function measure(address) {
  const image = new Image();
  image.src = address;
  try {
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  } catch {
    return null;
  }
}

// Letters that cannot be seen, such as the separators of GS1, as their symbols.
function visible(text) {
  return text.replace(/[\u0000-\u001f]/g, (letter) => String.fromCharCode(0x2400 + letter.charCodeAt(0)));
}

function button(text, action) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", () => action(made));
  return made;
}

async function copy(text, from, shown) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    from.textContent = "Copied";
    setTimeout(() => { from.textContent = "Copy"; }, 1500);
  } else {
    getSelection().selectAllChildren(shown); // without TLS a browser leaves copying to the person
  }
}

function item(code, place) {
  const made = document.createElement("li");
  const shown = document.createElement("code");
  shown.textContent = visible(code.text);
  const facts = document.createElement("p");
  facts.className = "facts";
  const corrected = code.errors_corrected ? `, ${counted(code.errors_corrected, "codeword")} corrected` : "";
  const reader = code.engine === "network" ? "the network" : "the classical reader";
  facts.textContent = `${code.rows} × ${code.cols} cells, read by ${reader}${corrected}`;
  made.append(shown, facts, button("Copy", (from) => copy(code.text, from, shown)));
  if (place) made.append(button("Show closely", () => picture.showClosely(code.corners)));
  return made;
}

function nothing(reason) {
  const made = document.createElement("li");
  made.textContent = `Nothing was read: ${reason}.`;
  return made;
}

function listCodes(entries, place) {
  const read = entries.filter((entry) => entry.text !== null);
  part("codes").replaceChildren(...(read.length ? read.map((code) => item(code, place)) : entries.map((e) => nothing(e.reason))));
  if (place) picture.drawOutlines(read);
  return `${counted(read.length, "code")} read`;
}

function drawCells(found, place) {
  if (place) picture.drawCells(found);
  return `${counted(found.reduce((sum, code) => sum + code.keypoint_scores.length, 0), "cell")} found`;
}

async function handle(file) {
  current.abort.abort();
  if (current.address) URL.revokeObjectURL(current.address);
  const own = { abort: new AbortController(), address: URL.createObjectURL(file) };
  current = own;
  part("alert").hidden = true;
  part("result").hidden = true;
  part("codes").replaceChildren();
  say(`Looking at ${file.name} …`, true);
  const start = performance.now();
  const size = await measure(own.address);
  if (current !== own) return;
  part("figure").hidden = !size;
  if (size) picture.show(own.address, ...size);
  const told = {};
  const step = (route, take) => ask(route, file, own.abort.signal).then((answer) => {
    if (current !== own) return;
    told[route] = take(answer, size);
    part("result").hidden = false;
  }, (error) => {
    if (current === own) complain(`${file.name}: ${error.message}`);
  });
  await Promise.all([step("read", listCodes), step("predict", drawCells)]);
  if (current !== own) return;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const all = [told.read, told.predict].filter(Boolean).join(", ");
  const unseen = size ? "" : " This browser cannot show the photograph.";
  say(all ? `${file.name}: ${all}, after ${seconds} s.${unseen}` : "");
}

input.addEventListener("change", () => {
  if (input.files.length) handle(input.files[0]);
  input.value = ""; // so that the same file may be chosen again
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault()); // beside it nothing is opened
drop.addEventListener("drop", (event) => {
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) handle(event.dataTransfer.files[0]);
});
