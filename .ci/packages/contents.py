"""What every package holds: the programs, their pages and completions, licences and the service's units."""

import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ["chatmock-server", "chatmock-auth"]
SHELLS = {
    "bash": "share/bash-completion/completions/{}",
    "zsh": "share/zsh/site-functions/_{}",
    "fish": "share/fish/vendor_completions.d/{}.fish",
}
SUMMARY = "OpenAI's, Anthropic's and Ollama's APIs from your own ChatGPT account"


@dataclass
class File:
    """A file of a package: its path below the prefix, its bytes and whether it is a program."""

    path: str
    data: bytes
    program: bool = False


@dataclass
class Contents:
    """The files of a package, the version of the programs, and the oldest glibc that runs them."""

    version: str
    glibc: tuple[int, int] | None
    files: list[File]

    @property
    def programs(self) -> list[File]:
        return [file for file in self.files if file.program]


def read(programs: Path) -> Contents:
    """Collects the files. A page or completion that a program cannot write is left out, and said."""
    files = [File(f"bin/{name}", (programs / name).read_bytes(), True) for name in PROGRAMS]
    for name in PROGRAMS:
        files += written(programs / name, ["man"], f"share/man/man1/{name}.1")
        for shell, path in SHELLS.items():
            files += written(programs / name, ["completions", shell], path.format(name))
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"]:
        files.append(File(f"share/doc/chatmock/{licence}", (ROOT / licence).read_bytes()))
    for unit in sorted((ROOT / "docs/service").iterdir()):
        files.append(File(f"share/chatmock/service/{unit.name}", unit.read_bytes()))
    manifest = (ROOT / "Cargo.toml").read_text()
    version = re.search(r'^version = "([^"]+)"', manifest, re.M).group(1)
    return Contents(version, glibc(programs), files)


def written(program: Path, arguments: list[str], path: str) -> list[File]:
    ended = subprocess.run([program, *arguments], capture_output=True, check=False)
    if ended.returncode == 0 and ended.stdout:
        return [File(path, ended.stdout)]
    print(f"left out: {path} ({program.name} {' '.join(arguments)} writes nothing)")
    return []


def glibc(programs: Path) -> tuple[int, int] | None:
    """The newest version of glibc whose symbols the programs use; none where they are not linked to it."""
    versions = set()
    for name in PROGRAMS:
        listed = subprocess.run(["objdump", "-T", programs / name], capture_output=True, text=True, check=False)
        versions |= {(int(a), int(b)) for a, b in re.findall(r"GLIBC_(\d+)\.(\d+)", listed.stdout)}
    return max(versions, default=None)


def machine() -> str:
    """The processor, as Rust and Python name it."""
    return {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
