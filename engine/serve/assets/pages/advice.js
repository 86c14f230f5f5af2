// What to do about it: the findings of a run by their priority.
import { chooser } from "../choose.js";
import { command, empty, field, fill, h } from "../dom.js";
import { adviceOf, around, findingCard, levelOf } from "../findings.js";

export default { path: "advice", title: "Advice", key: "d", about: "what to do about it", show };

const ORDER = ["critical", "high", "medium", "low"];

async function show(page) {
  const { root } = page;
  const run = page.query.get("run") ?? "@last";
  const pick = await chooser(page, run, (id) => page.go(`/advice?run=${encodeURIComponent(id)}`));
  const body = h("div", { class: "stack" });
  fill(root, h("header", { class: "line" }, h("h1", {}, "Advice")), h("form", { class: "filters", submit: (event) => event.preventDefault() }, field("Run", pick)), body);
  let found;
  try {
    found = await page.get("/advice", { run });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error.code === "unknown_run") fill(body, empty("There is no run to advise on", "Measure the machine first:", command("engine run scenarios/optimization.rhai")));
    else fill(body, empty(error.message, error.hint ?? "The analysis of a run is on its page, under Findings."));
    return;
  }
  const advice = adviceOf(found.findings);
  if (!advice.findings.length) {
    fill(body, empty("Nothing stands out", "No rule found a bottleneck in this run. A longer look at the machine:", command("engine run scenarios/optimization.rhai")), around(advice));
    return;
  }
  // The server's order within a level is that of urgency.
  const rank = (finding) => ORDER.indexOf(levelOf(finding)) + 1 || ORDER.length + 1;
  fill(body, [...advice.findings].sort((a, b) => rank(a) - rank(b)).map(findingCard), around(advice), h("p", {}, h("a", { href: `/runs/${found.run}` }, "To the run")));
}
