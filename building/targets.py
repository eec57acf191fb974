"""The platforms that wheels are built for, as data, and the one that this machine is."""

from __future__ import annotations

import platform
import re
import sys
import sysconfig
from dataclasses import dataclass

LIBRARY_NAMES = {"linux": "zblob.so", "macos": "zblob.dylib", "windows": "zblob.dll"}

# Pool threads outlive the last connection, after which SQLite unloads an extension: keep it mapped. Where the linker
# cannot mark the file so, csrc/codec/base/sync.c keeps it.
LINK_FLAGS = {
    "linux": ["-shared", "-pthread", "-Wl,-z,nodelete", "-Wl,-z,relro", "-Wl,-z,now"],
    "macos": ["-dynamiclib", "-pthread"],
    "windows": ["-shared"],
}
COMPILE_FLAGS = {"linux": ["-fPIC", "-pthread"], "macos": ["-fPIC", "-pthread"], "windows": []}


@dataclass(frozen=True)
class Target:
    name: str
    system: str  # "linux", "macos" or "windows"
    zig: str  # as ziglang calls it, with the oldest system that it is to run on
    tag: str  # the platform's part of a wheel's name

    @property
    def library_name(self) -> str:
        return LIBRARY_NAMES[self.system]

    @property
    def cpu(self) -> str:
        return self.zig.partition("-")[0]


def _linux(cpu: str) -> list[Target]:
    return [
        Target(f"linux-{cpu}", "linux", f"{cpu}-linux-gnu.2.17", f"manylinux_2_17_{cpu}.manylinux2014_{cpu}"),
        Target(f"musl-{cpu}", "linux", f"{cpu}-linux-musl", f"musllinux_1_2_{cpu}"),
    ]


TARGETS = {
    target.name: target
    for target in [
        *_linux("x86_64"),
        *_linux("aarch64"),
        Target("macos-x86_64", "macos", "x86_64-macos.10.13", "macosx_10_13_x86_64"),
        Target("macos-arm64", "macos", "aarch64-macos.11.0", "macosx_11_0_arm64"),
        Target("windows-x86_64", "windows", "x86_64-windows-gnu", "win_amd64"),
    ]
}


def this_machine() -> Target:
    """The platform of the Python that runs, whether wheels are built for it or not."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
    machine = platform.machine()
    tag = re.sub(r"[-.]", "_", sysconfig.get_platform()).replace("universal2", machine)
    cpu = {"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    is_musl = system == "linux" and "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    name = f"{'musl' if is_musl else system}-{machine if system == 'macos' else cpu}"
    known = TARGETS.get(name)
    return Target(name, system, known.zig if known else "", tag)
