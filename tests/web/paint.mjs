// How soon the pages of a server that runs are seen, each in a browser that has nothing of it. Prints what was seen as JSON.
// node paint.mjs BASE PATH..
import { rmSync } from "node:fs";
import { browse, folder, open } from "./harness.mjs";

const [base, ...paths] = process.argv.slice(2);
const browser = await browse();
const seen = [];
for (const path of paths) {
  const page = await open(browser, null);
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  const began = Date.now();
  await page.goto(`${base}${path}`);
  await page.waitForSelector("main h1, main h2");
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
  const first = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  const chart = page.locator("main .chart:visible").first();
  let drawn = null;
  if (path !== "/runs") {
    await chart.waitFor({ timeout: 30_000 });
    await chart.scrollIntoViewIfNeeded();
    await chart.locator(".main-svg").first().waitFor({ timeout: 30_000 });
    drawn = Date.now() - began;
  }
  await page.waitForLoadState("networkidle").catch(() => {});
  seen.push({ path, first, drawn, bytes, wrong: page.wrong });
  await page.context().close();
}
console.log(JSON.stringify(seen));
await browser.close();
rmSync(folder, { recursive: true, force: true });
process.exit(seen.some((one) => one.wrong.length) ? 1 : 0);
