"""``SCRIPT``: the script of the plan's HTML page, which adds a search to the page."""

from __future__ import annotations

SCRIPT = """
(() => {
  const find = document.getElementById("find");
  const box = document.getElementById("search");
  if (!box) return;
  const said = document.getElementById("matches");
  const groups = [...document.querySelectorAll("#machines details")].map((group) => ({
    group,
    open: group.open,
    name: group.querySelector("h3").textContent.toLowerCase(),
    rows: [...group.querySelectorAll("tbody tr")],
  }));
  const search = () => {
    const words = box.value.toLowerCase().split(" ").filter(Boolean);
    let count = 0;
    for (const each of groups) {
      let here = 0;
      for (const row of each.rows) {
        const text = each.name + " " + (words.length ? row.textContent.toLowerCase() : "");
        row.hidden = !words.every((word) => text.includes(word));
        here += row.hidden ? 0 : 1;
      }
      each.group.hidden = !here;
      each.group.open = words.length ? here > 0 : each.open;
      count += here;
    }
    said.textContent = words.length ? count + " found" : "";
  };
  let timer;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
  document.getElementById("unfold").addEventListener("click", () => {
    const open = groups.some((each) => !each.group.open);
    for (const each of groups) each.group.open = each.open = open;
  });
  find.hidden = false;
})();
"""
