"""Who makes a change: behind sudo, after su, and at the other end of the socket."""

import os
import socket

import pytest

from watcher.operations import people

NAMES = {0: "root", 1000: "ann", 1001: "bob"}


def login(environment=(), *, uid=0, login_uid=None):
    return people.login_name(
        dict(environment), uid=uid, login_uid=login_uid, name_of=lambda uid: NAMES.get(uid, "")
    )


@pytest.mark.parametrize(
    ("environment", "login_uid", "name"),
    [
        ({"SUDO_USER": "ann"}, None, "ann"),
        ({"DOAS_USER": "ann"}, None, "ann"),
        ({"PKEXEC_UID": "1000"}, None, "ann"),
        ({"PKEXEC_UID": "no"}, None, "root"),
        ({}, 1001, "bob"),  # after su
        ({"SUDO_USER": "root"}, 1001, "bob"),  # sudo in a root shell
        ({}, 2**32 - 1, "root"),  # a service
        ({}, 0, "root"),
        ({}, 4242, "root"),  # somebody whom this host does not know
    ],
)
def test_as_root_the_person_is_the_one_behind_it(environment, login_uid, name):
    assert login(environment, login_uid=login_uid) == name


def test_without_root_the_kernel_s_word_counts_and_no_variable():
    assert login({"SUDO_USER": "ann"}, uid=1001) == "bob"
    assert login(uid=4242) == ""


@pytest.mark.parametrize(
    ("by", "login", "name"),
    [
        ("ann", "", "ann"),  # root, or the daemon's own user, acts for anybody
        ("", "", ""),
        ("ann", "ann", "ann"),
        ("", "ann", "ann"),
        ("boss", "ann", "boss (ann)"),
    ],
)
def test_somebody_who_is_not_root_acts_as_themselves(by, login, name):
    assert people.attribute(by, login) == name


def test_the_kernel_says_who_is_at_the_other_end():
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        assert people.peer_uid(near) == os.getuid()


@pytest.mark.parametrize("by", ["root", "Root", " root ", ""])
def test_root_is_nobody(by):
    assert people.is_nobody(by)


@pytest.mark.parametrize(
    ("uid", "login"), [(0, ""), (os.getuid(), ""), (65_534, ""), (2**31 - 2, "user 2147483646")]
)
def test_the_login_of_a_peer_is_empty_for_root_the_daemon_and_who_a_namespace_hides(uid, login):
    assert people.login_of_peer(uid) == login
