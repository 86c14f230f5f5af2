// What this machine has, what is missing, and how to mend it.
import { badge, facts, field, fill, h, section, table, verdict, wordBadge } from "../dom.js";
import { count } from "../format.js";

export default { path: "machine", title: "Machine", key: "m", about: "what this machine can measure", show };

async function show(page) {
  const found = await page.get("/machine");
  const { root } = page;
  const of = (status) => found.rows.filter((row) => row.status === status);
  const [warnings, missing] = [of("warning"), of("missing")];
  const order = ["warning", "missing", "ok"];
  const rows = [...found.rows].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  const environment = Object.entries(found.environment ?? {});
  const body = h("div", {});
  const list = (text) => {
    const wanted = environment.filter(([name, value]) => `${name} ${value}`.toLowerCase().includes(text.toLowerCase()));
    fill(body, wanted.length ? table([{ title: "Field" }, { title: "Value" }], wanted.map(([name, value]) => [h("code", {}, name), value]), { label: "Environment" }) : h("p", { class: "quiet" }, "No field fits."));
  };
  list(page.query.get("q") ?? "");
  const kind = warnings.length ? "warn" : "good";
  fill(root, h("header", { class: "line" }, h("h1", {}, "Machine")),
    verdict(kind, warnings.length ? count(warnings.length, "warning") : "Ready", `${count(of("ok").length, "check")} fine, ${missing.length} missing.`, missing.length ? ["What is missing is skipped in a run, with the reason; nothing else suffers."] : []),
    facts([["Machine", found.machine], ["Profile", found.profile?.name ?? found.profile ?? "no profile fits: measured against what the machine declares"]]),
    section("Checks", "as `engine doctor` makes them", table([{ title: "Check" }, { title: "" }, { title: "Found", class: "why" }, { title: "What to do", class: "why" }],
      rows.map((row) => [row.name, row.status === "missing" ? badge("none", "missing") : wordBadge(row.status), row.found ?? "", row.fix ?? ""]), { label: "Checks" })),
    section("Environment", count(environment.length, "field"),
      h("form", { class: "filters", submit: (event) => event.preventDefault() }, field("Filter", h("input", { type: "search", value: page.query.get("q") ?? "", placeholder: "cpu.model", input: (event) => { page.set({ q: event.target.value }); list(event.target.value); } }))), body));
}
