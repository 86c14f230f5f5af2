// A stand-in for the server that replays a made-up live run as fast as it is asked to: for measuring the page, not the engine.
import http from "node:http";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const assets = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../engine/serve/assets");
const TYPES = new Map([[".html", "text/html"], [".js", "text/javascript"], [".css", "text/css"], [".svg", "image/svg+xml"]]);
const bounds = Array.from({ length: 81 }, (_, k) => 1e-6 * 10 ** (k / 10));

/** A repeatable number in 0..1. */
const noise = (seed) => {
  const x = Math.sin(seed * 12.9898) * 43758.5453;
  return x - Math.floor(x);
};

export function host(second) {
  return {
    at: second, seconds: 1, cpu: 0.4 + 0.3 * noise(second), cpu_max: 0.9, cores: null, memory: 0.3 + 0.05 * noise(second + 7), swap_bytes: 0, disk_read: 1e6 * noise(second + 1), disk_write: 3e7 * noise(second + 2),
    network_received: 0, network_sent: 0, loopback: 5e6 * noise(second + 3), pressure_cpu: 0.2 * noise(second + 4), pressure_io: 0.05 * noise(second + 5), pressure_memory: 0, hottest: 51 + 6 * noise(second + 6), frequency: 3.1e9, power: 60 + 20 * noise(second + 8), load: 1.2, own_cpu: 0.02, own_memory: 7e7,
  };
}

export function window(second) {
  const slow = 1 + 0.8 * Math.sin(second / 60) ** 8;
  const failed = noise(second + 11) > 0.97 ? 3 : 0;
  const of = (base) => base * slow * (0.9 + 0.2 * noise(second + base));
  return {
    at: second, seconds: 1, round: 0, phase: "steady", users: Math.round(8 * slow), started: 402, ok: 400 - failed, failed, timed_out: 0, cut_off: 0, rate: 400 - failed,
    p50: of(0.0021), p90: of(0.0048), p95: of(0.0071), p99: of(0.019), p99_9: of(0.061), max: of(0.09), service_p99: of(0.018), lag_p99: 0.0001, bytes_in: 1e5, bytes_out: 4e4,
    errors: failed ? { "status 503": failed } : {}, heat: Array.from({ length: 18 }, (_, k) => [28 + k, Math.round(60 * Math.exp(-((k - 6) ** 2) / 18) * (0.7 + 0.6 * noise(second * 31 + k)))]), endpoints: [],
  };
}

/** A run with as many live series as asked for: a load, the machine, and steps with a number each. */
export function snapshot(series, seconds) {
  const steps = Array.from({ length: series }, (_, step) => ({
    step, path: step === 0 ? "shop" : `memory.stream{threads=${step}}`, what: step === 0 ? "load: shop" : "memory.stream", rounds_planned: 30, rounds_done: step === 0 ? 0 : 12, status: step === 0 ? "running" : "measured", reason: null,
    primary: step === 0 ? null : { metric: "rate", unit: "B/s", goal: "higher", value: 1e10 + 1e9 * noise(step), low: 9.9e9, high: 1.2e10, values: Array.from({ length: 12 }, (_, round) => 1e10 + 1e9 * noise(step * 100 + round)) },
  }));
  const list = (of) => Array.from({ length: seconds }, (_, second) => of(second));
  return {
    run: "01kreplay00000000000000000", scenario: "replay", title: "A made-up run, to measure the page", started: new Date().toISOString(), profile: "default", seed: 1, source: "this", state: "running", validity: { level: "valid", reasons: [] },
    elapsed_seconds: seconds, progress: 0.1, eta_seconds: 600, estimate_seconds: 700, current: { step: 0, path: "shop", round: 0, since_seconds: seconds }, steps, host: list(host), loads: [{ step: 0, path: "shop", windows: list(window) }],
    heat_bounds_seconds: bounds, marks: [{ kind: "phase", at: 0, end: 20_000, step: "shop", text: "steady", level: "info" }], expectations: [{ step: "shop", text: "response.p99 < 1 s", judgement: "pass", reason: "so far" }], notes: 0, last_at: seconds,
  };
}

/** Serves the pages and the replay; `send(count)` sends the next changes. */
export async function replay({ series = 20, seconds = 60 } = {}) {
  const answers = new Map(Object.entries({
    "/api/v1/session": { authenticated: true, token_required_for_reading: false, may_change: false, may_run: false, why_not_run: null, version: "replay", epoch: "e" },
    "/api/v1/runs": { items: [], next: null, total: 0 }, "/api/v1/health": { status: "ok", version: "replay", started: new Date().toISOString(), store: { runs: 0 } },
  }));
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    if (answers.has(pathname)) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(answers.get(pathname)));
      return;
    }
    const file = pathname.startsWith("/assets/") ? path.join(assets, pathname.slice(8)) : path.join(assets, pathname.startsWith("/favicon") ? "favicon.svg" : "index.html");
    if (!file.startsWith(assets) || !(existsSync(file) || existsSync(`${file}.gz`))) {
      response.statusCode = 404;
      response.end();
      return;
    }
    response.setHeader("content-type", TYPES.get(path.extname(file)) ?? "application/octet-stream");
    if (existsSync(`${file}.gz`)) response.setHeader("content-encoding", "gzip");
    response.end(readFileSync(existsSync(`${file}.gz`) ? `${file}.gz` : file));
  });
  const sockets = new WebSocketServer({ server, path: "/api/v1/live" });
  let number = 0;
  let second = seconds;
  sockets.on("connection", (socket) => {
    const tell = (message) => socket.send(JSON.stringify(message));
    tell({ type: "hello", epoch: "e", version: "replay", now: new Date().toISOString(), period_seconds: 1, resumed: false });
    tell({ type: "site", running: [{ run: "01kreplay00000000000000000", scenario: "replay", source: "this" }], alerts: { pending: 0, firing: 0, acknowledged: 0, silenced: 0 }, newest: [] });
    tell({ type: "snapshot", n: number, at: new Date().toISOString(), live: snapshot(series, seconds) });
  });
  const send = (count) => {
    for (let k = 0; k < count; k += 1) {
      number += 1;
      const text = JSON.stringify({
        type: "delta", n: number, at: new Date().toISOString(), run: "01kreplay00000000000000000", set: { elapsed_seconds: second, progress: (second % 1000) / 1000, eta_seconds: 600 - (second % 600), last_at: second }, steps: [], host: [host(second)], windows: [{ step: 0, ...window(second) }], marks: [],
      });
      second += 1;
      for (const socket of sockets.clients) socket.send(text);
    }
  };
  await new Promise((done) => { server.listen(0, "127.0.0.1", done); });
  return { base: `http://127.0.0.1:${server.address().port}`, send, stop: () => { sockets.clients.forEach((socket) => socket.terminate()); server.close(); } };
}
