// The samples that were dropped: each is sized, asked about where its file lacks something, compared.

import { Refused, form, make, request, save, say, verdict } from "./server.js";
import * as answers from "./answers.js";
import * as plots from "./plots.js";
import * as settings from "./settings.js";

const at = (id) => document.getElementById(id);
const AT_ONCE = 2;
const HC = 12.398419843; // keV Angstrom
const LARGEST = 32 * 2 ** 20;
const samples = [];
let shown = null;
let asked = []; // samples that the form asks about
let count = 0;

export async function add(files) {
  const cif = files.find((file) => /\.cif$/i.test(file.name));
  if (cif && (files.length > 1 || samples.length) && (await isStructure(cif))) {
    settings.takeCif(cif);
    files = files.filter((file) => file !== cif);
    if (!files.length) again(samples);
  }
  for (const file of files) {
    const sample = { id: count++, name: file.name, state: "waiting", view: null, error: null, abort: null, own: {} };
    samples.push(sample);
    if (!shown) shown = sample;
    if (file.size > LARGEST) {
      sample.state = "failed";
      sample.error = new Refused(413, { code: "too_large", reason: "Larger than 32 MiB: no pattern is." });
      continue;
    }
    try {
      sample.blob = new Blob([await file.arrayBuffer()]); // what it was when it was dropped
    } catch {
      sample.state = "failed";
      sample.error = new Refused(0, { code: "unreadable", reason: "The browser cannot read it. Is it a folder?" });
    }
  }
  if (files.length) say(files.length === 1 ? `${files[0].name} is sized.` : `${files.length} patterns are sized.`);
  render();
  work();
}

// A structure has atoms; a powder CIF, which is a pattern, has intensities.
async function isStructure(file) {
  const text = (await file.slice(0, 2 ** 20).text()).toLowerCase();
  return text.includes("_atom_site_fract_x") && !/_pd_(meas|proc|calc)_[a-z_]*(intensity|counts)/.test(text);
}

export function again(which = samples) {
  for (const sample of which) {
    if (!sample.blob) continue;
    if (sample.abort) sample.abort.abort();
    sample.abort = null;
    sample.state = "waiting";
    sample.view = sample.error = null;
  }
  ask();
  render();
  work();
}

export function changed() {
  if (samples.length) again();
}

function work() {
  const busy = samples.filter((sample) => sample.state === "working").length;
  for (const sample of samples.filter((one) => one.state === "waiting").slice(0, AT_ONCE - busy)) size(sample);
}

async function size(sample) {
  sample.state = "working";
  const abort = (sample.abort = new AbortController());
  render();
  try {
    sample.asked = asking(sample);
    const response = await request("/api/size", { method: "POST", signal: abort.signal, body: form({ ...sample.asked, format: "view" }, [sample]) });
    sample.view = await response.json();
    sample.state = "done";
    say(`${sample.name}: ${sample.view.words.size}, ${sample.view.words.range}, ${sample.view.words.verdict}.`);
  } catch (error) {
    if (sample.abort !== abort) return; // sized anew in the meantime
    if (error.name === "AbortError") sample.state = "cancelled";
    else {
      sample.error = error;
      const isAsked = error.asks && error.asks.length;
      sample.state = isAsked ? "asking" : "failed";
      say(isAsked ? `${sample.name} needs an answer.` : `${sample.name}: refused. ${error.message}`);
    }
  }
  if (sample.abort === abort) sample.abort = null;
  ask();
  render();
  work();
}

// What was said before counts where the file says nothing; what was said of this one counts.
function asking(sample) {
  const fields = settings.fields();
  if (Object.keys(sample.own).length) return { ...fields, ...sample.own };
  return { ...fields, ...settings.remembered(), scan: sample.scan, if_missing: true };
}

// The form that asks.
function ask(only = null) {
  const form = at("asking");
  const wasHidden = form.hidden;
  asked = only ? [only] : samples.filter((sample) => sample.state === "asking");
  form.hidden = !asked.length;
  if (!asked.length) return;
  const needs = new Set(only ? ["x", "wavelength", "scan", "subtracted"] : asked.flatMap((sample) => sample.error.asks));
  for (const field of form.querySelectorAll("[data-asks]")) field.hidden = !needs.has(field.dataset.asks);
  const names = asked.length === 1 ? asked[0].name : `${asked.length} patterns`;
  at("asking-heading").textContent = only ? "Read it differently" : needs.size > 1 ? "The file does not say what it holds" : "One thing is missing";
  at("asking-about").textContent = only ? `${names}: what you say here counts.` : `${names}: ${plainly(asked[0].error, needs)}`;
  at("asking-error").hidden = true;
  showWavelength();
  if (wasHidden) (form.querySelector("[data-asks]:not([hidden]) input, [data-asks]:not([hidden]) select") || at("asking-heading")).focus();
}

function plainly(error, needs) {
  if (needs.has("x") && needs.has("wavelength") && error.message.startsWith("what is")) return "the file does not say what its first column is.";
  if (needs.size === 1 && needs.has("wavelength")) return "angles tell a size only with the wavelength of the X-rays, and the file does not say it.";
  return error.message;
}

function showWavelength() {
  const axis = at("asking").querySelector('[data-asks="x"]');
  const field = at("asking").querySelector('[data-asks="wavelength"]');
  if (!axis.hidden) field.hidden = !at("ask-axis").value.startsWith("two_theta");
}

function answer(event) {
  event.preventDefault();
  const told = {};
  const is = (name) => !at("asking").querySelector(`[data-asks="${name}"]`).hidden;
  if (is("x")) told.x = at("ask-axis").value;
  if (is("wavelength") && at("ask-wavelength").value.trim()) {
    const value = Number(settings.decimal(at("ask-wavelength").value));
    if (!(value > 0)) return complain("Type the wavelength as a number, such as 1.5418.");
    told[at("ask-unit").value] = value;
  } else if (is("wavelength") && asked.some((sample) => sample.state === "asking")) return complain("Type the wavelength first.");
  if (is("scan") && at("ask-scan").value.trim()) told.scan = at("ask-scan").value.trim();
  else if (asked.some((sample) => sample.state === "asking" && sample.error.asks.includes("scan"))) return complain("Say which scan first.");
  if (is("subtracted") && at("ask-subtracted").checked) told.subtracted = true;
  const kept = { ...told };
  if (kept.energy) kept.wavelength = (HC / kept.energy).toFixed(6);
  settings.keep(kept);
  // Said of a pattern that was read otherwise, it counts whatever the file says.
  for (const sample of asked) {
    if (sample.state !== "asking") sample.own = { ...told };
    else sample.scan = told.scan;
  }
  at("asking").hidden = true;
  const which = asked;
  asked = [];
  again(which);
  at("results").focus();
}

function complain(text) {
  at("asking-error").textContent = text;
  at("asking-error").hidden = false;
}

function render() {
  if (!samples.includes(shown)) shown = samples[0] || null;
  at("compare").hidden = !samples.length;
  at("cancel").hidden = !samples.some((sample) => sample.state === "working" || sample.state === "waiting");
  at("compare-heading").textContent = samples.length === 1 ? "One sample" : `${samples.length} samples`;
  at("table").querySelector("tbody").replaceChildren(...samples.map(row));
  const done = samples.filter((sample) => sample.state === "done");
  at("compare-figure").hidden = done.length < 2;
  if (done.length > 1) plots.comparison(at("compare-plot"), done.map((sample) => ({ name: sample.name, answer: sample.view.answer })));
  at("all-csv").disabled = at("all-json").disabled = !done.length;
  if (!shown) at("answer").hidden = true;
  else if (at("answer").dataset.of !== key(shown)) {
    at("answer").dataset.of = key(shown);
    answers.show(at("answer"), shown, { again: (sample) => again([sample]), ask });
  }
}

const key = (sample) => `${sample.id} ${sample.state} ${sample.asked ? JSON.stringify(sample.asked) : ""}`;

function row(sample) {
  const cell = (text) => make("td", { class: "number" }, text);
  const name = make("th", { scope: "row" }, make("button", { "aria-pressed": String(sample === shown), on: { click: () => select(sample) } }, sample.name));
  const told = { class: sample === shown ? "shown" : "" };
  if (sample.state !== "done") {
    const [kind, word] = { waiting: ["waiting", "Waiting"], working: ["waiting", "Sizing…"], asking: ["waiting", "Needs an answer"], cancelled: ["waiting", "Cancelled"], failed: ["refused", "Refused"] }[sample.state];
    return make("tr", told, name, cell(""), cell(""), cell(""), make("td", {}, verdict(kind, word)));
  }
  const { answer, words } = sample.view;
  const spread = answer.dispersion === null ? "" : `${(100 * answer.dispersion).toFixed(0)} %`;
  return make("tr", told, name, cell(words.size), cell(words.range), cell(spread), make("td", {}, verdict(answer.verdict)));
}

function select(sample) {
  shown = sample;
  render();
  say(`${sample.name} is shown.`);
}

function csv() {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = /^[=+@\t]/.test(text) || /^-[^\d.]/.test(text) ? `'${text}` : text; // no formula of a spreadsheet
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const rows = samples.map((sample) => sample.view ? sample.view.row : { file: sample.name, verdict: sample.state === "failed" ? "refused" : sample.state, reasons: sample.error ? sample.error.message : "" });
  const lines = [settings.columns(), ...rows.map((one) => settings.columns().map((name) => one[name]))];
  return lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
}

export function start() {
  at("asking").addEventListener("submit", answer);
  at("ask-axis").addEventListener("change", showWavelength);
  at("ask-skip").addEventListener("click", () => {
    for (const sample of asked) if (sample.state === "asking") sample.state = "failed";
    asked = [];
    at("asking").hidden = true;
    render();
  });
  for (const chip of document.querySelectorAll("[data-wavelength]")) {
    chip.addEventListener("click", () => {
      at("ask-wavelength").value = chip.dataset.wavelength;
      at("ask-unit").value = "wavelength";
    });
  }
  at("cancel").addEventListener("click", () => {
    for (const sample of samples) {
      if (sample.state === "waiting") sample.state = "cancelled";
      if (sample.abort) sample.abort.abort();
    }
    say("Cancelled.");
    render();
  });
  at("clear").addEventListener("click", () => {
    for (const sample of samples) if (sample.abort) sample.abort.abort();
    samples.length = 0;
    shown = null;
    at("answer").dataset.of = "";
    ask();
    render();
    say("Cleared.");
  });
  at("all-csv").addEventListener("click", () => save(new Blob([csv()], { type: "text/csv" }), "sizes.csv"));
  at("all-json").addEventListener("click", () => {
    const told = samples.filter((sample) => sample.view).map((sample) => sample.view.answer);
    save(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" }), "sizes.json");
  });
}
