// The large view. A modal dialog: the browser keeps the focus inside it, Escape closes it.

const view = byId("view");
let seen = null; // the shot that is shown
let heatOn = true;

function openView(at) {
  point(at, false);
  showLarge(arrangement.shown[at].shot);
  if (!view.open) view.showModal();
  byId("v-name").focus();
}

function turn(step) {
  const to = current + step;
  if (to < 0 || to >= arrangement.shown.length) return;
  point(to, false);
  showLarge(arrangement.shown[to].shot);
  say(`${seen.name}, ${to + 1} of ${arrangement.shown.length}`);
}

function showLarge(shot) {
  seen = shot;
  const url = pictureUrl(shot, "large");
  const photo = byId("v-photo");
  byId("v-frame").hidden = url === null;
  byId("v-nothing").hidden = url !== null;
  if (url === null) {
    photo.removeAttribute("src");
    byId("v-nothing").textContent = shot.error ? shot.error[0] : "Its picture could not be made.";
  } else {
    const [width, height] = shot.picture.size;
    byId("v-frame").style.setProperty("--ratio", width / height);
    byId("v-frame").style.setProperty("--most", `${2 * width}px`);
    photo.src = url;
    photo.alt = shot.error ? shot.name : `${shot.name}. ${shot.words}`;
  }
  showHeat();
  byId("v-name").firstChild.textContent = shot.name;
  byId("v-place").textContent = `${(current + 1).toLocaleString("en")} of ${arrangement.shown.length.toLocaleString("en")}`;
  byId("v-before").disabled = current === 0;
  byId("v-after").disabled = current >= arrangement.shown.length - 1;
  byId("v-verdict").replaceChildren(...verdictOf(shot));
  byId("v-words").replaceChildren(...wordsOf(shot));
  byId("v-burst").replaceChildren(...framesOf(shot));
  byId("v-exif").replaceChildren(
    ...(shot.exif || []).map(([name, words]) =>
      make("div", null, make("dt", null, name), make("dd", null, make("bdi", null, words))),
    ),
  );
  byId("v-links").replaceChildren(...linksOf(shot));
  showStars();
}

function showHeat() {
  const toggle = byId("v-toggle");
  const url = pictureUrl(seen, "heat");
  const there = Boolean(seen.picture) && (url !== null || seen.whole || Boolean(seen.point));
  toggle.disabled = !there;
  toggle.setAttribute("aria-pressed", String(there && heatOn));
  const heat = byId("v-heat");
  heat.hidden = !heatOn || url === null || seen.whole;
  if (url === null) heat.removeAttribute("src");
  else heat.src = url;
  byId("v-frame").classList.toggle("whole", heatOn && there && seen.whole);
  const mark = byId("v-point");
  mark.hidden = !heatOn || !seen.point;
  if (seen.point) {
    mark.style.left = `${seen.point[0] * 100}%`;
    mark.style.top = `${seen.point[1] * 100}%`;
  }
}

function toggleHeat() {
  if (byId("v-toggle").disabled) return;
  heatOn = !heatOn;
  showHeat();
  say(heatOn ? "Heatmap on" : "Heatmap off");
}

function verdictOf(shot) {
  if (shot.error) return [make("p", { class: "failed" }, "could not be judged")];
  const score = scoreOf(shot);
  const parts = [];
  if (score !== null) {
    parts.push(
      make("p", { class: `big ${band(score)}` }, make("b", null, score.toFixed(0)), " of 100, ", shot.level),
      levelBars(shot.levels || []),
    );
  } else {
    parts.push(make("p", { class: "big" }, make("b", null, shot.level)));
  }
  const chips = chipsOf(shot);
  if (chips.length > 0) parts.push(make("p", { class: "chips" }, ...chips));
  return parts;
}

// How likely each level is: the score is their mean.
function levelBars(levels) {
  const rows = levels.map(([word, share]) => {
    const bar = make("span", { class: "bar" });
    bar.style.width = `${share * 100}%`;
    return make("div", null, make("dt", null, word), make("dd", null, make("span", { class: "track" }, bar), `${Math.round(share * 100)}%`));
  });
  return make("dl", { class: "levels" }, ...rows);
}

function wordsOf(shot) {
  const part = (title, text, more) => [
    make("h3", null, title),
    make("p", null, make("bdi", null, text), more ? make("span", { class: "soft" }, ` ${more}`) : null),
  ];
  if (shot.error) return [...part("Why it failed", shot.error[0]), ...(shot.error[1] ? part("What to do", shot.error[1]) : [])];
  const covers = shot.area && !shot.whole ? `It covers ${Math.max(1, Math.round(shot.area * 100))}% of the photo.` : "";
  return [
    ...part("Why this score", shot.why),
    ...part("In words", shot.words),
    ...part("The worst region", shot.where, covers),
    ...(shot.flags.length > 0 ? part("Flagged", shot.flags.join(", ")) : []),
  ];
}

function framesOf(shot) {
  const frames = shot.burst === null ? [] : bursts.get(shot.burst);
  if (frames.length < 2) return [];
  const buttons = frames.map((at) => {
    const one = shots[at];
    const url = pictureUrl(one, "thumb");
    const name = `${one.name}${one.pick ? ", the best" : ""}${scoreOf(one) === null ? "" : `, score ${Math.round(one.score)}`}`;
    const button = make("button", { type: "button", "aria-label": name, "aria-current": one === shot ? "true" : null });
    if (url) button.append(make("img", { src: url, alt: "" }));
    button.append(make("span", null, one.pick ? "best" : String(scoreOf(one) === null ? "" : Math.round(one.score))));
    button.addEventListener("click", () => {
      showLarge(one);
      const again = [...byId("v-burst").querySelectorAll("button")].find((other) => other.getAttribute("aria-current"));
      if (again) again.focus();
    });
    return button;
  });
  return [make("h3", null, `Burst of ${frames.length}`), make("div", { class: "strip", role: "group", "aria-label": "Frames of the burst" }, ...buttons)];
}

function linksOf(shot) {
  const link = (url, words) => (url === null ? null : make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, words));
  const links = [link(shot.link, "Open the original"), link(shot.raw_link, "Open the RAW file")];
  const path = make("span", { class: "path" }, make("bdi", null, shot.shown));
  const read = shot.read_as === null ? null : make("span", { class: "soft" }, `read as ${shot.read_as}`);
  return [path, read, ...links].filter((one) => one !== null);
}

function showStars() {
  const choice = choiceOf(seen);
  for (const button of byId("v-stars").querySelectorAll("button")) {
    const own = Number(button.dataset.choice);
    button.setAttribute("aria-pressed", String(own === choice && own !== 0));
    button.classList.toggle("lit", own > 0 && own <= choice);
  }
  const stars = seen.stars;
  byId("v-suggested").textContent =
    typeof stars !== "number" ? "" : `spider's own, by the score: ${stars === 0 ? "no stars" : choiceWords(stars)}`;
}

function chooseHere(choice) {
  choose(seen, choice);
  showStars();
  if (byId("f-next").checked) turn(1);
}

function viewKey(event) {
  if (!plainKey(event)) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowUp") turn(-1);
  else if (event.key === "ArrowRight" || event.key === "ArrowDown") turn(1);
  else if (event.key === "Home") turn(-current);
  else if (event.key === "End") turn(arrangement.shown.length - 1 - current);
  else if (event.key === "h" || event.key === "H") toggleHeat();
  else if (event.key in CHOICE_KEYS) chooseHere(CHOICE_KEYS[event.key]);
  else return;
  event.preventDefault();
}

function startView() {
  view.addEventListener("keydown", viewKey);
  view.addEventListener("close", () => {
    chosenMeanwhile();
    const card = arrangement.shown[current];
    if (card) point(current, true);
    else grid.focus();
  });
  byId("v-before").addEventListener("click", () => turn(-1));
  byId("v-after").addEventListener("click", () => turn(1));
  byId("v-toggle").addEventListener("click", toggleHeat);
  byId("v-close").addEventListener("click", () => view.close());
  byId("v-stars").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) chooseHere(Number(button.dataset.choice));
  });
}
