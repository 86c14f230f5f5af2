// The list of runs: filter, choose two or more to compare, open one.
import { badge, command, empty, field, fill, h, select, table, wordBadge } from "../dom.js";
import { count, duration, time, ago } from "../format.js";

export default { path: "runs", title: "Runs", key: "r", about: "every stored run", show };

/** Runs of a comparison. */
const MOST = 50;

const FILTERS = ["q", "scenario", "branch", "tag", "state", "validity", "tiny"];

async function show(page) {
  const { root, query } = page;
  const chosen = new Set((query.get("chosen") ?? "").split(",").filter(Boolean));
  const list = h("div", { class: "stack" });
  const compare = h("button", { type: "button", click: () => page.go(`/compare?${new URLSearchParams(sides())}`) }, "Compare");
  // Of two the first that was ticked is the old one; of more the newest is held against all others. Ids begin with the time.
  const sides = () => {
    const all = chosen.size > 2 ? [...chosen].sort() : [...chosen];
    return { old: all.slice(0, -1).join(","), new: all.at(-1) };
  };
  const value = (name) => page.query.get(name) ?? "";
  let timer;
  const typed = (name) => (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => change(name, event.target.value.trim()), 250);
  };
  const change = (name, text) => {
    page.set({ [name]: text, cursor: null });
    load().catch(failed);
  };
  const input = (name, placeholder, type = "text") => h("input", { type, value: value(name), placeholder, input: typed(name), autocomplete: "off", spellcheck: "false" });
  const any = [["", "any"]];
  fill(root, h("header", { class: "line" }, h("h1", {}, "Runs")),
    h("form", { class: "filters", submit: (event) => event.preventDefault() },
      field("Search", input("q", "id, scenario, branch, commit, tag", "search")), field("Scenario", input("scenario", "quick")), field("Branch", input("branch", "main")), field("Tag", input("tag", "runner=ci-3")),
      field("State", select([...any, ...["running", "complete", "partial", "crashed"].map((name) => [name, name])], value("state"), (text) => change("state", text))),
      field("Trust", select([...any, ...["valid", "degraded", "invalid"].map((name) => [name, name])], value("validity"), (text) => change("validity", text))),
      field("Tiny runs", select([["", "left out"], ["true", "with them"]], value("tiny"), (text) => change("tiny", text))), compare),
    list);

  function choose() {
    compare.disabled = chosen.size < 2 || chosen.size > MOST;
    compare.textContent = chosen.size > MOST ? `Compare: ${MOST} runs at most` : chosen.size > 2 ? `Compare the newest with ${chosen.size - 1} others` : chosen.size === 2 ? "Compare the two" : `Compare: choose ${count(2 - chosen.size, "run")}`;
    page.set({ chosen: [...chosen].join(",") });
  }

  const failed = (error) => error.name !== "AbortError" && fill(list, empty(error.message, error.hint ?? ""));

  async function load(cursor = null, into = null) {
    const filters = Object.fromEntries(FILTERS.map((name) => [name, page.query.get(name)]));
    const found = await page.get("/runs", { ...filters, limit: 50, cursor });
    if (!found.items.length && !into) {
      const filtered = FILTERS.some((name) => page.query.get(name));
      fill(list, filtered ? empty("No run fits", "Take a filter away.", h("p", {}, h("a", { href: "/runs" }, "Show all runs"))) : empty("There are no runs yet", "A run that is stored shows up here by itself. Begin with:", command("engine run scenarios/quick.rhai")));
      choose();
      return;
    }
    const rows = found.items.map(row);
    if (into) {
      const more = table(COLUMNS, rows).querySelectorAll("tbody tr");
      into.querySelector("tbody").append(...more);
    } else {
      into = table(COLUMNS, rows, { label: "Runs" });
      fill(list, h("p", { class: "quiet" }, count(found.total, "run")), into);
    }
    list.querySelector(".more")?.remove();
    if (found.next) list.append(h("p", { class: "more" }, h("button", { type: "button", click: () => load(found.next, into).catch(failed) }, "More")));
    choose();
  }

  function row(run) {
    const box = h("input", {
      type: "checkbox", checked: chosen.has(run.id), "aria-label": `Choose ${run.short} to compare`,
      change: () => {
        if (box.checked) chosen.add(run.id);
        else chosen.delete(run.id);
        choose();
      },
    });
    const { pass = 0, fail = 0, unsure = 0 } = run.expectations ?? {};
    const judged = [fail ? badge("bad", `${fail} failed`) : null, unsure ? badge("unsure", `${unsure} unsure`) : null, pass ? badge("good", `${pass} passed`) : null].filter(Boolean);
    const extras = [run.profile !== "default" ? run.profile : null, ...Object.entries(run.tags ?? {}).map(([key, text]) => `${key}=${text}`), ...(run.baselines ?? []).map((name) => `baseline ${name}`), run.annotations ? count(run.annotations, "remark") : null].filter(Boolean);
    const { measured = 0, planned = 0 } = run.steps ?? {};
    return {
      href: `/runs/${run.id}`, id: run.id,
      cells: [
        h("span", {}, h("a", { href: `/runs/${run.id}` }, run.scenario), h("small", { class: "under nb" }, run.short)), box,
        h("span", {}, time(run.started), h("small", { class: "under" }, ago(run.started))), h("span", {}, wordBadge(run.state), " ", run.validity.level === "valid" ? null : wordBadge(run.validity.level)),
        judged.length ? h("span", { class: "badges" }, judged) : h("span", { class: "quiet" }, "none"), `${measured} / ${planned}`, duration(run.duration_seconds),
        h("span", {}, run.commit ? h("code", {}, run.commit.slice(0, 10)) : h("span", { class: "quiet" }, "no commit"), run.dirty ? " +" : "", run.branch ? h("small", { class: "under" }, run.branch) : null), h("small", {}, extras.join(" · ")),
      ],
    };
  }

  page.on(page.live, "end", () => load().catch(failed));
  await load();
}

const COLUMNS = [{ title: "Scenario" }, { title: "" }, { title: "Started", class: "nb" }, { title: "State" }, { title: "Expectations" }, { title: "Measured", n: true }, { title: "Took", n: true }, { title: "Code", class: "nb" }, { title: "Notes" }];
