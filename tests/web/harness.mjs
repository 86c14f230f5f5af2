// What the tests share: the engine, the browser, and what no page may ever do.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const engine = process.env.ENGINE_BIN ?? path.join(root, "target/debug/engine");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const folder = mkdtempSync(path.join(tmpdir(), "engine-web-"));
export const pictures = process.env.ENGINE_PICTURES ?? path.join(root, "target/web");
mkdirSync(pictures, { recursive: true });
const database = path.join(folder, "engine.db");

/** Copies a scenario of these tests to where the engine runs; gives its name there, so that no picture shows a path of this machine. */
export function scenario(name) {
  copyFileSync(path.join(root, "tests/web", name), path.join(folder, name));
  return name;
}

/** Runs the engine to its end. */
export function run(args, expected = [0]) {
  const done = spawnSync(engine, ["--db", database, ...args], { cwd: folder, encoding: "utf8" });
  if (!expected.includes(done.status)) throw new Error(`engine ${args.join(" ")}: exit ${done.status}\n${done.stderr}`);
  return done.stdout;
}

/** Starts the engine and leaves it running. */
export function start(args) {
  return spawn(engine, ["--db", database, ...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}

/** Starts the server; gives its address, its token and a way to end it. */
export async function serve(port = 0, more = []) {
  const child = spawn(engine, ["--db", database, "serve", "--port", String(port), "--allow-run-from-web", ...more], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const found = await new Promise((done, failed) => {
    const look = (part) => {
      said += part;
      const match = /(http:\/\/127\.0\.0\.1:(\d+)\/)#token=(\S+)/.exec(said);
      if (match) done({ base: match[1].slice(0, -1), port: Number(match[2]), token: match[3] });
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("exit", (code) => failed(new Error(`the server ended with ${code}: ${said}`)));
  });
  const stop = () => new Promise((done) => {
    child.once("exit", done);
    child.kill("SIGTERM");
  });
  return { ...found, child, stop };
}

export async function browse() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/** A page that fails its test when it writes an error to the console or asks anything of another machine. */
export async function open(browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", ...options });
  // Whatever is waited for comes when it comes: a browser on a busy machine takes its time, and only one that hangs fails.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  page.wrong = [];
  page.allowed = [];
  page.on("console", (message) => {
    const text = `${message.text()} (${message.location().url})`;
    if (message.type() === "error" && !page.allowed.some((pattern) => pattern.test(text))) page.wrong.push(text);
  });
  page.on("pageerror", (error) => page.wrong.push(`${error.message}\n${error.stack}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:", "file:"].includes(url.protocol) && url.hostname !== "127.0.0.1") page.wrong.push(`a request to ${url.href}`);
  });
  page.on("websocket", (socket) => new URL(socket.url()).hostname === "127.0.0.1" || page.wrong.push(`a socket to ${socket.url()}`));
  if (address) await page.goto(address);
  return page;
}

/** Draws everything that is drawn when it comes into view. */
export async function scroll(page) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  for (let y = 0; y < height; y += 500) {
    await page.evaluate((to) => window.scrollTo(0, to), y);
    await page.waitForTimeout(120);
  }
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.waitForTimeout(150);
}

export async function picture(page, name, whole = true) {
  if (whole) await scroll(page);
  await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: whole });
}

/** Waits until a function of the page, which may ask the server, says so. (`waitForFunction` takes a promise itself for a yes.) */
export async function until(page, told, argument = null, seconds = 120) {
  const end = Date.now() + 1000 * seconds;
  while (!(await page.evaluate(told, argument))) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${told} ${JSON.stringify(argument)}`);
    await page.waitForTimeout(200);
  }
}

/** Waits until the page itself says so. */
export const shows = (page, told, argument = null) => page.waitForFunction(told, argument);

/** What axe-core finds that is serious or worse. */
export async function accessible(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  if (serious.length) {
    const told = serious.map((one) => `${one.id}: ${one.help}\n${one.nodes.slice(0, 3).map((node) => `    ${node.html.slice(0, 200)}\n      ${node.failureSummary?.split("\n").slice(1, 3).join(" ")}`).join("\n")}`);
    throw new Error(`${name}: axe-core finds\n  ${told.join("\n  ")}`);
  }
}

const failed = [];
let passed = 0;
const only = process.argv.slice(2);

/** Runs one test and goes on. */
export async function test(name, body) {
  if (only.length && !only.some((word) => name.includes(word))) return;
  const began = Date.now();
  try {
    await body();
    passed += 1;
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed.push(name);
    console.log(`FAIL  ${name}\n${String(error.stack ?? error).replaceAll(/^/gm, "      ")}`);
  }
}

export function assert(truth, told) {
  if (!truth) throw new Error(told);
}

/** Nothing went wrong on the page. */
export function clean(page) {
  assert(page.wrong.length === 0, `on the page: ${page.wrong.join("\n")}`);
}

export function end() {
  rmSync(folder, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed.length} failed${failed.length ? `: ${failed.join("; ")}` : ""}`);
  process.exitCode = failed.length ? 1 : 0;
}
