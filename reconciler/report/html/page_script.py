"""``SCRIPT``: the JavaScript of a plan's HTML page, which adds a search field."""

from __future__ import annotations

SCRIPT = """
(() => {
  const box = document.getElementById("search");
  if (!box) return;
  const said = document.getElementById("matches");
  const nothing = document.getElementById("nothing");
  const boxes = [...document.querySelectorAll("input[id^=show-]")];
  const nameOf = (each) => each.id.slice(5);
  const groups = [...document.querySelectorAll("#machines details")].map((group) => ({
    group,
    open: group.open,
    name: group.querySelector("h3").textContent.toLowerCase().split(",")[0],
    rows: [...group.querySelectorAll("tbody tr")].map((row) => ({
      row,
      classes: [...row.classList],
    })),
  }));

  // Shows the rows that contain every word of the search and have no class of a cleared checkbox.
  const show = () => {
    const words = box.value.toLowerCase().split(" ").filter(Boolean);
    const cleared = new Set(boxes.filter((each) => !each.checked).map(nameOf));
    let count = 0;
    for (const each of groups) {
      let here = 0;
      for (const {row, classes} of each.rows) {
        const text = words.length ? each.name + "/" + row.textContent.toLowerCase() : "";
        row.hidden = !words.every((word) => text.includes(word));
        here += row.hidden || classes.some((each) => cleared.has(each)) ? 0 : 1;
      }
      each.group.hidden = !here;
      each.group.open = words.length ? here > 0 : each.open;
      count += here;
    }
    said.textContent = words.length ? count + " found" : "";
    nothing.hidden = count > 0;
  };

  // The fragment of the address contains the search and the cleared checkboxes.
  const save = () => {
    const hidden = boxes.filter((each) => !each.checked).map(nameOf);
    const state = new URLSearchParams();
    if (box.value) state.set("find", box.value);
    if (hidden.length) state.set("hide", hidden.join(","));
    try {
      history.replaceState(null, "", "#" + state);
    } catch {}
  };
  const load = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    if (!state.has("find") && !state.has("hide")) return;
    const hidden = (state.get("hide") || "").split(",");
    box.value = state.get("find") || "";
    for (const each of boxes) each.checked = !hidden.includes(nameOf(each));
    show();
  };

  const change = () => {
    show();
    save();
  };
  const reset = () => {
    box.value = "";
    for (const each of boxes) each.checked = true;
    change();
  };
  let timer;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(change, 150);
  });
  for (const each of [box, ...boxes]) each.addEventListener("change", change);
  document.getElementById("unfold").addEventListener("click", () => {
    const open = groups.some((each) => !each.group.open);
    for (const each of groups) each.group.open = each.open = open;
  });
  document.getElementById("reset").addEventListener("click", () => {
    reset();
    box.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && box.value) {
      box.value = "";
      change();
    } else if (event.key === "/" && !event.target.matches("input[type=search]")) {
      event.preventDefault();
      box.focus();
    }
  });
  addEventListener("hashchange", load);
  document.getElementById("find").hidden = false;
  load();
})();
"""
