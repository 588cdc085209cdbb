"use strict";

// The page's own rules forbid it to load or send anything. All texts come from strangers: they become
// text nodes and attributes, never markup.

const byId = (id) => document.getElementById(id);
const page = JSON.parse(byId("page-data").textContent);
const shots = JSON.parse(byId("shots").textContent);
const ENDINGS = { thumb: ".thumb.jpg", large: ".jpg", heat: ".heat.png" };

function make(tag, attributes, ...children) {
  const one = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) {
      one.setAttribute(name, value === true ? "" : value);
    }
  }
  one.append(...children.filter((child) => child !== null && child !== undefined));
  return one;
}

function pictureUrl(shot, kind) {
  const picture = shot.picture;
  if (!picture || (kind === "heat" && !picture.heat)) return null;
  if (page.files !== null) return page.files + picture.file + ENDINGS[kind];
  const type = kind === "heat" ? "image/png" : "image/jpeg";
  return `data:${type};base64,${byId(`${kind}-${shot.n}`).textContent}`;
}

function say(text) {
  byId("said").textContent = text;
}

function counted(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

// Bursts: number -> the places of its shots in `shots`, the pick first.
const bursts = new Map();
shots.forEach((shot, at) => {
  shot.at = at;
  if (shot.burst === null) return;
  if (!bursts.has(shot.burst)) bursts.set(shot.burst, []);
  const frames = bursts.get(shot.burst);
  if (shot.pick) frames.unshift(at);
  else frames.push(at);
});

function scoreOf(shot) {
  return typeof shot.score === "number" ? shot.score : null;
}

function band(score) {
  return `s${Math.min(4, Math.floor(score / 20))}`;
}
