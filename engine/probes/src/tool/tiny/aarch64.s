// Programs without libc, for Linux on aarch64; see tiny.rs.
.pushsection .rodata.engine_tiny, "a"
    .balign 4

.globl engine_tiny_exit
.hidden engine_tiny_exit
engine_tiny_exit:
    mov x0, #0
    mov x8, #94                     // exit_group(0)
    svc #0
.globl engine_tiny_exit_end
.hidden engine_tiny_exit_end
engine_tiny_exit_end:

.globl engine_tiny_echo
.hidden engine_tiny_echo
engine_tiny_echo:
    sub sp, sp, #4096
2:
    mov x0, #0
    mov x1, sp
    mov x2, #4096
    mov x8, #63                     // read(0, stack, 4096)
    svc #0
    cmp x0, #0
    b.le 3f
    mov x2, x0
    mov x0, #1
    mov x1, sp
    mov x8, #64                     // write(1, stack, n)
    svc #0
    b 2b
3:
    mov x0, #0
    mov x8, #94
    svc #0
.globl engine_tiny_echo_end
.hidden engine_tiny_echo_end
engine_tiny_echo_end:

.globl engine_tiny_launch
.hidden engine_tiny_launch
engine_tiny_launch:
    ldr x19, [sp]                   // Number of arguments.
    cmp x19, #2
    b.le 6f
    ldr x20, [sp, #16]              // Path.
    add x21, sp, #24                // The program's own arguments.
    add x22, sp, x19, lsl #3
    add x22, x22, #16               // Environment.
    sub sp, sp, #192
    str xzr, [sp, #32]
    str xzr, [sp, #40]
    mov x0, #3
    mov x1, #2
    mov x2, #1
    mov x8, #25                     // fcntl(3, F_SETFD, FD_CLOEXEC)
    svc #0
    mov x0, #4
    mov x1, sp
    mov x8, #113                    // clock_gettime(CLOCK_MONOTONIC_RAW, &start)
    svc #0
    mov x0, #0x4111                 // clone(CLONE_VM | CLONE_VFORK | SIGCHLD): vfork
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x8, #220
    svc #0
    cmp x0, #0
    b.eq 4f
    b.lt 5f
    mov x23, x0
2:
    mov x0, x23
    add x1, sp, #32
    mov x2, #0
    add x3, sp, #48
    mov x8, #260                    // wait4(child, &status, 0, &usage)
    svc #0
    cmn x0, #4                      // Interrupted.
    b.eq 2b
3:
    mov x0, #4
    add x1, sp, #16
    mov x8, #113                    // clock_gettime(CLOCK_MONOTONIC_RAW, &end)
    svc #0
    mov x0, #3
    mov x1, sp
    mov x2, #192
    mov x8, #64                     // write(3, report)
    svc #0
    b 6f
4:                                  // The child, on the same stack, while its parent waits.
    mov x0, x20
    mov x1, x21
    mov x2, x22
    mov x8, #221                    // execve
    svc #0
    neg x0, x0
    str x0, [sp, #40]
    mov x0, #127
    mov x8, #94
    svc #0
5:
    neg x0, x0
    str x0, [sp, #40]
    b 3b
6:
    mov x0, #0
    mov x8, #94
    svc #0
.globl engine_tiny_launch_end
.hidden engine_tiny_launch_end
engine_tiny_launch_end:
.popsection
