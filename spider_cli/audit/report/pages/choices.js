// What the viewer decided of each photo: -1 rejected, 1-5 stars. Kept in the browser's storage, where
// it has one for this page; else until the page is closed.

const choices = new Map();
const CHOICES_AT = `spider-report-choices:${location.pathname}`;
const THEME_AT = "spider-report-theme";

function stored(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
    return value;
  } catch {
    return null;
  }
}

function keyOf(shot) {
  return shot.photo_b64 === null ? `p${shot.photo}` : `b${shot.photo_b64}`;
}

function choiceOf(shot) {
  return choices.get(keyOf(shot)) || 0;
}

function loadChoices() {
  let found = [];
  try {
    found = JSON.parse(stored(CHOICES_AT) || "[]");
  } catch {
    found = [];
  }
  for (const pair of Array.isArray(found) ? found : []) {
    if (Array.isArray(pair) && Number.isInteger(pair[1]) && pair[1] >= -1 && pair[1] <= 5) {
      choices.set(String(pair[0]), pair[1]);
    }
  }
}

// Whether it will be there the next time.
function saveChoices() {
  return stored(CHOICES_AT, JSON.stringify([...choices])) !== null;
}

function setChoice(shot, choice) {
  if (choice === 0) choices.delete(keyOf(shot));
  else choices.set(keyOf(shot), choice);
}

function choiceWords(choice) {
  if (choice === 0) return "no choice";
  return choice < 0 ? "rejected" : counted(choice, "star", "stars");
}

function choiceFits(choice, wanted) {
  if (wanted === "") return true;
  if (wanted === "none") return choice === 0;
  if (wanted === "chosen") return choice !== 0;
  if (wanted === "rejected") return choice < 0;
  return choice >= (wanted === "kept" ? 1 : Number(wanted));
}
