const THEMES = { auto: "Light or dark: as the system", light: "Light", dark: "Dark" };

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = byId("theme");
  button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
  button.setAttribute("aria-label", `Colours: ${THEMES[theme]}`);
}

function startTheme() {
  const order = Object.keys(THEMES);
  let theme = stored(THEME_AT);
  if (!order.includes(theme)) theme = "auto";
  setTheme(theme);
  byId("theme").addEventListener("click", () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    stored(THEME_AT, theme);
    setTheme(theme);
    say(`Colours: ${THEMES[theme]}`);
  });
}

function startFilters() {
  let waiting = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    const typed = ["search", "number"].includes(event.target.type);
    if (typed) waiting = setTimeout(arrange, 120);
    else if (event.target.id !== "f-next") arrange();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(arrange, 0));
  byId("none-reset").addEventListener("click", () => {
    form.reset();
    arrange();
    point(0, true);
  });
}

function startGrid() {
  grid.addEventListener("keydown", gridKey);
  grid.addEventListener("click", (event) => {
    const at = placeOf(event.target);
    if (at < 0) return;
    if (event.target.closest(".frames")) toggleStack(arrangement.shown[at].shot);
    else openView(at);
  });
  // Arrows also work when nothing has the focus yet.
  document.addEventListener("keydown", (event) => {
    const idle = event.target === document.body && plainKey(event);
    if (!idle || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    point(current, true);
    event.preventDefault();
  });
}

loadChoices();
byId("k-kept").textContent = saveChoices()
  ? "Choices are kept in this browser, for this file."
  : "This browser keeps nothing for this page: export before you close it.";
fillFilters();
startTheme();
startFilters();
startGrid();
startView();
startExport();
byId("show-keys").addEventListener("click", () => byId("keys").showModal());
for (const id of ["theme", "show-keys", "show-export", "filters"]) byId(id).hidden = false;
countChoices();
arrange();
