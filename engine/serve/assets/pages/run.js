// Everything of one run.
import { curveCharts, distributionChart, hostCharts, laneChart, loadCharts, roundCharts } from "../curves.js";
import { badge, facts, field, fill, h, section, table, ticked, verdict, wordBadge } from "../dom.js";
import { adviceOf, findingCard, levelOf } from "../findings.js";
import { ago, arrow, count, direction, duration, estimate, interval, range, share, time, value } from "../format.js";
import { board } from "../plots.js";

export default { path: "run", title: "Run", key: null, about: "one run", show };

async function show(page) {
  const id = page.argument;
  const path = `/runs/${encodeURIComponent(id)}`;
  const [detail, timeline, curves] = await Promise.all([page.get(path), page.get(`${path}/timeline`), page.get(`${path}/curves`)]);
  const { run, report } = detail;
  page.title(run.scenario);
  const charts = board();
  const machine = board("small");
  const rounds = board("small");
  const loads = report.steps.filter((step) => step.load);
  const body = h("div", { class: "stack" },
    header(page, detail), verdictOf(run, report), factsOf(run, report), expectations(report), findings(report),
    report.steps.filter((step) => step.fault).map(faultSection), loads.map(loadSection), report.steps.filter((step) => step.interference).map(stressSection), results(report), h("section", { class: "bare" }, charts), against(report), health(report),
    section("Timeline", "", machine), h("details", { class: "more" }, h("summary", {}, "Every round over the time of the run"), rounds),
    environment(report, run), annotations(page, detail), notes(report));
  fill(page.root, body);
  const distributions = groupBy(curves.distributions, (one) => one.series.split(".response")[0]);
  charts.show([
    ...timeline.loads.flatMap((load) => loadCharts(load, timeline.marks, timeline.heat_bounds_seconds, "run")),
    ...[...distributions].map(([step, some], number) => distributionChart(some.map((one) => ({ ...one, label: one.series })), number, `${step}: distribution of response times`)),
    ...curveCharts(curves.curves),
  ].filter(Boolean));
  machine.show([laneChart(report), ...hostCharts(timeline.host, timeline.marks, "run")].filter(Boolean));
  rounds.show(roundCharts(report));
  if (run.state === "running") page.on(page.live, "end", (event) => event.detail.run === run.id && page.go(location.pathname, { replace: true }));
}

function groupBy(all, key) {
  const groups = new Map();
  for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
}

function header(page, { run }) {
  const base = `/api/v1/runs/${encodeURIComponent(run.id)}/report?format=`;
  const save = [["html", "HTML"], ["md", "Markdown"], ["json", "JSON"], ["csv", "CSV"], ["xml", "JUnit"]].map(([format, name]) => h("a", { href: base + format, download: true }, name));
  const remove = h("button", { type: "button", disabled: !page.api.session.may_change, title: page.api.session.may_change ? "Removes the run from the store" : page.api.WHY_NOT, click: () => ask() }, "Delete");
  const dialog = h("dialog", {}, h("h2", {}, "Delete this run?"), h("p", {}, `${run.scenario} of ${time(run.started)} goes for good; so do its remarks.`),
    h("p", { class: "row" }, h("button", { type: "button", class: "danger", click: () => gone() }, "Delete"), h("button", { type: "button", click: () => dialog.close() }, "Keep it")));
  function ask() {
    dialog.showModal();
  }
  async function gone() {
    try {
      await page.api.remove(`/runs/${encodeURIComponent(run.id)}`);
      dialog.close();
      page.go("/runs");
    } catch (error) {
      fill(dialog, h("h2", {}, error.message), error.hint ? h("p", {}, error.hint) : null, h("p", { class: "row" }, h("button", { type: "button", click: () => dialog.close() }, "Close")));
    }
  }
  return h("header", {}, h("div", { class: "line" }, h("h1", {}, run.scenario), wordBadge(run.state), run.profile === "default" ? null : badge("none", run.profile),
    h("span", { class: "end row" }, h("a", { href: `/compare?new=${encodeURIComponent(run.id)}` }, "Compare"), h("a", { href: `/advice?run=${encodeURIComponent(run.id)}` }, "Advice"), remove)),
  h("p", { class: "row quiet" }, "Save as ", save), dialog);
}

function verdictOf(run, report) {
  const of = (judgement, severity) => report.expectations.filter((one) => one.judgement === judgement && (!severity || (one.severity === "warn") === (severity === "warn"))).length;
  const [failed, warned, unsure, passed] = [of("fail", "fail"), of("fail", "warn"), of("unsure"), of("pass")];
  const steps = run.steps;
  const text = [`${count(steps.measured, "step")} measured`, steps.skipped ? `${steps.skipped} skipped` : "", steps.failed ? `${steps.failed} failed` : ""].filter(Boolean).join(", ");
  const tally = [passed ? `${passed} passed` : "", failed ? `${failed} failed` : "", warned ? `${warned} warned` : "", unsure ? `${unsure} unsure` : ""].filter(Boolean).join(", ");
  const lines = [...run.validity.reasons.map((reason) => `${run.validity.level}: ${reason}`)];
  const [kind, word] = run.state === "crashed" ? ["bad", "Crashed"] : run.validity.level === "invalid" ? ["bad", "Invalid"] : failed ? ["bad", "Failed"] : run.state === "partial" ? ["warn", "Partial"]
    : run.state === "running" ? ["none", "Running"] : unsure ? ["warn", "Unsure"] : passed || warned ? ["good", "Passed"] : ["none", "Measured"];
  return verdict(kind, word, `${text}${tally ? ` · expectations: ${tally}` : ""} · ${run.validity.level}`, lines);
}

function factsOf(run, report) {
  const environment = new Map(Object.entries(report.environment));
  const machine = [environment.get("cpu.model"), environment.get("os.distribution"), environment.get("os.kernel")].filter(Boolean).join(" · ");
  const pairs = (all) => Object.entries(all ?? {}).map(([key, text]) => `${key}=${text}`).join("  ");
  return facts([["Started", `${time(run.started)}, ${ago(run.started)}, took ${duration(run.duration_seconds)}`], ["Machine", machine],
    ["Code", run.commit ? `${run.commit.slice(0, 12)}${run.branch ? ` on ${run.branch}` : ""}${run.dirty ? " with uncommitted changes" : ""}` : "no commit known"], ["Scenario", `${run.scenario} from ${run.source}`],
    ["Profile", `${run.profile}, seed ${report.plan.seed}`], ["Tags", pairs(run.tags)], ["Parameters", pairs(report.plan.params)], ["Baselines", (run.baselines ?? []).join(", ")], ["Run", run.id]]);
}

const RANK = { fail: 0, unsure: 1, pass: 3, unjudged: 4 };

function expectations(report) {
  if (!report.expectations.length) return null;
  const rank = (one) => (one.judgement === "fail" && one.severity === "warn" ? 2 : RANK[one.judgement]);
  const rows = [...report.expectations].sort((a, b) => rank(a) - rank(b)).map((one) => [
    h("td", {}, one.judgement === "fail" && one.severity === "warn" ? wordBadge("warn") : wordBadge(one.judgement, one.judgement === "unjudged" ? "not judged" : one.judgement)), h("th", { scope: "row" }, one.step), h("code", {}, one.text),
    one.observed ? h("b", {}, estimate(one.unit, one.observed)) : "no sample", interval(one.unit, one.observed), [one.reason, one.limit === null ? "" : `limit ${value(one.unit, one.limit)}`].filter(Boolean).join("; "),
  ]);
  return section("Expectations", "the worst first", table([{ title: "Verdict" }, { title: "Step" }, { title: "Expected" }, { title: "Observed", n: true }, { title: "95 % interval", n: true }, { title: "Why", class: "why" }], rows, { label: "Expectations" }));
}

function findings(report) {
  const items = [
    ...report.steps.filter((step) => step.load?.analysis.length).map((step) => [badge("none", "load"), step.path, step.load.analysis]),
    ...report.steps.filter((step) => step.outcome.status === "failed").map((step) => [badge("bad", "failed"), step.path, [step.outcome.reason]]),
    ...report.notes.filter((note) => note.level === "warning").map((note) => [badge("warn", "warning"), note.step ?? "", [note.message]]),
    ...report.cases.filter((one) => ["better", "worse"].includes(one.verdict)).map((one) => [wordBadge(one.verdict), one.step, [`${one.metric} of ${one.case}: ${one.change?.ratio?.toFixed(3) ?? "no ratio"} × ${one.reference}${one.change?.interval ? ` [${one.change.interval.low.toFixed(3)}, ${one.change.interval.high.toFixed(3)}]` : ""}; ${one.reason}`]]),
  ];
  const advice = adviceOf(report.advice);
  const [loud, low] = [advice.findings.filter((finding) => levelOf(finding) !== "low"), advice.findings.filter((finding) => levelOf(finding) === "low")];
  if (!items.length && !advice.findings.length) return null;
  const more = low.length ? h("p", {}, h("a", { href: `/advice?run=${encodeURIComponent(report.run.id)}` }, `${count(low.length, "finding")} of low priority`)) : null;
  return section("Findings", "", loud.map(findingCard), more, !items.length ? null : h("ul", { class: "findings" }, items.map(([mark, subject, lines]) => h("li", {}, mark, " ", h("b", {}, subject), lines.filter(Boolean).map((line) => h("p", {}, ticked(line)))))));
}

function lineTable(title, first, lines) {
  const names = ["p50", "p90", "p95", "p99", "p99.9", "max"];
  const rows = lines.map((line) => [
    line.name || "all", String(line.requests), value("1/s", line.rate_per_second),
    ...names.map((name) => { const found = line.response.find((one) => one.statistic === name); return found ? `${found.above ? "> " : ""}${value("s", found.seconds)}` : "–"; }),
    share(line.errors_ratio ?? 0), line.intended_per_second === null ? "" : `${value("1/s", line.iterations_per_second)} of ${value("1/s", line.intended_per_second)}`,
  ]);
  return [h("h3", {}, title), table([{ title: first }, ...["requests", "rate", ...names, "errors", "iterations"].map((name) => ({ title: name, n: true }))], rows, { label: title })];
}

function loadSection(step) {
  const { load } = step;
  return section(`Load: ${step.path}`, "response times: lower is better", h("p", { class: "quiet" }, `${load.model}, ${load.journeys.join(", ")} against ${load.target}`),
    load.total ? lineTable("Requests", "endpoint", [load.total, ...load.endpoints]) : h("p", {}, "Nothing was measured."), load.phases.length ? lineTable("Phases", "phase", load.phases) : null,
    load.errors.length ? [h("h3", {}, "Errors"), table([{ title: "class" }, { title: "times", n: true }, { title: "example", class: "why" }], load.errors.map((error) => [error.class, String(error.count), error.example ?? ""]), { label: "Errors" })] : null,
    load.generator.length ? h("details", {}, h("summary", {}, "Generator"), load.generator.map((text) => h("p", { class: "quiet" }, ticked(text)))) : null);
}

const ENDED = new Map(Object.entries({ recovered: "good", "not recovered": "bad", inconclusive: "unsure" }));

/** A fault: how each repetition ended beside its baseline, and what happened when. */
function faultSection(step) {
  const { fault } = step;
  const columns = ["Baseline p95", "Baseline rate", "Detected after", "Worst p95", "Lowest rate", "Recovered after", "Failed", "Answers missing", "Lost of acknowledged"];
  const rows = fault.repetitions.map((one) => [
    String(one.number), badge(ENDED.get(one.verdict) ?? "none", one.verdict), value("s", one.baseline_p95_seconds), value("1/s", one.baseline_rate_per_second), value("s", one.detect_seconds), value("s", one.worst_p95_seconds),
    value("1/s", one.worst_rate_per_second), h("b", {}, value("s", one.recover_seconds)), one.failures ?? "–", value("1", one.area), one.acknowledged === null ? "–" : `${one.lost} of ${one.acknowledged}`,
  ]);
  const how = [...new Set(fault.repetitions.flatMap((one) => [`by ${one.mechanism}${one.passed_over.length ? ` (not ${one.passed_over.join("; ")})` : ""}`, one.reason ? `repetition ${one.number}: ${one.reason}` : ""]))].filter(Boolean);
  return section(`Fault: ${step.path}`, "times: lower is better", h("p", { class: "quiet" }, `${fault.fault} on ${fault.victim} after ${duration(fault.after_seconds)}${fault.lasts_seconds ? ` for ${duration(fault.lasts_seconds)}` : ""}; well again within ${duration(fault.within_seconds)}, or not recovered`), how.map((text) => h("p", { class: "quiet" }, ticked(text))),
    rows.length ? table([{ title: "Repetition" }, { title: "Ended" }, ...columns.map((title) => ({ title, n: true }))], rows, { label: "Repetitions", keep: "repetitions" }) : h("p", {}, "No repetition ended."),
    h("details", {}, h("summary", {}, "Course"), fault.repetitions.map((one) => h("p", { class: "quiet" }, h("b", {}, `${one.number}  `), one.marks.map((mark) => `${mark.at_seconds?.toFixed(2)} s ${mark.what}`).join(" · ")))),
    h("details", {}, h("summary", {}, "What the words mean"), h("p", { class: "quiet" }, fault.definition)));
}

const SAYS = new Map(Object.entries({ slower: "bad", faster: "good", "no difference shown": "same", "too few rounds to tell": "unsure" }));
const factor = (ratio) => (ratio === null || ratio === undefined ? "–" : `${ratio.toFixed(ratio >= 100 ? 0 : ratio >= 10 ? 1 : 2)}x`);
const reach = (one) => (one.low === null || one.high === null ? "too few" : `${one.low.toFixed(2)} .. ${one.high.toFixed(2)}`);

/** Stress: how much slower the measured thing was beside each background, and what the stressors did. */
function stressSection(step) {
  const found = step.interference;
  const compared = found.figure !== null;
  const named = (one) => (one.series ? ` (${one.series})` : "");
  const each = (row, of) => row.stressors.flatMap((own, at) => [at ? h("br", {}) : null, of(own)]);
  const rows = found.rows.map((row) => [
    `${row.background}${named(row)}`, `${row.intensity}\u00a0%`,
    ...(compared ? [h("b", {}, factor(row.slowdown)), row.slowdown === null ? "" : reach(row), row.measured === null ? "–" : value(found.unit, row.measured), h("span", {}, row.verdict ? badge(SAYS.get(row.verdict) ?? "none", row.verdict) : null, row.missing ? ` ${row.missing}` : null)] : []),
    each(row, (own) => own.name).length ? h("span", {}, each(row, (own) => own.name)) : row.missing ?? "", h("span", {}, each(row, (own) => value("1/s", own.rate_per_second))), h("span", {}, each(row, (own) => share(own.cpu_ratio))), h("span", {}, each(row, (own) => String(Math.round(own.checked ?? 0)))),
  ]);
  if (compared) for (const one of found.control) rows.push([`quiet again${named(one)}`, "", h("b", {}, factor(one.value)), reach(one), "", badge("none", "noise"), "", "", "", ""]);
  const heads = [{ title: "Background" }, { title: "Intensity", n: true }, ...(compared ? [{ title: "Slowdown", n: true }, { title: "95 % interval", n: true }, { title: "Measured", n: true }, { title: "Says", class: "why" }] : []), { title: "Stressor" }, { title: "Its work", n: true }, { title: "Its CPU", n: true }, { title: "Verified", n: true }];
  return section(`Interference: ${step.path}`, compared ? "slowdown: lower is better, 1.00x is no difference" : "", h("p", { class: "quiet" }, found.measured), found.quiet.map((one) => h("p", {}, `Quiet${named(one)}: ${value(found.unit, one.value)}${one.low === null ? "" : ` [${value(found.unit, one.low)}, ${value(found.unit, one.high)}]`}`)),
    rows.length ? table(heads, rows, { label: "Interference", keep: "interference" }) : null);
}

/** Labels that all metrics of a step carry: the path by which its results came. */
function marksOf(step) {
  const [first, ...rest] = step.metrics.map((metric) => Object.entries(metric.labels));
  return (first ?? []).filter(([key, text]) => rest.every((labels) => labels.some(([other, value]) => other === key && value === text)));
}

function results(report) {
  const rows = [];
  for (const step of report.steps.filter((one) => !one.load && !one.interference)) {
    const marks = marksOf(step);
    const scalars = step.metrics.filter((metric) => Object.keys(metric.labels).length === marks.length);
    const labels = Object.entries(step.labels).map(([key, text]) => `${key}=${text}`).join(", ");
    const name = h("span", {}, step.name, labels ? h("small", { class: "under" }, labels) : null, marks.length ? h("small", { class: "under" }, marks.map(([key, text]) => `${key}=${text}`).join(", ")) : null);
    const reason = step.outcome.status === "measured" ? "" : `${step.outcome.status}: ${[step.outcome.reason, step.outcome.remedy].filter(Boolean).join("; ")}`;
    scalars.forEach((metric, number) => {
      const disturbed = metric.rounds.filter((round) => round.counted && round.taints.length).length;
      const trend = `/trends?${new URLSearchParams({ series: `${report.run.scenario.name}/${metric.series}` })}`;
      rows.push([number === 0 ? name : "", h("span", {}, h("a", { href: trend, title: "Over all runs" }, metric.metric), " ", h("abbr", { title: direction(metric.goal) }, arrow(metric.goal))),
        h("b", {}, estimate(metric.unit, metric.estimate)), interval(metric.unit, metric.estimate), metric.samples ? range(metric.unit, metric.estimate?.value ?? metric.samples.min, metric.samples.min, metric.samples.max) : "", String(metric.estimate?.rounds ?? 0), String(metric.estimate?.samples ?? 0),
        h("span", {}, disturbed ? badge("warn", `${disturbed} disturbed`) : null, number === 0 && reason ? reason : null)]);
    });
    if (!scalars.length) rows.push([name, "", "", "", "", "", "", step.metrics.length ? "a curve: see its chart" : reason || "no samples"]);
  }
  if (!rows.length) return null;
  return section("Results", "median over rounds; ↓ lower is better, ↑ higher is better", table([{ title: "Step" }, { title: "Metric" }, { title: "Median", n: true }, { title: "95 % interval", n: true }, { title: "Min .. max", n: true }, { title: "Rounds", n: true }, { title: "Samples", n: true }, { title: "Notes", class: "why" }], rows, { label: "Results", keep: "results" }));
}

function against(report) {
  const rows = report.steps.flatMap((step) => step.metrics.filter((metric) => metric.expected).map((metric) => [metric.series, estimate(metric.unit, metric.estimate), value(metric.unit, metric.expected.value), h("span", {}, share(metric.expected.share_ratio), metric.expected.beyond ? [" ", badge("bad", "beyond")] : null), `${metric.expected.kind}${metric.expected.profile ? `, ${metric.expected.profile}` : ""}`, metric.expected.source]));
  if (!rows.length) return null;
  return section("Against the machine", report.machine_profile ? `profile ${report.machine_profile.name}` : "by what it declares and by this run", table([{ title: "Series" }, { title: "Measured", n: true }, { title: "Expected", n: true }, { title: "Share", n: true }, { title: "By" }, { title: "Source", class: "why" }], rows, { label: "Against the machine" }));
}

function health(report) {
  if (!report.health) return null;
  const rows = report.health.rows.map((row) => [h("td", {}, wordBadge(row.verdict)), h("th", { scope: "row" }, row.name), row.observed === null ? "unknown" : value(row.unit, row.observed), value(row.unit, row.limit), row.reason]);
  return section("Health", report.health.verdict, table([{ title: "Verdict" }, { title: "Limit on" }, { title: "Observed", n: true }, { title: "Limit", n: true }, { title: "Why", class: "why" }], rows, { label: "Health" }));
}

function environment(report, run) {
  const all = Object.entries(report.environment);
  const changed = report.environment_changes ? Object.entries(report.environment_changes) : [];
  const body = h("div", {});
  const list = (text) => fill(body, table([{ title: "Field" }, { title: "Value", class: "why" }], all.filter(([name, found]) => `${name} ${found}`.toLowerCase().includes(text.toLowerCase())).map(([name, found]) => [h("code", {}, name), found]), { label: "Environment" }));
  list("");
  return section("Environment", `class ${run.environment_class}`, changed.length ? h("p", { class: "quiet" }, `At the end ${count(changed.length, "field")} had changed: ${changed.slice(0, 8).map(([name]) => name).join(", ")}`) : null,
    h("details", {}, h("summary", {}, count(all.length, "field")), h("form", { class: "filters", submit: (event) => event.preventDefault() }, field("Filter", h("input", { type: "search", placeholder: "cpu.model", input: (event) => list(event.target.value) }))), body));
}

function annotations(page, { run, annotations: all, rejected }) {
  const list = h("ul", { class: "remarks" });
  const text = h("input", { type: "text", maxlength: "2000", placeholder: "what should be known of this run", required: true });
  const said = h("p", { class: "quiet", role: "status" });
  const paint = () => fill(list, all.map((one) => h("li", {}, h("small", {}, time(one.at)), " ", one.text)));
  paint();
  const may = page.api.session.may_change;
  const form = h("form", { class: "filters", submit: async (event) => {
    event.preventDefault();
    try {
      all.push(await page.api.post(`/runs/${encodeURIComponent(run.id)}/annotations`, { text: text.value }));
      text.value = "";
      said.textContent = "Kept.";
      paint();
    } catch (error) {
      said.textContent = `${error.message}${error.hint ? `: ${error.hint}` : ""}`;
    }
  } }, field("Remark", text), h("button", { type: "submit", disabled: !may, title: may ? "" : page.api.WHY_NOT }, "Add"), said);
  return section("Remarks", "", rejected ? h("p", { class: "quiet" }, `Kept out of history: ${rejected}`) : null, list, form, may ? null : h("p", { class: "quiet" }, ticked(`To add one, ${page.api.WHY_NOT}.`)));
}

function notes(report) {
  const lines = report.notes.filter((note) => note.level !== "warning");
  if (!lines.length) return null;
  return section("Notes", "", h("details", {}, h("summary", {}, count(lines.length, "note")), lines.map((note) => h("p", { class: "quiet" }, note.at_seconds === null || note.at_seconds === undefined ? null : `${note.at_seconds.toFixed(1)} s `, note.step ? h("b", {}, `${note.step} `) : null, note.message))));
}
