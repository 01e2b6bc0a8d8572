// Asks the server, with the token of the link: it is kept for this tab, and not in the address.

const KEY = "sk_qdots.token";

function takeToken() {
  const given = new URLSearchParams(location.search).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY);
}

export const token = takeToken();

export class Refused extends Error {
  constructor(status, told) {
    super(told.plain || told.reason);
    this.status = status;
    this.code = told.code;
    this.asks = told.asks || [];
    this.curves = told.curves || null;
  }
}

export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { "X-Token": token || "" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { code: "gone", reason: "The server does not answer. Is sk-qdots page still running?" });
  }
  if (response.ok) return response;
  let told = { code: "http", reason: `The server answered ${response.status}.` };
  try {
    const body = await response.json();
    told = { ...body.error, curves: body.curves };
  } catch { /* no JSON: what is told above */ }
  throw new Refused(response.status, told);
}

export function form(fields, files = []) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) data.append(name, value, value.name || name);
    else if (value !== "" && value !== null && value !== undefined && value !== false) data.append(name, String(value));
  }
  for (const file of files) data.append("file", file.blob || file, file.name);
  return data;
}

export async function choices() {
  return (await request("/api/sizers")).json();
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function say(text) {
  document.getElementById("status").textContent = text;
}

export function stem(name) {
  return name.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "") || "pattern";
}

export function make(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") node.className = value;
    else if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const MARKS = { ok: "✓", caution: "!", refused: "✕", waiting: "…" };
const WORDS = { ok: "Ok", caution: "Caution", refused: "Refused" };

export function verdict(kind, word = WORDS[kind]) {
  return make("span", { class: `verdict ${kind}` }, make("span", { "aria-hidden": "true" }, `${MARKS[kind]} `), word);
}
