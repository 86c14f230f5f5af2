// Findings of the rules: what limits, what to do, what it should bring.
import { badge, h, section, table, ticked } from "./dom.js";
import { share, value } from "./format.js";

const KINDS = new Map(Object.entries({ critical: "bad", high: "bad", medium: "warn", low: "none" }));
const times = (range) => (range ? `${range[0].toPrecision(3)} times as fast [${range[1].toPrecision(3)} .. ${range[2].toPrecision(3)}]` : "");

/** A range as the engine keeps it, or as the results file has it: value, low, high. */
const ends = (range) => (Array.isArray(range) ? range : range ? [range.value, range.low, range.high] : null);

/** The findings in either shape, and what stands around them. */
export function adviceOf(found) {
  const advice = Array.isArray(found) ? { findings: found } : found ?? {};
  return { findings: advice.findings ?? [], quiet: advice.quiet ?? [], open: advice.not_assessed ?? [], bottlenecks: advice.bottlenecks ?? [] };
}

export const levelOf = (finding) => (typeof finding.priority === "object" && finding.priority ? finding.priority.level : finding.priority) ?? finding.severity ?? "low";

function evidenceOf(one) {
  if (typeof one === "string") return one;
  const number = one.value !== null && one.value !== undefined && Number.isFinite(one.value) ? value(one.unit ?? "1", one.value) : one.word ?? "";
  return [one.text ?? one.what ?? one.name ?? one.series ?? "", number, one.from ? `(${one.from})` : ""].filter(Boolean).join(" ");
}

/** One finding, whole. */
export function findingCard(finding) {
  const level = String(levelOf(finding));
  const gain = finding.gain && typeof finding.gain === "object" ? finding.gain : {};
  const model = gain.modelled ?? gain.Modelled ?? gain;
  const speedup = ends(finding.speedup ?? model.speedup);
  const saved = ends(finding.saved_ratio);
  const unknown = model.reason ?? gain.unknown?.reason;
  const brings = [times(speedup), saved ? `${share(saved[0])} of the time [${share(saved[1])} .. ${share(saved[2])}]` : "", model.text ?? "", unknown ? `unknown: ${unknown}` : ""].filter(Boolean).join("; ");
  const confidence = typeof finding.confidence === "object" && finding.confidence ? finding.confidence.value : finding.confidence;
  const todo = finding.action ? [finding.action] : finding.steps ?? [];
  return h("article", { class: "card" },
    h("header", { class: "line" }, badge(KINDS.get(level) ?? "none", level), h("h2", {}, finding.title), h("code", { class: "end quiet" }, finding.rule ?? finding.id ?? "")),
    finding.subject ? h("p", { class: "quiet" }, `At ${finding.subject}`) : null, finding.cause ? h("p", {}, ticked(finding.cause)) : null,
    todo.length ? h("p", {}, h("b", {}, "Do "), ticked(todo.join("; ")), finding.effort ? h("small", {}, ` (${finding.effort})`) : null) : null, brings ? h("p", {}, h("b", {}, "Gain "), brings) : null,
    finding.evidence?.length ? h("details", {}, h("summary", {}, `Evidence: ${finding.evidence.length}`), h("ul", {}, finding.evidence.map((one) => h("li", {}, evidenceOf(one))))) : null,
    h("p", { class: "quiet" }, [confidence === undefined || confidence === null ? "" : `confidence ${Number(confidence).toFixed(2)}`, finding.wrong_when ? `wrong when ${finding.wrong_when}` : "", finding.calculation ?? finding.priority?.calculation ?? ""].filter(Boolean).join(" · ")));
}

/** What limits, and what could not be told. */
export function around({ bottlenecks, open, quiet }) {
  return [
    bottlenecks.length ? section("What limits", "", table([{ title: "Of" }, { title: "Limit" }, { title: "Why", class: "why" }], bottlenecks.map((one) => [one.step || "the whole run", one.limits ?? "none found", one.verdict]), { label: "What limits" })) : null,
    open.length ? section("Not assessed", `${open.length} rules lack numbers`, h("details", {}, h("summary", {}, "What each needs"), table([{ title: "Rule" }, { title: "Missing", class: "why" }, { title: "Needs", class: "why" }], open.map((one) => [h("code", {}, one.rule), one.missing, one.needs]), { label: "Not assessed" }))) : null,
    quiet.length ? h("p", { class: "quiet" }, `${quiet.length} rules looked and found nothing.`) : null,
  ];
}
