// Series and watched folders: begun here, done by the server, asked for twice a second.

import { form, make, request, save, say, verdict } from "./server.js";
import * as plots from "./plots.js";
import * as settings from "./settings.js";

const at = (id) => document.getElementById(id);
const EVERY = 600; // ms
const SHOWN = 100; // rows of the table
let job = null;
let rows = new Map();

async function begin(path, fields, files) {
  complain("");
  try {
    const told = { ...settings.fields(), ...settings.remembered(), if_missing: true, ...fields };
    if (job && job.state === "running") await request(`/api/jobs/${job.id}`, { method: "DELETE" });
    const response = await request(path, { method: "POST", body: form(told, files) });
    follow(await response.json());
  } catch (error) {
    complain(error.message);
  }
}

function complain(text) {
  at("series-error").textContent = text;
  at("series-error").hidden = !text;
}

// What runs already: the page was loaded anew, or sk-qdots watch tells it.
export async function resume() {
  const { jobs } = await (await request("/api/jobs")).json();
  const running = jobs.filter((one) => one.state === "running").pop();
  if (!running) return;
  at("tab-series").click();
  follow(running);
}

async function follow(first) {
  const title = first.title;
  rows = new Map();
  job = { ...first, n_rows: 0 };
  const mine = job.id;
  at("series").hidden = false;
  at("series-heading").textContent = title;
  say(`${title}: begun.`);
  while (job && job.id === mine) {
    try {
      const told = await (await request(`/api/jobs/${mine}?since=${job.n_rows}`)).json();
      if (!job || job.id !== mine) return;
      for (const row of told.rows) rows.set(row.place, row);
      job = { ...told, n_rows: job.n_rows + told.rows.length };
      render(told.rows.length > 0 || told.state !== "running");
    } catch (error) {
      complain(error.message);
      return;
    }
    if (job.state !== "running") {
      say(`${title}: ${at("series-told").textContent}`);
      return;
    }
    await new Promise((wake) => setTimeout(wake, EVERY));
  }
}

function render(isNew) {
  const bar = at("series-progress");
  bar.hidden = job.state !== "running";
  if (job.kind === "series") {
    bar.max = job.n_total;
    bar.value = job.n_done;
  } else if (job.n_total > job.n_done) {
    bar.max = job.n_total;
    bar.value = job.n_done;
  } else bar.removeAttribute("value");
  const { ok, caution, refused } = job.verdicts;
  const counts = `${ok + caution} sized (${ok} ok, ${caution} with caution), ${refused} refused`;
  const of = job.kind === "series" ? `${job.n_done} of ${job.n_total}: ` : `${job.n_done} patterns: `;
  const state = { running: job.kind === "series" ? "" : " Watching.", done: " Done.", cancelled: " Ended.", failed: ` ${job.reason}.` }[job.state];
  at("series-told").textContent = `${of}${counts}.${state}`;
  at("series-cancel").hidden = job.state !== "running" || job.kind === "told";
  at("series-cancel").textContent = job.kind === "watch" ? "Stop watching" : "Cancel";
  for (const button of document.querySelectorAll("[data-series]")) {
    button.disabled = !rows.size;
    button.hidden = job.kind === "told" && button.dataset.series !== "csv";
  }
  if (!isNew || !rows.size) return;
  missing();
  const sorted = [...rows.values()].sort((a, b) => a.place - b.place);
  const [times, title] = clock(sorted);
  const order = sorted.map((_, k) => k).sort((a, b) => (times[a] < times[b] ? -1 : times[a] > times[b] ? 1 : 0));
  plots.series(at("series-plot"), order.map((k) => sorted[k]), order.map((k) => times[k]), title);
  at("series-table").querySelector("tbody").replaceChildren(...sorted.slice(-SHOWN).reverse().map(tableRow));
}

// What the files leave open is asked for above, and the series begun anew.
function missing() {
  const open = [...rows.values()].filter((row) => row.asks && row.asks.length);
  if (!open.length) return complain("");
  const words = { wavelength: "the wavelength", x: "the first column", scan: "which scan", subtracted: "whether a background was subtracted" };
  const needs = [...new Set(open.flatMap((row) => row.asks))].map((name) => words[name]).filter(Boolean);
  document.getElementById("measurement").open = true;
  complain(`${open.length} of the patterns do not say ${needs.join(" or ")}. Say it under “How they were measured”, and begin again.`);
}

// One clock for all: what the files say, else seconds a frame, else their dates, else their number.
function clock(sorted) {
  const perFrame = Number(settings.decimal(at("per-frame").value));
  if (job.kind === "series" && perFrame > 0) return [sorted.map((row) => row.place * perFrame), "time (s)"];
  if (sorted.every((row) => row.time || row.verdict === "refused") && sorted.some((row) => row.time)) return [sorted.map((row) => row.time), "start of the measurement"];
  if (sorted.every((row) => row.modified)) {
    const first = Math.min(...sorted.map((row) => row.modified));
    const last = Math.max(...sorted.map((row) => row.modified));
    if (last > first + 1) return [sorted.map((row) => new Date(1000 * row.modified)), "last change of the file"];
  }
  return [sorted.map((row) => row.place), "frame"];
}

function tableRow(row) {
  const length = (value, low, high) => (typeof row[value] === "number" ? `${row[value].toFixed(2)} (${row[low].toFixed(2)} to ${row[high].toFixed(2)}) nm` : "");
  const cell = (text) => make("td", { class: "number" }, text);
  return make("tr", {}, make("th", { scope: "row" }, row.file),
    cell(length("volume_diameter_nm", "volume_interval_low_nm", "volume_interval_high_nm")),
    cell(length("number_diameter_nm", "interval_low_nm", "interval_high_nm")),
    make("td", {}, verdict(row.verdict), row.reasons ? make("p", { class: "hint" }, row.reasons) : null));
}

export function start() {
  at("series-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const picked = [...at("series-files").files, ...at("series-folder").files].filter((file) => !file.name.startsWith("."));
    if (!picked.length) return complain("Choose files or a folder first.");
    const files = picked.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    const modified = JSON.stringify(files.map((file) => file.lastModified / 1000));
    begin("/api/series", { modified, per_frame: settings.decimal(at("per-frame").value) }, files);
  });
  at("watch-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const folder = at("folder").value.trim();
    if (!folder) return complain("Type the path of the folder first.");
    begin("/api/watch", { folder, pattern: at("pattern").value.trim() }, []);
  });
  at("series-cancel").addEventListener("click", async () => {
    if (job) await request(`/api/jobs/${job.id}`, { method: "DELETE" }).catch((error) => complain(error.message));
  });
  for (const button of document.querySelectorAll("[data-series]")) {
    button.addEventListener("click", async () => {
      try {
        const response = await request(`/api/jobs/${job.id}/file?format=${button.dataset.series}`);
        save(await response.blob(), `series.${button.dataset.series}`);
      } catch (error) {
        complain(error.message);
      }
    });
  }
}
