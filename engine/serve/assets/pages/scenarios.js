// What can be measured: the scenarios, their plans, and a start where that is allowed.
import { command, empty, facts, field, fill, h, section, select, table, ticked, wordBadge } from "../dom.js";
import { count, duration } from "../format.js";

export default { path: "scenarios", title: "Scenarios", key: "s", about: "what can be measured", show };

const PROFILES = [["default", "default"], ["tiny", "tiny: does it work?"], ["short", "short"], ["long", "long"]];

async function show(page) {
  const { root } = page;
  const found = await page.get("/scenarios");
  const name = page.argument ?? page.query.get("name");
  const list = h("div", { class: "picklist", role: "group", "aria-label": "Scenarios" });
  const body = h("div", { class: "stack" });
  const jobs = h("div", {});
  fill(root, h("header", { class: "line" }, h("h1", {}, "Scenarios")), h("div", { class: "split" }, h("aside", {}, list), h("div", { class: "stack" }, jobs, body)));
  if (!found.items.length) {
    fill(body, empty("There are no scenarios", "Files under the folder `scenarios` show up here. An example:", command("engine new scenario http shop")));
    return;
  }
  fill(list, found.items.map((one) => h("button", { type: "button", class: "pick", "aria-pressed": String(one.name === name), click: () => page.go(`/scenarios?name=${encodeURIComponent(one.name)}`) },
    h("span", {}, one.name), h("small", {}, ticked([one.title, one.source].filter(Boolean).join(" · "))))));
  const started = async () => {
    const all = (await page.get("/jobs")).items;
    fill(jobs, all.length ? section("Started from here", "", table([{ title: "Scenario" }, { title: "State" }, { title: "Exit code", n: true }, { title: "" }], all.map((job) => [[job.scenario, job.profile].filter(Boolean).join(", "), wordBadge(job.state === "running" ? "running" : job.exit_code === 0 ? "ok" : "failed", job.state === "running" ? "running" : "ended"), job.exit_code ?? "", job.output ? h("details", {}, h("summary", {}, "Output"), h("pre", {}, job.output)) : ""]), { label: "Jobs" })) : null);
  };
  await started();
  page.on(page.live, "end", () => started().catch(() => null));
  if (!name) {
    fill(body, empty("Choose a scenario", "Its plan shows here: the steps, how long they take, what they may do."));
    return;
  }
  const profile = page.query.get("profile") ?? "default";
  let plan;
  try {
    plan = await page.get(`/scenarios/${encodeURIComponent(name)}/plan`, { profile });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    fill(body, empty(error.message, error.hint ?? "", command(`engine check ${name}`)));
    return;
  }
  const said = h("p", { class: "quiet", role: "status" });
  const run = h("button", { type: "button", class: "primary", disabled: !found.may_run, title: found.may_run ? "" : found.why_not ?? "", click: async () => {
    run.disabled = true;
    try {
      await page.api.post(`/scenarios/${encodeURIComponent(name)}/runs`, { profile, params: {} });
      page.go("/now");
    } catch (error) {
      said.textContent = `${error.message}${error.hint ? `: ${error.hint}` : ""}`;
      run.disabled = false;
    }
  } }, "Run it now");
  const errors = plan.diagnostics ?? [];
  fill(body,
    h("header", { class: "line" }, h("h2", {}, plan.scenario), h("span", { class: "end row" }, field("Profile", select(PROFILES, profile, (text) => { page.set({ name, profile: text === "default" ? null : text }); page.go(location.pathname + location.search, { replace: true }); })), run)),
    plan.title ? h("p", { class: "lead" }, ticked(plan.title)) : null, found.may_run ? null : h("p", { class: "quiet" }, ticked(found.why_not ?? "")), said,
    facts([["Takes", plan.estimate_seconds === null ? "unknown" : `about ${duration(plan.estimate_seconds)}`], ["Steps", String(plan.steps.length)], ["Source", plan.source], ["May", (plan.permissions ?? []).length ? h("code", {}, plan.permissions.join(" ")) : "nothing beyond the default"]]),
    errors.length ? section("Diagnostics", "", errors.map((one) => h("article", { class: "card" }, h("p", {}, wordBadge(one.severity), " ", one.message), h("p", { class: "quiet" }, `${one.file ?? ""}:${one.line ?? ""}:${one.column ?? ""}`), one.help ? h("p", {}, one.help) : null))) : null,
    section("Plan", count(plan.steps.length, "step"), table([{ title: "Step" }, { title: "What" }, { title: "Rounds", n: true }, { title: "Estimate", n: true }], plan.steps.map((step) => [step.path, step.what, step.rounds ?? "", step.estimate_seconds === null ? "" : duration(step.estimate_seconds)]), { label: "Plan" })),
    plan.phases?.length ? section("Phases", "", table([{ title: "Step" }, { title: "Phase" }, { title: "From", n: true }, { title: "To", n: true }, { title: "" }], plan.phases.map((phase) => [phase.step, phase.name, duration(phase.start), duration(phase.end), phase.text]), { label: "Phases" })) : null,
    plan.params?.length ? section("Parameters", "`-p NAME=VALUE`", table([{ title: "Name" }, { title: "Value" }, { title: "" }], plan.params.map((one) => [h("code", {}, one.name), one.value, one.help ?? ""]), { label: "Parameters" })) : null,
    h("p", { class: "quiet" }, "In the terminal: ", h("code", {}, `engine run ${plan.source?.endsWith?.(".rhai") ? plan.source : name}`)));
}
