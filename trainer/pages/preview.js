"use strict";
(() => {
  const chosen = { task: "", split: "" };
  const articles = [...document.querySelectorAll("article")];
  const empty = document.getElementById("none");

  function filter() {
    let left = 0;
    for (const article of articles) {
      let rows = 0;
      for (const row of article.querySelectorAll(".rows li")) {
        row.hidden = chosen.task !== "" && row.dataset.task !== chosen.task;
        rows += row.hidden ? 0 : 1;
      }
      const there = chosen.split === "" || article.dataset.split === chosen.split;
      article.hidden = !there || (chosen.task !== "" && rows === 0);
      left += article.hidden ? 0 : 1;
    }
    empty.hidden = left > 0;
  }

  for (const kind of ["task", "split"]) {
    const buttons = [...document.querySelectorAll(`nav button[data-${kind}]`)];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        chosen[kind] = button.dataset[kind];
        for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
        filter();
      });
    }
  }

  const masks = document.getElementById("masks");
  masks.addEventListener("change", () => document.body.classList.toggle("no-masks", !masks.checked));

  function show(article, button) {
    const box = article.querySelector(".box");
    const region = button ? button.dataset.region : "-1";
    const sides = button && button.dataset.box ? button.dataset.box.split(" ").map(Number) : null;
    for (const one of article.querySelectorAll(".region")) {
      one.classList.toggle("meant", one.dataset.region === region);
      one.classList.toggle("away", region !== "-1" && one.dataset.region !== region);
    }
    box.setAttribute("visibility", sides ? "visible" : "hidden");
    if (sides) {
      box.setAttribute("x", sides[0]);
      box.setAttribute("y", sides[1]);
      box.setAttribute("width", sides[2] - sides[0]);
      box.setAttribute("height", sides[3] - sides[1]);
    }
  }

  for (const article of articles) {
    const buttons = [...article.querySelectorAll(".rows button")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        for (const one of buttons) one.setAttribute("aria-pressed", String(on && one === button));
        show(article, on ? button : null);
      });
    }
  }

  document.querySelector("nav").hidden = false;
})();
