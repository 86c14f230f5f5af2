// Any series over all runs: where it changed, and whether that is real.
import { badge, command, empty, field, fill, h, section, table, wordBadge } from "../dom.js";
import { axis, change, count, direction, short, time, value } from "../format.js";
import { plot } from "../plots.js";

export default { path: "trends", title: "Trends", key: "t", about: "any series over all runs", show };

async function show(page) {
  const { root } = page;
  const list = h("div", { class: "picklist", role: "group", "aria-label": "Series" });
  const body = h("div", { class: "stack" });
  let timer;
  const search = h("input", {
    type: "search", value: page.query.get("q") ?? "", placeholder: "memory.stream", autocomplete: "off", spellcheck: "false",
    input: () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        page.set({ q: search.value.trim() });
        names().catch(failed);
      }, 250);
    },
  });
  const branch = h("input", { type: "text", value: page.query.get("branch") ?? "", placeholder: "any", change: () => { page.set({ branch: branch.value.trim() }); series().catch(failed); } });
  const failed = (error) => error.name !== "AbortError" && fill(body, empty(error.message, error.hint ?? ""));
  fill(root, h("header", { class: "line" }, h("h1", {}, "Trends")), h("div", { class: "split" },
    h("aside", {}, h("form", { class: "filters", submit: (event) => event.preventDefault() }, field("Find a series", search), field("Branch", branch)), list), body));

  async function names() {
    const found = await page.get("/series", { q: page.query.get("q"), limit: 200 });
    const chosen = page.query.get("series");
    if (!found.items.length) {
      fill(list, h("p", { class: "quiet" }, page.query.get("q") ? "No series fits." : "No series yet."));
      if (!chosen) fill(body, page.query.get("q") ? empty("No series fits", "Take a word away.") : empty("There is no history yet", "Every stored run adds a point to each of its series. Begin with:", command("engine run scenarios/quick.rhai")));
      return null;
    }
    fill(list, found.total > found.items.length ? h("p", { class: "quiet" }, `${found.items.length} of ${found.total}`) : null, found.items.map((one) => h("button", {
      type: "button", class: "pick", "aria-pressed": String(one.selector === chosen), title: one.selector,
      click: (event) => {
        page.set({ series: one.selector, from: null, to: null });
        for (const other of list.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === event.currentTarget));
        series().catch(failed);
      },
    }, ...named(one))));
    return found.items[0].selector;
  }

  async function series() {
    const selector = page.query.get("series");
    if (!selector) return;
    const found = await page.get("/trend", { series: selector, branch: page.query.get("branch"), last: page.query.get("last") });
    for (const figure of body.querySelectorAll(".chart")) figure.release?.();
    if (!found.series.length) {
      fill(body, empty("This series has no point", "Tiny, unfinished and invalid runs are left out of history."));
      return;
    }
    fill(body, found.series.map((one) => trend(page, one)));
  }

  const first = await names();
  if (!page.query.get("series") && first) page.set({ series: first });
  if (list.querySelector("[aria-pressed=true]") === null) list.querySelector(`button[title="${CSS.escape(page.query.get("series") ?? "")}"]`)?.setAttribute("aria-pressed", "true");
  await series();
}

function trend(page, one) {
  const runs = one.runs.filter((run) => run.value !== null);
  const at = (index) => one.runs[index] && Date.parse(one.runs[index].started);
  const x = { title: "run started", unit: "", factor: 1, date: true };
  const values = runs.map((run) => run.value);
  const places = runs.map((run) => run.started);
  const bounded = runs.some((run) => run.low !== null && run.low !== undefined);
  const texts = runs.map((run) => `${time(run.started)}\u00a0 ${value(one.unit, run.value)}  ${run.commit ? run.commit.slice(0, 10) : ""}${run.dirty ? "+" : ""}`);
  const series = [{ name: one.metric, style: "both", x: places, y: values, texts, low: bounded ? runs.map((run) => run.low ?? null) : [], high: bounded ? runs.map((run) => run.high ?? null) : [] }];
  // The level between two changes: their median.
  const edges = [0, ...one.change_points.map((point) => point.index), one.runs.length];
  const level = [];
  for (let part = 0; part + 1 < edges.length; part += 1) {
    const some = one.runs.slice(edges[part], edges[part + 1]).filter((run) => run.value !== null);
    if (!some.length) continue;
    const sorted = some.map((run) => run.value).sort((a, b) => a - b);
    const middle = sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
    level.push([some[0].started, middle], [some.at(-1).started, middle], [some.at(-1).started, null]);
  }
  if (one.change_points.length) series.push({ name: "level", style: "line", x: level.map(([place]) => place), y: level.map(([, middle]) => middle), dash: "dash" });
  for (const baseline of one.baselines ?? []) {
    if (baseline.value !== null && baseline.value !== undefined && runs.length > 1) series.push({ name: `baseline ${baseline.name}`, style: "line", x: [places[0], places.at(-1)], y: [baseline.value, baseline.value], dash: "dot" });
  }
  const marked = (one.annotations ?? []).map((note) => ({ note, run: runs.find((run) => run.run === note.run) })).filter(({ run }) => run);
  if (marked.length) series.push({ name: "remark", style: "points", symbol: "star", x: marked.map(({ run }) => run.started), y: marked.map(({ run }) => run.value), texts: marked.map(({ note }) => note.text) });
  const [from, to] = [page.query.get("from"), page.query.get("to")];
  const chart = {
    id: `trend-${one.name}`, title: `${one.step}.${one.metric}${labels(one)}`, note: [one.machine, one.branch ? `branch ${one.branch}` : "all branches", count(one.n, "run")].filter(Boolean).join(" · "),
    x, y: { ...axis(one.metric, one.unit, one.goal, values), direction: direction(one.goal) }, series, from_zero: false,
    lines: one.change_points.map((point) => ({ x: new Date(at(point.index)).toISOString(), bad: point.direction === "worse" })),
    ...(from && to ? { range: [from, to] } : {}),
  };
  const figure = plot(chart, {
    height: 320, zoomed: (range) => page.set({ from: range?.[0] ?? null, to: range?.[1] ?? null }),
    clicked: (curve, point) => curve === 0 && runs[point] && page.go(`/runs/${runs[point].run}`),
  });
  const left = Object.entries(one.left_out ?? {}).filter(([, number]) => number > 0).map(([name, number]) => `${number} ${name}`);
  const rows = one.change_points.map((point) => [
    point.direction === "worse" ? wordBadge("worse") : point.direction === "better" ? wordBadge("better") : badge("none", "changed"), time(one.runs[point.index]?.started), h("b", {}, change(1 + (point.size ?? 0))), `${change(1 + (point.size_low ?? 0))} .. ${change(1 + (point.size_high ?? 0))}`, point.tier,
    side(point.last_old), side(point.first_new), point.remarks.join("; "),
  ]);
  return h("article", { class: "stack" }, figure, left.length ? h("p", { class: "quiet" }, `Left out of this history: ${left.join(", ")}.`) : null, one.apart?.length ? h("p", { class: "quiet" }, one.apart.join("; ")) : null,
    rows.length ? section("Where it changed", "", table([{ title: "Direction" }, { title: "At", class: "nb" }, { title: "Size", n: true }, { title: "95 % interval", n: true }, { title: "Sure" }, { title: "Last before" }, { title: "First after" }, { title: "Remarks", class: "why" }], rows, { label: "Changes" })) : h("p", { class: "quiet" }, one.n < 8 ? "Too few runs to look for changes." : "No change was found."));
}

/** `step.metric` with the scenario and the labels below it. */
function named(one) {
  const series = one.selector.startsWith(`${one.scenario}/`) ? one.selector.slice(one.scenario.length + 1) : one.selector;
  const at = series.indexOf("{");
  return [h("span", {}, at < 0 ? series : series.slice(0, at)), h("small", {}, [one.scenario, at < 0 ? "" : series.slice(at + 1, -1)].filter(Boolean).join(" · "))];
}

const labels = (one) => {
  const all = Object.entries(one.labels ?? {}).map(([key, text]) => `${key}=${text}`).join(", ");
  return all ? ` {${all}}` : "";
};

const side = (one) => (one ? h("span", {}, h("a", { href: `/runs/${one.run}` }, short(one.run)), one.commit ? h("small", { class: "under" }, one.commit.slice(0, 10)) : null) : "");
