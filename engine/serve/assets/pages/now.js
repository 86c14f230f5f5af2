// What is being measured right now.
import { hostCharts, loadCharts } from "../curves.js";
import { badge, command, empty, facts, fill, h, section, spark, table, ticked, wordBadge } from "../dom.js";
import { arrow, ago, count, digits, direction, duration, parts, range, short, time, value } from "../format.js";
import { board } from "../plots.js";

export default { path: "now", title: "Now", key: "n", about: "what is being measured", show };

async function show(page) {
  const { live, root } = page;
  const head = h("div", {});
  const tiles = h("div", { class: "tiles" });
  const loads = board();
  const machine = board("small");
  const steps = h("div", {});
  const marks = h("div", { class: "stack" });
  const body = h("div", { class: "stack" }, head, tiles, loads, steps, h("section", {}, h("h2", {}, "The machine"), machine), marks);
  const idle = h("div", { class: "stack" });
  let painted = 0;
  let shown = null;

  function paint() {
    if (document.hidden) return;
    const run = live.run;
    if (!run) {
      if (shown !== "idle") {
        shown = "idle";
        fill(root, idle);
        rest(page, idle).catch((error) => error.name !== "AbortError" && fill(idle, empty(error.message, error.hint ?? "")));
      }
      return;
    }
    if (shown !== "live") {
      shown = "live";
      fill(root, body);
    }
    // At most one drawing a second, however fast messages come.
    const now = performance.now();
    if (now - painted < live.pace) {
      clearTimeout(page.timer);
      page.timer = setTimeout(paint, live.pace + 50 - (now - painted));
      return;
    }
    painted = now;
    live.drawn += 1;
    fill(head, header(run));
    fill(tiles, figures(run));
    loads.show(run.loads.flatMap((load) => loadCharts(load, run.marks, run.heat_bounds_seconds, "now")));
    loads.hidden = !run.loads.length;
    machine.show(hostCharts(run.host, run.marks, "now"));
    machine.parentElement.hidden = !run.host.length;
    fill(steps, stepList(run));
    fill(marks, markList(run));
  }

  page.on(live, "live", paint);
  page.on(live, "end", () => setTimeout(paint, 1000));
  page.on(document, "visibilitychange", paint);
  page.on(page.signal, "abort", () => clearTimeout(page.timer));
  // The connection may still be on its way: say so only if it takes long.
  if (live.number === undefined) {
    fill(root, h("p", { class: "quiet" }, "Waiting for the live view …"));
    setTimeout(() => !page.signal.aborted && shown === null && live.state !== "live" && paint(), 2000);
  } else paint();
}

function header(run) {
  const running = run.state === "running";
  const bar = h("progress", { max: "1", value: String(run.progress ?? 0), "aria-label": "Progress" });
  const current = run.current ? `${run.current.path}${run.current.round === null ? "" : `, round ${run.current.round + 1}`}` : !running ? "" : run.source === "store" ? "run by another process: up to 2 s behind" : "between steps";
  const eta = running && run.eta_seconds !== null && run.eta_seconds !== undefined ? `about ${duration(run.eta_seconds)} left` : "";
  return h("header", { class: "hero" },
    h("div", { class: "line" }, h("h1", {}, run.scenario), wordBadge(run.state), run.validity?.level && run.validity.level !== "valid" ? wordBadge(run.validity.level) : null,
      h("a", { class: "end", href: `/runs/${encodeURIComponent(run.run)}` }, short(run.run))),
    run.title ? h("p", { class: "lead" }, run.title) : null,
    h("div", { class: "progress" }, bar, h("p", {}, h("b", {}, `${Math.round((run.progress ?? 0) * 100)} %`), ` · ${duration(run.elapsed_seconds)}${eta ? ` · ${eta}` : ""}`), h("p", { class: "quiet" }, current)),
    (run.validity?.reasons ?? []).map((reason) => h("p", { class: "quiet" }, reason)));
}

/** A figure: a text, or a unit with its number. */
function tile(title, shown, note = "") {
  const [number, unit] = Array.isArray(shown) ? parts(...shown) : [shown, ""];
  return h("div", { class: "tile" }, h("p", {}, title), h("p", { class: "big" }, number, unit ? h("small", {}, `\u00a0${unit}`) : null), h("p", { class: "quiet" }, note || "\u00a0"));
}

/** The figures of this moment: those of the load where there is one, else those of the machine. */
function figures(run) {
  const load = run.loads.find((one) => one.step === run.current?.step) ?? run.loads.at(-1);
  const last = load?.windows.at(-1);
  const host = run.host.at(-1);
  const all = [];
  if (last) {
    const failed = last.failed + last.timed_out + last.cut_off;
    const ended = last.ok + failed;
    all.push(tile("Rate", ["1/s", last.rate], "ended well"), tile("Users", String(last.users), last.phase));
    for (const [name, key] of [["p50", "p50"], ["p90", "p90"], ["p95", "p95"], ["p99", "p99"], ["p99.9", "p99_9"]]) all.push(tile(name, ["s", last[key]], "lower is better"));
    all.push(tile("Errors", ["ratio", ended ? failed / ended : null], ended ? `${failed} of ${ended}` : "nothing ended"));
  }
  if (host) all.push(tile("CPU", ["ratio", host.cpu], "busy"), tile("Memory", ["ratio", host.memory], "in use"));
  const done = run.steps.filter((step) => ["measured", "skipped", "failed"].includes(step.status)).length;
  all.push(tile("Steps", `${done} of ${run.steps.length}`, `${run.steps.filter((step) => step.status === "failed").length} failed`));
  return all;
}

function stepList(run) {
  const rows = run.steps.map((step) => {
    const primary = step.primary;
    const found = primary ? value(primary.unit, primary.value) : "";
    const reach = primary && primary.low !== null ? range(primary.unit, primary.value, primary.low, primary.high) : "";
    return [
      h("span", {}, step.path, step.reason ? h("small", { class: "under" }, step.reason) : null), wordBadge(step.status), `${step.rounds_done} / ${step.rounds_planned}`,
      primary ? h("span", {}, primary.metric, " ", h("abbr", { title: direction(primary.goal) }, arrow(primary.goal))) : "", h("b", {}, found), h("span", { class: "quiet" }, reach), primary ? spark(primary.values, { label: `${primary.metric} of each round` }) : "",
    ];
  });
  return section("Steps", count(run.steps.length, "step"), table([{ title: "Step" }, { title: "State" }, { title: "Rounds", n: true }, { title: "Metric" }, { title: "Median", n: true }, { title: "95 % interval", n: true }, { title: "Each round" }], rows, { label: "Steps" }));
}

function markList(run) {
  // Phases count from the start of their load; those that are still to come have not happened.
  const loads = new Map(run.marks.filter((mark) => mark.kind === "step").map((mark) => [mark.step, mark.at]));
  const happened = run.marks.filter((mark) => mark.kind !== "step").map((mark) => (mark.kind === "phase" ? { ...mark, at: mark.at + (loads.get(mark.step) ?? 0) } : mark));
  const wanted = happened.filter((mark) => mark.at <= run.elapsed_seconds).sort((a, b) => a.at - b.at).slice(-12).reverse();
  const expected = (run.expectations ?? []).map((one) => [wordBadge(one.judgement), one.step, h("code", {}, one.text), h("span", { class: "quiet" }, one.reason)]);
  return [
    expected.length ? section("Expectations", "as far as they can be told", table([{ title: "So far" }, { title: "Step" }, { title: "Expected" }, { title: "Why", class: "why" }], expected, { label: "Expectations" })) : null,
    wanted.length ? section("What happened", "newest first", table([{ title: "At" }, { title: "" }, { title: "What", class: "why" }], wanted.map((mark) => [`${digits(mark.at)} s`, badge(mark.level === "warning" ? "warn" : "none", mark.kind), h("span", {}, mark.step ? h("b", {}, `${mark.step} `) : null, ticked(mark.text))]), { label: "Events" })) : null,
  ];
}

/** Nothing runs: say how to begin, and what was last. */
async function rest(page, root) {
  fill(root, empty("Nothing is being measured", "This page shows a run while it goes on, also one that another terminal starts. Begin with:", command("engine run scenarios/quick.rhai")));
  const { items } = await page.get("/runs", { limit: 8 });
  if (!items.length) return;
  const rows = items.map((run) => ({ href: `/runs/${run.id}`, cells: [h("a", { href: `/runs/${run.id}` }, run.scenario), time(run.started), ago(run.started), wordBadge(run.state), wordBadge(run.validity.level), duration(run.duration_seconds)] }));
  root.append(section("The last runs", "", table([{ title: "Scenario" }, { title: "Started", class: "nb" }, { title: "", class: "nb" }, { title: "State" }, { title: "Trust" }, { title: "Took", n: true }], rows, { label: "The last runs" }), h("p", {}, h("a", { href: "/runs" }, "All runs"))));
  const health = await page.get("/health");
  root.append(facts([["Store", count(health.store.runs, "run")], ["Server", `version ${health.version}, started ${ago(health.started)}`]]));
}
