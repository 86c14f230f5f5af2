// Numbers for people: base units in, a scaled number with its unit out; the same steps as the engine's own reports.

const TIME = [[3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "us"], [1e-9, "ns"]];
const DATA = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const DECIMAL = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];

/** Factor and name under which a value reads best: `[0.001, "ms"]`. */
export function scale(unit, value) {
  const size = Math.abs(value ?? 0);
  const of = (table) => table.find(([factor]) => size >= factor) ?? table.at(-1);
  switch (unit) {
    case "s": return size === 0 ? [1, "s"] : size >= 60 && size < 120 ? [1, "s"] : of(TIME);
    case "B": return of(DATA);
    case "B/s": case "FLOP/s": case "Hz": { const [factor, prefix] = of(DECIMAL); return [factor, prefix + unit]; }
    case "1/s": { const [factor, prefix] = size >= 1e6 ? of(DECIMAL) : [1, ""]; return [factor, `${prefix}/s`]; }
    case "ratio": return [0.01, "%"];
    case "C": return [1, "°C"];
    case "1": return size >= 1e9 ? of(DECIMAL) : [1, ""];
    default: return [1, unit ?? ""];
  }
}

/** Four significant digits. */
export function digits(scaled) {
  const size = Math.abs(scaled);
  if (size === 0) return "0";
  if (size >= 1e9 || size < 1e-4) return scaled.toExponential(3);
  if (size >= 1000) return Math.round(scaled).toString();
  return scaled.toFixed(Math.max(0, 3 - Math.floor(Math.log10(size)))).replace(/\.0+$/, "");
}

/** Number and unit apart, with three digits: for large type. */
export function parts(unit, number) {
  if (number === null || number === undefined || !Number.isFinite(number)) return ["–", ""];
  const [factor, name] = scale(unit, number);
  const scaled = number / factor;
  const text = Math.abs(scaled) >= 100 || Number.isInteger(scaled) ? String(Math.round(scaled)) : scaled.toPrecision(3);
  return [text, name];
}

/** `12.30 ms`; a dash where there is no number. */
export function value(unit, number) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "–";
  const [factor, name] = scale(unit, number);
  const gap = name === "" || name.startsWith("/") ? "" : "\u00a0";
  return `${digits(number / factor)}${gap}${name}`;
}

/** `12.10 .. 12.60` at the scale of a value. */
export function range(unit, number, low, high) {
  if (low === null || high === null || low === undefined || high === undefined) return "";
  const [factor] = scale(unit, number);
  const size = Math.abs(number / factor);
  if (!(size >= 1e-4 && size < 1e9)) return `${digits(low / factor)} .. ${digits(high / factor)}`;
  // As many decimals as the number itself has, so that they can be compared at a glance.
  const decimals = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return `${(low / factor).toFixed(decimals)} .. ${(high / factor).toFixed(decimals)}`;
}

/** An estimate with its bound sign. */
export const estimate = (unit, found) => (found ? (found.above ? "> " : "") + value(unit, found.value) : "–");

/** `12.10 .. 12.60` of an estimate, or why there is none. */
export const interval = (unit, found) => (found?.interval ? range(unit, found.value, found.interval.low, found.interval.high) : found ? "too few" : "");

/** `+3.4 %`. */
export function change(ratio) {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return "–";
  const percent = (ratio - 1) * 100;
  return `${percent >= 0 ? "+" : "−"}${Math.abs(percent).toFixed(Math.abs(percent) < 10 ? 1 : 0)} %`;
}

export const share = (number) => value("ratio", number);

/** `85 ms`, `3.2 s`, `3 min 12 s`, `2 h 05 min`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s` : `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

const pad = (number) => String(number).padStart(2, "0");

/** `2026-11-26 20:01:02` in the reader's zone. */
export function time(text) {
  const at = new Date(text);
  if (Number.isNaN(at.valueOf())) return "–";
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** `5 min ago`. */
export function ago(text, now = Date.now()) {
  const seconds = (now - Date.parse(text)) / 1000;
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 5) return "just now";
  const [factor, name] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size);
  return `${Math.floor(seconds / factor)} ${name} ago`;
}

/** `in 3 h`. */
export function until(text, now = Date.now()) {
  const seconds = (Date.parse(text) - now) / 1000;
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 5) return "now";
  const [factor, name] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size);
  return `in ${Math.floor(seconds / factor)} ${name}`;
}

export const direction = (goal) => (goal === "lower" ? "lower is better" : goal === "higher" ? "higher is better" : "");
export const arrow = (goal) => (goal === "lower" ? "↓" : goal === "higher" ? "↑" : "");
export const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
export const short = (id) => (id ?? "").slice(0, 14);

/** An axis for these values, as the charts take it. */
export function axis(title, unit, goal, values, { log = false } = {}) {
  const known = values.filter((number) => Number.isFinite(number)).sort((a, b) => a - b);
  const at = log ? known[Math.floor(known.length / 2)] : known.at(-1);
  const [factor, name] = scale(unit, at ?? 1);
  return { title, unit: name, factor, log, direction: direction(goal) };
}

/** Whether values span so much that only a logarithmic scale shows them. */
export function isWide(values) {
  const known = values.filter((number) => Number.isFinite(number));
  const [low, high] = known.reduce(([least, most], number) => [Math.min(least, number), Math.max(most, number)], [Infinity, -Infinity]);
  return low > 0 && high / low > 20;
}
