"""Short runs of likwid-bench, one right beside the other side.

likwid-bench sleeps for a second to measure its clock before it allocates anything, so that two runs in a row are more
than a second apart, and on a shared machine bandwidth is another by then. `Waiting` starts a group of them, stops each
in that sleep, and lets one at a time go on: a side then takes a tenth of a second. A stopped process measures a wrong
clock; its rate is therefore its own count of cycles at the clock that undisturbed runs find.
"""
import os
import re
import signal
import statistics
import subprocess
import sys
import time

# Number of the system call clock_nanosleep.
SLEEP = {"x86_64": "230", "aarch64": "115"}.get(os.uname().machine)
# Each of the two sleeps of likwid-bench, with a margin.
NAP = 0.55


def run(call, environment=None):
    """The output of one undisturbed run."""
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0 or "Cycles:" not in done.stdout:
        sys.exit(f"{' '.join(call)}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def field(output, name):
    """The number behind a name in the output of likwid-bench."""
    return float(re.search(rf"^{re.escape(name)}:\s+([0-9.e+-]+)", output, re.MULTILINE).group(1))


def clock(runs=3):
    """Hertz of the counter of cycles: what undisturbed runs of likwid-bench find."""
    call = ["likwid-bench", "-t", "copy", "-W", "N:1MB:1", "-i", "10"]
    return statistics.median(field(run(call), "Cycle Clock") for _ in range(runs))


class Waiting:
    """So many runs of one call, each held back in the second of its sleeps."""

    def __init__(self, call, count, environment=None):
        self.call = call
        self.runs = [subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                      env=environment) for _ in range(count)]
        awake, deadline = set(self.runs), time.monotonic() + 60
        while awake and time.monotonic() < deadline:
            for process in [process for process in awake if self.sleeps(process)]:
                process.send_signal(signal.SIGSTOP)
                awake.discard(process)
            time.sleep(0.002)
        time.sleep(NAP)
        for process in self.runs:
            process.send_signal(signal.SIGCONT)
        # Long enough to get from the first sleep into the second, and far shorter than that.
        time.sleep(0.1)
        for process in self.runs:
            process.send_signal(signal.SIGSTOP)
        time.sleep(NAP)

    @staticmethod
    def sleeps(process):
        try:
            with open(f"/proc/{process.pid}/syscall", encoding="ascii") as file:
                return file.read().split()[0] == SLEEP
        except (OSError, IndexError):
            return False

    def rate(self, hertz, volume="Data volume (Byte)"):
        """Lets the next one go on, and gives its bytes a second."""
        process = self.runs.pop()
        process.send_signal(signal.SIGCONT)
        output = process.communicate()[0]
        if process.returncode != 0 or "Cycles:" not in output:
            sys.exit(f"{' '.join(self.call)}: {output.strip()[-400:]}")
        return field(output, volume) * hertz / field(output, "Cycles")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.runs:
            process.kill()
            process.wait()
