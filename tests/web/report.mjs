// The HTML report in a real browser, from a file, without a network.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { accessible, assert, browse, clean, end, folder, open, picture, pictures, run, scenario, shows, test } from "./harness.mjs";

const tour = scenario("tour.rhai");
scenario("trouble.rhai");
// What a busy machine makes of a service that is broken on purpose is as it may be: not well again in time, or nothing sure.
const JUDGED = [0, 10, 11, 12, 14, 31, 40];
run(["run", tour, "--profile", "short", "--out", "out"], JUDGED);
run(["run", tour, "--profile", "short", "--out", "out"], JUDGED);
run(["run", scenario("whole.rhai"), "--profile", "short", "--out", "out"], JUDGED);
run(["report", "@last", "-o", "whole.html"]);
run(["report", "@last", "--lite", "-o", "whole-lite.html"]);
const whole = JSON.parse(run(["report", "@last", "--json"]));
run(["report", "@-2", "-o", "full.html"]);
run(["report", "@-2", "--lite", "-o", "lite.html"]);
run(["compare", "@-3", "@-2", "--allow-unlike", "-o", "compare.html"]);
const record = JSON.parse(run(["report", "@-2", "--json"]));
const browser = await browse();
const at = (name, options) => open(browser, `file://${path.join(folder, name)}`, options);

await test("the full report draws its charts, offline", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await at("full.html", { colorScheme, offline: true });
    await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
    await picture(page, `report-${colorScheme}`);
    const figures = await page.$$eval("figure.chart", (all) => all.length);
    const drawn = await page.$$eval("figure.chart .main-svg:first-child", (all) => all.length);
    assert(figures > 8 && drawn >= figures / 2, `${drawn} of ${figures} charts`);
    await accessible(page, `report, ${colorScheme}`);
    clean(page);
    await page.context().close();
  }
});

await test("what people read is what was measured", async () => {
  const page = await at("full.html");
  for (const step of record.steps.filter((one) => !one.load)) {
    for (const metric of step.metrics.filter((one) => one.estimate && Object.keys(one.labels).length === 0)) {
      const found = await page.$$eval("tr[data-series]", (rows, series) => rows.filter((row) => row.dataset.series === series).map((row) => Number(row.querySelector("[data-v]").dataset.v)), metric.series);
      assert(found.includes(metric.estimate.value), `${metric.series}: ${found} in the page, ${metric.estimate.value} in the record`);
    }
  }
  await page.context().close();
});

await test("parts, faults and stress are told as they were", async () => {
  for (const name of ["whole.html", "whole-lite.html"]) {
    const page = await at(name, { offline: true });
    const numbers = (selector) => page.$$eval(`${selector} [data-v]`, (all) => all.map((one) => Number(one.dataset.v)));
    const parts = await page.$$eval("tr[data-part]", (rows) => rows.map((row) => row.dataset.part));
    assert(parts.join() === "tour,trouble", `parts ${parts}`);
    const broken = whole.steps.find((step) => step.fault);
    const [repetition] = broken.fault.repetitions;
    const told = await numbers(`tr[data-repetition="${repetition.number}"]`);
    for (const key of ["baseline_p95_seconds", "worst_p95_seconds", "worst_rate_per_second", "recover_seconds", "detect_seconds", "failures", "area"]) {
      if (repetition[key] !== null) assert(told.includes(repetition[key]), `${name}: ${key} ${repetition[key]} is not in ${told}`);
    }
    const marks = await numbers(".course li");
    assert(repetition.marks.every((mark) => marks.includes(mark.at_seconds)), `${name}: ${JSON.stringify(repetition.marks)} in ${marks}`);
    const stressed = whole.steps.find((step) => step.interference);
    for (const row of stressed.interference.rows) {
      const seen = await numbers(`tr[data-background="${row.background}"]`);
      const wanted = [row.slowdown, row.measured, ...row.stressors.flatMap((own) => [own.rate_per_second, own.cpu_ratio, own.checked])].filter((value) => value !== null);
      assert(wanted.every((value) => seen.includes(value)), `${name}: ${wanted} in ${seen}`);
    }
    if (name === "whole.html") {
      await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
      await page.pdf({ path: path.join(pictures, "report-whole.pdf"), format: "A4" });
    }
    await accessible(page, name);
    await picture(page, name.replace(".html", "").replace("whole", "report-whole"));
    clean(page);
    await page.context().close();
  }
});

await test("a chart zooms, and its table has its numbers", async () => {
  const page = await at("full.html");
  await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
  await page.locator("figure.chart").first().scrollIntoViewIfNeeded();
  await page.waitForSelector(".js-plotly-plot .main-svg");
  await page.focus(".js-plotly-plot");
  const range = () => page.evaluate(() => document.querySelector(".js-plotly-plot").layout.xaxis.range.slice());
  const before = await range();
  await page.keyboard.press("+");
  await shows(page, (width) => { const [low, high] = document.querySelector(".js-plotly-plot").layout.xaxis.range; return high - low < width; }, before[1] - before[0]);
  await page.click("figure.chart .numbers summary");
  // The rows are made when the browser says that the details are open, which is a moment after the click.
  await page.waitForSelector("figure.chart .numbers tbody tr:nth-child(3)");
  clean(page);
  await page.context().close();
});

await test("the light report has no script and the same text", async () => {
  const page = await at("lite.html", { javaScriptEnabled: true, offline: true });
  assert((await page.$$("script")).length === 0, "a script");
  assert((await page.$$("figure.chart svg")).length > 8, "no drawings");
  await accessible(page, "light report");
  await picture(page, "report-lite");
  clean(page);
  await page.context().close();
});

await test("two runs are compared in one file", async () => {
  const page = await at("compare.html");
  await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
  await picture(page, "report-compare");
  assert((await page.$$("table[data-table=changes] tbody tr")).length > 2, "no changes");
  await accessible(page, "comparison");
  clean(page);
  await page.context().close();
});

await test("it prints, with every chart", async () => {
  const page = await at("full.html");
  await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
  const bytes = await page.pdf({ path: path.join(folder, "report.pdf"), format: "A4" });
  const drawn = await page.$$eval("figure.chart .plot", (all) => all.filter((plot) => !plot.querySelector(".main-svg")).length);
  assert(bytes.length > 30_000, `${bytes.length} bytes`);
  assert(drawn === 0, `${drawn} charts were not drawn for the paper`);
  await page.context().close();
});

await test("a phone reads it", async () => {
  for (const name of ["full.html", "lite.html", "compare.html", "whole.html"]) {
    const page = await at(name, { viewport: { width: 390, height: 844 }, isMobile: true });
    await page.waitForTimeout(800);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(wide <= 391, `${name} is ${wide} wide`);
    await page.context().close();
  }
});

writeFileSync(path.join(folder, "done"), "");
await browser.close();
end();
