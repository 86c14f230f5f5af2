// The pages, in the order of the menu. A page is one file that exports `{ path, title, key, about, show }`: add it here.
import advice from "./advice.js";
import alerts from "./alerts.js";
import compare from "./compare.js";
import machine from "./machine.js";
import now from "./now.js";
import run from "./run.js";
import runs from "./runs.js";
import scenarios from "./scenarios.js";
import schedules from "./schedules.js";
import trends from "./trends.js";

// `/runs/ID` is the page of one run, `/runs` the list.
const list = { ...runs, show: (page) => (page.argument ? run.show(page) : runs.show(page)) };

export const pages = [now, list, compare, trends, alerts, advice, scenarios, schedules, machine];
