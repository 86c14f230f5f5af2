// The live view: one snapshot, then numbered changes; reconnects by itself and says how old what it shows is.

const MOST = 1200;
const WAIT = [1, 2, 4, 8, 15, 30];

/** Adds to a ring in place: at most so many stay. */
function push(ring, more, most = MOST) {
  for (const one of more) ring.push(one);
  if (ring.length > most) ring.splice(0, ring.length - most);
}

/**
 * What is known right now. Events: `site` (what runs, alerts), `live` (the followed run changed), `end`, `status`
 * (connection or age changed).
 */
export class Live extends EventTarget {
  constructor() {
    super();
    this.site = { running: [], alerts: {}, newest: [] };
    this.run = null;
    this.state = "connecting";
    this.lastAt = 0;
    this.updates = 0;
    this.frozen = false;
    this.tries = 0;
    this.follow = "live";
    // Milliseconds from one drawing to the next, at least; and how many there were.
    this.pace = 900;
    this.drawn = 0;
  }

  /** Connects, and keeps at it. `follow` is `live` or the id of a run. */
  start() {
    this.connect();
    setInterval(() => this.look(), 1000);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.socket) this.connect();
    });
  }

  connect() {
    clearTimeout(this.timer);
    const query = new URLSearchParams({ run: this.follow });
    if (this.epoch && this.number !== undefined) {
      query.set("epoch", this.epoch);
      query.set("after", String(this.number));
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live?${query}`);
    this.socket = socket;
    socket.addEventListener("message", (event) => this.take(JSON.parse(event.data), event.data));
    socket.addEventListener("close", () => {
      if (this.socket === socket) this.lost();
    });
  }

  lost() {
    this.socket = null;
    const seconds = WAIT[Math.min(this.tries, WAIT.length - 1)];
    this.tries += 1;
    this.set("reconnecting");
    // A little apart, so that many pages do not come back at the same moment.
    this.timer = setTimeout(() => this.connect(), seconds * (800 + 400 * Math.random()));
  }

  /** Begins anew, without what was missed. */
  restart() {
    this.number = undefined;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.connect();
  }

  take(message) {
    this.lastAt = performance.now();
    this.updates += 1;
    switch (message.type) {
      case "hello":
        this.tries = 0;
        if (!message.resumed) this.number = undefined;
        this.epoch = message.epoch;
        this.set("live");
        break;
      case "site":
        this.site = message;
        this.tell("site");
        break;
      case "snapshot":
        this.number = message.n;
        this.run = message.live;
        this.tell("live");
        break;
      case "delta":
        if (this.number !== undefined && message.n !== this.number + 1) {
          this.restart();
          return;
        }
        this.number = message.n;
        this.apply(message);
        this.tell("live");
        break;
      case "end":
        this.number = message.n;
        if (this.run?.run === message.run) {
          this.run.state = message.state;
          this.run.validity = message.validity;
          this.run.current = null;
        }
        this.dispatchEvent(new CustomEvent("end", { detail: message }));
        this.tell("live");
        break;
      default:
    }
    if (this.state !== "live") this.set("live");
  }

  apply(delta) {
    const run = this.run;
    if (!run || run.run !== delta.run) return;
    for (const [key, value] of Object.entries(delta.set ?? {})) {
      if (key !== "__proto__") run[key] = value;
    }
    for (const step of delta.steps ?? []) {
      const at = run.steps.findIndex((known) => known.step === step.step);
      if (at >= 0) run.steps[at] = step;
      else run.steps.push(step);
    }
    push(run.host, delta.host ?? []);
    for (const mark of delta.marks ?? []) {
      const same = run.marks.findIndex((known) => known.kind === mark.kind && known.step === mark.step && known.text === mark.text && known.at === mark.at);
      if (same >= 0) run.marks[same] = mark;
      else push(run.marks, [mark], 500);
    }
    for (const window of delta.windows ?? []) {
      let load = run.loads.find((known) => known.step === window.step);
      if (!load) {
        load = { step: window.step, path: window.path ?? "load", windows: [] };
        run.loads.push(load);
      }
      push(load.windows, [window]);
    }
  }

  /** Once a second: how old is what is shown. */
  look() {
    const age = this.age();
    const limit = this.run?.state === "running" ? 3 : 12;
    if (this.socket && this.state === "live" && age > limit) this.set("stale");
    else if (this.state === "stale" || this.state === "reconnecting") this.dispatchEvent(new Event("status"));
  }

  /** Seconds since the last message. */
  age() {
    return this.lastAt ? (performance.now() - this.lastAt) / 1000 : 0;
  }

  set(state) {
    this.state = state;
    this.dispatchEvent(new Event("status"));
  }

  tell(name) {
    if (name === "live" && this.frozen) return;
    this.dispatchEvent(new Event(name));
  }

  freeze(on) {
    this.frozen = on;
    this.dispatchEvent(new Event("status"));
    if (!on) this.tell("live");
  }
}
