// Draws charts from their data: axes with factor and unit, series with intervals, bands, heat, lanes. Reports and the
// dashboard use the same data and the same drawing. Numbers are in base units and divided here.

const DASHES = ["solid", "dash", "dot", "dashdot", "9px,3px", "9px,3px,1px,3px", "5px,2px", "1px,3px"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "star"];
const CONFIG = {
  displaylogo: false, responsive: true, displayModeBar: false, scrollZoom: false, doubleClick: "reset",
  plotlyServerURL: "", topojsonURL: "",
};

/** Text from outside: the chart library reads some markup in names, and must not. */
export function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A number in base units, as its axis shows it, without the unit. */
export function shown(axis, value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const tick = axis.ticks?.find(([at]) => at === value);
  if (tick) return tick[1];
  const scaled = value / (axis.factor || 1);
  const size = Math.abs(scaled);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return scaled.toExponential(3);
  if (Number.isInteger(scaled)) return String(scaled);
  return scaled.toFixed(Math.min(Math.max(3 - Math.floor(Math.log10(size)), 0), 7));
}

/** `response time, ms`, with what is good where that is asked for. */
export function label(axis) {
  return [axis.title, axis.unit].filter(Boolean).join(", ");
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    ink: of("--ink"), soft: of("--soft"), line: of("--line"), strong: of("--strong"), surface: of("--surface"), raised: of("--raised"),
    band: of("--band"), heat: of("--heat"), bad: of("--c1"), font: of("--sans"),
    series: [0, 1, 2, 3, 4, 5, 6, 7].map((number) => of(`--c${number}`)),
  };
}

function axisOf(axis, colours, more) {
  const out = {
    title: { text: plain(label(axis)), standoff: 6, font: { size: 11, color: colours.soft } },
    type: axis.date ? "date" : axis.log ? "log" : "linear",
    gridcolor: colours.line, linecolor: colours.strong, zerolinecolor: colours.line, tickcolor: colours.strong,
    tickfont: { size: 11, color: colours.soft }, automargin: true, nticks: 8, fixedrange: false, ...more,
  };
  if (axis.log && !axis.ticks?.length && axis.span) {
    const [low, high] = axis.span.map((end) => end / (axis.factor || 1));
    out.tickmode = "array";
    out.tickvals = steps(low, high);
    out.ticktext = out.tickvals.map((at) => (at >= 1e6 || at < 1e-4 ? at.toExponential(0) : String(Number(at.toPrecision(2)))));
  }
  if (axis.ticks?.length) {
    const some = thinned(axis);
    out.tickangle = 0;
    out.tickmode = "array";
    out.tickvals = some.map(([at]) => at / (axis.factor || 1));
    out.ticktext = some.map(([, text]) => plain(text.length > 14 ? `${text.slice(0, 13)}…` : text));
  }
  return out;
}

/** The ticks that fit beside one another: plain texts first, then what has room between them. */
function thinned(axis) {
  const on = (at) => (axis.log ? Math.log(at) : at);
  const places = axis.ticks.map(([at]) => on(at));
  const span = Math.max(...places) - Math.min(...places) || 1;
  const kept = [];
  const order = [...axis.ticks].sort((a, b) => a[1].includes(".") - b[1].includes("."));
  for (const tick of order) if (kept.every(([at]) => Math.abs(on(at) - on(tick[0])) >= 0.125 * span)) kept.push(tick);
  return kept;
}

function lineOf(series, number, chart, colours) {
  const hue = (series.hue ?? number) % 8;
  const colour = colours.series[hue];
  // Old and new of one thing share its colour: the old one is dotted.
  const dash = series.old === undefined ? DASHES[hue] : series.old ? "1px,3px" : "solid";
  const scale = (values, axis) => values.map((value) => (value === null ? null : axis.date ? value : value / (axis.factor || 1)));
  const points = series.style === "points" || series.style === "both";
  const trace = {
    type: "scatter", name: plain(series.name), x: scale(series.x, chart.x), y: scale(series.y, chart.y),
    mode: series.style === "points" ? "markers" : points ? "lines+markers" : "lines",
    line: { color: colour, width: 1.6, dash: series.dash ?? dash, shape: series.style === "steps" ? "hv" : "linear" },
    marker: { color: colour, size: series.style === "points" ? 6 : 5, symbol: series.symbol ?? SYMBOLS[number % 8] },
    hovertemplate: `%{y:.4~g} ${plain(chart.y.unit ?? "")}<extra>${plain(series.name)}</extra>`, connectgaps: false,
  };
  if (series.texts) {
    trace.text = series.texts.map(plain);
    trace.hovertemplate = `%{text}<extra></extra>`;
  }
  if (series.low?.length) {
    const y = chart.y.factor || 1;
    const reach = (ends, sign) => ends.map((end, row) => (end === null || series.y[row] === null ? 0 : Math.max(0, (sign * (end - series.y[row])) / y)));
    trace.error_y = { type: "data", symmetric: false, array: reach(series.high, 1), arrayminus: reach(series.low, -1), thickness: 1.2, width: 3, color: colour };
  }
  return trace;
}

function heatOf(chart, colours) {
  const { heat } = chart;
  const scale = (values, axis) => values.map((value) => value / (axis.factor || 1));
  return {
    type: "heatmap", x: scale(heat.x, chart.x), y: scale(heat.y, chart.y), z: heat.z.map((row) => row.map((count) => (count ? Math.log1p(count) : null))),
    customdata: heat.z, colorscale: [[0, mix(colours.heat, colours.surface, 0.14)], [1, colours.heat]], showscale: false, hoverongaps: false,
    hovertemplate: `%{customdata} ${plain(heat.what)}<extra></extra>`,
  };
}

function mix(colour, under, share) {
  const read = (text) => {
    const hex = text.replace("#", "");
    return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  };
  const [a, b] = [read(colour), read(under)];
  return `rgb(${a.map((part, at) => Math.round(part * share + b[at] * (1 - share))).join(",")})`;
}

function lanesOf(chart, colours) {
  const of = (disturbed) => chart.lanes.flatMap((lane, number) => lane.spans.filter((span) => span[2] === disturbed).map((span) => [number, span[0], span[1]]));
  const bars = (name, spans, colour) => ({
    type: "bar", orientation: "h", name, y: spans.map(([number]) => number), base: spans.map(([, at]) => at), x: spans.map(([, , length]) => length),
    marker: { color: colour, line: { width: 1, color: colour } }, width: name === "disturbed" ? 0.4 : 0.7,
    hovertemplate: `%{base:.4~g} s, %{x:.4~g} s long<extra>${name}</extra>`,
  });
  return [bars("undisturbed", of(false), colours.series[0]), bars("disturbed", of(true), colours.bad)].filter((trace) => trace.x.length);
}

/** Bands as far as there are data: what is still to come would squeeze what is there. */
function bandsWithin(chart) {
  const places = chart.heat ? chart.heat.x : (chart.series ?? []).flatMap((series) => series.x);
  const last = places.reduce((most, at) => (at > most ? at : most), -Infinity);
  return (chart.bands ?? []).filter((band) => band.from < last).map((band) => ({ ...band, to: Math.min(band.to, last) }));
}

/** Smallest and largest of what can be drawn on a logarithmic scale. */
function spanOf(values) {
  const known = values.filter((value) => value > 0);
  return known.length ? [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))] : null;
}

/** Round numbers for a logarithmic scale: 1, 2, 5 of each power of ten where there are few, else the powers. */
function steps(low, high) {
  const [first, last] = [Math.floor(Math.log10(low)) - 1, Math.ceil(Math.log10(high)) + 1];
  const parts = Math.log10(high / low) <= 2.2 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((last - first) / 9));
  const all = [];
  for (let power = first; power <= last; power += every) for (const part of parts) all.push(part * 10 ** power);
  return all;
}

/** Traces and layout of a chart in the colours of the page. */
export function figure(chart) {
  const colours = theme();
  const lanes = chart.lanes?.length ?? 0;
  const bands = bandsWithin(chart);
  let traces = (chart.series ?? []).map((series, number) => lineOf(series, number, chart, colours));
  if (chart.heat) traces = [heatOf(chart, colours)];
  if (lanes) traces = lanesOf(chart, colours);
  const tall = chart.y.log ? { ...chart.y, span: spanOf(chart.heat ? chart.heat.y : (chart.series ?? []).flatMap((one) => one.y)) } : chart.y;
  const layout = {
    autosize: true, margin: { l: 52, r: 10, t: 24, b: 40 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent", barmode: "overlay",
    font: { family: colours.font, size: 12, color: colours.ink }, hovermode: chart.heat || lanes || chart.series?.some((s) => s.style === "points") ? "closest" : "x unified",
    hoverlabel: { bgcolor: colours.raised, bordercolor: colours.strong, font: { color: colours.ink, size: 12 } },
    showlegend: traces.length > 1, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11, color: colours.soft }, bgcolor: "transparent" },
    xaxis: axisOf(chart.x, colours, { zeroline: false, range: chart.range, ...(chart.range ? {} : { autorange: true }) }),
    yaxis: lanes
      ? { tickmode: "array", tickvals: chart.lanes.map((_, number) => number), ticktext: chart.lanes.map((lane) => plain(lane.name.length > 24 ? `${lane.name.slice(0, 23)}…` : lane.name)), autorange: "reversed", automargin: true, tickfont: { size: 11, color: colours.soft }, gridcolor: colours.line, zeroline: false, fixedrange: true }
      : axisOf(tall, colours, { rangemode: chart.from_zero && !chart.y.log ? "tozero" : "normal", nticks: 6 }),
    shapes: bands.map((band, number) => ({
      type: "rect", xref: "x", yref: "paper", x0: band.from / (chart.x.factor || 1), x1: band.to / (chart.x.factor || 1), y0: 0, y1: 1,
      fillcolor: band.bad ? colours.bad : number % 2 ? "transparent" : colours.band, opacity: band.bad ? 0.15 : 1, line: { width: 0 }, layer: "below",
    })).concat((chart.lines ?? []).map((line) => ({
      type: "line", xref: line.x === undefined ? "paper" : "x", yref: line.y === undefined ? "paper" : "y", x0: line.x ?? 0, x1: line.x ?? 1,
      y0: line.y === undefined ? 0 : line.y / (chart.y.factor || 1), y1: line.y === undefined ? 1 : line.y / (chart.y.factor || 1),
      line: { width: 1.2, color: line.bad ? colours.bad : colours.strong, dash: "dot" },
    }))),
    annotations: bands.slice(0, 24).map((band) => ({
      xref: "x", yref: "paper", x: band.from / (chart.x.factor || 1), y: 1, text: plain(band.name), showarrow: false, xanchor: "left", yanchor: "top", font: { size: 10, color: colours.soft },
    })),
    uirevision: chart.id ?? chart.title, dragmode: "zoom",
  };
  if (chart.range === undefined) delete layout.xaxis.range;
  return { traces, layout };
}

const drawn = new Map();

/** Draws a chart into an element, or what changed of it. */
export function draw(element, chart) {
  const { traces, layout } = figure(chart);
  const first = !drawn.has(element);
  drawn.set(element, chart);
  const done = window.Plotly.react(element, traces, layout, CONFIG);
  if (first) {
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", `Chart: ${chart.title}. Arrow keys move, plus and minus zoom, 0 shows all. Its numbers are in the table below it.`);
    element.addEventListener("keydown", (event) => keys(event, element));
  }
  return done;
}

/** Lets go of a chart. */
export function forget(element) {
  if (drawn.delete(element)) window.Plotly.purge(element);
}

/** Draws everything again, in other colours. */
export function redraw() {
  for (const [element, chart] of drawn) draw(element, chart);
}

/** Fits every chart to its place at once: the library would wait a moment, and paper does not. */
export function resize() {
  for (const element of drawn.keys()) window.Plotly.relayout(element, { width: element.clientWidth, height: element.clientHeight, autosize: false });
}

function keys(event, element) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const range = element.layout?.xaxis?.range?.slice();
  if (!range) return;
  const dates = typeof range[0] === "string";
  const [from, to] = dates ? range.map((text) => Date.parse(text.includes("T") ? text : `${text.replace(" ", "T")}Z`)) : range;
  const span = to - from;
  const moves = new Map([["ArrowLeft", [-0.2, -0.2]], ["ArrowRight", [0.2, 0.2]], ["+", [0.2, -0.2]], ["=", [0.2, -0.2]], ["-", [-0.33, 0.33]]]);
  const move = moves.get(event.key);
  if (event.key === "0") window.Plotly.relayout(element, { "xaxis.autorange": true, "yaxis.autorange": chartOf(element)?.lanes?.length ? "reversed" : true });
  else if (move) {
    const next = [from + move[0] * span, to + move[1] * span];
    window.Plotly.relayout(element, { "xaxis.range": dates ? next.map((at) => new Date(at).toISOString()) : next });
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/** The data of what an element shows. */
export function chartOf(element) {
  return drawn.get(element);
}

function make(name, properties = {}, children = []) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "text") element.textContent = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** The numbers of a chart as a table; each cell has its exact value in `data-v`. */
export function table(chart) {
  const head = (title, axis) => make("th", { scope: "col", class: axis ? "n" : "" }, [title, ...(axis?.unit ? [" ", make("small", { text: axis.unit })] : [])]);
  const cell = (axis, value) => {
    if (axis.date && value !== null) return make("td", { class: "n", text: new Date(value).toISOString().slice(0, 19).replace("T", " ") });
    const finite = value !== null && value !== undefined && Number.isFinite(value);
    return make("td", finite ? { class: "n", "data-v": String(value), text: shown(axis, value) } : { class: "n", text: "–" });
  };
  let heads = [];
  const rows = [];
  if (chart.heat) {
    heads = [head(chart.x.title, chart.x), head(`${chart.y.title} from`, chart.y), head("to", chart.y), head(chart.heat.what, {})];
    for (let column = 0; column + 1 < chart.heat.x.length; column += 1) {
      chart.heat.z.forEach((row, number) => {
        if (row[column]) rows.push([cell(chart.x, chart.heat.x[column]), cell(chart.y, chart.heat.y[number]), cell(chart.y, chart.heat.y[number + 1]), cell({}, row[column])]);
      });
    }
  } else if (chart.lanes?.length) {
    heads = [head("step"), head("start", chart.x), head("length", chart.x), head("")];
    for (const lane of chart.lanes) for (const [at, length, bad] of lane.spans) rows.push([make("td", { text: lane.name }), cell(chart.x, at), cell(chart.x, length), make("td", { text: bad ? "disturbed" : "" })]);
  } else {
    const series = chart.series ?? [];
    const places = series[0]?.x ?? [];
    const same = series.every((one) => one.x.length === places.length && one.x.every((at, row) => at === places[row]));
    if (same) {
      heads = [head(chart.x.title, chart.x), ...series.flatMap((one) => [head(one.name, chart.y), ...(one.low?.length ? [head("from", chart.y), head("to", chart.y)] : [])])];
      places.forEach((at, row) => rows.push([cell(chart.x, at), ...series.flatMap((one) => [cell(chart.y, one.y[row]), ...(one.low?.length ? [cell(chart.y, one.low[row]), cell(chart.y, one.high[row])] : [])])]));
    } else {
      heads = [head("series"), head(chart.x.title, chart.x), head(chart.y.title, chart.y)];
      for (const one of series) one.x.forEach((at, row) => rows.push([make("td", { text: one.name }), cell(chart.x, at), cell(chart.y, one.y[row])]));
    }
  }
  const most = 2000;
  const body = rows.slice(0, most).map((cells) => make("tr", {}, cells));
  const caption = rows.length > most ? `${chart.title}: the first ${most} of ${rows.length} rows` : chart.title;
  return make("div", { class: "scroll", tabindex: "0" }, [
    make("table", { class: "data" }, [make("caption", { class: rows.length > most ? "" : "off", text: caption }), make("thead", {}, [make("tr", {}, heads)]), make("tbody", {}, body)]),
  ]);
}
