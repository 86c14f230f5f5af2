// The memory of a page over many live updates, replayed as fast as it draws them. Prints what was seen as JSON.
// node memory.mjs [UPDATES] [SERIES]
import { browse, open } from "./harness.mjs";
import { replay } from "./replay.mjs";

const updates = Number(process.argv[2] ?? 10_000);
const series = Number(process.argv[3] ?? 20);
const server = await replay({ series, seconds: 60 });
const browser = await browse();
const page = await open(browser, `${server.base}/now`);
const session = await page.context().newCDPSession(page);
await session.send("HeapProfiler.enable");
await page.waitForSelector(".js-plotly-plot .main-svg");
// Every update is drawn, not one a second: this is what the replay is for.
await page.evaluate(() => { window.engineLive.pace = 0; });

async function heap() {
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes } = await session.send("Memory.getDOMCounters");
  return { bytes: usedSize, nodes };
}

const seen = [{ updates: 0, ...(await heap()) }];
const began = Date.now();
const parts = 20;
for (let part = 1; part <= parts; part += 1) {
  const until = Math.round((updates * part) / parts);
  for (let sent = Math.round((updates * (part - 1)) / parts); sent < until; sent += 1) {
    server.send(1);
    await page.evaluate((wanted) => new Promise((done) => {
      const live = window.engineLive;
      const look = () => (live.number >= wanted && !live.drawing ? requestAnimationFrame(done) : setTimeout(look, 0));
      look();
    }), sent + 1);
  }
  seen.push({ updates: until, ...(await heap()) });
}
const seconds = (Date.now() - began) / 1000;
const drawn = await page.evaluate(() => window.engineLive.drawn);
console.log(JSON.stringify({ updates, series, seconds, drawn, seen, wrong: page.wrong }));
await browser.close();
server.stop();
process.exit(page.wrong.length ? 1 : 0);
