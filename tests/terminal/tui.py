#!/usr/bin/env python3
"""The live view in a real terminal: a pseudo-terminal whose screen is kept by pyte, a terminal emulator of other people.

It fits into 80x24, follows a resize, obeys its keys, and gives the terminal back (its settings, its cursor, its other
screen) after an end, an interrupt, each signal and a panic. Without a terminal there are lines.

    cargo build -p engine-cli && cargo build -p engine-tui --example panic && python3 -m venv target/pyte
    target/pyte/bin/pip install pyte && target/pyte/bin/python tests/terminal/tui.py
"""
import errno
import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pyte

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = os.environ.get("ENGINE_BIN", str(ROOT / "target/debug/engine"))
PANIC = os.environ.get("ENGINE_PANIC", str(ROOT / "target/debug/examples/panic"))
# It goes on for as long as a test on a busy machine may take, and is always ended.
SCENARIO = 'suite("shown", #{ rounds: 100_000, budget: "1 h" });\nbench(cpu::primes(#{ limit: 200_000 }));\n'
# A run that was ended early: by a key or Ctrl-C, or by a signal.
INTERRUPTED = (130, 143)


def own_terminal():
    """In the child: the terminal is its own, and a hang-up ends it even where these tests were started to survive one."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, call, folder, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.rows, self.columns = rows, columns
        self.resize(rows, columns, tell=False)
        self.before = termios.tcgetattr(slave)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        env = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": folder, "XDG_DATA_HOME": folder,
               "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        self.child = subprocess.Popen(call, cwd=folder, env=env, stdin=slave, stdout=slave, stderr=slave,
                                      start_new_session=True, preexec_fn=own_terminal)
        self.slave = slave

    def resize(self, rows, columns, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.rows, self.columns = rows, columns
            self.screen.resize(rows, columns)

    def read(self, seconds=0.2):
        """Takes what was written, for at most so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if not ready:
                return
            try:
                part = os.read(self.master, 65536)
            except OSError as error:
                if error.errno == errno.EIO:
                    return
                raise
            if not part:
                return
            self.raw += part
            self.stream.feed(part)

    def text(self):
        return "\n".join(self.screen.display)

    def wait(self, wanted, seconds=120):
        """Until the screen shows something; a function of its text says whether it does."""
        shows = wanted if callable(wanted) else lambda text: wanted in text
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.read()
            if shows(self.text()):
                return self.text()
            if self.child.poll() is not None:
                self.read(0.5)
                if shows(self.text()):
                    return self.text()
                raise AssertionError(f"it ended with {self.child.returncode} instead of showing {wanted!r}:\n{self.text()}")
        raise AssertionError(f"{wanted!r} was not shown in {seconds} s:\n{self.text()}")

    def press(self, keys):
        os.write(self.master, keys)

    def end(self, codes, seconds=120):
        """Waits for the end and looks at what is left of the terminal."""
        until = time.monotonic() + seconds
        while self.child.poll() is None and time.monotonic() < until:
            self.read()
        if self.child.poll() is None:
            self.child.kill()
            raise AssertionError(f"it did not end:\n{self.text()}")
        self.read(0.5)
        assert self.child.returncode in codes, f"exit {self.child.returncode}, wanted {codes}:\n{self.text()}"
        assert termios.tcgetattr(self.slave) == self.before, "the settings of the terminal are not what they were"
        entered, left = self.raw.rfind(b"\x1b[?1049h"), self.raw.rfind(b"\x1b[?1049l")
        assert 0 <= entered < left, "the other screen was not left"
        hidden, shown = self.raw.rfind(b"\x1b[?25l"), self.raw.rfind(b"\x1b[?25h")
        assert hidden < shown, "the cursor stays hidden"
        rest = self.raw[left:]
        os.close(self.slave)
        os.close(self.master)
        return rest.decode(errors="replace")


def top(folder, **size):
    terminal = Terminal([ENGINE, "top", "--period", "200ms"], folder, **size)
    terminal.wait("Machine")
    terminal.wait("of a CPU")
    return terminal


def run(folder, **size):
    pathlib.Path(folder, "shown.rhai").write_text(SCENARIO, encoding="utf-8")
    call = [ENGINE, "--db", "t.db", "run", "shown.rhai", "--tui", "--out", "out"]
    terminal = Terminal(call, folder, **size)
    terminal.wait(lambda text: "cpu.primes" in text and "round" in text)
    return terminal


def frame(terminal):
    """Everything is within the screen: boxes are closed at its right edge, and the last line has the keys. What is half drawn is
    waited for."""
    def whole(_):
        lines = terminal.screen.display
        corners = [line.rstrip() for line in lines if line.startswith("┌")]
        closed = corners and all(len(line) == terminal.columns and line.endswith("┐") for line in corners)
        return closed and lines[-1].startswith("q quit")

    terminal.wait(whole)
    lines = terminal.screen.display
    assert len(lines) == terminal.rows and all(len(line) <= terminal.columns for line in lines)


def leave(terminal, start):
    """By its key; a run asks once more before it ends."""
    terminal.press(b"q")
    if start is run:
        terminal.wait("q again: end")
        terminal.press(b"q")
    terminal.end((0, *INTERRUPTED) if start is top else INTERRUPTED)


def fits_into_80_by_24(folder):
    for start in (top, run):
        terminal = start(folder)
        frame(terminal)
        leave(terminal, start)


def obeys_its_keys(folder):
    terminal = run(folder)
    terminal.press(b"?")
    terminal.wait(lambda text: "Keys" in text or "help" in text and "pause" in text and "next panel" in text and text.count("quit") > 1)
    terminal.press(b"?")
    terminal.wait(lambda text: text.count("quit") == 1)
    terminal.press(b"\t")
    terminal.press(b"e")
    terminal.wait(lambda text: text.count("┌") == 1)
    terminal.press(b"e")
    terminal.wait(lambda text: text.count("┌") > 1)
    terminal.press(b"p")
    terminal.wait("PAUSED")
    terminal.press(b"p")
    terminal.wait(lambda text: "PAUSED" not in text)
    terminal.press(b"f")
    terminal.wait("FROZEN")
    terminal.press(b"f")
    terminal.wait(lambda text: "FROZEN" not in text)
    # It asks before it ends a run, and another key goes on.
    terminal.press(b"q")
    terminal.wait("q again: end")
    terminal.press(b"x")
    terminal.wait("q quit")
    leave(terminal, run)


def follows_a_resize(folder):
    terminal = run(folder)
    for rows, columns in ((40, 132), (24, 80), (16, 60), (30, 100)):
        terminal.resize(rows, columns)
        terminal.wait(lambda text, columns=columns: any(len(line.rstrip()) == columns and line.startswith("┌") and line.rstrip().endswith("┐")
                                                        for line in text.split("\n")))
        frame(terminal)
    for rows, columns in ((2, 10), (1, 1), (24, 80)):
        terminal.resize(rows, columns)
        terminal.read(0.8)
        assert terminal.child.poll() is None, "a small terminal ended it"
    terminal.wait("cpu.primes")
    terminal.resize(12, 50)
    terminal.wait("too small")
    terminal.resize(24, 80)
    terminal.wait("cpu.primes")
    leave(terminal, run)


def gives_the_terminal_back_after_a_signal(folder):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for start in (top, run):
            terminal = start(folder)
            os.kill(terminal.child.pid, number)
            terminal.end((0, *INTERRUPTED))


def gives_the_terminal_back_after_ctrl_c(folder):
    terminal = run(folder)
    terminal.press(b"\x03")
    rest = terminal.end(INTERRUPTED)
    assert "interrupted" in rest or "partial" in rest or "ended early" in rest, rest


def gives_the_terminal_back_after_a_panic(folder):
    terminal = Terminal([PANIC], folder)
    terminal.wait("a machine")
    rest = terminal.end((101,))
    assert "on purpose, drawn: true" in rest, "what went wrong is said after the terminal was given back"


def has_lines_without_a_terminal(folder):
    pathlib.Path(folder, "short.rhai").write_text('suite("short", #{ rounds: 1 });\nbench(cpu::primes(#{ limit: 1000 }));\n', encoding="utf-8")
    env = {**os.environ, "TERM": "xterm", "XDG_DATA_HOME": folder, "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
    done = subprocess.run([ENGINE, "--db", "t.db", "run", "short.rhai", "--tui", "--profile", "tiny", "--out", "out"], cwd=folder, env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    said = done.stdout + done.stderr
    assert "lines instead" in said and "\x1b" not in said, said


def main():
    wrong = 0
    for test in (fits_into_80_by_24, obeys_its_keys, follows_a_resize, gives_the_terminal_back_after_a_signal,
                 gives_the_terminal_back_after_ctrl_c, gives_the_terminal_back_after_a_panic, has_lines_without_a_terminal):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="engine-tui-") as folder:
            try:
                test(folder)
                print(f"ok    {test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
            except AssertionError as error:
                wrong += 1
                print(f"FAIL  {test.__name__}\n      {str(error).replace(chr(10), chr(10) + '      ')}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
