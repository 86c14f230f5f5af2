// The frame: pages, addresses, keys, theme, connection, alerts.
import * as api from "./api.js";
import { badge, empty, fill, h } from "./dom.js";
import { count } from "./format.js";
import { Live } from "./live.js";
import { pages } from "./pages/index.js";
import { expandAny, release, repaint } from "./plots.js";

const live = new Live();
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const status = document.getElementById("status");
let current = null;

/** Goes to an address without loading the page anew. */
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  open();
}

/** What a page is given. */
function context(page, argument) {
  const leaving = new AbortController();
  return {
    root: h("div", { class: "page" }), argument, live, api, go, signal: leaving.signal, leaving,
    query: new URLSearchParams(location.search),
    /** Keeps the state of the page in its address. */
    set(changes) {
      const query = new URLSearchParams(location.search);
      for (const [key, value] of Object.entries(changes)) {
        if (value === null || value === undefined || value === "") query.delete(key);
        else query.set(key, value);
      }
      const text = query.toString();
      history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
      this.query = query;
    },
    /** Listens until the page is left. */
    on(target, name, action) {
      target.addEventListener(name, action, { signal: leaving.signal });
    },
    title(text) {
      page.shown = text;
      retitle();
    },
    /** `await` of a request; a page that was left meanwhile stops here. */
    async get(path, query) {
      const found = await api.get(path, query, leaving.signal);
      leaving.signal.throwIfAborted();
      return found;
    },
  };
}

async function open() {
  const [name = "", ...rest] = location.pathname.split("/").filter(Boolean);
  const page = pages.find((one) => one.path === name) ?? (name === "" ? pages[0] : null);
  if (current) {
    current.leaving.abort();
    release(current.root);
  }
  document.body.classList.remove("covered");
  for (const link of nav.querySelectorAll("a")) {
    if (link.dataset.path === page?.path) {
      link.setAttribute("aria-current", "page");
      // On a phone the menu is wider than the window.
      nav.scrollTo({ left: link.offsetLeft - nav.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2 });
    } else link.removeAttribute("aria-current");
  }
  if (!page) {
    current = null;
    fill(main, empty("There is no such page", h("p", {}, h("a", { href: "/now" }, "To the live view"))));
    return;
  }
  page.shown = page.title;
  const here = context(page, rest.length ? decodeURIComponent(rest.join("/")) : null);
  current = Object.assign(here, { page });
  here.root.classList.add(`page-${page.path}`);
  fill(main, here.root);
  retitle();
  window.scrollTo(0, 0);
  try {
    await page.show(here);
  } catch (error) {
    if (error.name === "AbortError" || here.signal.aborted) return;
    if (error.status === undefined) console.error(error);
    fill(here.root, empty(error.message, ...(error.hint ? [error.hint] : []), h("p", {}, h("button", { type: "button", click: () => open() }, "Try again"))));
  }
}

/* The tab: title and icon say how many alerts are open. */
function retitle() {
  const { firing = 0, pending = 0 } = live.site.alerts ?? {};
  const alerts = firing + pending;
  const run = live.run?.state === "running" ? `${Math.round((live.run.progress ?? 0) * 100)} % · ` : "";
  document.title = `${alerts ? `(${alerts}) ` : ""}${current?.page.path === "now" ? run : ""}${current?.page.shown ?? "engine"} · engine`;
  const badgeOfNav = nav.querySelector(".count");
  if (badgeOfNav) {
    badgeOfNav.textContent = alerts ? String(alerts) : "";
    badgeOfNav.hidden = !alerts;
    badgeOfNav.setAttribute("aria-label", count(alerts, "open alert"));
  }
  const dot = alerts ? "<circle cx='25' cy='7' r='7' fill='#d93a2b' stroke='#fff' stroke-width='1.5'/>" : "";
  const icon = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='7' fill='#0b5cad'/><path d='M7 22l5-8 5 4 8-11' fill='none' stroke='#fff' stroke-width='3' stroke-linecap='round' stroke-linejoin='round'/>${dot}</svg>`;
  const link = document.querySelector("link[rel=icon]");
  const address = alerts ? `data:image/svg+xml,${encodeURIComponent(icon)}` : "/favicon.svg";
  if (link.getAttribute("href") !== address) link.setAttribute("href", address);
}

/* Alerts that were not there when the page was opened show themselves once. */
const known = new Set();
let firstSite = true;
function alerts() {
  const toasts = document.getElementById("toasts");
  for (const alert of live.site.newest ?? []) {
    if (known.has(alert.id)) continue;
    known.add(alert.id);
    if (firstSite) continue;
    const toast = h("div", { class: "toast" },
      h("p", {}, badge(alert.state === "firing" ? "bad" : "warn", alert.state), " ", h("b", {}, alert.subject)), h("p", {}, alert.summary),
      h("p", { class: "row" }, h("a", { href: `/alerts?id=${encodeURIComponent(alert.id)}` }, "Look at it"), h("button", { type: "button", click: () => toast.remove() }, "Dismiss")));
    toasts.append(toast);
    setTimeout(() => toast.matches(":hover, :focus-within") || toast.remove(), 20_000);
  }
  firstSite = false;
  retitle();
}

/* The connection, in a word. */
function connection() {
  const running = live.run?.state === "running";
  const words = {
    connecting: ["none", "connecting"], reconnecting: ["warn", live.lastAt ? `reconnecting, ${Math.round(live.age())} s old` : "no connection"],
    stale: ["warn", `stale, ${Math.round(live.age())} s old`],
    live: live.frozen ? ["warn", "frozen"] : running ? ["live", `live · ${live.run.scenario}`] : ["good", "connected"],
  };
  const [kind, word] = words[live.state];
  const fresh = badge(kind, word);
  if (status.textContent !== fresh.textContent) {
    status.className = fresh.className;
    fill(status, ...fresh.childNodes);
  }
  document.body.classList.toggle("stale", live.state === "stale" || live.state === "reconnecting");
}

function theme(change = false) {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  let wanted = localStorage.getItem("theme");
  if (change) {
    const now = root.dataset.theme ?? (dark ? "dark" : "light");
    wanted = now === "dark" ? "light" : "dark";
    if ((wanted === "dark") === dark) wanted = null;
    if (wanted) localStorage.setItem("theme", wanted);
    else localStorage.removeItem("theme");
  }
  if (wanted) root.dataset.theme = wanted;
  else delete root.dataset.theme;
  if (change && window.Plotly) repaint();
}

/* Keys. */
const KEYS = [
  ["?", "these keys"], ["g then a letter", "to a page: the letter is underlined"], ["/", "to the filter of the page"],
  ["j, k", "down and up a list"], ["Enter", "open what is chosen"], ["t", "dark or light"], ["p or f", "freeze the live view, and go on"],
  ["e", "a chart over the whole window, and back"], ["Tab", "from control to control; a chart is one"],
  ["← → + − 0", "on a chart: move, zoom, show all"], ["Esc", "close; leave a field"],
];
const dialog = h("dialog", { class: "keys", "aria-labelledby": "keys-title" });
function help() {
  if (dialog.open) {
    dialog.close();
    return;
  }
  const rows = [...KEYS, ...pages.filter((page) => page.key).map((page) => [`g ${page.key}`, page.title])];
  fill(dialog, h("h2", { id: "keys-title" }, "Keys"), h("dl", {}, rows.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)))),
    h("p", { class: "row" }, h("button", { type: "button", click: () => dialog.close() }, "Close")));
  dialog.showModal();
}

let waiting = -Infinity;
function key(event) {
  const typing = event.target.matches?.("input, textarea, select");
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (document.querySelector(".chart.wide")) expandAny();
    document.querySelector(".toast")?.remove();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || dialog.open && event.key !== "?") return;
  // By when they were pressed: a page that is busy meanwhile takes no letter for a key of its own.
  if (event.timeStamp - waiting < 1500) {
    waiting = -Infinity;
    const page = pages.find((one) => one.key === event.key);
    if (page) {
      go(`/${page.path}`);
      main.focus();
      event.preventDefault();
      return;
    }
  }
  const actions = {
    "?": help, g: () => { waiting = event.timeStamp; }, t: () => theme(true), p: () => live.freeze(!live.frozen), f: () => live.freeze(!live.frozen), e: expandAny,
    "/": () => main.querySelector("[type=search]")?.focus(), j: () => move(1), k: () => move(-1),
  };
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
  if (event.key === "Enter" && event.target.dataset?.href) go(event.target.dataset.href);
  else if (action) action();
  else return;
  event.preventDefault();
}

/** Moves the focus along the rows of a list. */
function move(by) {
  const rows = [...main.querySelectorAll("tr.go, .pick")];
  if (!rows.length) return;
  const now = rows.indexOf(document.activeElement);
  const next = rows[now < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, now + by))];
  next.tabIndex = 0;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0 && !link.hasAttribute("download") && !link.getAttribute("href").startsWith("/api/")) {
    event.preventDefault();
    go(link.getAttribute("href"));
    return;
  }
  const row = event.target.closest("tr.go");
  if (row && !event.target.closest("a, button, input, select, summary") && !String(getSelection())) go(row.dataset.href);
});

async function start() {
  theme();
  for (const page of pages.filter((one) => one.key)) {
    const at = page.title.toLowerCase().indexOf(page.key);
    const text = at < 0 ? page.title : [page.title.slice(0, at), h("u", {}, page.title[at]), page.title.slice(at + 1)];
    nav.append(h("a", { href: `/${page.path}`, "data-path": page.path, title: `${page.about} (g ${page.key})` }, text, page.path === "alerts" ? h("span", { class: "count", hidden: true }) : null));
  }
  document.body.append(dialog);
  document.getElementById("theme").addEventListener("click", () => theme(true));
  document.getElementById("keys").addEventListener("click", help);
  document.addEventListener("keydown", key);
  window.addEventListener("popstate", open);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.Plotly && repaint());
  live.addEventListener("site", alerts);
  live.addEventListener("status", connection);
  live.addEventListener("live", () => { connection(); retitle(); });
  await api.begin();
  live.start();
  window.engineLive = live;
  await open();
}

start();
