// Which photos are shown, and in which order.

const form = byId("filters");
const opened = new Set(); // bursts whose stack is open
const FIELDS = ["name", "low", "high", "family", "least", "flag", "show", "choice", "sort"];

function wantedNow() {
  const wanted = Object.fromEntries(FIELDS.map((name) => [name, byId(`f-${name}`).value]));
  wanted.name = wanted.name.trim().toLowerCase();
  wanted.low = wanted.low === "" ? 0 : Number(wanted.low);
  wanted.high = wanted.high === "" ? 100 : Number(wanted.high);
  wanted.least = Number(wanted.least);
  wanted.stack = byId("f-stack").checked;
  return wanted;
}

function faultFits(shot, family, least) {
  const faults = shot.faults || [];
  if (family === "-") return !shot.error && faults.length === 0 && shot.other.length === 0;
  if (family === "" && least === 0) return true;
  return faults.some(
    ([name, severity]) =>
      (family === "" || family === "*" || name === family) &&
      page.severities.indexOf(severity) >= least,
  );
}

function flagFits(shot, flag) {
  if (flag === "") return true;
  if (flag === "*" || flag === "-") return (shot.flags.length > 0) === (flag === "*");
  return shot.flags.includes(flag.slice(1));
}

function showFits(shot, show) {
  if (show === "keepers") return shot.pick;
  if (show === "burst") return shot.burst !== null;
  if (show === "judged") return !shot.error;
  return show !== "failed" || Boolean(shot.error);
}

function fits(shot, wanted) {
  const score = scoreOf(shot);
  const all = wanted.low <= 0 && wanted.high >= 100;
  return (
    (all || (score !== null && score >= wanted.low && score <= wanted.high)) &&
    (wanted.name === "" || shot.shown.toLowerCase().includes(wanted.name)) &&
    faultFits(shot, wanted.family, wanted.least) &&
    flagFits(shot, wanted.flag) &&
    showFits(shot, wanted.show) &&
    choiceFits(choiceOf(shot), wanted.choice)
  );
}

const names = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const last = (one, other) => (one === null) - (other === null);
const ORDERS = {
  best: (a, b) => last(scoreOf(a), scoreOf(b)) || scoreOf(b) - scoreOf(a),
  worst: (a, b) => last(scoreOf(a), scoreOf(b)) || scoreOf(a) - scoreOf(b),
  time: (a, b) =>
    last(a.taken || null, b.taken || null) || (a.taken < b.taken ? -1 : a.taken > b.taken ? 1 : 0),
  name: (a, b) => names.compare(a.name, b.name),
  burst: (a, b) => last(a.burst, b.burst) || a.burst - b.burst || b.pick - a.pick,
};

// The photos that fit, sorted, and of closed stacks only what lies on top. A list of
// {shot, frames}; `frames` is how many lie in the stack that the shot tops, else 0.
function arranged(wanted) {
  const fitting = shots.filter((shot) => fits(shot, wanted));
  const order = ORDERS[wanted.sort];
  if (order) fitting.sort((a, b) => order(a, b) || a.at - b.at);
  if (!wanted.stack) return { fitting, shown: fitting.map((shot) => ({ shot, frames: 0 })) };
  const stacks = new Map();
  for (const shot of fitting) {
    if (shot.burst === null) continue;
    if (!stacks.has(shot.burst)) stacks.set(shot.burst, []);
    stacks.get(shot.burst).push(shot);
  }
  const shown = [];
  for (const shot of fitting) {
    const stack = shot.burst === null ? null : stacks.get(shot.burst);
    if (!stack || stack.length === 1) {
      shown.push({ shot, frames: 0 });
    } else if (stack[0] === shot) {
      const top = stack.find((one) => one.pick) || shot;
      shown.push({ shot: top, frames: stack.length });
      if (opened.has(shot.burst)) {
        for (const one of stack) if (one !== top) shown.push({ shot: one, frames: 0, inside: true });
      }
    }
  }
  return { fitting, shown };
}

function fillFilters() {
  const families = new Map();
  const flags = new Map();
  for (const shot of shots) {
    for (const [family] of shot.faults || []) families.set(family, (families.get(family) || 0) + 1);
    for (const flag of shot.flags) flags.set(flag, (flags.get(flag) || 0) + 1);
  }
  for (const [family, count] of [...families].sort((a, b) => b[1] - a[1])) {
    byId("f-family").append(make("option", { value: family }, `${family} (${count})`));
  }
  for (const [flag, count] of flags) {
    byId("f-flag").append(make("option", { value: `=${flag}` }, `${flag} (${count})`));
  }
  byId("flags-too").hidden = flags.size === 0;
}
