// Charts on a page: drawn when they come into view, at most once a second, each with its numbers behind it.
import { chartOf, draw, forget, redraw, table } from "./chart.js";
import { h } from "./dom.js";

const LIBRARY = "/assets/vendor/plotly-cartesian-4.1.1.min.js";
let loading;

/** The chart library, fetched with the first chart; where that fails, the next drawing tries again. */
function library() {
  loading ??= new Promise((done) => {
    const failed = () => {
      loading = undefined;
      done(false);
    };
    document.head.append(h("script", { src: LIBRARY, load: () => done(true), error: failed }));
  });
  return loading;
}

const plots = new Map();
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const plot = plots.get(entry.target);
    if (!plot) continue;
    plot.visible = entry.isIntersecting;
    if (plot.visible && plot.dirty) paint(entry.target, plot);
  }
}, { rootMargin: "300px" });

async function paint(element, plot) {
  if (document.hidden) return;
  plot.dirty = false;
  if (!(await library())) {
    plot.dirty = true;
    return;
  }
  if (!plots.has(element)) return;
  await draw(element, plot.chart);
  if (!plot.listens) {
    plot.listens = true;
    element.on("plotly_relayout", (event) => {
      const range = event["xaxis.range[0]"] !== undefined ? [event["xaxis.range[0]"], event["xaxis.range[1]"]] : event["xaxis.range"];
      if (range || event["xaxis.autorange"]) plot.zoomed?.(range ?? null);
    });
    element.on("plotly_click", (event) => {
      const place = event.points?.[0];
      if (place) plot.clicked?.(place.curveNumber, place.pointNumber);
    });
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const [element, plot] of plots) if (plot.visible && plot.dirty) paint(element, plot);
});

/** A figure for a chart. `update(chart)` draws what changed; `zoomed` and `clicked` tell what people do with it. */
export function plot(chart, { zoomed = null, clicked = null, height = null } = {}) {
  const element = h("div", { class: "plot", style: height ? `height:${height}px` : null });
  const title = h("span", {});
  const dir = h("span", { class: "dir" });
  const note = h("small", {});
  const numbers = h("details", { class: "numbers", toggle: () => list() }, h("summary", {}, "Table"));
  const grow = h("button", { type: "button", class: "grow", title: "Larger (e)", "aria-label": "Larger", click: () => expand(figure, element) }, "⤢");
  const figure = h("figure", { class: "chart" }, grow, h("figcaption", {}, title, " ", dir, note), element, numbers);
  const one = { chart, visible: false, dirty: true, zoomed, clicked };
  let listed = 0;
  function list() {
    if (!numbers.open) {
      numbers.querySelector(".scroll")?.remove();
      return;
    }
    // A table is slower to read than it changes: every five seconds is enough.
    if (performance.now() - listed < 5000 && numbers.querySelector(".scroll")) return;
    listed = performance.now();
    const old = numbers.querySelector(".scroll");
    const fresh = table(one.chart);
    if (old) old.replaceWith(fresh);
    else numbers.append(fresh);
  }
  figure.update = (next) => {
    one.chart = next;
    title.textContent = next.title;
    dir.textContent = next.y.direction ?? "";
    dir.hidden = !next.y.direction;
    note.textContent = next.note ?? "";
    note.hidden = !next.note;
    one.dirty = true;
    list();
    if (one.visible) paint(element, one);
  };
  figure.update(chart);
  figure.release = () => {
    plots.delete(element);
    seen.unobserve(element);
    if (chartOf(element)) forget(element);
  };
  plots.set(element, one);
  seen.observe(element);
  return figure;
}

/** A grid of figures that keeps those whose chart has the same id, so that zoom and focus stay. */
export function board(size = "") {
  const element = h("div", { class: `charts ${size}`.trim() });
  const known = new Map();
  element.show = (charts) => {
    const wanted = charts.filter((chart) => chart && (chart.heat || chart.lanes?.length || chart.series?.some((series) => series.y.some((value) => value !== null))));
    const ids = new Set(wanted.map((chart) => chart.id));
    for (const [id, figure] of known) {
      if (!ids.has(id)) {
        figure.release();
        figure.remove();
        known.delete(id);
      }
    }
    for (const chart of wanted) {
      const figure = known.get(chart.id);
      if (figure) figure.update(chart);
      else {
        const fresh = plot(chart, { height: chart.lanes ? Math.min(90 + 20 * chart.lanes.length, 700) : null });
        known.set(chart.id, fresh);
        element.append(fresh);
      }
    }
  };
  element.release = () => known.forEach((figure) => figure.release());
  return element;
}

/** Lets go of every chart below an element. */
export function release(root) {
  for (const figure of root.querySelectorAll(".chart")) figure.release?.();
}

/** Shows one chart over the whole window, or puts it back. */
export function expand(figure, element) {
  figure.classList.toggle("wide");
  document.body.classList.toggle("covered", figure.classList.contains("wide"));
  window.Plotly?.Plots.resize(element);
  element.focus();
}

/** The chart that is meant by a key: the one with the focus, else the first in view. */
export function expandAny() {
  const wide = document.querySelector(".chart.wide");
  const figure = wide ?? document.activeElement?.closest?.(".chart") ?? [...document.querySelectorAll("main .chart")].find((one) => one.getBoundingClientRect().bottom > 80);
  if (figure) expand(figure, figure.querySelector(".plot"));
  return Boolean(figure);
}

export const repaint = redraw;
