"""What the comparisons with likwid-bench share: both sides as functions, and pairs that take turns."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import _record  # noqa: E402

# Takes one round of a probe and prints its samples; see engine/probes/examples/probe.rs.
PROBE = os.environ.get("PROBE", str(_record.ROOT / "target/release/examples/probe"))
LOW, HIGH = 0.97, 1.03


def need():
    """Ends the script where a side is missing."""
    if shutil.which("likwid-bench") is None:
        _record.missing("likwid-bench is not installed", "Debian: apt install likwid")
    if shutil.which(PROBE) is None:
        sys.exit(f"`{PROBE}` is not there: cargo build --release -p engine-probes --example probe, or name it in PROBE=")


def isa():
    """The widest instruction set, by our name and by likwid's: it is given to both sides."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    if "avx512f" in flags:
        return "avx512", "avx512"
    return ("avx", "avx") if "avx" in flags else ("sse2", "sse")


def probe(name, metric, options, passes=None):
    """Rate of one round of ours: the harmonic mean of its passes, as likwid divides all work by all time; or that of
    its first few passes, where likwid does as many."""
    call = [PROBE, "--json", name, *[f"{key}={value}" for key, value in options.items()]]
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(call)}: {done.stderr.strip()}")
    values = next(record["values"] for record in json.loads(done.stdout) if record["metric"]["id"] == metric)
    return statistics.harmonic_mean(values[:passes])


def likwid(test, size, threads, iterations, field, home=None):
    """Rate of one run of likwid-bench, in base units; `-W` lets each thread first touch its part, as ours do."""
    call = ["likwid-bench", "-t", test, "-W", f"N:{size}:{threads}", "-i", str(iterations)]
    environment = dict(os.environ, **({"HOME": home} if home else {}))
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment, cwd=home)
    found = re.search(rf"^{field}/s:\s+([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not found:
        sys.exit(f"{' '.join(call)}: {(done.stderr or done.stdout).strip()[-400:]}")
    return float(found.group(1)) * 1e6


def version():
    done = subprocess.run(["likwid-bench", "-v"], capture_output=True, text=True, check=False)
    return next((line.strip() for line in (done.stdout + done.stderr).splitlines() if "ersion" in line), "likwid-bench")


def pairs(count, ours, theirs):
    """Rates of both sides from so many pairs, ABBA."""
    a, b = [], []
    for pair in range(count):
        for side, to in ((ours, a), (theirs, b)) if pair % 2 == 0 else ((theirs, b), (ours, a)):
            to.append(side())
    return a, b


def compare(table, figure, count, ours, theirs, show, best=False):
    """Adds the row of one figure: the median of the ratios within pairs, so that what moves slower than a pair (the
    neighbours on a shared machine) hits both sides alike; or the ratio of the best runs."""
    a, b = pairs(count, ours, theirs)
    ratios = [x / y for x, y in zip(a, b)]
    middle = max if best else statistics.median
    value = max(a) / max(b) if best else statistics.median(ratios)
    return table.add(figure, show(middle(a)), show(middle(b)), value=value, low=LOW, high=HIGH, raw=ratios)
