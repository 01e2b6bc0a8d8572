// What is sized, and how it was measured: the fields of the form that go with every pattern.

import { choices, make } from "./server.js";

const at = (id) => document.getElementById(id);
const REMEMBERED = "sk_qdots.remembered";
const CIF = ":cif";
let cifDropped = null;
let known = { sizers: [], crystals: [], instruments: [], columns: [] };

export const columns = () => known.columns;

export async function load(changed) {
  known = await choices();
  const select = at("sizer");
  const trained = make("optgroup", { label: "Trained: network, with a fit where it has one" });
  for (const one of known.sizers) trained.append(make("option", { value: `sizer:${one.name}` }, one.name));
  const fitted = make("optgroup", { label: "Any crystal: fitted, no training" });
  for (const name of known.crystals) fitted.append(make("option", { value: `crystal:${name}` }, name));
  fitted.append(make("option", { value: CIF }, "another crystal, from a CIF…"));
  select.replaceChildren(trained, fitted);
  for (const name of known.instruments) at("instrument").append(make("option", { value: name }, name));
  restore();
  show();
  for (const id of ["sizer", "axis", "instrument", "subtracted", "fast", "free", "cif", "blank", "instrument-file", "wavelength", "resolution"]) {
    at(id).addEventListener("change", () => {
      if (id === "cif") cifDropped = null;
      show();
      remember();
      changed();
    });
  }
  at("settings").addEventListener("submit", (event) => event.preventDefault());
}

export function takeCif(file) {
  cifDropped = file;
  at("sizer").value = CIF;
  show();
}

export function remembered() {
  return {
    wavelength: decimal(at("wavelength").value),
    x: at("axis").value,
    subtracted: at("subtracted").checked,
  };
}

export function keep(answers) {
  if (answers.wavelength) at("wavelength").value = answers.wavelength;
  if (answers.x) at("axis").value = answers.x;
  if (answers.subtracted) at("subtracted").checked = true;
  show();
  remember();
}

export function decimal(text) {
  return text.trim().replace(",", ".");
}

// Fields of every request; what files may say themselves only where it is asked for.
export function fields() {
  const value = at("sizer").value;
  const told = {};
  if (value.startsWith("sizer:")) told.sizer = value.slice(6);
  else if (value.startsWith("crystal:")) told.crystal = value.slice(8);
  else if (value === CIF) {
    told.cif = cifDropped || at("cif").files[0] || null;
    if (!told.cif) throw new Error("Give the crystal as a CIF first, or choose another material.");
  }
  const isTrained = value.startsWith("sizer:");
  if (isTrained && at("fast").checked) told.fast = true;
  if (!isTrained) {
    if (at("free").checked) told.free = true;
    if (at("blank").files[0]) told.blank = at("blank").files[0];
  }
  const instrument = at("instrument").value;
  if (instrument === ":file") {
    if (at("instrument-file").files[0]) told.instrument = at("instrument-file").files[0];
  } else if (instrument === ":width") told.resolution = decimal(at("resolution").value);
  else if (instrument) told.instrument = instrument;
  return told;
}

function show() {
  const value = at("sizer").value;
  const isTrained = value.startsWith("sizer:");
  at("cif-field").hidden = value !== CIF;
  at("blank-field").hidden = isTrained;
  at("free-field").hidden = isTrained;
  at("fast-field").hidden = !isTrained;
  at("instrument-file-field").hidden = at("instrument").value !== ":file";
  at("resolution-field").hidden = at("instrument").value !== ":width";
  at("sizer-about").textContent = about(value, isTrained);
  const told = [];
  if (at("wavelength").value) told.push(`${at("wavelength").value} Å`);
  if (at("axis").value) told.push(at("axis").selectedOptions[0].textContent);
  if (at("instrument").value) told.push(at("instrument").selectedOptions[0].textContent.replace("…", ""));
  at("measurement-told").textContent = told.length ? `(${told.join(", ")})` : "";
}

function about(value, isTrained) {
  if (isTrained) {
    const one = known.sizers.find((sizer) => `sizer:${sizer.name}` === value);
    if (!one) return "";
    const [low, high] = one.diameters;
    return `${one.crystal}, spheres of ${low} to ${high} nm. Needs Q from ${one.q_range[0]} to ${one.q_range[1]} 1/Å at least.`;
  }
  if (value === CIF && cifDropped) return `The crystal of ${cifDropped.name}.`;
  return "Its patterns are simulated, and fitted. The first time takes some seconds.";
}

function remember() {
  const told = { ...remembered(), sizer: at("sizer").value };
  sessionStorage.setItem(REMEMBERED, JSON.stringify(told));
}

function restore() {
  let told = {};
  try {
    told = JSON.parse(sessionStorage.getItem(REMEMBERED)) || {};
  } catch { /* nothing that counts */ }
  if (told.wavelength) at("wavelength").value = told.wavelength;
  if (told.x) at("axis").value = told.x;
  if (told.subtracted) at("subtracted").checked = true;
  if (told.sizer && told.sizer !== CIF) at("sizer").value = told.sizer;
  if (!at("sizer").value) at("sizer").selectedIndex = 0;
}
