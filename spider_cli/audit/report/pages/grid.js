// The grid. Every photo has its place and its name from the start, so that screen readers and the
// browser's scroll bar know them all; the rest of a card is made when it comes near the screen.

const grid = byId("grid");
const cards = []; // by place in `shots`: {item, button, stack, filled}
let arrangement = { fitting: [], shown: [] };
let current = 0; // the place in `arrangement.shown` that the keyboard is at

const near = new IntersectionObserver(
  (changes) => {
    for (const change of changes) {
      if (!change.isIntersecting) continue;
      near.unobserve(change.target);
      fill(cards[Number(change.target.dataset.at)]);
    }
  },
  { rootMargin: "900px 0px" },
);

function cardOf(shot) {
  if (!cards[shot.at]) {
    const button = make("button", { type: "button", class: "picture", tabindex: "-1" });
    const item = make("li", { class: "card", "data-at": shot.at }, button);
    cards[shot.at] = { shot, item, button, stack: null, filled: false, frames: 0 };
    near.observe(item);
  }
  return cards[shot.at];
}

function chip(words, severity) {
  return make("span", { class: `chip c-${page.severities.includes(severity) ? severity : "other"}` }, words);
}

function chipsOf(shot) {
  const found = (shot.faults || []).map(([, severity, words]) => chip(words, severity));
  return [...found, ...(shot.other || []).map((words) => chip(words, ""))];
}

function scoreBadge(shot) {
  const score = scoreOf(shot);
  if (shot.error) return make("span", { class: "score failed" }, "failed");
  if (score === null) return make("span", { class: "score" }, shot.level);
  return make("span", { class: `score ${band(score)}`, title: `${shot.level}, ${score.toFixed(1)} of 100` }, String(Math.round(score)));
}

function reason(why) {
  return make("span", { class: "reason" }, make("bdi", null, why));
}

function fill(card) {
  if (card.filled) return;
  card.filled = true;
  const { shot, item, button } = card;
  const url = pictureUrl(shot, "thumb");
  if (url !== null) {
    const image = make("img", { src: url, alt: "", decoding: "async", draggable: "false" });
    // Pages are moved and mailed, and their folders forgotten.
    image.addEventListener("error", () => image.replaceWith(reason("its picture is not in the folder beside this page")));
    button.append(image);
  } else {
    button.append(reason(shot.error ? shot.error[0] : "its picture could not be made"));
  }
  button.append(make("span", { class: "mark" }));
  const name = make("span", { class: "name", title: shot.shown }, make("bdi", null, shot.name));
  item.append(make("div", { class: "line" }, name, scoreBadge(shot)));
  const chips = chipsOf(shot);
  if (!shot.error && chips.length === 0) chips.push(make("span", { class: "chip c-clean" }, "no fault seen"));
  if (shot.flags.length > 0) chips.unshift(make("span", { class: "chip c-flag", title: shot.flags.join(", ") }, "flagged"));
  if (shot.raw !== null) chips.push(make("span", { class: "chip c-plain" }, "RAW"));
  item.append(make("div", { class: "chips" }, ...chips));
  marked(card);
}

function marked(card) {
  const { shot, item, button } = card;
  const choice = choiceOf(shot);
  item.classList.toggle("rejected", choice < 0);
  item.classList.toggle("kept", choice > 0);
  const mark = button.querySelector(".mark");
  if (mark) mark.textContent = choice < 0 ? "\u2715" : "\u2605".repeat(choice);
  button.setAttribute("aria-label", labelOf(card, choice));
}

function labelOf(card, choice) {
  const { shot, frames } = card;
  const parts = [shot.name];
  if (shot.error) parts.push(`failed: ${shot.error[0]}`);
  else parts.push(scoreOf(shot) === null ? shot.level : `score ${Math.round(shot.score)}, ${shot.level}`);
  const faults = [...(shot.faults || []).map((one) => one[2]), ...(shot.other || [])];
  if (faults.length > 0) parts.push(faults.join(", "));
  if (shot.flags.length > 0) parts.push("flagged");
  if (frames > 1) parts.push(`best of ${frames} frames`);
  if (choice !== 0) parts.push(choiceWords(choice));
  return parts.join("; ");
}

// The button that opens and closes a burst's stack, where this card tops one.
function stacked(card, frames, inside) {
  card.frames = frames;
  const { item, shot } = card;
  const open = opened.has(shot.burst);
  item.classList.toggle("stack", frames > 1 && !open);
  item.classList.toggle("open", frames > 1 && open);
  item.classList.toggle("inside", Boolean(inside));
  if (frames < 2) {
    if (card.stack) card.stack.remove();
    card.stack = null;
    return;
  }
  if (!card.stack) {
    card.stack = make("button", { type: "button", class: "frames", tabindex: "-1" });
    card.button.after(card.stack);
  }
  card.stack.textContent = counted(frames, "frame", "frames");
  card.stack.setAttribute("aria-expanded", String(open));
  card.stack.setAttribute("aria-label", `Burst of ${counted(frames, "frame", "frames")}`);
}

// Put the photos that fit on the page. The focus stays with its photo, or where that was.
function arrange() {
  const focused = grid.contains(document.activeElement);
  const before = arrangement.shown[current];
  arrangement = arranged(wantedNow());
  const { fitting, shown } = arrangement;
  const items = document.createDocumentFragment();
  for (const { shot, frames, inside } of shown) {
    const card = cardOf(shot);
    stacked(card, frames, inside);
    card.button.tabIndex = -1;
    if (card.stack) card.stack.tabIndex = -1;
    marked(card);
    items.append(card.item);
  }
  grid.replaceChildren(items);
  const again = before ? shown.findIndex((one) => one.shot === before.shot) : -1;
  point(again >= 0 ? again : Math.min(current, Math.max(0, shown.length - 1)), focused);
  byId("none").hidden = shown.length > 0;
  const total = counted(shots.length, "photo", "photos");
  byId("count").textContent = fitting.length === shots.length ? total : `${fitting.length.toLocaleString("en")} of ${total}`;
}

// Make a photo the one that Tab reaches and keys mean.
function point(at, focus) {
  const before = arrangement.shown[current];
  if (before && cards[before.shot.at]) tabbable(cards[before.shot.at], -1);
  current = at;
  const now = arrangement.shown[at];
  if (!now) return;
  const card = cards[now.shot.at];
  tabbable(card, 0);
  if (focus) card.button.focus();
}

function tabbable(card, index) {
  card.button.tabIndex = index;
  if (card.stack) card.stack.tabIndex = index;
}

function placeOf(target) {
  const item = target.closest("li.card");
  if (!item) return -1;
  const at = Number(item.dataset.at);
  return arrangement.shown.findIndex((one) => one.shot.at === at);
}

function columns() {
  const [first] = grid.children;
  let count = 0;
  for (const item of grid.children) {
    if (item.offsetTop !== first.offsetTop) break;
    count += 1;
  }
  return Math.max(1, count);
}

function toggleStack(shot) {
  if (shot.burst === null || (bursts.get(shot.burst) || []).length < 2) return;
  const open = !opened.has(shot.burst);
  if (open) opened.add(shot.burst);
  else opened.delete(shot.burst);
  arrange();
  const top = arrangement.shown.findIndex((one) => one.shot.burst === shot.burst && !one.inside);
  if (top >= 0) point(top, true);
  say(open ? "Burst opened" : "Burst closed");
}

// A choice by key or button, in the grid and in the large view.
function choose(shot, choice) {
  setChoice(shot, choice);
  const kept = saveChoices();
  if (cards[shot.at]) marked(cards[shot.at]);
  byId("k-kept").textContent = kept
    ? "Choices are kept in this browser, for this file."
    : "This browser keeps nothing for this page: export before you close it.";
  say(`${shot.name}: ${choiceWords(choice)}`);
  countChoices();
}

// After choices were made elsewhere: some photos may no longer be what the filters show.
function chosenMeanwhile() {
  if (byId("f-choice").value !== "") arrange();
}

function countChoices() {
  let count = 0;
  for (const shot of shots) count += choiceOf(shot) !== 0;
  byId("show-export").textContent = count === 0 ? "Export choices" : `Export choices (${count.toLocaleString("en")})`;
}

const CHOICE_KEYS = { 0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, x: -1, X: -1 };

function plainKey(event) {
  return !event.ctrlKey && !event.metaKey && !event.altKey;
}

function gridKey(event) {
  if (!plainKey(event)) return;
  const at = placeOf(event.target);
  if (at < 0) return;
  const shown = arrangement.shown;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() };
  if (event.key in steps) {
    const to = at + steps[event.key];
    if (to >= 0 && to < shown.length) point(to, true);
  } else if (event.key === "Home" || event.key === "End") {
    point(event.key === "Home" ? 0 : shown.length - 1, true);
  } else if (event.key in CHOICE_KEYS) {
    choose(shown[at].shot, CHOICE_KEYS[event.key]);
    if (byId("f-choice").value !== "") arrange();
    else if (byId("f-next").checked && at + 1 < shown.length) point(at + 1, true);
  } else if (event.key === "b" || event.key === "B") {
    toggleStack(shown[at].shot);
  } else {
    return;
  }
  event.preventDefault();
}
