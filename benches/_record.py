"""Rows of `docs/peers.md` and `docs/claims.md`: each script replaces its own section, with what it was measured by."""
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
TITLES = {
    "peers": "# Peers\n\nWritten by `benches/peers/*`, side by side on one machine; each script replaces its own section.\n",
    "claims": "# Claims\n\nWritten by `benches/claims/*`; each script replaces its own section.\n",
}


class Table:
    """Rows of figure, both sides or what was measured, value, bound and verdict."""

    def __init__(self, *columns):
        self.columns = columns
        self.rows = []
        self.results = []

    def add(self, *cells, value, low, high, raw=None):
        """A row that passes when `value` lies within the bounds; `cells` are the columns before it."""
        good = low <= value <= high
        self.rows.append([*cells, f"{value:.4f}", f"{low:g}..{high:g}", "pass" if good else "fail"])
        self.results.append({"figure": cells[0], "value": value, "low": low, "high": high, "pass": good, "raw": raw})
        print("  ".join(self.rows[-1]), flush=True)
        return good

    def skip(self, figure, reason):
        """A row that could not be measured here."""
        self.rows.append([figure] + ["-"] * (len(self.columns) - 4) + ["-", "-", f"skipped: {reason}"])
        self.results.append({"figure": figure, "skipped": reason})
        print(f"{figure}  skipped: {reason}", flush=True)

    @property
    def passed(self):
        return all(result.get("pass", True) for result in self.results)

    def markdown(self):
        lines = [f"| {' | '.join(self.columns)} |", "|" + "---|" * len(self.columns)]
        return "\n".join(lines + [f"| {' | '.join(row)} |" for row in self.rows])


def git(*words):
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def cpu():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        model = ""
    return f"{model or platform.machine()}, {os.cpu_count()} CPUs"


def here():
    """When, where and under which load something was measured."""
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return {"date": when, "cpu": cpu(), "load": f"{os.getloadavg()[0]:.2f}"}


def finish(document, name, table, command, versions=(), remarks="", where=None):
    """Replaces section `name` of `docs/DOCUMENT.md`, prints one JSON line, and gives the exit code: 0 or 1. `where` is
    what `here()` gave on the machine that measured, when that was another one."""
    commit = git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    facts = {"command": command, "versions": list(versions), "commit": commit, **(where or here())}
    result = {"section": name, "pass": table.passed, **facts, "results": table.results}
    about = f"`{command}` at {commit}, {facts['date']}, on {facts['cpu']}, load after {facts['load']}"
    body = [f"## {name}", "", about + "".join(f"; {version}" for version in versions) + ".", ""]
    body += [remarks, ""] if remarks else []
    body += [table.markdown(), ""]
    raw = [f"{r['figure']}: {', '.join(f'{x:.4f}' for x in r['raw'])}" for r in table.results if r.get("raw")]
    if raw:
        body += ["Ratios of the single pairs:", "", *[f"* {line}" for line in raw], ""]
    replace(document, name, "\n".join(body))
    print(json.dumps(result))
    return 0 if table.passed else 1


def replace(document, name, body):
    path = ROOT / "docs" / f"{document}.md"
    old = path.read_text(encoding="utf-8") if path.exists() else TITLES[document]
    parts = old.split("\n## ")
    sections = {part.split("\n", 1)[0]: "## " + part.rstrip() + "\n" for part in parts[1:]}
    sections[name] = body.rstrip() + "\n"
    text = parts[0].rstrip() + "\n\n" + "\n".join(sections[key] for key in sorted(sections))
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def missing(what, remedy):
    """Ends the script: exit code 77 says that it was skipped."""
    print(f"skipped: {what} ({remedy})", file=sys.stderr)
    sys.exit(77)
