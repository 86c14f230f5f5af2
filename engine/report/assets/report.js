// The script of a report: unpacks the chart library and the data, draws what comes into view, and fills tables on demand.
import { draw, redraw, resize, table } from "./chart.js";

const bytesOf = (id) => Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
const unpacked = (id) => new Response(new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip")));

function button(text, title, action) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.title = title;
  element.addEventListener("click", action);
  tools.append(element);
  return element;
}

/* They stay in sight where the list of sections is wider than the window. */
const tools = document.createElement("span");
tools.className = "tools";
document.querySelector(".contents").append(tools);

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  if (window.Plotly) redraw();
}

async function library() {
  const script = document.createElement("script");
  script.src = URL.createObjectURL(new Blob([await unpacked("plotly").text()], { type: "text/javascript" }));
  await new Promise((done, failed) => {
    script.onload = done;
    script.onerror = () => failed(new Error("the chart library could not be unpacked"));
    document.head.append(script);
  });
  URL.revokeObjectURL(script.src);
}

async function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await unpacked("document").blob());
  link.download = "results.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function start() {
  if (document.getElementById("document")) button("Save data", "Save the results file (JSON) that this report holds", save);
  button("Dark or light", "Switch between dark and light", switchTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.Plotly && redraw());
  const charts = JSON.parse(await unpacked("charts").text());
  const elements = new Map();
  for (const chart of charts) {
    const element = document.getElementById(chart.id);
    const plot = element.querySelector(".plot");
    if (chart.lanes) plot.style.height = `${Math.min(90 + 20 * chart.lanes.length, 900)}px`;
    elements.set(plot, chart);
    element.querySelector(".numbers").addEventListener("toggle", (event) => {
      if (event.target.open && event.target.children.length === 1) event.target.append(table(chart));
    });
  }
  await library();
  const waiting = new Set(elements.keys());
  const show = (plot) => waiting.delete(plot) && draw(plot, elements.get(plot));
  const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => show(entry.target)), { rootMargin: "400px" });
  waiting.forEach((plot) => seen.observe(plot));
  // On paper everything is in view, in light colours, and as wide as a sheet: a chart does not shrink by itself.
  const root = document.documentElement;
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    document.querySelectorAll("details:not(.numbers)").forEach((details) => { details.open = true; });
    root.dataset.theme = "light";
    root.classList.add("paper");
    [...waiting].forEach(show);
    redraw();
    resize();
  });
  window.addEventListener("afterprint", () => {
    root.classList.remove("paper");
    if (before === undefined) delete root.dataset.theme;
    else root.dataset.theme = before;
    redraw();
    resize();
  });
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  const line = document.createElement("p");
  line.className = "quiet";
  line.textContent = `The charts could not be drawn: ${error.message}.`;
  document.querySelector("main").prepend(line);
});
