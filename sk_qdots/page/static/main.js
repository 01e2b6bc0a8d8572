// Begins: tabs, what is dropped, what is chosen.

import { Refused, say, token } from "./server.js";
import * as samples from "./samples.js";
import * as series from "./series.js";
import * as settings from "./settings.js";

const at = (id) => document.getElementById(id);

function tabs() {
  const all = [...document.querySelectorAll("[role=tab]")];
  const open = (tab) => {
    for (const one of all) {
      const is = one === tab;
      one.setAttribute("aria-selected", String(is));
      one.tabIndex = is ? 0 : -1;
      at(one.getAttribute("aria-controls")).hidden = !is;
    }
    window.dispatchEvent(new Event("resize")); // plots fit what they stand in
  };
  for (const tab of all) {
    tab.addEventListener("click", () => open(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = all[(all.indexOf(tab) + step + all.length) % all.length];
      open(next);
      next.focus();
    });
  }
}

function dropping() {
  const drop = at("drop");
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    drop.classList.add("over");
  });
  window.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) drop.classList.remove("over");
  });
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault(); // a browser would leave the page for the file
    depth = 0;
    drop.classList.remove("over");
    const files = event.dataTransfer ? [...event.dataTransfer.files] : [];
    if (!files.length) return;
    at("tab-samples").click();
    samples.add(files);
  });
  at("files").addEventListener("change", () => {
    samples.add([...at("files").files]);
    at("files").value = "";
  });
}

async function begin() {
  tabs();
  dropping();
  samples.start();
  series.start();
  if (!token) {
    closed("This page was opened without its token. Open the link that sk-qdots page printed.");
    return;
  }
  try {
    await settings.load(samples.changed);
    document.body.dataset.ready = "yes";
    await series.resume();
  } catch (error) {
    closed(error instanceof Refused && error.status === 403 ? "The server was started anew: open the link that it printed this time." : error.message);
  }
}

function closed(text) {
  say(text);
  at("sizer-about").textContent = text;
  at("sizer-about").className = "error";
}

begin();
