// A choice of runs.
import { h } from "./dom.js";
import { time } from "./format.js";

/** A select of the newest runs; one that is not among them is there as it was written. */
export async function chooser(page, chosen, change, properties = {}) {
  const { items } = await page.get("/runs", { limit: 100 });
  const options = items.map((run) => [run.id, `${run.scenario} · ${time(run.started)}${run.commit ? ` · ${run.commit.slice(0, 8)}` : ""}`]);
  const known = options.find(([id]) => chosen && id.startsWith(chosen))?.[0] ?? (chosen === "@last" ? options[0]?.[0] : null);
  if (chosen && !known) options.unshift([chosen, chosen]);
  if (!chosen) options.unshift(["", "choose a run"]);
  const element = h("select", { change: () => element.value && change(element.value), ...properties }, options.map(([id, text]) => h("option", { value: id, selected: id === (known ?? chosen ?? "") }, text)));
  return element;
}
