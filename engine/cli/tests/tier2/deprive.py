"""Starts a program with less than it had: `deprive.py MODE.. -- PROGRAM ARGUMENTS..`

Modes: `refuse-io-uring` (its system calls answer EPERM, as in containers), `kill-io-uring` (they end the process, as in
some sandboxes), `refuse-perf`, `no-huge-pages`, `refuse-namespaces` (no new ones, and no mounts, on x86-64).
"""
import ctypes
import errno
import os
import struct
import sys

SETUP, ENTER, REGISTER, PERF = 425, 426, 427, 298  # the same numbers of io_uring on every architecture
UNSHARE, SETNS, MOUNT = 272, 308, 165  # of x86-64
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_THP_DISABLE = 22, 38, 41
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def prctl(*words):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*[ctypes.c_ulong(word) for word in words]) != 0:
        sys.exit(f"prctl{words}: {os.strerror(ctypes.get_errno())}")


def forbid(calls, answer):
    """A filter that answers these system calls, and allows all others."""
    program = [(LOAD, 0, 0, 0)]
    for left, call in zip(range(len(calls), 0, -1), calls):
        program.append((EQUAL, left, 0, call))
    program += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, answer)]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    whole = Program(len(program), ctypes.cast(buffer, ctypes.c_void_p).value)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_SECCOMP, 2, ctypes.addressof(whole), 0, 0)


def main():
    words = sys.argv[1:]
    end = words.index("--")
    for mode in words[:end]:
        if mode == "refuse-io-uring":
            forbid([SETUP, ENTER, REGISTER], ERRNO | errno.EPERM)
        elif mode == "kill-io-uring":
            forbid([SETUP, ENTER, REGISTER], KILL)
        elif mode == "refuse-perf":
            forbid([PERF], ERRNO | errno.EACCES)
        elif mode == "refuse-namespaces":
            forbid([UNSHARE, SETNS, MOUNT], ERRNO | errno.EPERM)
        elif mode == "no-huge-pages":
            prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
        else:
            sys.exit(f"no mode `{mode}`")
    os.execvp(words[end + 1], words[end + 1:])


if __name__ == "__main__":
    main()
