// From what the server tells to charts as data.
import { axis, isWide } from "./format.js";

const time = (title) => ({ title, unit: "s", factor: 1 });

/** Lines over the same places. */
function lines(id, title, note, x, unit, goal, axisTitle, series, bands = [], linear = false) {
  const values = series.flatMap((one) => one.y);
  const wide = !linear && isWide(values);
  return { id, title, note, x, y: axis(axisTitle, unit, goal, values, { log: wide }), from_zero: !wide, series, bands };
}

const over = (name, rows, x, of) => ({ name, style: "line", x: rows.map(x), y: rows.map((row) => of(row) ?? null) });

/** Phases as bands. */
export function bandsOf(marks, path) {
  return (marks ?? []).filter((mark) => (mark.kind === "phase" || mark.kind === "fault") && mark.end !== null && (!mark.step || mark.step === path))
    .map((mark) => ({ from: mark.at, to: mark.end, name: mark.text, bad: mark.kind === "fault" }));
}

/** What the load itself calls its stretches, where there are several: before a fault, while it lasts, and after it. */
function bandsAsMeasured(rows) {
  const bands = [];
  for (const row of rows) {
    const last = bands.at(-1);
    if (last?.name === row.phase) last.to = row.at + row.seconds;
    else bands.push({ from: row.at, to: row.at + row.seconds, name: row.phase, bad: row.phase === "fault" });
  }
  return bands.length > 1 ? bands : [];
}

/** What happened to the victim of a fault, in the time of the load that was under way. */
function moments(marks, path) {
  const starts = (marks ?? []).filter((mark) => mark.kind === "step" && mark.step === path).map((mark) => mark.at).sort((a, b) => a - b);
  const newest = starts.at(-1);
  return newest === undefined ? [] : (marks ?? []).filter((mark) => mark.kind === "fault" && mark.end === null && mark.step === path && mark.at >= newest)
    .map((mark) => ({ x: mark.at - newest, bad: mark.text.startsWith("fault: ") }));
}

/** The charts of a load from the windows of its last round. */
export function loadCharts(load, marks, bounds, prefix = "load") {
  const round = load.windows.at(-1)?.round;
  const rows = load.windows.filter((row) => row.round === round);
  if (!rows.length) return [];
  // What is left over at the very end, and saw nothing, is no stretch of its own.
  const [before, end] = rows.slice(-2);
  if (end && end.seconds < before.seconds / 2 && !end.started && !end.ok) rows.pop();
  const x = (row) => row.at + row.seconds / 2;
  const start = time("since the load's start");
  const planned = bandsOf(marks, load.path);
  const bands = planned.length ? planned : bandsAsMeasured(rows);
  const happened = moments(marks, load.path);
  const id = (name) => `${prefix}-${load.step}-${name}`;
  const per = (row, count) => (row.seconds > 0 ? count / row.seconds : null);
  const failed = (row) => row.failed + row.timed_out + row.cut_off;
  const response = [["p50", "p50"], ["p90", "p90"], ["p95", "p95"], ["p99", "p99"], ["p99.9", "p99_9"]].map(([name, key]) => over(name, rows, x, (row) => row[key]));
  const rates = [over("ended well", rows, x, (row) => row.rate), over("started", rows, x, (row) => per(row, row.started))];
  if (rows.some((row) => failed(row) > 0)) rates.push(over("errors", rows, x, (row) => per(row, failed(row))));
  const charts = [
    lines(id("response"), `${load.path}: response time`, "From the intended start of a request to its end, so that waiting of late requests counts.", start, "s", "lower", "response time", response, bands),
    lines(id("rate"), `${load.path}: requests`, "", start, "1/s", "neutral", "requests", rates, bands),
    heat(id("heat"), load, rows, bounds, start, bands),
    lines(id("users"), `${load.path}: users at work`, "Users within an iteration; where they pile up, the target does not keep up.", start, "1", "neutral", "users", [over("users", rows, x, (row) => row.users)], bands),
  ];
  const classes = new Map();
  for (const row of rows) for (const [name, count] of Object.entries(row.errors ?? {})) classes.set(name, (classes.get(name) ?? 0) + count);
  const top = [...classes].sort((a, b) => b[1] - a[1]).slice(0, 6);
  if (top.length) charts.push(lines(id("errors"), `${load.path}: errors by class`, "", start, "1/s", "lower", "errors", top.map(([name]) => over(name, rows, x, (row) => per(row, Object.entries(row.errors ?? {}).find(([key]) => key === name)?.[1] ?? 0))), bands));
  return charts.filter(Boolean).map((chart) => (happened.length ? { ...chart, lines: happened } : chart));
}

/** How many responses took how long: only the buckets in use are drawn. */
function heat(id, load, rows, bounds, x, bands) {
  const used = rows.flatMap((row) => (row.heat ?? []).map(([bucket]) => bucket));
  if (!used.length || !bounds) return null;
  const [low, high] = [used.reduce((a, b) => Math.min(a, b)), used.reduce((a, b) => Math.max(a, b))];
  const z = Array.from({ length: high - low + 1 }, () => new Array(rows.length).fill(0));
  rows.forEach((row, column) => (row.heat ?? []).forEach(([bucket, count]) => { z[bucket - low][column] += count; }));
  const edges = bounds.slice(low, high + 2);
  const last = rows.at(-1);
  return {
    id, title: `${load.path}: responses by time taken`, note: "The darker a cell, the more responses took that long; what averages hide shows as a second stripe.", x, bands,
    y: axis("response time", "s", "lower", edges, { log: true }), heat: { x: [...rows.map((row) => row.at), last.at + last.seconds], y: edges, z, what: "responses" },
  };
}

const HOST = [
  ["cpu", "Processors", "ratio", "busy", [["all CPUs", (s) => s.cpu], ["busiest CPU", (s) => s.cpu_max]]],
  ["memory", "Memory", "ratio", "in use", [["in use", (s) => s.memory]]],
  ["pressure", "Waiting for resources", "ratio", "share of time", [["CPU", (s) => s.pressure_cpu], ["I/O", (s) => s.pressure_io], ["memory", (s) => s.pressure_memory]]],
  ["disk", "Disks", "B/s", "data", [["read", (s) => s.disk_read], ["written", (s) => s.disk_write]]],
  ["network", "Network", "B/s", "data", [["received", (s) => s.network_received], ["sent", (s) => s.network_sent], ["loopback", (s) => s.loopback]]],
  ["hottest", "Temperature", "C", "hottest sensor", [["hottest sensor", (s) => s.hottest]]],
  ["clock", "Clock", "Hz", "mean over CPUs", [["clock", (s) => s.frequency]]],
  ["power", "Power", "W", "processors", [["processors", (s) => s.power]]],
  ["own", "The engine itself", "ratio", "of one CPU", [["engine", (s) => s.own_cpu]]],
];

/** What the machine does, a chart for each kind of thing of which there is something to see. */
export function hostCharts(samples, marks, prefix = "host", kinds = null) {
  if (!samples?.length) return [];
  const bands = (marks ?? []).filter((mark) => mark.kind === "fault" && mark.end !== null).map((mark) => ({ from: mark.at, to: mark.end, name: mark.text, bad: true }));
  const charts = HOST.filter(([key]) => !kinds || kinds.includes(key)).map(([key, title, unit, axisTitle, wanted]) => {
    const series = wanted.map(([name, of]) => over(name, samples, (sample) => sample.at, of)).filter((one) => one.y.some((value) => value !== null && value !== 0));
    return series.length ? { ...lines(`${prefix}-${key}`, title, "", time("since the start"), unit, "neutral", axisTitle, series, bands, true), from_zero: !["C", "Hz"].includes(unit) } : null;
  });
  return charts.filter(Boolean);
}

/** Which step ran when, from the rounds of a results file. */
export function laneChart(report) {
  const lanes = new Map();
  for (const step of report.steps) {
    const rounds = step.metrics.reduce((most, metric) => ((metric.rounds?.length ?? 0) > most.length ? metric.rounds : most), []);
    const spans = rounds.filter((round) => Number.isFinite(round.at_seconds)).map((round) => [round.at_seconds, round.seconds ?? 0, round.taints.length > 0]);
    if (spans.length) lanes.set(step.name, [...(lanes.get(step.name) ?? []), ...spans]);
  }
  if (!lanes.size) return null;
  return { id: "lanes", title: "What ran when", note: "One bar a round; disturbed ones are marked.", x: time("since the start"), y: { title: "", unit: "", factor: 1 }, lanes: [...lanes].map(([name, spans]) => ({ name, spans })) };
}

/** Latency distributions with the tail drawn out. */
export function distributionChart(distributions, step, title) {
  const series = distributions.slice(0, 8).map((one) => ({
    name: one.label ?? one.series, style: "both", x: one.points.filter(([q]) => q < 1).map(([q]) => 1 / (1 - q)), y: one.points.filter(([q]) => q < 1).map(([, value]) => value),
  }));
  if (!series.some((one) => one.x.length)) return null;
  const ticks = [[0, "min"], [0.5, "p50"], [0.9, "p90"], [0.95, "p95"], [0.99, "p99"], [0.999, "p99.9"], [0.9999, "p99.99"], [0.99999, "p99.999"]].map(([q, text]) => [1 / (1 - q), text]);
  const chart = lines(`distribution-${step}`, title, "Each step to the right leaves out another part of the slowest.", { title: "percentile", unit: "", factor: 1, log: true, ticks }, distributions[0].unit, "lower", "response time", series);
  return chart;
}

/** Curves over a label: those of one step, metric and axis share a chart. */
export function curveCharts(curves) {
  const groups = new Map();
  for (const curve of curves) {
    const key = JSON.stringify([curve.step, curve.metric, curve.x]);
    groups.set(key, [...(groups.get(key) ?? []), curve]);
  }
  return [...groups.values()].map((some, number) => {
    const first = some[0];
    const numeric = some.every((curve) => curve.points.every((point) => Number.isFinite(point.x)));
    const names = [...new Set(some.flatMap((curve) => curve.points.map((point) => point.x_text)))];
    const place = (point) => (numeric ? point.x : names.indexOf(point.x_text));
    const ticks = [...new Map(some.flatMap((curve) => curve.points.map((point) => [place(point), point.x_text]))).entries()].sort((a, b) => a[0] - b[0]);
    const series = some.slice(0, 8).map((curve) => {
      const points = [...curve.points].sort((a, b) => place(a) - place(b));
      const rest = Object.entries(curve.rest ?? {}).map(([key, text]) => `${key}=${text}`).join(", ");
      const name = curve.side ? [curve.side, rest].filter(Boolean).join(": ") : rest || curve.metric;
      const bounded = points.some((point) => point.low !== null && point.low !== undefined);
      return { name, style: "both", x: points.map(place), y: points.map((point) => point.value), low: bounded ? points.map((point) => point.low ?? null) : [], high: bounded ? points.map((point) => point.high ?? null) : [] };
    });
    const places = ticks.map(([at]) => at);
    return lines(`curve-${number}-${first.step}-${first.metric}`, `${first.step}: ${first.metric} over ${first.x}`, "Median over rounds with its 95 % interval.", { title: first.x, unit: "", factor: 1, log: numeric && isWide(places), ticks }, first.unit, first.goal, first.metric, series);
  });
}

/** Every round of a step's first metrics over the time of the run; steps of one declaration share a chart. */
export function roundCharts(report) {
  const groups = new Map();
  for (const step of report.steps.filter((one) => !one.load)) {
    const metric = step.metrics[0];
    if (metric?.rounds.some((round) => round.value !== null)) groups.set(step.name, [...(groups.get(step.name) ?? []), { step, metric }]);
  }
  return [...groups].map(([name, all], number) => {
    const shown = all.filter(({ metric }) => metric.metric === all[0].metric.metric).slice(0, 6);
    const cloud = (title, rounds) => ({ name: title, style: "points", x: rounds.map((round) => round.at_seconds), y: rounds.map((round) => round.value) });
    const taken = shown.flatMap(({ metric }) => metric.rounds).filter((round) => round.value !== null && round.at_seconds !== null);
    const series = shown.map(({ step, metric }) => cloud(Object.entries(step.labels).map(([key, text]) => `${key}=${text}`).join(", ") || metric.metric, metric.rounds.filter((round) => round.counted && !round.taints.length && round.value !== null)));
    series.push(cloud("disturbed", taken.filter((round) => round.counted && round.taints.length)), cloud("taken again", taken.filter((round) => !round.counted)));
    const { metric } = all[0];
    const chart = lines(`rounds-${number}`, `${name}: ${metric.metric} of each round`, "One mark a round, by the time of the run: a slope is a drift of the machine.", time("since the start"), metric.unit, metric.goal, metric.metric, series.filter((one) => one.x.length));
    return { ...chart, from_zero: false };
  }).filter((chart) => chart.series.reduce((sum, one) => sum + one.x.length, 0) > 1);
}

/** Charts of the same thing as one: of each line that they share that of the old runs, each with its name, and that of the new one. */
export function overlay(olds, fresh) {
  if (fresh.heat || fresh.lanes || !olds.length) return null;
  const wanted = new Set(["p50", "p99", "ended well", "errors"]);
  const all = fresh.series.length;
  // Eight lines are what people can follow.
  const most = Math.max(1, Math.floor(8 / (olds.length + 1)));
  const series = fresh.series.filter((line) => all <= 4 || wanted.has(line.name)).slice(0, most).flatMap((line, hue) => {
    const before = olds.flatMap(({ name, chart }) => chart.series.filter((one) => one.name === line.name).map((one) => ({ ...one, name: `${name}: ${line.name}`, hue, old: true })));
    return before.length ? [...before, { ...line, name: `new: ${line.name}`, hue, old: false }] : [];
  });
  return series.length ? { ...fresh, id: `both-${fresh.id}`, series } : null;
}
