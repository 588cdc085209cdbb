// What leaves the page: lists of paths, a table, sidecars. Paths go out byte by byte as they are on
// disk, whatever they hold.

const SLASH = 0x2f;

function bytesOf(name, base64) {
  if (base64 === null) return new TextEncoder().encode(name);
  return Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
}

// Bytes as text; null where they are not UTF-8.
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function joined(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function exported() {
  const which = byId("e-which").value;
  if (which === "shown") return [...arrangement.fitting];
  const order = new Set([...arrangement.fitting, ...shots]);
  return [...order].filter((shot) => choiceFits(choiceOf(shot), which));
}

function pathsOf(chosen) {
  const paths = [];
  for (const shot of chosen) {
    paths.push(bytesOf(shot.photo, shot.photo_b64));
    if (shot.raw !== null && byId("e-raw").checked) paths.push(bytesOf(shot.raw, shot.raw_b64));
  }
  // A path that starts with a dash would be taken for an option.
  return paths.map((path) => (path[0] === 0x2d ? joined([bytesOf("./", null), path]) : path));
}

function listed(paths, end) {
  return { parts: paths.flatMap((path) => [path, Uint8Array.of(end)]), name: end === 0 ? "photos.0" : "photos.txt", type: "text/plain" };
}

const ODD = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

// A word for sh, bash or zsh; with odd bytes, one for bash and zsh.
function quoted(path) {
  const text = textOf(path);
  if (text !== null && !ODD.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = [...path].map((byte) =>
    byte > 0x1f && byte < 0x7f && byte !== 0x27 && byte !== 0x5c ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  );
  return `$'${escaped.join("")}'`;
}

const RISKY = /^[=+\-@\t\r\n'\uff1d\uff0b\uff0d\uff20]/;

// A cell that no spreadsheet runs as a formula, as in spider's own CSV.
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = RISKY.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const COLUMNS = [
  ["photo", (shot) => shot.photo],
  ["photo_b64", (shot) => shot.photo_b64],
  ["raw", (shot) => shot.raw],
  ["raw_b64", (shot) => shot.raw_b64],
  ["choice", (shot) => choiceOf(shot) || null],
  ["score", (shot) => scoreOf(shot)],
  ["level", (shot) => shot.level],
  ["faults", (shot) => (shot.faults || []).map(([family, severity]) => `${severity} ${family}`).join("; ")],
  ["flags", (shot) => shot.flags.join("; ")],
  ["burst", (shot) => shot.burst],
  ["pick", (shot) => String(shot.pick)],
  ["taken", (shot) => shot.taken],
  ["why", (shot) => shot.why],
  ["error", (shot) => (shot.error ? shot.error[0] : null)],
];

function tabled(chosen) {
  const rows = [COLUMNS.map(([name]) => name), ...chosen.map((shot) => COLUMNS.map(([, of]) => cell(of(shot))))];
  const text = rows.map((row) => `${row.join(",")}\n`).join("");
  return { parts: [bytesOf(text, null)], name: "choices.csv", type: "text/csv" };
}

const UNWRITABLE = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const REFERENCES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;" };

function xml(text) {
  return String(text).replace(UNWRITABLE, "\ufffd").trim().replace(/[&<>"'\t\n\r]/g, (one) => REFERENCES[one]);
}

// A new sidecar. Its rating is a person's: nothing in it says that spider gave it.
function sidecar(shot) {
  const choice = choiceOf(shot);
  const label = page.labels[choice];
  const values = [["xmp:Rating", choice], ["xmp:Label", label || null]];
  const reasons = [...(shot.faults || []).map((one) => one[2]), ...(shot.other || [])];
  if (scoreOf(shot) !== null) values.push(["spider:Score", shot.score.toFixed(2)]);
  values.push(["spider:Model", shot.model], ["spider:Revision", shot.revision]);
  const attributes = values.filter(([, value]) => value !== null && value !== "").map(([name, value]) => `\n    ${name}="${xml(value)}"`);
  const items = reasons.map((reason) => `\n     <rdf:li>${xml(reason)}</rdf:li>`);
  const inside = items.length === 0 ? "" : `\n   <spider:Reasons>\n    <rdf:Seq>${items.join("")}\n    </rdf:Seq>\n   </spider:Reasons>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="spider">
 <rdf:RDF xmlns:rdf="${page.spaces.rdf}">
  <rdf:Description rdf:about=""
    xmlns:xmp="${page.spaces.xmp}"
    xmlns:spider="${page.spaces.spider}"${attributes.join("")}>${inside}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
`;
}

// The folders and the name of a path, without what could lead out of where it is unpacked.
function stepsOf(path) {
  const steps = [];
  let start = 0;
  for (let at = 0; at <= path.length; at += 1) {
    if (at < path.length && path[at] !== SLASH) continue;
    const step = path.subarray(start, at);
    const text = textOf(step);
    if (step.length > 0 && text !== "." && text !== "..") steps.push(step);
    start = at + 1;
  }
  return steps;
}

function zipNames(paths) {
  const all = paths.map(stepsOf);
  const key = (steps) => steps.map((step) => Array.from(step).join(",")).join("/");
  let shared = Math.max(0, Math.min(...all.map((steps) => steps.length - 1)));
  while (shared > 0 && new Set(all.map((steps) => key(steps.slice(0, shared)))).size > 1) shared -= 1;
  const taken = new Map();
  return all.map((steps) => {
    const rest = steps.slice(shared);
    const times = (taken.get(key(rest)) || 0) + 1;
    taken.set(key(rest), times);
    if (times > 1) rest.unshift(bytesOf(`${times}`, null)); // two folders whose paths differed by ".."
    return joined(rest.flatMap((step, at) => (at === 0 ? [step] : [Uint8Array.of(SLASH), step])));
  });
}

function sidecars(chosen) {
  const rated = chosen.filter((shot) => choiceOf(shot) !== 0);
  const fresh = rated.filter((shot) => byId("e-over").checked || !shot.sidecar_there);
  const some = fresh.slice(0, ZIP_MOST);
  const names = zipNames(some.map((shot) => bytesOf("", shot.sidecar)));
  const files = some.map((shot, at) => ({ name: names[at], data: bytesOf(sidecar(shot), null) }));
  const said = [`${counted(some.length, "sidecar", "sidecars")}, to be unpacked where the photos' common folder is.`];
  if (rated.length > fresh.length) {
    said.push(`${counted(rated.length - fresh.length, "photo has", "photos have")} one already, with other things in it: left out.`);
  }
  if (chosen.length > rated.length) said.push(`${counted(chosen.length - rated.length, "photo", "photos")} without a choice left out.`);
  if (fresh.length > some.length) said.push(`A zip takes ${ZIP_MOST}: export the others after filtering.`);
  return { parts: zipped(files), name: "sidecars.zip", type: "application/zip", said: said.join(" "), count: some.length, one: files.length === 1 ? textOf(files[0].data) : null };
}

// All about what would be exported now: its bytes, what is said of it, and the text that could be copied.
function draft() {
  const chosen = exported();
  const kind = byId("e-form").value;
  if (kind === "xmp") {
    const made = sidecars(chosen);
    return { ...made, text: made.one };
  }
  if (kind === "csv") return ready(tabled(chosen), chosen.length);
  const paths = pathsOf(chosen);
  if (kind === "shell") {
    const text = paths.map((path) => `${quoted(path)}\n`).join("");
    return ready({ parts: [bytesOf(text, null)], name: "photos.sh.txt", type: "text/plain" }, paths.length);
  }
  if (kind === "nul") return { ...ready(listed(paths, 0), paths.length), text: null };
  const broken = paths.filter((path) => path.includes(0x0a) || path.includes(0x0d)).length;
  if (broken > 0) {
    return { parts: null, count: 0, text: null, said: `${counted(broken, "path holds", "paths hold")} a line break, which such a list cannot: take one of the other two lists.` };
  }
  return ready(listed(paths, 0x0a), paths.length);
}

function ready(made, count) {
  const text = textOf(joined(made.parts));
  const said = text === null ? " Some are no text and cannot be copied: download them, or quote them for a shell." : "";
  return { ...made, count, text, said: `${counted(count, "entry", "entries")}.${said}` };
}

const PREVIEWED = 20000; // characters of a draft that are shown

function showDraft() {
  const made = draft();
  const kind = byId("e-form").value;
  byId("e-raw-too").hidden = kind === "csv" || kind === "xmp" || !shots.some((shot) => shot.raw !== null);
  byId("e-over-too").hidden = kind !== "xmp" || !shots.some((shot) => shot.sidecar_there);
  byId("e-said").textContent = made.said;
  const text = made.text === null ? "" : made.text;
  byId("e-text").value = text.length > PREVIEWED ? `${text.slice(0, PREVIEWED)}\n...` : text;
  byId("e-text").hidden = made.text === null;
  byId("e-download").disabled = made.count === 0;
  byId("e-copy").disabled = made.count === 0 || made.text === null;
  const open = arrangement.fitting.filter((shot) => choiceOf(shot) === 0 && shot.stars);
  byId("e-suggest").disabled = open.length === 0;
  return made;
}

function download() {
  const made = draft();
  if (made.count === 0) return;
  const url = URL.createObjectURL(new Blob(made.parts, { type: made.type }));
  // The name is ours: a photo's could be anything.
  make("a", { href: url, download: made.name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  byId("e-said").textContent = `${made.said} Saved as ${made.name}.`;
}

async function copy() {
  const { text } = draft();
  if (text === null) return;
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    const box = byId("e-text");
    box.value = text;
    box.select();
    done = document.execCommand("copy");
  }
  byId("e-said").textContent = done ? "Copied." : "This browser does not let the page copy: copy it from the box.";
}

function takeSuggested() {
  let count = 0;
  for (const shot of arrangement.fitting) {
    if (choiceOf(shot) === 0 && shot.stars) {
      setChoice(shot, shot.stars);
      count += 1;
      if (cards[shot.at]) marked(cards[shot.at]);
    }
  }
  saveChoices();
  countChoices();
  showDraft();
  byId("e-said").textContent = `${counted(count, "photo has", "photos have")} spider's stars now.`;
}

function startExport() {
  byId("show-export").addEventListener("click", () => {
    showDraft();
    byId("export").showModal();
    byId("e-title").focus();
  });
  byId("export").addEventListener("close", chosenMeanwhile);
  for (const id of ["e-which", "e-form", "e-raw", "e-over"]) byId(id).addEventListener("change", showDraft);
  byId("e-download").addEventListener("click", download);
  byId("e-copy").addEventListener("click", copy);
  byId("e-suggest").addEventListener("click", takeSuggested);
}
