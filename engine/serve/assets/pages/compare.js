// Two runs, or several old ones and a new one, side by side: is it real?
import { chooser } from "../choose.js";
import { curveCharts, loadCharts, overlay } from "../curves.js";
import { badge, command, empty, facts, field, fill, h, section, strip, table, verdict, wordBadge } from "../dom.js";
import { change, direction, estimate, share, short, time } from "../format.js";
import { board } from "../plots.js";

export default { path: "compare", title: "Compare", key: "c", about: "is the difference real?", show };

const ORDER = ["worse", "inconclusive", "better", "equivalent"];
const KIND = new Map(Object.entries({ worse: "bad", better: "good", equivalent: "none", inconclusive: "warn" }));

async function show(page) {
  const { root } = page;
  const query = (name) => page.query.get(name) ?? "";
  const again = (changes) => {
    page.set(changes);
    page.go(location.pathname + location.search, { replace: true });
  };
  const [old, fresh] = await Promise.all([chooser(page, query("old"), (id) => again({ old: id })), chooser(page, query("new"), (id) => again({ new: id }))]);
  const effect = h("input", { type: "number", min: "0", max: "100", step: "0.5", value: query("min_effect") ? String(Number(query("min_effect")) * 100) : "", placeholder: "as set", change: (event) => again({ min_effect: event.target.value === "" ? null : String(Number(event.target.value) / 100) }) });
  const unlike = h("input", { type: "checkbox", checked: query("allow_unlike") === "true", change: (event) => again({ allow_unlike: event.target.checked ? "true" : null }) });
  const body = h("div", { class: "stack" });
  fill(root, h("header", { class: "line" }, h("h1", {}, "Compare")), h("form", { class: "filters", submit: (event) => event.preventDefault() },
    field("Old", old), field("New", fresh), h("button", { type: "button", title: "Old becomes new", click: () => again({ old: query("new"), new: query("old") }) }, "Swap"), field("Counts from, %", effect), h("label", { class: "field inline" }, unlike, h("span", {}, "also unlike machines"))), body);
  if (!query("old") || !query("new")) {
    fill(body, empty("Choose two runs", "The old one is what the new one is held against. On the page of runs, tick two. In the terminal:", command("engine compare @-2 @last")));
    return;
  }
  let found;
  try {
    found = await page.get("/compare", { old: query("old"), new: query("new"), min_effect: query("min_effect"), allow_unlike: query("allow_unlike") });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    fill(body, empty(error.message, error.hint ?? ""));
    return;
  }
  paint(page, body, found);
  await overlays(page, body.querySelector(".both"), found);
}

function paint(page, body, found) {
  const counts = ORDER.map((name) => [name, found.series.filter((one) => one.verdict === name).length]).filter(([, number]) => number);
  const tally = counts.map(([name, number]) => `${number} ${name}`).join(", ");
  const [kind, word] = found.refused ? ["warn", "Refused"] : found.verdict === null || found.verdict === undefined ? ["none", "Nothing to compare"] : [found.verdict === "equivalent" ? "good" : KIND.get(found.verdict), found.verdict[0].toUpperCase() + found.verdict.slice(1)];
  const side = (one) => h("span", {}, h("a", { href: `/runs/${one.run}` }, short(one.run)), one.others?.length ? ` and ${one.others.length} before` : "", ` · ${one.scenario} · ${time(one.started)} · ${one.code ?? "no commit"} · ${one.machine}`);
  const unlike = found.differences.filter((one) => one.unlike).length;
  const ends = found.series.filter((one) => one.change).flatMap((one) => (one.change.interval ? [one.change.interval.low, one.change.interval.high] : [one.change.ratio])).filter((ratio) => Number.isFinite(ratio)).map((ratio) => Math.abs(ratio - 1)).sort((a, b) => a - b);
  const reach = Math.min(2, Math.max(3 * found.threshold_ratio, ends[Math.floor(ends.length * 0.9)] ?? 0.1));
  const size = (one) => Math.abs(Math.log(one.change?.ratio ?? 1));
  const rows = [...found.series].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict) || size(b) - size(a)).map((one) => ({
    id: one.series,
    cells: [h("td", {}, wordBadge(one.verdict)), h("th", { scope: "row" }, h("a", { href: `/trends?${new URLSearchParams({ series: `${found.new.scenario}/${one.series}` })}` }, one.series), h("small", { class: "under" }, direction(one.goal))),
      estimate(one.unit, one.old), estimate(one.unit, one.new), h("b", {}, change(one.change?.ratio)), one.change?.interval ? `${change(one.change.interval.low)} .. ${change(one.change.interval.high)}` : "too few",
      strip(one.change, found.threshold_ratio, reach, KIND.get(one.verdict)), [one.reason, one.rounds_needed ? `about ${one.rounds_needed} rounds a side would decide` : ""].filter(Boolean).join("; ")],
  }));
  fill(body,
    verdict(kind, word, tally || "The runs have no series in common.", [`A change of more than ${share(found.threshold_ratio)} counts.`, ...(unlike ? [`The environments are unlike in ${unlike} respects: see below.`] : [])]),
    facts([["Old", side(found.old)], ["New", side(found.new)]]),
    found.refusals.length ? section("Not compared", "", table([{ title: "What" }, { title: "Why", class: "why" }, { title: "Remedy", class: "why" }], found.refusals.map((one) => [one.subject ?? "all of it", one.reason, one.remedy]), { label: "Not compared" })) : null,
    rows.length ? section("Changes", "the worst first", long([{ title: "Verdict" }, { title: "Series" }, { title: "Old", n: true }, { title: "New", n: true }, { title: "Change", n: true }, { title: "95 % interval", n: true }, { title: `−${share(reach)} .. +${share(reach)}` }, { title: "Why", class: "why" }], rows, { label: "Changes", keep: "changes" })) : null,
    h("section", { class: "both", hidden: true }, h("h2", {}, found.old.others?.length ? "The runs" : "Both runs", h("small", {}, " each from its own start"))),
    only("old", found.only_old), only("new", found.only_new),
    found.differences.length ? section("Environments differ", "", table([{ title: "Field" }, { title: "Old" }, { title: "New" }, { title: "" }], found.differences.map((one) => [h("code", {}, one.field), one.old, one.new, one.unlike ? badge("warn", "unlike") : ""]), { label: "Environments differ" })) : h("p", { class: "quiet" }, "The environments are alike."));
}

/** What only one side has; many names are folded away. */
function only(word, names) {
  if (!names.length) return null;
  const list = h("p", {}, names.join(", "));
  return names.length <= 6 ? h("p", {}, `Only in the ${word} run: ${names.join(", ")}`) : h("details", {}, h("summary", {}, `Only in the ${word} run: ${names.length} series`), list);
}

/** A long table shows its first rows, and all on demand. */
function long(columns, rows, options) {
  const most = 30;
  if (rows.length <= most + 5) return table(columns, rows, options);
  const place = h("div", { class: "stack" });
  fill(place, table(columns, rows.slice(0, most), options), h("p", {}, h("button", { type: "button", click: () => fill(place, table(columns, rows, options)) }, `Show all ${rows.length}`)));
  return place;
}

/** Old runs whose course is drawn: the newest of them. */
const DRAWN = 3;

async function overlays(page, place, found) {
  const of = async (id) => {
    const path = `/runs/${encodeURIComponent(id)}`;
    const [timeline, curves] = await Promise.all([page.get(`${path}/timeline`), page.get(`${path}/curves`)]);
    return { loads: timeline.loads.flatMap((load) => loadCharts(load, timeline.marks, timeline.heat_bounds_seconds, "compare")), curves: curves.curves };
  };
  const ids = [found.old.run, ...(found.old.others ?? [])].slice(0, DRAWN).reverse();
  const name = (number) => (ids.length === 1 ? "old" : `old ${number + 1}`);
  const [fresh, ...olds] = await Promise.all([found.new.run, ...ids].map(of));
  const loads = fresh.loads.map((chart) => overlay(olds.flatMap((old, number) => old.loads.filter((one) => one.title === chart.title).slice(0, 1).map((one) => ({ name: name(number), chart: one }))), chart));
  const key = (curve) => JSON.stringify([curve.step, curve.metric, curve.x, curve.rest]);
  const both = fresh.curves.flatMap((curve) => {
    const before = olds.flatMap((old, number) => old.curves.filter((one) => key(one) === key(curve)).slice(0, 1).map((one) => ({ ...one, side: name(number) })));
    return before.length ? [...before, { ...curve, side: "new" }] : [];
  });
  const charts = [...loads.filter(Boolean), ...curveCharts(both)];
  if (!charts.length || !place) return;
  const all = board();
  place.append(all);
  place.hidden = false;
  all.show(charts);
}
