// Elements, without a framework. Text from outside only ever becomes text.

/** An element: `h("td", { class: "n" }, "4")`. A property that is a function listens; null children are left out. */
export function h(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const MARKS = new Map(Object.entries({ good: "✓", warn: "!", bad: "✗", none: "·", live: "●", same: "=", unsure: "?" }));

/** A mark with a word: the colour says nothing that the mark and the word do not. */
export function badge(kind, word) {
  const colour = kind === "same" ? "none" : kind === "unsure" ? "warn" : kind;
  return h("span", { class: `badge ${colour}` }, h("b", { "aria-hidden": "true" }, MARKS.get(kind)), ` ${word}`);
}

const KINDS = new Map(Object.entries({
  pass: "good", fail: "bad", warn: "warn", unsure: "unsure", unjudged: "none",
  better: "good", worse: "bad", equivalent: "same", inconclusive: "unsure",
  complete: "good", running: "live", partial: "warn", crashed: "bad", valid: "good", degraded: "warn", invalid: "bad",
  measured: "good", skipped: "none", failed: "bad", waiting: "none",
  ok: "good", warning: "warn", missing: "none", healthy: "good", unknown: "none", error: "bad",
  pending: "none", firing: "bad", acknowledged: "warn", silenced: "none", resolved: "good",
}));

/** The badge of a word that the engine uses. */
export const wordBadge = (word, shown = word) => badge(KINDS.get(word) ?? "none", shown);

/** A text with what stands between backticks as code. */
export function ticked(text) {
  const parts = String(text).split("`");
  if (parts.length < 3 || parts.length % 2 === 0) return text;
  return parts.map((part, at) => (at % 2 ? h("code", {}, part) : part));
}

/**
 * A table. Columns: `{ title, n?: number column, unit? }`; rows: lists of cells, or `{ cells, href?, id? }`. The first
 * cell heads its row.
 */
export function table(columns, rows, { label = "", keep = "" } = {}) {
  const head = columns.map((column) => h("th", { scope: "col", class: column.n ? "n" : "" }, column.title));
  const line = (row) => {
    const { cells, href } = Array.isArray(row) ? { cells: row } : row;
    const content = cells.map((cell, at) => {
      if (cell instanceof HTMLTableCellElement) return cell;
      return h(at === 0 ? "th" : "td", { scope: at === 0 ? "row" : null, class: [columns[at]?.n ? "n" : "", columns[at]?.class ?? ""].join(" ").trim() || null }, typeof cell === "string" && columns[at]?.class === "why" ? ticked(cell) : cell);
    });
    return h("tr", { "data-href": href, "data-id": row.id ?? null, class: href ? "go" : null }, content);
  };
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label || "Table" },
    h("table", { class: keep || null }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map(line))));
}

/** What a page shows where there is nothing: why, and what to do next. */
export function empty(title, ...next) {
  return h("div", { class: "empty" }, h("h2", {}, title), next.map((line) => (typeof line === "string" ? h("p", {}, ticked(line)) : line)));
}

/** A command to copy. */
export const command = (text) => h("p", { class: "command" }, h("code", {}, text));

/** A section with its heading. */
export function section(title, note, ...children) {
  return h("section", {}, h("h2", {}, title, note ? h("small", {}, " ", ticked(note)) : null), children);
}

/** Terms and what they are. */
export function facts(pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" }, rows.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}

/** The block that says how it is: a word, and sentences. */
export function verdict(kind, word, text, lines = []) {
  return h("div", { class: `verdict ${kind}` }, h("p", { class: "word" }, word),
    h("div", {}, h("p", {}, text), lines.length ? h("ul", {}, lines.map((line) => h("li", {}, ticked(line)))) : null));
}

/** A field with its label. */
export function field(label, control) {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

/** A select of `[value, text]`. */
export function select(options, value, change, properties = {}) {
  const element = h("select", { change: () => change(element.value), ...properties }, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return element;
}

/** Puts children in place of what was there. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
}

/** A small line of values, without axes: only its shape. */
export function spark(values, { width = 96, height = 18, label = "" } = {}) {
  const known = values.filter((value) => Number.isFinite(value));
  if (known.length < 2) return "";
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const y = (value) => (high > low ? height - 2 - ((value - low) / (high - low)) * (height - 4) : height / 2);
  const step = (width - 4) / (values.length - 1);
  const path = values.map((value, at) => (Number.isFinite(value) ? `${at === 0 ? "M" : "L"}${(2 + at * step).toFixed(1)} ${y(value).toFixed(1)}` : "")).join("");
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "spark");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** The interval of a change on a line with no change in its middle; what does not count is shaded. */
export function strip(change, threshold, reach, kind) {
  if (!change || !Number.isFinite(change.ratio)) return "";
  const space = "http://www.w3.org/2000/svg";
  const place = (ratio) => 60 + 55 * Math.max(-1, Math.min(1, (ratio - 1) / reach));
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 120 16");
  svg.setAttribute("class", `strip ${kind}`);
  svg.setAttribute("aria-hidden", "true");
  const add = (name, attributes) => {
    const element = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    svg.append(element);
  };
  add("rect", { class: "band", x: place(1 - threshold), y: 0, width: place(1 + threshold) - place(1 - threshold), height: 16 });
  add("path", { class: "grid", d: "M60 0V16" });
  if (change.interval) add("path", { class: "i", d: `M${place(change.interval.low)} 8H${place(change.interval.high)}` });
  add("circle", { cx: place(change.ratio), cy: 8, r: 3.5 });
  return svg;
}
