"""The sandbox of a worker process: nothing new is opened, started or signalled, by the kernel.

The filter is made by libseccomp, which every Debian with systemd has (systemd itself needs it). It
is called through ctypes (docs/decisions/0031). It also forbids new privileges. Where the library or
the kernel's support is missing, the limits on descriptors, memory and processor time are what is
left. Sources: seccomp_init(3), seccomp_rule_add(3), seccomp_load(3).

This file imports nothing of Watcher: a worker in another environment loads it by its path.
"""

from __future__ import annotations

import ctypes
import errno
import os
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


# What a worker that may read files can still not do with them.
_WRITING = (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC)
_FLAGS_AT = {"open": 1, "openat": 2}  # which argument holds the flags
_MASKED_EQUAL = 7  # SCMP_CMP_MASKED_EQ
_READING_FILES = 64  # open at once


class _Comparison(ctypes.Structure):
    """A test of one argument: scmp_arg_cmp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


def confine(*, memory: int = MEMORY, cpu_seconds: int = CPU_SECONDS, reads: bool = False) -> bool:
    """Give up what the work does not need; nothing in this process can take it back.

    With `reads`, files may still be opened to read them. Return whether the kernel refuses new
    files, sockets and processes.
    """
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        # stdin, stdout and stderr are open; nothing else will be
        (resource.RLIMIT_NOFILE, _READING_FILES if reads else 3),
    ):
        inherited = resource.getrlimit(limit)[1]
        bounded = value if inherited == resource.RLIM_INFINITY else min(value, inherited)
        resource.setrlimit(limit, (bounded, bounded))
    return _filter_calls(reads=reads)


def load_seccomp() -> ctypes.CDLL | None:
    """Load libseccomp, while files can still be opened."""
    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None


_seccomp = load_seccomp()


def _filter_calls(*, reads: bool) -> bool:
    if _seccomp is None:
        return False
    _seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = _seccomp.seccomp_init(ctypes.c_uint32(_ALLOW))
    if not rules:
        return False
    handle = ctypes.c_void_p(rules)
    for name in REFUSED:
        number = _seccomp.seccomp_syscall_resolve_name(name.encode())
        if number == _UNKNOWN:  # a library older than the call
            continue
        refuse = (handle, ctypes.c_uint32(_REFUSE), number)
        if not reads or name not in _FLAGS_AT:
            _seccomp.seccomp_rule_add(*refuse, ctypes.c_uint(0))
            continue
        for bit in _WRITING:
            test = _Comparison(_FLAGS_AT[name], _MASKED_EQUAL, bit, bit)
            _seccomp.seccomp_rule_add_array(*refuse, ctypes.c_uint(1), ctypes.byref(test))
    loaded: int = _seccomp.seccomp_load(handle)
    return loaded == 0
