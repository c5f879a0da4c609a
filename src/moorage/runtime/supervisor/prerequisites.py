"""What this machine must offer for the netns runtime, each by name with what to do when it is missing.

`prerequisites()` tries everything in a process of its own and changes nothing; `explain` words an error of the start.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError

from moorage.runtime import syscalls
from moorage.runtime.supervisor import attempt, cgroups, network, rules, subordinate, users
from moorage.runtime.supervisor.environment import child_environment
from moorage.runtime.supervisor.protocol import Refused

Finding = tuple[str, str, str]
"""Name, "ok" | "warning" | "failure", and a sentence that says what is so and what to do."""

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_DEBIAN = Path("/proc/sys/kernel/unprivileged_userns_clone")
_MAXIMUM = Path("/proc/sys/user/max_user_namespaces")


def prerequisites() -> list[Finding]:
    """Every finding about this machine and this user, failures included; runs a child process for about 0.3 s."""
    command = [sys.executable, "-P", "-m", "moorage.runtime.supervisor.prerequisites"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=child_environment())
    if done.returncode:
        return [("netns runtime", "failure", f"the check itself failed: {done.stderr.strip()[-500:]}")]
    return [(name, verdict, sentence) for name, verdict, sentence in json.loads(done.stdout)]


def explain(error: Exception) -> str:
    """What a failed start says to the user."""
    if isinstance(error, Refused):
        return error.reason
    blocked = _user_namespaces_blocked() if os.geteuid() else None
    return f"{blocked} ({error})" if blocked else str(error)


def _user_namespaces_blocked() -> str | None:
    """Which known switch keeps an ordinary user from making user namespaces; None when none does."""
    if _reads(_APPARMOR, "1"):
        return (
            "AppArmor restricts user namespaces on this machine (Ubuntu 23.10 and later): run "
            "'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0', or run Moorage as root"
        )
    if _reads(_DEBIAN, "0"):
        return (
            "user namespaces are switched off for ordinary users: run "
            "'sudo sysctl kernel.unprivileged_userns_clone=1', or run Moorage as root"
        )
    if _reads(_MAXIMUM, "0"):
        return (
            "user namespaces are switched off: run 'sudo sysctl user.max_user_namespaces=15000', or run Moorage as root"
        )
    return None


def _reads(file: Path, value: str) -> bool:
    try:
        return file.read_text().strip() == value
    except OSError:
        return False


def _findings() -> list[Finding]:
    user = os.geteuid() != 0
    enter = _attempt(lambda: None)
    if enter is not None:
        known = _user_namespaces_blocked() if user else None
        advice = known or (
            "this user may not make user namespaces: run Moorage as root"
            if user
            else "root may not make namespaces here: in a container, start it with --privileged or CAP_SYS_ADMIN and "
            "CAP_NET_ADMIN"
        )
        return [("namespaces", "failure", f"{advice} ({enter})")]
    how = "by an ordinary user, inside a user namespace" if user else "by root"
    return [
        ("namespaces", "ok", f"network, mount and pid namespaces can be made {how}"),
        _verdict("nf_tables", _try_rules, "redirects work", _NF_TABLES),
        _verdict("veth and bridge", _try_links, "tasks can be joined", _LINKS),
        _verdict("overlayfs", _try_overlay, "image files can be laid over this host's /usr", _OVERLAY),
        _verdict("proc", _try_proc, "containers get a /proc of their own", _PROC),
        _ids_finding(user),
        _cgroup_finding(),
        _outbound_finding(user),
    ]


_NF_TABLES = "load the kernel modules: 'sudo modprobe nf_tables nft_redir nft_chain_nat'"
_LINKS = "load the kernel modules: 'sudo modprobe bridge veth'"
_OVERLAY = "load the kernel module: 'sudo modprobe overlay'; an ordinary user needs Linux 5.11 or later"
_PROC = (
    "/proc is masked here, as container engines do: start the outer container with "
    "'--security-opt systempaths=unconfined', or run Moorage outside it"
)


def _verdict(name: str, trial: Callable[[], None], good: str, advice: str) -> Finding:
    trouble = _attempt(trial)
    return (name, "ok", good) if trouble is None else (name, "failure", f"{advice} ({trouble})")


def _attempt(trial: Callable[[], None]) -> str | None:
    """Try in a child, inside new namespaces; None when it worked, else the reason."""

    def inside() -> None:
        enter_namespaces()
        trial()

    return attempt.trouble(inside, (OSError, NetlinkError))


def enter_namespaces() -> None:
    """Leave the host's network and mounts, as an ordinary user inside a user namespace with the ids there are."""
    uid, gid = os.geteuid(), os.getegid()
    if uid:
        map_ids = subordinate.begin(uid, gid)
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        if not map_ids():
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET)
    syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)


def _try_rules() -> None:
    rules.redirect(15001, [(80, 15002)])


def _try_links() -> None:
    addresses = network.Addresses(IPv4Network("100.64.0.0/16"))
    network.build_bridge(addresses)
    # Making a task leaves this namespace: held open, or it would be taken away, and the task's link with it.
    home = network.hold()
    os.close(network.build_task(network.TaskNetwork(2, addresses, None, ())))
    os.close(home)


def _try_overlay() -> None:
    with tempfile.TemporaryDirectory(prefix="moorage-check-") as place:
        syscalls.mount("tmpfs", place, "tmpfs", 0, "size=1m")
        for name in ("upper", "work", "merged"):
            (Path(place) / name).mkdir()
        marks = ",userxattr" if Path("/proc/self/uid_map").read_text().split()[1] != "0" else ""
        data = f"lowerdir=/usr,upperdir={place}/upper,workdir={place}/work{marks}"
        syscalls.mount("overlay", f"{place}/merged", "overlay", 0, data)
        syscalls.unmount(f"{place}/merged")
        syscalls.unmount(place)


def _try_proc() -> None:
    syscalls.unshare(syscalls.CLONE_NEWPID)
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.mount("proc", "/mnt", "proc")
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))


def _cgroup_finding() -> Finding:
    groups = cgroups.open_groups(f"check-{os.getpid()}")
    groups.remove_all()
    if groups.enforced:
        return ("cgroups", "ok", f"limits of CPU and memory are enforced (version {groups.version})")
    return (
        "cgroups",
        "warning",
        "no control group can be made here, so limits of CPU and memory are not enforced; run Moorage as root for them",
    )


def _ids_finding(user: bool) -> Finding:
    missing = "images whose start-up script changes owners or switches users do not start"
    if user:
        given = subordinate.find(os.geteuid())
        if isinstance(given, str):
            return ("ids", "warning", f"containers have one user id, so {missing}: {given}")
        trouble = _attempt(_need_ids)
        if trouble is not None:
            return ("ids", "warning", f"containers have one user id, so {missing} ({trouble})")
        return ("ids", "ok", f"containers have {users.COUNT} user ids, this user's own and those of /etc/subuid")
    trouble = users.trial(Path(tempfile.gettempdir()))
    if trouble is None:
        return ("ids", "ok", "every task has 65536 user ids of its own, none of which is an account of this host")
    advice = "Linux 5.19 or later and a file system that maps owners (ext4, xfs, btrfs) are needed"
    return (
        "ids",
        "warning",
        f"containers have this host's user ids and no capability, so {missing}: {advice} ({trouble})",
    )


def _need_ids() -> None:
    if subordinate.mapped() is None:
        raise OSError("newuidmap and newgidmap refused to map the ids of /etc/subuid and /etc/subgid")


def _outbound_finding(user: bool) -> Finding:
    if not user:
        return ("outbound", "ok", "tasks reach what this host reaches, through an uplink of their own")
    found = [name for name in ("pasta", "slirp4netns") if shutil.which(name)]
    tool = (
        f"{found[0]} is installed, but Moorage does not use it yet" if found else "no pasta or slirp4netns is installed"
    )
    return ("outbound", "warning", f"tasks reach each other, but nothing outside: {tool}; run Moorage as root for that")


if __name__ == "__main__":
    print(json.dumps(_findings()))
