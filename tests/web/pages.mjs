// Every page of the dashboard in a real browser: live runs, reconnecting, comparing, zooming, alerts, keys, colours, phones.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { accessible, assert, browse, clean, end, folder, open, picture, pictures, run, scenario, serve, shows, start, test, until } from "./harness.mjs";

const tour = scenario("tour.rhai");
// What a busy machine makes of a service that is broken on purpose is as it may be: not well again in time, or nothing sure.
const JUDGED = [0, 10, 11, 12, 14, 31, 40];

// A history with a step in it, and names that would run if anything let them.
const HOSTILE = "<img src=x onerror=document.title='owned'>";
for (let commit = 0; commit < 16; commit += 1) {
  const level = commit < 10 ? 0.1 : 0.125;
  const times = Array.from({ length: 10 }, (_, k) => level * (1 + 0.004 * Math.sin(7 * k + 3 * commit)));
  const result = { command: "sleep", mean: level, stddev: 0.001, median: level, user: 0.01, system: 0.01, min: Math.min(...times), max: Math.max(...times), times, exit_codes: times.map(() => 0) };
  const hostile = { ...result, command: HOSTILE };
  writeFileSync(path.join(folder, "h.json"), JSON.stringify({ results: [result, hostile] }));
  run(["runs", "import", "h.json", "--format", "hyperfine", "--commit", `${String(commit).padStart(2, "0")}${"ab".repeat(19)}`]);
}
run(["run", scenario("trouble.rhai"), "--profile", "short", "--out", "out"], JUDGED);
run(["run", tour, "--profile", "short", "--out", "out"], JUDGED);
run(["run", tour, "--profile", "short", "--out", "out"], JUDGED);

mkdirSync(path.join(folder, "scenarios", "shop"), { recursive: true });
let server = await serve();
const browser = await browse();
const signed = await open(browser, `${server.base}/#token=${server.token}`);
await signed.waitForSelector(".page");
const storage = await signed.context().storageState();
const at = async (address, options = {}) => {
  const page = await open(browser, null, { storageState: storage, ...options });
  // A build without rules says so; the page shows it as a sentence.
  page.allowed.push(/503.*\/advice/);
  await page.goto(`${server.base}${address}`);
  await page.waitForSelector(".page :is(h1, h2)");
  return page;
};
/** The first chart of a page, brought into view and drawn. */
const drawn = async (page) => {
  const chart = page.locator("main .chart:visible").first();
  await chart.scrollIntoViewIfNeeded();
  await chart.locator(".main-svg").first().waitFor();
};

await test("the token leaves the address and becomes a session", async () => {
  assert(!signed.url().includes("token"), signed.url());
  const session = await signed.evaluate(() => fetch("/api/v1/session").then((answer) => answer.json()));
  assert(session.authenticated && session.may_change, JSON.stringify(session));
  clean(signed);
});

await test("every page shows something, has no error, and is accessible in light and dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const name of ["now", "runs", "compare", "trends", "alerts", "advice", "scenarios", "schedules", "machine"]) {
      const page = await at(`/${name}`, { colorScheme });
      await until(page, () => document.querySelector("main").textContent.trim().length > 40);
      await page.waitForTimeout(500);
      await accessible(page, `${name}, ${colorScheme}`);
      await picture(page, `${name}-${colorScheme}`);
      clean(page);
      await page.context().close();
    }
  }
});

await test("a run is there with everything of it", async () => {
  const page = await at("/runs/@last");
  await drawn(page);
  const text = await page.textContent("main");
  for (const word of ["Failed", "Expectations", "time < 1 ns", "Load: shop", "steady", "Results", "copy", "Health", "Environment", "lower is better"]) assert(text.includes(word), `no ${word}`);
  const detail = await page.evaluate(() => fetch("/api/v1/runs/@last").then((answer) => answer.json()));
  const rows = await page.$$eval("table.results tbody tr", (all) => all.length);
  assert(rows >= detail.report.steps.filter((step) => !step.load).length, `${rows} rows`);
  await page.click(".numbers summary");
  // The rows are made when the browser says that the details are open, which is a moment after the click.
  await page.waitForSelector(".numbers tbody tr:nth-child(3)");
  await accessible(page, "run");
  await picture(page, "run-light");
  clean(page);
  await page.context().close();
});

await test("a run shows its fault and its stress", async () => {
  const { items } = await (await fetch(`${server.base}/api/v1/runs?scenario=trouble`)).json();
  const page = await at(`/runs/${items[0].id}`);
  await page.waitForSelector("table.repetitions tbody tr");
  const { report } = await page.evaluate((id) => fetch(`/api/v1/runs/${id}`).then((answer) => answer.json()), items[0].id);
  const { fault } = report.steps.find((step) => step.fault);
  const { interference } = report.steps.find((step) => step.interference);
  assert((await page.$$("table.repetitions tbody tr")).length === fault.repetitions.length, "not every repetition");
  assert((await page.textContent("table.repetitions")).includes(fault.repetitions[0].verdict), "no verdict");
  const rows = await page.$$eval("table.interference tbody tr", (all) => all.map((row) => row.textContent));
  assert(rows.length === interference.rows.length + interference.control.length, `${rows.length} rows`);
  assert(interference.rows.every((row) => rows.some((text) => text.includes(row.background) && (row.slowdown === null || text.includes(`${row.slowdown.toFixed(2)}x`)))), rows.join("\n"));
  await drawn(page);
  const shapes = await page.evaluate(() => [...document.querySelectorAll(".js-plotly-plot")].flatMap((one) => one.layout.shapes.map((shape) => shape.type)));
  assert(shapes.includes("rect") && shapes.includes("line"), "no phases or no moments on the course");
  await accessible(page, "trouble");
  await picture(page, "run-trouble");
  clean(page);
  await page.context().close();
});

await test("two runs are compared from the list", async () => {
  const page = await at("/runs?scenario=tour");
  await page.waitForSelector("tbody input[type=checkbox]");
  const boxes = await page.$$("tbody input[type=checkbox]");
  assert(boxes.length === 2, `${boxes.length} runs`);
  await boxes[1].check();
  await boxes[0].check();
  await page.click("text=Compare the two");
  await page.waitForSelector("table.changes tbody tr");
  if (await page.isVisible("text=/^Show all/")) await page.click("text=/^Show all/");
  const counted = await page.$$eval("table.changes tbody tr", (all) => all.length);
  const answer = await page.evaluate(() => fetch(`/api/v1/compare${location.search}`).then((found) => found.json()));
  assert(counted === answer.series.length, `${counted} rows of ${answer.series.length}`);
  await drawn(page);
  assert((await page.textContent(".both")).includes("Both runs"), "no overlays");
  await accessible(page, "compare");
  await picture(page, "compare-runs");
  clean(page);
  await page.context().close();
});

await test("a trend shows its change, zooms, and keeps the zoom in its address", async () => {
  const page = await at("/trends?q=sleep.wall");
  await page.waitForSelector(".picklist button");
  await page.click(".picklist button");
  await page.waitForTimeout(800);
  await drawn(page);
  // The step of 25 % is marked.
  await shows(page, () => document.querySelector("main").textContent.includes("worse"));
  const box = await (await page.$(".js-plotly-plot .nsewdrag")).boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => new URLSearchParams(location.search).has("from"));
  const address = page.url();
  const before = await page.evaluate(() => document.querySelector(".js-plotly-plot").layout.xaxis.range.map(String));
  await page.goto(address);
  await drawn(page);
  const after = await page.evaluate(() => document.querySelector(".js-plotly-plot").layout.xaxis.range.map(String));
  assert(before[0].slice(0, 16) === after[0].slice(0, 16), `${before} became ${after}`);
  await page.focus(".js-plotly-plot");
  await page.keyboard.press("0");
  await page.waitForFunction(() => !new URLSearchParams(location.search).has("from"));
  await picture(page, "trend");
  clean(page);
  await page.context().close();
});

await test("hostile names are only text", async () => {
  const page = await at(`/trends?q=${encodeURIComponent("onerror")}`);
  await page.waitForTimeout(1500);
  const runs = await at("/runs");
  for (const one of [page, runs]) {
    assert(!(await one.title()).includes("owned"), "a name was run");
    assert((await one.$$("img[src='x']")).length === 0, "a name became an element");
    clean(one);
    await one.context().close();
  }
});

await test("an alert is acknowledged, silenced, resolved and labelled", async () => {
  const page = await at("/alerts");
  await page.waitForSelector(".card");
  const id = await page.getAttribute(".card", "data-id");
  const alert = () => page.evaluate((name) => fetch(`/api/v1/alerts/${name}`).then((answer) => answer.json()), id);
  const act = async (title, state) => {
    const card = `.card[data-id="${id}"]`;
    await page.goto(`${server.base}/alerts?id=${id}`);
    await page.waitForSelector(card);
    await page.click(`${card} .act summary:text-is("${title}")`);
    const form = `${card} .act[open]`;
    await page.fill(`${form} input >> nth=0`, "ann");
    await page.fill(`${form} input >> nth=1`, "known since Monday");
    await page.click(`${form} button[type=submit]`);
    await until(page, ([name, wanted]) => fetch(`/api/v1/alerts/${name}`).then((answer) => answer.json()).then((found) => found.state === wanted || found.label === wanted), [id, state]);
  };
  await act("Acknowledge", "acknowledged");
  await act("Silence", "silenced");
  assert((await alert()).until, "no end of the silence");
  await picture(page, "alerts-acted");
  await act("Resolve", "resolved");
  await act("Label", "true");
  const steps = (await alert()).steps.filter((step) => step.who === "ann");
  assert(steps.length >= 4 && steps.every((step) => step.why.includes("known since Monday")), JSON.stringify(steps));
  clean(page);
  await page.context().close();
});

await test("a run gets a remark, is saved as a file, and goes when it is deleted", async () => {
  const runs = await (await fetch(`${server.base}/api/v1/runs?scenario=hyperfine`)).json();
  const { id } = runs.items.at(-1);
  const page = await at(`/runs/${id}`);
  await page.fill("input[placeholder='what should be known of this run']", "<b>before</b> the kernel update");
  await page.click("text=Add");
  await page.waitForSelector(".remarks li");
  assert((await page.textContent(".remarks li")).includes("<b>before</b> the kernel update"), "the remark is not as it was written");
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click("header a:text-is('JSON')")]);
  assert(saved.suggestedFilename().endsWith(".json"), saved.suggestedFilename());
  const file = JSON.parse(readFileSync(await saved.path(), "utf8"));
  const told = JSON.parse(run(["report", id, "--json"]));
  assert(JSON.stringify(file.advice) === JSON.stringify(told.advice) && file.advice !== null, "the saved file has other findings than the program's");
  await page.click("button:text-is('Delete')");
  await page.click("dialog button.danger");
  await page.waitForFunction(() => location.pathname === "/runs");
  assert((await fetch(`${server.base}/api/v1/runs/${id}`)).status === 404, "the run is still there");
  clean(page);
  await page.context().close();
});

await test("schedules: what comes, what came, off and on, and one is run now", async () => {
  let page = await at("/schedules");
  assert((await page.textContent(".empty")).includes("engine schedule add"), "nothing says how to begin");
  await picture(page, "schedules-empty");
  await page.context().close();
  writeFileSync(path.join(folder, "tick.rhai"), 'suite("tick", #{ rounds: 1 });\nbench(cpu::primes(#{ limit: 1000 }));\n');
  run(["schedule", "add", "night", "0 2 * * *", "tick.rhai", "--zone", "Europe/Berlin", "--skip-busy", "50 %", "--", "--profile", "tiny"]);
  page = await at("/schedules");
  const card = page.locator(".card[data-id=night]");
  await card.waitFor();
  const told = await card.textContent();
  for (const word of ["on", "0 2 * * *", "Europe/Berlin", "02:00:00 CE", "has not run yet", "tick.rhai", "50"]) assert(told.includes(word), `no ${word} in ${told}`);
  await card.locator("button:text-is('Switch off')").click();
  await page.waitForFunction(() => document.querySelector(".card[data-id=night]").textContent.includes("switched off"));
  assert(JSON.parse(run(["schedule", "list", "--json"])).schedules[0].schedule.enabled === false, "it is still followed");
  await card.locator("button:text-is('Switch on')").click();
  await page.waitForFunction(() => document.querySelector(".card[data-id=night]").textContent.includes("02:00:00 CE"));
  await card.locator("button:text-is('Run now')").click();
  await page.waitForSelector("table.occurrences tbody tr td a");
  const row = await page.textContent("table.occurrences tbody tr");
  assert(row.includes("manual") && row.includes("ran"), row);
  assert((await card.textContent()).includes("ran"), "the card does not say what came of it");
  await accessible(page, "schedules");
  await picture(page, "schedules-filled");
  await page.click("table.occurrences tbody tr td a");
  await page.waitForFunction(() => location.pathname.startsWith("/runs/"));
  await page.waitForSelector(".page h1:text-is('tick')");
  clean(page);
  await page.context().close();
});

await test("a scenario is started by its name", async () => {
  writeFileSync(path.join(folder, "scenarios", "shop", "primes.rhai"), '//! A few primes.\nsuite("primes", #{ rounds: 1 });\nbench(cpu::primes(#{ limit: 1000 }));\n');
  const page = await at("/scenarios");
  await page.click(".picklist button:has-text('shop/primes.rhai')");
  await page.waitForSelector("button:text-is('Run it now'):enabled");
  await page.selectOption("select", "tiny");
  await page.waitForFunction(() => location.search.includes("profile=tiny"));
  await page.click("button:text-is('Run it now')");
  await page.waitForFunction(() => location.pathname === "/now");
  await until(page, () => fetch("/api/v1/runs?scenario=primes&tiny=true").then((answer) => answer.json()).then((found) => found.total === 1));
  await page.goto(`${server.base}/scenarios`);
  await page.waitForSelector("text=Started from here");
  clean(page);
  await page.context().close();
});

await test("a rule of the user's is read again when its file changes", async () => {
  const rule = (title) => `//! Steps that take time.\nrule("tool.primes", #{ title: "${title}", looks_at: "\`cpu.primes.time\` at least \`most\`", needs: "\`cpu.primes\`: \`engine run quick\`",
    model: "none: only a remark", effort: "minutes", wrong_when: "it is meant to take long", limits: #{ most: "1 ns" },
    check: |facts, limits| { let time = facts.seen("cpu.primes", "time"); if time.value < limits.most { return; }
      #{ resource: "processors", evidence: [time], against: "most", cause: \`it takes \${time}\`, action: "count less", gain: unknown("nobody knows") } },
    tests: [ #{ name: "long", steps: [#{ probe: "cpu.primes", metrics: #{ time: "1 s" } }], fires: true }, #{ name: "short", steps: [#{ probe: "cpu.primes", metrics: #{ time: "0.5 ns" } }], fires: false } ] });\n`;
  const { items } = await (await fetch(`${server.base}/api/v1/runs?scenario=tour`)).json();
  const file = path.join(folder, "config", "rules", "own.rhai");
  mkdirSync(path.dirname(file), { recursive: true });
  const page = await at(`/advice?run=${items[0].id}`);
  for (const title of ["Primes take time", "Primes still take time"]) {
    writeFileSync(file, rule(title));
    await page.reload();
    await page.waitForSelector(`.card h2:text-is("${title}")`);
  }
  rmSync(file);
  await page.reload();
  await page.waitForSelector(".card");
  assert(!(await page.textContent("main")).includes("still take time"), "a rule that is gone still speaks");
  clean(page);
  await page.context().close();
});

await test("the live view freezes and goes on by a key", async () => {
  const page = await at("/now");
  await page.waitForFunction(() => document.getElementById("status").innerText.match(/connected|live/));
  const frozen = (wanted) => shows(page, (is) => document.getElementById("status").innerText.includes("frozen") === is, wanted);
  await page.keyboard.press("p");
  await frozen(true);
  await page.keyboard.press("f");
  await frozen(false);
  clean(page);
  await page.context().close();
});

await test("a run is seen while it goes on", async () => {
  const page = await at("/now");
  const child = start(["run", tour, "--profile", "short", "--out", "live"]);
  const ended = new Promise((done) => child.once("exit", done));
  child.stderr.resume();
  await page.waitForSelector("progress");
  // What is only there while it goes on is looked for first: a page that is slow to draw is done after the run's end.
  await shows(page, () => /\d+ % · Now/.test(document.title));
  const before = await page.evaluate(() => window.engineLive.updates);
  await shows(page, (seen) => window.engineLive.updates > seen + 1, before);
  await shows(page, () => document.body.innerText.includes("p99.9") && document.querySelectorAll(".js-plotly-plot").length > 2);
  await page.waitForTimeout(2500);
  await picture(page, "now-live", false);
  await accessible(page, "live");
  await page.screenshot({ path: path.join(pictures, "now-live-whole.png"), fullPage: true });
  await ended;
  await shows(page, () => document.querySelector(".hero")?.innerText.match(/complete|partial/));
  clean(page);
  await page.context().close();
});

await test("a run is held against several before it", async () => {
  // The newest of those that are ticked is the new one, in whatever order they were.
  const { items } = await (await fetch(`${server.base}/api/v1/runs?scenario=tour`)).json();
  assert(items.length >= 3, `${items.length} runs`);
  const page = await at("/runs?scenario=tour");
  for (const { short } of [items[0], items[2], items[1]]) await page.check(`input[aria-label="Choose ${short} to compare"]`);
  await page.click("text=Compare the newest with 2 others");
  await page.waitForSelector("table.changes tbody tr");
  const query = new URL(page.url()).searchParams;
  assert(query.get("new") === items[0].id && query.get("old") === `${items[2].id},${items[1].id}`, page.url());
  assert((await page.textContent("main")).includes("and 1 before"), "not said that there are several");
  await page.locator(".both").scrollIntoViewIfNeeded();
  await page.waitForSelector(".both .main-svg");
  const names = await page.evaluate(() => document.querySelector(".both .js-plotly-plot").data.map((line) => line.name));
  assert(["old 1: p50", "old 2: p50", "new: p50"].every((name) => names.includes(name)), names.join());
  await accessible(page, "compare several");
  await picture(page, "compare-several");
  clean(page);
  await page.context().close();
});

await test("the page comes back when the server does", async () => {
  const page = await at("/now");
  page.allowed.push(/WebSocket|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  await page.waitForFunction(() => document.getElementById("status").innerText.match(/connected|live/));
  await server.stop();
  await page.waitForFunction(() => document.getElementById("status").innerText.match(/reconnecting|no connection/));
  server = await serve(server.port);
  await page.waitForFunction(() => document.getElementById("status").innerText.match(/connected|live/));
  clean(page);
  await page.context().close();
});

await test("a new alert shows itself on every page", async () => {
  const page = await at("/machine");
  // What is there when the page opens shows itself on no page.
  await shows(page, () => window.engineLive.site.type === "site");
  writeFileSync(path.join(folder, "alarm.rhai"), 'suite("alarm", #{ rounds: 5 });\nbench(#{ expect: ["time < 1 ns"] }, cpu::primes(#{ limit: 1000 }));\n');
  run(["run", "alarm.rhai", "--profile", "short", "--out", "out"], JUDGED);
  await page.waitForSelector(".toast");
  await shows(page, () => /^\(\d+\) /.test(document.title));
  await page.waitForSelector("#nav .count");
  assert((await page.getAttribute("link[rel=icon]", "href")).startsWith("data:image/svg+xml"), "the icon did not change");
  await picture(page, "toast", false);
  await page.click(".toast a");
  await page.waitForSelector(".card.chosen");
  clean(page);
  await page.context().close();
});

await test("everything is reached by the keyboard alone", async () => {
  const page = await at("/now");
  for (const [key, address] of [["r", "/runs"], ["c", "/compare"], ["t", "/trends"], ["a", "/alerts"], ["d", "/advice"], ["s", "/scenarios"], ["h", "/schedules"], ["m", "/machine"], ["n", "/now"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await shows(page, (wanted) => location.pathname === wanted, address);
  }
  await page.keyboard.press("?");
  await page.waitForSelector("dialog.keys", { state: "visible" });
  await accessible(page, "keys");
  await picture(page, "keys", false);
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog.keys", { state: "hidden" });
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.waitForSelector("tr.go");
  await page.keyboard.press("/");
  await shows(page, () => document.activeElement.type === "search");
  await page.keyboard.type("tour");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("q") === "tour");
  await until(page, () => { const rows = [...document.querySelectorAll("tr.go")]; return rows.length > 0 && rows.every((row) => row.textContent.includes("tour")); });
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.pathname.startsWith("/runs/"));
  await drawn(page);
  await page.keyboard.press("e");
  await page.waitForSelector(".chart.wide");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("+");
  await page.keyboard.press("e");
  await page.waitForSelector(".chart.wide", { state: "detached" });
  await page.keyboard.press("t");
  await shows(page, () => document.documentElement.dataset.theme === "dark");
  await page.keyboard.press("t");
  clean(page);
  await page.context().close();
});

await test("a phone shows every page without scrolling sideways", async () => {
  for (const name of ["now", "runs", "runs/@last", "compare?old=@-2&new=@last", "trends?q=sleep.wall", "alerts?state=all", "scenarios?name=quick", "schedules", "machine"]) {
    const page = await at(`/${name}`, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    await page.waitForTimeout(900);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(wide <= 391, `${name} is ${wide} wide`);
    await picture(page, `phone-${name.replaceAll(/[^a-z]/g, "-")}`, !name.includes("runs/"));
    clean(page);
    await page.context().close();
  }
});

await test("the pages take at most 600 KB and paint soon", async () => {
  const page = await open(browser, null, { storageState: storage });
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  await page.goto(`${server.base}/runs/@last`);
  await drawn(page);
  for (const name of ["now", "runs", "trends", "alerts", "machine"]) await page.click(`#nav a[data-path=${name}]`);
  await page.waitForTimeout(1000);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  const assets = await page.evaluate(() => performance.getEntriesByType("resource").filter((one) => one.name.includes("/assets/") || one.name.includes("favicon")).reduce((sum, one) => sum + one.encodedBodySize, 0));
  console.log(`      ${Math.round(assets / 1000)} KB of assets, ${Math.round(bytes / 1000)} KB with all answers, first paint after ${Math.round(paint)} ms`);
  assert(assets <= 600_000, `${assets} bytes`);
  await page.context().close();
});

await test("a reader without the token can look and not touch", async () => {
  const page = await open(browser, `${server.base}/alerts`);
  await page.waitForSelector(":is(.card, .empty)");
  assert((await page.$$(".act")).length === 0, "there are buttons that cannot work");
  assert((await page.textContent("main")).includes("it has the token") || (await page.$$(".card")).length === 0, "nothing says how to get in");
  clean(page);
  await page.context().close();
});

await browser.close();
await server.stop();
end();
