// What went wrong and who looks after it.
import { badge, empty, field, fill, h, select, table, ticked, wordBadge } from "../dom.js";
import { ago, count, short, time } from "../format.js";

export default { path: "alerts", title: "Alerts", key: "a", about: "what went wrong and who looks after it", show };

const STATES = ["open", "firing", "pending", "acknowledged", "silenced", "resolved", "all"];
const LENGTHS = [["3600", "an hour"], ["86400", "a day"], ["604800", "a week"], ["2592000", "30 days"]];

async function show(page) {
  const { root } = page;
  const list = h("div", { class: "stack" });
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": "State" });
  fill(root, h("header", { class: "line" }, h("h1", {}, "Alerts")), tabs, list);
  const failed = (error) => error.name !== "AbortError" && fill(list, empty(error.message, error.hint ?? ""));

  async function load() {
    const wanted = page.query.get("id");
    const state = page.query.get("state") ?? (wanted ? "all" : "open");
    const found = await page.get("/alerts", { state, limit: 200 });
    const open = ["pending", "firing", "acknowledged", "silenced"].reduce((sum, name) => sum + (found.counts[name] ?? 0), 0);
    fill(tabs, STATES.map((name) => {
      const number = name === "open" ? open : name === "all" ? null : found.counts[name] ?? 0;
      return h("button", { type: "button", "aria-pressed": String(name === state), click: () => { page.set({ state: name === "open" ? null : name, id: null }); load().catch(failed); } }, name, number === null ? null : h("small", {}, ` ${number}`));
    }));
    if (!found.items.length) {
      fill(list, state === "open" || state === "all" ? empty("No alerts", "An alert is raised when an expectation fails, a comparison is worse, a history changes, or the machine is beyond your limits. `engine alerts` lists them in the terminal.") : empty(`Nothing is ${state}`, h("p", {}, h("a", { href: "/alerts?state=all" }, "Show all alerts"))));
      return;
    }
    fill(list, found.items.map((alert) => card(page, alert, load, alert.id === wanted)));
    if (wanted) list.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  }

  page.on(page.live, "site", () => {
    // Not while somebody writes.
    if (!list.querySelector("details.act[open]")) load().catch(failed);
  });
  await load();
}

function card(page, alert, load, chosen) {
  const said = h("p", { class: "quiet", role: "status" });
  const may = page.api.session.may_change;
  const who = () => localStorage.getItem("who") ?? "";
  const act = (verb, title, about, extra = null) => {
    const name = h("input", { type: "text", required: true, maxlength: "100", value: who(), placeholder: "ann" });
    const why = h("input", { type: "text", required: true, maxlength: "500", placeholder: about });
    const form = h("form", { class: "filters", submit: async (event) => {
      event.preventDefault();
      localStorage.setItem("who", name.value);
      try {
        await page.api.post(`/alerts/${encodeURIComponent(alert.id)}/${verb}`, { who: name.value, why: why.value, ...(extra?.read() ?? {}) });
        event.target.closest("details").open = false;
        await load();
      } catch (error) {
        said.textContent = `${error.message}${error.hint ? `: ${error.hint}` : ""}`;
      }
    } }, field("Who", name), field("Why", why), extra ? field(extra.title, extra.control) : null, h("button", { type: "submit", class: "primary" }, title));
    return h("details", { class: "act", name: `act-${alert.id}` }, h("summary", { class: "button" }, title), form);
  };
  let seconds = "604800";
  let label = "true";
  const length = { title: "For", control: select(LENGTHS, seconds, (text) => { seconds = text; }), read: () => ({ seconds: Number(seconds) }) };
  const truth = { title: "It was", control: select([["true", "a true alarm"], ["false", "a false alarm"], ["ignored", "true, and does not matter"]], label, (text) => { label = text; }), read: () => ({ label }) };
  const open = alert.state !== "resolved";
  const steps = alert.steps.map((step) => [time(step.at), wordBadge(step.state), step.who ?? "", step.why ?? "", step.run ? h("a", { href: `/runs/${step.run}` }, short(step.run)) : ""]);
  return h("article", { class: `card pick${chosen ? " chosen" : ""}`, "data-id": alert.id },
    h("header", { class: "line" }, wordBadge(alert.state), badge("none", alert.rule), h("h2", {}, alert.subject), h("small", { class: "end" }, `updated ${ago(alert.updated)}`)),
    h("p", {}, ticked(alert.summary)),
    h("p", { class: "quiet" }, [`raised ${time(alert.raised)}`, count(alert.times, "time"), alert.scenario, alert.branch ? `branch ${alert.branch}` : "", alert.until ? `silent until ${time(alert.until)}` : "", alert.label ? `labelled ${alert.label}` : ""].filter(Boolean).join(" · ")),
    h("p", { class: "row" }, h("a", { href: `/runs/${alert.last_run}` }, "Last run"), alert.first_run === alert.last_run ? null : h("a", { href: `/runs/${alert.first_run}` }, "First run"),
      alert.first_run === alert.last_run ? null : h("a", { href: `/compare?${new URLSearchParams({ old: alert.began ?? alert.first_run, new: alert.last_run })}` }, "Compare them"), alert.rule === "change-point" || alert.rule === "verdict" ? h("a", { href: `/trends?${new URLSearchParams({ series: `${alert.scenario}/${alert.subject}` })}` }, "Its trend") : null),
    may ? h("div", { class: "acts" }, open ? [act("acknowledge", "Acknowledge", "I look after it"), act("silence", "Silence", "known, until the next release", length), act("resolve", "Resolve", "mended by 1a2b3c4d")] : null, act("label", "Label", "what it was", truth))
      : h("p", { class: "quiet" }, ticked(`To acknowledge or silence it, ${page.api.WHY_NOT}.`)),
    said, h("details", {}, h("summary", {}, `History: ${count(steps.length, "step")}`), table([{ title: "At", class: "nb" }, { title: "State" }, { title: "Who" }, { title: "Why", class: "why" }, { title: "Run" }], steps, { label: "History" })));
}
