# Programs without libc, for Linux on x86-64; see tiny.rs.
.pushsection .rodata.engine_tiny, "a"

.globl engine_tiny_exit
.hidden engine_tiny_exit
engine_tiny_exit:
    xor edi, edi
    mov eax, 231                    # exit_group(0)
    syscall
.globl engine_tiny_exit_end
.hidden engine_tiny_exit_end
engine_tiny_exit_end:

.globl engine_tiny_echo
.hidden engine_tiny_echo
engine_tiny_echo:
    sub rsp, 4096
2:
    xor edi, edi
    mov rsi, rsp
    mov edx, 4096
    xor eax, eax                    # read(0, stack, 4096)
    syscall
    test rax, rax
    jle 3f
    mov edi, 1
    mov rsi, rsp
    mov rdx, rax
    mov eax, 1                      # write(1, stack, n)
    syscall
    jmp 2b
3:
    xor edi, edi
    mov eax, 231
    syscall
.globl engine_tiny_echo_end
.hidden engine_tiny_echo_end
engine_tiny_echo_end:

.globl engine_tiny_launch
.hidden engine_tiny_launch
engine_tiny_launch:
    mov rbx, [rsp]                  # Number of arguments.
    cmp rbx, 2
    jle 6f
    mov r12, [rsp + 16]             # Path.
    lea r13, [rsp + 24]             # The program's own arguments.
    lea r14, [rsp + 8*rbx + 16]     # Environment.
    sub rsp, 192
    xor eax, eax
    mov [rsp + 32], rax
    mov [rsp + 40], rax
    mov edi, 3
    mov esi, 2
    mov edx, 1
    mov eax, 72                     # fcntl(3, F_SETFD, FD_CLOEXEC)
    syscall
    mov edi, 4
    mov rsi, rsp
    mov eax, 228                    # clock_gettime(CLOCK_MONOTONIC_RAW, &start)
    syscall
    mov edi, 0x4111                 # clone(CLONE_VM | CLONE_VFORK | SIGCHLD): vfork
    xor esi, esi
    xor edx, edx
    xor r10d, r10d
    xor r8d, r8d
    mov eax, 56
    syscall
    test rax, rax
    jz 4f
    js 5f
    mov r15, rax
2:
    mov rdi, r15
    lea rsi, [rsp + 32]
    xor edx, edx
    lea r10, [rsp + 48]
    mov eax, 61                     # wait4(child, &status, 0, &usage)
    syscall
    cmp rax, -4                     # Interrupted.
    je 2b
3:
    mov edi, 4
    lea rsi, [rsp + 16]
    mov eax, 228                    # clock_gettime(CLOCK_MONOTONIC_RAW, &end)
    syscall
    mov edi, 3
    mov rsi, rsp
    mov edx, 192
    mov eax, 1                      # write(3, report)
    syscall
    jmp 6f
4:                                  # The child, on the same stack, while its parent waits.
    mov rdi, r12
    mov rsi, r13
    mov rdx, r14
    mov eax, 59                     # execve
    syscall
    neg rax
    mov [rsp + 40], rax
    mov edi, 127
    mov eax, 231
    syscall
5:
    neg rax
    mov [rsp + 40], rax
    jmp 3b
6:
    xor edi, edi
    mov eax, 231
    syscall
.globl engine_tiny_launch_end
.hidden engine_tiny_launch_end
engine_tiny_launch_end:
.popsection
