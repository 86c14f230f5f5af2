# What the probe `ffi.python` runs in a child of the engine: calls between Python and native code, timed here.
#
# Descriptors: 3 is the extension `engine_python`, 4 the shared library of C, 5 takes the answer. Argument 1 is the plan.
# Nothing is read from or written to any folder. The syntax is that of old Pythons, so that they can say that they are old.
import json
import os
import sys

PLAN = json.loads(sys.argv[1])


def answer(what):
    what["version"] = "%d.%d.%d" % sys.version_info[:3]
    data = json.dumps(what).encode()
    while data:
        data = data[os.write(5, data):]
    os._exit(0)


if sys.version_info < (3, 9):
    answer({"status": "old"})
if sys.implementation.name != "cpython" or "t" in getattr(sys, "abiflags", ""):
    answer({"status": "unlike", "message": sys.implementation.name + " " + getattr(sys, "abiflags", "")})

import gc
import importlib.machinery
import importlib.util
import threading
import time
from itertools import repeat

clock = time.perf_counter_ns


def imported():
    """The extension, from its descriptor."""
    loader = importlib.machinery.ExtensionFileLoader("engine_python", "/proc/self/fd/3")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("engine_python", loader))
    loader.exec_module(module)
    return module


class Wrong(Exception):
    """A call did not give what it must give."""


class Row:
    """One kind of call through one binding."""

    def __init__(self, kind, binding, run, check, arrived, floor):
        self.kind, self.binding, self.run, self.check = kind, binding, run, check
        self.arrived, self.floor = arrived, floor
        self.size, self.nanos, self.floors, self.seen = 0, [], [], 0


def timed(statement, names):
    """A function that runs the statement so many times and gives the nanoseconds; compiled for this statement alone and
    with its names local, as `timeit` does."""
    body = "".join("        " + line + "\n" for line in statement.splitlines())
    source = "def timed(count, clock, repeat, %s):\n" % ", ".join(names)
    source += "    turns = repeat(None, count)\n    start = clock()\n    for _ in turns:\n" + body + "    return clock() - start\n"
    space = {}
    exec(source, space)
    function, values = space["timed"], tuple(names.values())
    return lambda count: function(count, clock, repeat, *values)


def equal(found, expected, what):
    if found != expected:
        raise Wrong("%s gave %.80r instead of %.80r" % (what, found, expected))


class Rows:
    """The rows that the plan asks for."""

    def __init__(self):
        self.rows, self.kinds, self.bindings = [], PLAN["kinds"], PLAN["bindings"]

    def wanted(self, kind, binding):
        return kind in self.kinds and binding in self.bindings

    def add(self, kind, binding, statement, names, expected, arrived, result="found"):
        """A statement that Python repeats. Its last line is an expression or ends in one, which must give `expected`."""
        if not self.wanted(kind, binding):
            return

        def check():
            space = dict(names)
            exec(statement if result != "found" else "found = " + statement, space)
            equal(space[result], expected, binding + " " + kind)

        self.rows.append(Row(kind, binding, timed(statement, names), check, arrived, True))

    def repeated(self, kind, run, arrived, check):
        """Calls that the extension repeats itself."""
        if self.wanted(kind, "pyo3"):
            self.rows.append(Row(kind, "pyo3", run, check, arrived, False))


RAISED = "try:\n    f()\nexcept ValueError:\n    raised = True"


def plain(rows):
    """Python alone, for scale."""
    def noop():
        pass

    def more(value):
        return value + 1

    def fail():
        raise ValueError("wanted")

    rows.add("noop", "python", "f()", {"f": noop}, None, None)
    rows.add("int", "python", "f(x)", {"f": more, "x": 41}, 42, None)
    rows.add("exception", "python", RAISED, {"f": fail}, True, None, "raised")


def extension(rows, native, data, items):
    """PyO3, both ways."""
    arrived, add = native.calls, rows.add
    numbers = list(range(1000, 1000 + items))
    entries = {"key %d" % number: number for number in numbers}
    ends = len(data) + data[0] + 256 * data[-1]
    add("noop", "pyo3", "f()", {"f": native.noop}, None, arrived)
    add("int", "pyo3", "f(x)", {"f": native.int_both, "x": 41}, 42, arrived)
    add("str", "pyo3", "f(x)", {"f": native.str_both, "x": "t" * 32}, "t" * 32, arrived)
    add("list", "pyo3", "f(x)", {"f": native.list_both, "x": numbers}, numbers, arrived)
    add("dict", "pyo3", "f(x)", {"f": native.dict_both, "x": entries}, entries, arrived)
    add("bytes_copied", "pyo3", "f(x)", {"f": native.bytes_copied, "x": data}, ends, arrived)
    add("buffer_viewed", "pyo3", "f(x)", {"f": native.buffer_viewed, "x": bytearray(data)}, ends, arrived)
    add("exception", "pyo3", RAISED, {"f": native.fail}, True, arrived, "raised")
    add("gil_released", "pyo3", "f()", {"f": native.gil_released}, None, arrived)
    add("called_back", "pyo3", "f(g)", {"f": native.called_back, "g": lambda x: x + 1}, 22, arrived)

    def check_calls():
        seen = []
        native.call_often(lambda: seen.append(None), 3)
        equal(len(seen), 3, "calls of a function of Python")

    def noop():
        pass

    rows.repeated("call", lambda count: native.call_often(noop, count), arrived, check_calls)
    rows.repeated("attach", lambda count: native.attach_often(1, count), arrived, lambda: None)


def with_ctypes(rows, data, items):
    """The same functions of C through ctypes, which gives up the lock for every call."""
    import ctypes
    library = ctypes.CDLL("/proc/self/fd/4")
    back = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)

    def function(name, result, *arguments):
        found = getattr(library, name)
        found.restype, found.argtypes = result, arguments
        return found

    number, size, text = ctypes.c_int64, ctypes.c_size_t, ctypes.c_char_p
    arrived = function("counted_calls", ctypes.c_uint64)
    total = function("counted_bytes", ctypes.c_uint64, ctypes.c_void_p, size)
    array = number * items
    ends = len(data) + data[0] + 256 * data[-1]
    values = list(range(items))
    own = bytearray(data)
    lent = ctypes.c_char * len(own)
    add = rows.add
    add("noop", "ctypes", "f()", {"f": function("counted_noop", None)}, None, arrived)
    add("int", "ctypes", "f(x)", {"f": function("counted_int", number, number), "x": 41}, 42, arrived)
    # The same function where nobody said what it takes: Python's numbers go as they are, as C's int, and its answer is one.
    loose = ctypes.CDLL("/proc/self/fd/4").counted_int
    add("int_undeclared", "ctypes", "f(x)", {"f": loose, "x": 41}, 42, arrived)
    add("str", "ctypes", "f(x.encode())", {"f": function("counted_text", ctypes.c_uint64, text), "x": "t" * 32}, 32, arrived)
    add("list", "ctypes", "f(array(*x), n)", {"f": function("counted_list", number, ctypes.POINTER(number), size),
        "array": array, "x": values, "n": items}, sum(values), arrived)
    add("bytes_copied", "ctypes", "f(copied(x, n), n)",
        {"f": total, "copied": ctypes.create_string_buffer, "x": data, "n": len(data)}, ends, arrived)
    add("buffer_viewed", "ctypes", "f(lent(x), n)", {"f": total, "lent": lent.from_buffer, "x": own, "n": len(own)}, ends, arrived)
    add("called_back", "ctypes", "f(g)", {"f": function("counted_back", number, back), "g": back(lambda x: x + 1)}, 22, arrived)


def with_cffi(rows, cffi, data, items):
    """The same through cffi, without a compiler (its ABI mode)."""
    ffi = cffi.FFI()
    ffi.cdef("""uint64_t counted_calls(void); void counted_noop(void); int64_t counted_int(int64_t);
        uint64_t counted_text(const char *); int64_t counted_list(const int64_t *, size_t);
        uint64_t counted_bytes(const uint8_t *, size_t); int64_t counted_back(int64_t (*)(int64_t));""")
    library = ffi.dlopen("/proc/self/fd/4")
    arrived = library.counted_calls
    ends = len(data) + data[0] + 256 * data[-1]
    values = list(range(items))
    add = rows.add
    add("noop", "cffi", "f()", {"f": library.counted_noop}, None, arrived)
    add("int", "cffi", "f(x)", {"f": library.counted_int, "x": 41}, 42, arrived)
    add("str", "cffi", "f(x.encode())", {"f": library.counted_text, "x": "t" * 32}, 32, arrived)
    add("list", "cffi", "f(new(t, x), n)", {"f": library.counted_list, "new": ffi.new, "t": ffi.typeof("int64_t[]"),
        "x": values, "n": items}, sum(values), arrived)
    add("bytes_copied", "cffi", "f(new(t, x), n)", {"f": library.counted_bytes, "new": ffi.new,
        "t": ffi.typeof("uint8_t[]"), "x": data, "n": len(data)}, ends, arrived)
    add("buffer_viewed", "cffi", "f(lent(t, x), n)", {"f": library.counted_bytes, "lent": ffi.from_buffer,
        "t": ffi.typeof("uint8_t[]"), "x": bytearray(data), "n": len(data)}, ends, arrived)
    add("called_back", "cffi", "f(g)", {"f": library.counted_back,
        "g": ffi.callback("int64_t(int64_t)", lambda x: x + 1)}, 22, arrived)


def one_pass(row, count):
    """A pass of so many calls: nanoseconds. Each call must arrive."""
    before = row.arrived() if row.arrived else 0
    nanos = row.run(count)
    seen = row.arrived() - before if row.arrived else count
    if seen != count:
        raise Wrong("%d of %d calls arrived (%s %s)" % (seen, count, row.binding, row.kind))
    return nanos


def measure(rows):
    """Sizes the passes, then takes them in turns; the first turn warms up."""
    empty = timed("pass", {"f": None})
    for row in rows:
        row.check()
        row.size, nanos = 1, one_pass(row, 1)
        while nanos < PLAN["pass_nanos"]:
            row.size *= 2 if nanos * 10 > PLAN["pass_nanos"] else 8
            nanos = one_pass(row, row.size)
    for turn in range(PLAN["passes"] + 1):
        for row in rows:
            floor = empty(row.size) if row.floor else 0
            nanos = one_pass(row, row.size)
            if turn:
                row.nanos.append(nanos)
                row.floors.append(floor)
                row.seen += row.size
    return [{"kind": row.kind, "binding": row.binding, "calls": row.size, "nanos": row.nanos, "floors": row.floors,
             "arrived": row.seen} for row in rows]


def together(native, threads, turns, release):
    """Wall time of so many threads that each work for so many turns."""
    def work():
        native.spin(turns, release)
    workers = [threading.Thread(target=work) for _ in range(threads)]
    start = clock()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return clock() - start


def speedups(native):
    """How many times more work is done by several threads than by one, with the lock held and given up; and what
    attaching costs when threads of Rust's contend for the lock."""
    state = 1
    for _ in range(10):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
    equal(native.spin(10, False), state, "work with the lock")
    equal(native.spin(10, True), state, "work without the lock")
    turns, threads = 1000, PLAN["threads"]
    while together(native, 1, turns, False) < PLAN["work_nanos"]:
        turns *= 2
    found = {"held": [], "released": []}
    for _ in range(PLAN["works"]):
        for name, values in found.items():
            before = native.calls()
            one = together(native, 1, turns, name == "released")
            all_of_them = together(native, threads, turns, name == "released")
            equal(native.calls() - before, threads + 1, "threads")
            values.append(threads * one / all_of_them)
    return found


def contended(native):
    """Nanoseconds of attaching while as many threads as asked for do nothing else."""
    threads, times = PLAN["threads"], 64
    def take():
        before = native.calls()
        nanos = native.attach_often(threads, times)
        equal(native.calls() - before, threads * times, "attached threads")
        return nanos
    nanos = take()
    while nanos < PLAN["pass_nanos"]:
        times *= 2
        nanos = take()
    return {"calls": threads * times, "nanos": [take() for _ in range(PLAN["passes"])]}


def main():
    try:
        native = imported()
    except ImportError as error:
        answer({"status": "refused", "message": str(error)})
    # The C library does without real locks until a first thread has been started: so that giving up the interpreter's
    # lock costs the same whatever else is asked for, one has been.
    first = threading.Thread(target=int)
    first.start()
    first.join()
    rows, gaps = Rows(), {}
    data = os.urandom(PLAN["size"] - 1) + b"\x07"
    plain(rows)
    extension(rows, native, data, PLAN["items"])
    if "ctypes" in PLAN["bindings"]:
        try:
            with_ctypes(rows, data, PLAN["items"])
        except (ImportError, OSError) as error:
            gaps["ctypes"] = str(error)
    if "cffi" in PLAN["bindings"]:
        try:
            import cffi
            with_cffi(rows, cffi, data, PLAN["items"])
        except (ImportError, OSError) as error:
            gaps["cffi"] = str(error)
    gc.disable()
    cpus = os.sched_getaffinity(0)
    result = {"status": "ok", "gaps": gaps}
    try:
        os.sched_setaffinity(0, {min(cpus)})
        result["rows"] = measure(rows.rows)
        os.sched_setaffinity(0, cpus)
        if "threads" in PLAN["kinds"] and PLAN["threads"] > 1 and "pyo3" in PLAN["bindings"]:
            result["speedups"] = speedups(native)
            result["contended"] = contended(native)
    except Wrong as error:
        answer({"status": "wrong", "message": str(error)})
    answer(result)


main()
