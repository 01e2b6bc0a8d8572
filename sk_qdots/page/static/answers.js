// One answer: what it says, the fit, the distribution, and what can be downloaded of it.

import { form, make, request, save, say, stem, verdict } from "./server.js";
import * as plots from "./plots.js";

const FIRST = 5; // rows
let isAngle = false;

export function show(element, sample, act) {
  for (const old of element.querySelectorAll(".plot")) plots.forget(old);
  element.hidden = false;
  element.replaceChildren(...(sample.state === "done" ? sized(element, sample, act) : unsized(element, sample, act)));
}

function heading(sample, kind, word) {
  return make("div", { class: "headline" }, make("h2", { id: "answer-heading" }, sample.name), verdict(kind, word));
}

function sized(element, sample, act) {
  const { answer, words, curves, distribution, notes, command } = sample.view;
  const reasons = [...answer.reasons, ...notes];
  const nodes = [
    heading(sample, answer.verdict, words.verdict),
    make("p", { class: "size" }, words.size, " ", make("small", {}, `${words.average}, ${words.range} (${words.coverage})`)),
    make("p", { id: "sentence" }, words.sentence),
  ];
  if (reasons.length) nodes.push(list(reasons, answer.verdict, answer.verdict === "caution" ? words.meaning : "Good to know:"));
  const patternPlot = make("div", { class: "plot", id: "pattern-plot" });
  const wavelength = answer.settings.pattern && answer.settings.pattern.wavelength;
  const draw = () => plots.pattern(patternPlot, curves, wavelength, isAngle);
  const fit = answer.fit ? ` The fit leaves R_wp = ${(100 * answer.fit.r_wp).toPrecision(2)} %.` : "";
  nodes.push(make("figure", {},
    make("div", { class: "row end" }, wavelength ? switchAxis(draw) : null),
    patternPlot,
    make("figcaption", {}, `The pattern ${curves.unit}, and what crystals of this size give.${fit} Draw a box to zoom; double-click to see all.`)));
  const sizesPlot = make("div", { class: "plot short", id: "distribution-plot" });
  nodes.push(make("div", { class: "two" },
    make("figure", {}, make("h3", {}, "Size distribution"), sizesPlot, make("figcaption", {}, caption(distribution))),
    make("div", {}, make("h3", {}, "In numbers"), facts(words.rows.slice(0, FIRST)),
      make("details", { class: "more" }, make("summary", {}, "More numbers"), facts(words.rows.slice(FIRST))))));
  nodes.push(downloads(sample, act));
  nodes.push(make("details", {}, make("summary", {}, "How to repeat it"), make("p", { class: "hint" }, "The same answer without this page:"), make("pre", { id: "command" }, command),
    make("p", { class: "hint" }, `Sizer ${answer.model}, digest ${(answer.settings.sizer || {}).arrays_sha256 || ""}; ${Object.entries(answer.versions).map(([name, number]) => `${name} ${number}`).join(", ")}.`)));
  queueMicrotask(() => {
    draw();
    plots.distribution(sizesPlot, distribution);
  });
  return nodes;
}

function unsized(element, sample, act) {
  if (sample.state === "working" || sample.state === "waiting") {
    return [heading(sample, "waiting", sample.state === "working" ? "Sizing…" : "Waiting"), make("p", { class: "hint" }, "The first pattern of a material takes longest: its simulations are loaded.")];
  }
  if (sample.state === "asking") return [heading(sample, "waiting", "Needs an answer"), make("p", { class: "hint" }, "See the question above.")];
  const nodes = [heading(sample, "refused", sample.state === "cancelled" ? "Cancelled" : "Refused")];
  if (sample.error) nodes.push(list([sample.error.message], "refused", sample.error.status === 422 ? "This pattern gets no size:" : ""));
  const curves = sample.error && sample.error.curves;
  if (curves) {
    const patternPlot = make("div", { class: "plot", id: "pattern-plot" });
    nodes.push(make("figure", {}, patternPlot, make("figcaption", {}, "The pattern as it was read.")));
    queueMicrotask(() => plots.pattern(patternPlot, curves, null, false));
  }
  nodes.push(make("div", { class: "row downloads" }, make("button", { on: { click: () => act.again(sample) } }, "Try again"), make("button", { on: { click: () => act.ask(sample) } }, "Read it differently")));
  return nodes;
}

function list(reasons, kind, lead) {
  return make("div", { class: `reasons ${kind}` }, lead ? make("p", {}, lead) : null, make("ul", {}, ...reasons.map((reason) => make("li", {}, reason[0].toUpperCase() + reason.slice(1)))));
}

function switchAxis(draw) {
  const button = make("button", { "aria-pressed": String(isAngle), id: "switch-axis" }, isAngle ? "Show Q" : "Show two-theta");
  button.addEventListener("click", () => {
    isAngle = !isAngle;
    button.setAttribute("aria-pressed", String(isAngle));
    button.textContent = isAngle ? "Show Q" : "Show two-theta";
    draw();
  });
  return button;
}

function caption(told) {
  if (told.kind === "classes") return "How likely each size is; this sizer estimates no spread.";
  const form = told.kind === "free" ? "No form is assumed." : "A lognormal is assumed.";
  return `${form} Bands hold 90 % at each size. By number every crystal counts the same, by volume each by its mass.`;
}

function facts(rows) {
  return make("table", { class: "facts" }, make("tbody", {}, ...rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.name, row.about ? make("span", { class: "hint" }, row.about) : null), make("td", {}, row.value)))));
}

function downloads(sample, act) {
  const button = (id, text, click) => make("button", { id, on: { click } }, text);
  return make("div", { class: "row downloads", role: "group", "aria-label": "Download" },
    button("get-report", "Report (HTML)", () => fetched(sample, "report", "html")),
    button("get-png", "Picture (PNG)", () => fetched(sample, "png", "png")),
    button("get-json", "Answer (JSON)", () => save(new Blob([JSON.stringify(sample.view.answer, null, 1)], { type: "application/json" }), `${stem(sample.name)}.json`)),
    button("get-csv", "Row (CSV)", () => fetched(sample, "csv", "csv")),
    sample.view.answer.fit ? button("get-fit", "Fit curves (CSV)", () => fetched(sample, "fit", "fit.csv")) : null,
    button("read-again", "Read it differently", () => act.ask(sample)));
}

async function fetched(sample, format, ending) {
  say("Making the file…");
  try {
    const response = await request("/api/size", { method: "POST", body: form({ ...sample.asked, format }, [sample]) });
    save(await response.blob(), `${stem(sample.name)}.${ending}`);
    say("The file is downloaded.");
  } catch (error) {
    say(error.message);
  }
}
