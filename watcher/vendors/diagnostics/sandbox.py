"""The sandbox of a worker process: nothing new is opened, started or signalled, by the kernel.

The filter is made by libseccomp, which every Debian with systemd has (systemd itself needs it). It
is called through ctypes (docs/decisions/0031). It also forbids new privileges. Where the library or
the kernel's support is missing, the limits on descriptors, memory and processor time are what is
left. Sources: seccomp_init(3), seccomp_rule_add(3), seccomp_load(3).
"""

from __future__ import annotations

import ctypes
import errno
import resource

MEMORY = 512 * 1024 * 1024  # bytes of address space, libraries included
CPU_SECONDS = 15

_ALLOW = 0x7FFF0000  # SCMP_ACT_ALLOW
_REFUSE = 0x00050000 | errno.EPERM  # SCMP_ACT_ERRNO
_UNKNOWN = -1  # __NR_SCMP_ERROR
# What opens files and sockets, starts or reaches processes, or changes what is on the disk.
REFUSED = (
    *("open", "openat", "openat2", "creat", "open_by_handle_at", "memfd_create"),
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"),
    *("execve", "execveat", "fork", "vfork", "clone", "clone3"),
    *("ptrace", "process_vm_readv", "process_vm_writev"),
    *("kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_open", "pidfd_send_signal"),
    *("unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink"),
    *("symlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "truncate", "chmod"),
    *("fchmodat", "fchmodat2", "chown", "fchownat", "mount", "umount2", "chroot", "pivot_root"),
    *("io_uring_setup", "bpf", "perf_event_open", "userfaultfd", "keyctl", "setns", "unshare"),
    *("shmget", "shmat", "msgget", "semget", "mq_open", "prlimit64", "setrlimit"),
)


def confine() -> bool:
    """Give up what rendering does not need; nothing in this process can take it back.

    Return whether the kernel refuses new files, sockets and processes.
    """
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 3),  # stdin, stdout and stderr are open; nothing else will be
    ):
        inherited = resource.getrlimit(limit)[1]
        bounded = value if inherited == resource.RLIM_INFINITY else min(value, inherited)
        resource.setrlimit(limit, (bounded, bounded))
    return _filter_calls()


def load_seccomp() -> ctypes.CDLL | None:
    """Load libseccomp, while files can still be opened."""
    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None


_seccomp = load_seccomp()


def _filter_calls() -> bool:
    if _seccomp is None:
        return False
    _seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = _seccomp.seccomp_init(ctypes.c_uint32(_ALLOW))
    if not rules:
        return False
    handle = ctypes.c_void_p(rules)
    for name in REFUSED:
        number = _seccomp.seccomp_syscall_resolve_name(name.encode())
        if number != _UNKNOWN:  # a library older than the call
            _seccomp.seccomp_rule_add(handle, ctypes.c_uint32(_REFUSE), number, ctypes.c_uint(0))
    loaded: int = _seccomp.seccomp_load(handle)
    return loaded == 0
