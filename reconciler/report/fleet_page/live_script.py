"""``LIVE_SCRIPT``: the JavaScript that updates the status pages and moves the keyboard focus.

Without JavaScript, the pages show the state at the time of the request, and all links and the
filter still work. The script opens one connection per visible page, and closes it while the tab is
hidden. It reloads the page after an interruption, or if an update does not contain the changed
content.
"""

from __future__ import annotations

LIVE_SCRIPT = """
(() => {
  const data = document.body.dataset;
  const live = document.getElementById("live");
  const news = document.getElementById("news");
  const peek = document.getElementById("peek");
  const form = document.getElementById("filter");
  let since = data.since, source, retry, failures = 0, received = 0;
  let cells = new Map(), links = [];

  const show = (name, words) => {
    live.className = name;
    live.textContent = words;
    live.hidden = false;
  };

  // Replaces one part of the page; focus and unfolded details stay as they are.
  const put = (fresh) => {
    const old = document.querySelector("[data-part=" + fresh.dataset.part + "]");
    if (!old || old.outerHTML === fresh.outerHTML) return;
    const at = old.contains(document.activeElement) && document.activeElement;
    const open = [...old.querySelectorAll("details")].map((each) => each.open);
    old.replaceWith(fresh);
    [...fresh.querySelectorAll("details")].forEach((each, n) => {
      if (n < open.length) each.open = open[n];
    });
    if (fresh.id === "grid") index();
    if (fresh.dataset.part === "status") {
      document.title = fresh.querySelector("h1").textContent + " - memory reconciler";
    }
    if (!at) return;
    const href = at.getAttribute("href");
    const same = [...fresh.querySelectorAll("a")].find((a) => a.getAttribute("href") === href);
    if (same) select(same, true);
  };

  // The server escapes all text in its HTML; the policy of the page permits only this parser.
  const trusted = window.trustedTypes
    ? trustedTypes.createPolicy("live-page", {createHTML: (text) => text})
    : {createHTML: (text) => text};
  const parse = (text) =>
    new DOMParser().parseFromString(trusted.createHTML(text), "text/html");

  // Requests the page again; requests are at least five seconds apart.
  let wanted, loading, last = 0;
  const later = (wait = Math.max(200, last + 5000 - Date.now())) => {
    clearTimeout(wanted);
    wanted = setTimeout(load, wait);
  };
  const load = async (spoken) => {
    if (loading) return later();
    loading = true;
    last = Date.now();
    const before = received;
    try {
      const answer = await fetch(location.href.split("#")[0], {cache: "no-store"});
      if (answer.status === 404) return location.reload();
      if (!answer.ok) throw new Error(answer.status);
      const found = parse(await answer.text());
      for (const each of found.querySelectorAll("[data-part]")) put(document.adoptNode(each));
      if (spoken) say(document.querySelector(".found")?.textContent);
    } catch {
      later(10000);
    } finally {
      loading = false;
    }
    // The answer may be older than an event that arrived meanwhile.
    if (received !== before) later();
  };
  const say = (words) => {
    if (words) news.textContent = words;
  };

  // Applies an update, or requests the page if the update does not contain enough.
  const change = ({data: text, lastEventId}) => {
    const {cells: changed = [], parts = [], say: words, all} = JSON.parse(text);
    if (lastEventId) since = lastEventId;
    received++;
    say(words);
    if (data.page === "vm") {
      if (all || changed.some(([key]) => key === data.vm)) later();
      return;
    }
    if (all || location.search || !changed.every(paint)) return later();
    for (const each of parts) put(document.adoptNode(parse(each).body.firstElementChild));
  };
  const paint = ([key, name, title]) => {
    if (name === undefined) return true;
    const cell = cells.get(key);
    if (!cell) return false;
    cell.className = name;
    cell.title = title;
    return true;
  };

  // Keeps one connection open while the page is visible.
  const connect = () => {
    clearTimeout(retry);
    if (source || document.hidden) return;
    source = new EventSource(data.root + "events?since=" + encodeURIComponent(since));
    source.addEventListener("open", () => {
      failures = 0;
      show("on", "Live");
    });
    source.addEventListener("change", change);
    source.addEventListener("error", () => {
      show("off", "Connection lost, trying again");
      if (source && source.readyState === EventSource.CLOSED) {
        source = undefined;
        const wait = Math.min(60000, 1000 * 2 ** failures++) * (0.5 + Math.random() / 2);
        retry = setTimeout(connect, wait);
      }
    });
  };
  const pause = () => {
    clearTimeout(retry);
    if (source) source.close();
    source = undefined;
    show("off", "Paused");
  };
  document.addEventListener("visibilitychange", () => document.hidden ? pause() : connect());
  addEventListener("pagehide", pause);
  addEventListener("pageshow", connect);

  // Only one cell is in the tab order; the arrow keys move between cells.
  const index = () => {
    links = [...document.querySelectorAll("a.cell")];
    cells = new Map(links.map((each) => [each.getAttribute("href"), each]));
    for (const each of links) each.tabIndex = -1;
    if (links[0]) links[0].tabIndex = 0;
  };
  const select = (link, focus) => {
    if (cells.size && link.matches("a.cell")) {
      for (const each of document.querySelectorAll("a.cell[tabindex='0']")) each.tabIndex = -1;
      link.tabIndex = 0;
    }
    if (focus) link.focus({preventScroll: true});
  };
  const beside = (link, step) => links[links.indexOf(link) + step];
  const below = (link, step) => {
    const from = link.getBoundingClientRect();
    let best, distance, row;
    for (let next = beside(link, step); next; next = beside(next, step)) {
      const {top, left} = next.getBoundingClientRect();
      if (Math.abs(top - from.top) < 4) continue;
      if (row !== undefined && Math.abs(top - row) > 4) break;
      row = top;
      if (best && Math.abs(left - from.left) >= distance) continue;
      best = next;
      distance = Math.abs(left - from.left);
    }
    return best;
  };
  const moves = {
    ArrowRight: (link) => beside(link, 1),
    ArrowLeft: (link) => beside(link, -1),
    ArrowDown: (link) => below(link, 1),
    ArrowUp: (link) => below(link, -1),
    Home: (link) => link.parentNode.firstElementChild,
    End: (link) => link.parentNode.lastElementChild,
  };
  document.addEventListener("keydown", (event) => {
    const {key, target} = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "/" && form && !target.matches("input, select")) {
      event.preventDefault();
      form.elements.q.focus();
    }
    if (!moves[key] || !target.matches("a.cell")) return;
    event.preventDefault();
    const next = moves[key](target);
    if (!next) return;
    select(next, true);
    next.scrollIntoView({block: "nearest"});
  });
  const look = ({target}) => {
    const cell = peek && target.closest && target.closest("a.cell");
    if (!cell) return;
    peek.textContent = cell.title;
    select(cell, false);
  };
  document.addEventListener("focusin", look);
  document.addEventListener("pointerover", look);
  const hide = ({target}) => {
    if (peek && target.matches?.("a.cell")) peek.textContent = "";
  };
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerout", hide);

  // The filter applies while the user types, and stays in the address.
  if (form) {
    let typing;
    const apply = () => {
      const given = [...new FormData(form)].filter(
        ([name, value]) => value && !(name === "group" && value === "namespace"));
      const query = new URLSearchParams(given).toString();
      history.replaceState(null, "", query ? "?" + query : location.pathname);
      document.getElementById("clear").hidden = !query;
      load(true);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(typing);
      apply();
    });
    form.addEventListener("change", (event) => event.target.type !== "search" && apply());
    form.elements.q.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(apply, 300);
    });
  }
  index();
  connect();
})();
"""
