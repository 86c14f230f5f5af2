// What runs when nobody watches: when it comes next, what came of it last, and why it did not come.
import { badge, command, empty, facts, field, fill, h, section, select, table, ticked, wordBadge } from "../dom.js";
import { ago, count, duration, share, short, time, until } from "../format.js";

export default { path: "schedules", title: "Schedules", key: "h", about: "what runs when nobody watches", show };

const PAGE = 50;
const LOOK = 15_000;

async function show(page) {
  const { root } = page;
  const said = h("p", { class: "quiet", role: "status" });
  const list = h("div", { class: "stack" });
  const past = h("div", {});
  fill(root, h("header", { class: "line" }, h("h1", {}, "Schedules")), said, list, past);
  const failed = (error) => error.name !== "AbortError" && fill(list, empty(error.message, error.hint ?? ""));

  async function load() {
    const found = await page.get("/schedules");
    if (!found.items.length) {
      fill(list, empty("There are no schedules yet", "A schedule measures while nobody watches, so that a change is seen the morning after. Three to begin with, or one of your own:", command("engine schedule defaults"), command("engine schedule add nightly '0 2 * * *' full"),
        found.followed ? "This server starts what is due." : "Something has to start what is due: `engine schedule run`, `engine schedule install`, or a server without `--no-schedules`."));
    } else {
      fill(list, h("p", { class: "quiet" }, ticked(found.followed ? "This server starts what is due, one run at a time, as long as it runs." : "This server does not start what is due: `engine schedule run` or `engine schedule install` does.")),
        found.items.map((one) => card(page, one, found, act)));
    }
    await history(found.items);
  }

  /** Does something, says what came of it, and shows how it is then. */
  async function act(what, told) {
    try {
      await what();
      said.textContent = told;
      await load();
    } catch (error) {
      if (error.name !== "AbortError") said.textContent = `${error.message}${error.hint ? `: ${error.hint}` : ""}`;
    }
  }

  let most = PAGE;
  async function history(schedules) {
    const wanted = page.query.get("schedule") ?? "";
    const found = await page.get("/occurrences", { schedule: wanted, limit: Math.min(most, 500) });
    if (!found.items.length && !wanted) {
      fill(past);
      return;
    }
    const names = [...new Set([...schedules.map((one) => one.name), ...found.items.map((one) => one.schedule), wanted].filter(Boolean))].sort();
    const again = () => history(schedules).catch(failed);
    const choose = select([["", "all"], ...names.map((name) => [name, name])], wanted, (name) => { page.set({ schedule: name }); most = PAGE; again(); });
    const rows = found.items.map((one) => [
      time(one.started), one.schedule, ending(one), one.cause, one.ended && one.ending !== "skipped" && one.ending !== "missed" ? duration((Date.parse(one.ended) - Date.parse(one.started)) / 1000) : "",
      one.exit ?? "", [one.times > 1 ? `${one.times} times: ` : "", one.reason].join(""), one.run ? h("a", { href: `/runs/${one.run}` }, short(one.run)) : "",
    ]);
    const more = found.next && most < 500 ? h("p", {}, h("button", { type: "button", click: () => { most = Math.min(500, most + 150); again(); } }, "More")) : null;
    fill(past, section("What came of them", `${count(found.total, "time")}, newest first`, h("form", { class: "filters", submit: (event) => event.preventDefault() }, field("Schedule", choose)),
      rows.length ? table([{ title: "Started", class: "nb" }, { title: "Schedule" }, { title: "Came" }, { title: "Because" }, { title: "Took", n: true }, { title: "Exit code", n: true }, { title: "Why", class: "why" }, { title: "Run" }], rows, { label: "What came of them", keep: "occurrences" })
        : h("p", { class: "quiet" }, "Nothing has come of this schedule yet."), more));
  }

  const look = () => document.hidden || root.contains(document.activeElement) && document.activeElement.matches("select") || load().catch(failed);
  page.on(page.live, "end", look);
  const timer = setInterval(look, LOOK);
  page.on(page.signal, "abort", () => clearInterval(timer));
  await load();
}

const KINDS = new Map(Object.entries({ running: "live", ran: "good", failed: "bad", "timed-out": "bad", skipped: "none", missed: "warn", lost: "bad" }));
const WORDS = new Map(Object.entries({ "timed-out": "took too long" }));

/** What came of a time. A run that came may still have found something: its exit code says so. */
function ending(one) {
  const found = one.ending === "ran" && one.exit ? "warn" : KINDS.get(one.ending) ?? "none";
  return badge(found, one.ending === "ran" && one.exit ? `ran, exit code ${one.exit}` : WORDS.get(one.ending) ?? one.ending);
}

function card(page, one, found, act) {
  const path = `/schedules/${encodeURIComponent(one.name)}`;
  const may = page.api.session.may_change;
  const [next, ...later] = one.next;
  const due = next && Date.parse(next.at) <= Date.now();
  const coming = !one.enabled ? "switched off" : one.error ? "never: it cannot be followed" : !next ? "never" : due ? `due since ${next.local}` : `${next.local}, ${until(next.at)}`;
  const conditions = [
    one.busy_ratio === null ? "" : `skipped where other work uses more than ${share(one.busy_ratio)} of the processors`, one.battery ? "skipped on battery" : "",
    one.jitter_seconds ? `put off by up to ${duration(one.jitter_seconds)}` : "", one.catch_up ? "one run makes up for missed times" : "missed times are not made up for",
    `ended after ${duration(one.limit_seconds)}`, one.missing_after_seconds ? `an alert after ${duration(one.missing_after_seconds)} without its run` : "", one.confirm ? "repeated at once when it raises an alert" : "",
  ].filter(Boolean);
  const { last } = one;
  return h("article", { class: "card", "data-id": one.name },
    h("header", { class: "line" }, one.error ? badge("bad", "cannot be followed") : one.enabled ? badge("good", "on") : badge("none", "off"), h("h2", {}, one.name), h("code", { class: "end quiet" }, `${one.cron}  ${one.zone}`)),
    one.error ? h("p", {}, ticked(one.error)) : null,
    facts([["Next", coming], ["Then", later.map((then) => then.local).join(" · ")],
      ["Last", last ? h("span", {}, ending(last), ` ${time(last.started)}, ${ago(last.started)} `, last.run ? h("a", { href: `/runs/${last.run}` }, short(last.run)) : null, last.reason ? h("span", { class: "quiet" }, ` ${last.reason}`) : null) : "has not run yet"],
      ["Runs", h("code", {}, [one.scenario === "baseline-review" ? "engine baseline review" : `engine run ${one.scenario}`, ...one.args].join(" "))], ["Rules", conditions.join("; ")]]),
    may ? h("div", { class: "acts" },
      h("button", { type: "button", click: () => act(() => page.api.post(`${path}/switch`, { enabled: !one.enabled }), `${one.name} is ${one.enabled ? "off" : "on"}.`) }, one.enabled ? "Switch off" : "Switch on"),
      h("button", { type: "button", disabled: !found.may_run, title: found.may_run ? "Whatever its pattern and conditions say" : found.why_not ?? "", click: () => act(() => page.api.post(`${path}/runs`, {}), `${one.name} is started.`) }, "Run now"),
      h("button", { type: "button", click: () => { page.set({ schedule: one.name }); page.go(location.pathname + location.search, { replace: true }); } }, "Its history"),
      found.may_run ? null : h("p", { class: "quiet" }, ticked(`To run it now, ${found.why_not ?? ""}.`)))
      : h("p", { class: "quiet" }, ticked(`To switch or run it, ${page.api.WHY_NOT}.`)));
}
