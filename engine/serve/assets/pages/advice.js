// What to do about it: the findings of a run by their priority.
import { badge, command, empty, field, fill, h, section } from "../dom.js";
import { value } from "../format.js";
import { chooser } from "../choose.js";

export default { path: "advice", title: "Advice", key: "d", about: "what to do about it", show };

async function show(page) {
  const { root } = page;
  const run = page.query.get("run") ?? "@last";
  const pick = await chooser(page, run, (id) => page.go(`/advice?run=${encodeURIComponent(id)}`));
  const head = h("header", { class: "line" }, h("h1", {}, "Advice"));
  const body = h("div", { class: "stack" });
  fill(root, head, h("form", { class: "filters", submit: (event) => event.preventDefault() }, field("Run", pick)), body);
  let found;
  try {
    found = await page.get("/advice", { run });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error.code === "unknown_run") fill(body, empty("There is no run to advise on", "Measure the machine first:", command("engine run scenarios/optimization.rhai")));
    else fill(body, empty(error.message, error.hint ?? "The analysis of a run is on its page, under Findings."));
    return;
  }
  if (!found.findings.length) {
    fill(body, empty("Nothing stands out", "No rule found a bottleneck in this run. A longer look at the machine:", command("engine run scenarios/optimization.rhai")));
    return;
  }
  const kinds = new Map(Object.entries({ critical: "bad", high: "bad", warning: "warn", medium: "warn", low: "none", info: "none" }));
  fill(body, [...found.findings].sort((a, b) => a.priority - b.priority).map((finding) => h("article", { class: "card" },
    h("header", { class: "line" }, badge(kinds.get(finding.severity) ?? "none", finding.severity ?? `priority ${finding.priority}`), h("h2", {}, finding.title), h("code", { class: "end quiet" }, finding.id)),
    finding.gain ? h("p", {}, h("b", {}, "Gain "), finding.gain.text ?? `${finding.gain.low} .. ${finding.gain.high}`) : null,
    finding.evidence?.length ? section("Evidence", "", h("ul", {}, finding.evidence.map((one) => h("li", {}, one.text, one.value !== null && one.value !== undefined ? h("b", {}, ` ${value(one.unit ?? "1", one.value)}`) : null, one.series ? h("small", {}, ` ${one.series}`) : null)))) : null,
    finding.steps?.length ? section("What to do", "", h("ol", {}, finding.steps.map((step) => h("li", {}, step)))) : null,
    finding.sources?.length ? h("p", { class: "quiet" }, `Sources: ${finding.sources.join("; ")}`) : null)), h("p", {}, h("a", { href: `/runs/${found.run}` }, "To the run")));
}
