"""A package for Debian and Ubuntu, with a systemd user unit, man pages and completions."""

import gzip
import shutil
import subprocess
import tempfile
from pathlib import Path

from contents import ROOT, SUMMARY, Contents, machine

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
UNIT = "usr/lib/systemd/user"
ZSH = "usr/share/zsh/vendor-completions"


def build(contents: Contents, out: Path) -> list[Path]:
    if shutil.which("dpkg-deb") is None:
        print("left out: the package for Debian (there is no dpkg-deb here)")
        return []
    architecture = ARCHITECTURE.get(machine(), machine())
    path = out / f"chatmock_{contents.version}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        for file in contents.files:
            write(tree / place(file.path), compressed(file.path, file.data), file.program)
        for unit in ["chatmock-server.service", "chatmock-server.socket"]:
            # The person's own folder is where other ways of installing put the program.
            text = (ROOT / "docs/service" / unit).read_text().replace("%h/.local/bin", "/usr/bin")
            write(tree / UNIT / unit, text.encode())
        write(tree / "usr/share/doc/chatmock/copyright", copyright_of())
        size = sum(f.stat().st_size for f in tree.rglob("*") if f.is_file()) // 1024
        write(tree / "DEBIAN/control", control(contents, architecture, size))
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, path]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [path]


def place(path: str) -> str:
    if path.startswith("share/zsh/"):
        return f"{ZSH}/{Path(path).name}"
    return f"usr/{path}" + (".gz" if path.startswith("share/man/") else "")


def compressed(path: str, data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0) if path.startswith("share/man/") else data


def write(path: Path, data: bytes, program: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o755 if program else 0o644)


def control(contents: Contents, architecture: str, size: int) -> bytes:
    major, minor = contents.glibc or (2, 17)
    return (
        f"Package: chatmock\nVersion: {contents.version}\nArchitecture: {architecture}\nInstalled-Size: {size}\n"
        f"Depends: libc6 (>= {major}.{minor}), libgcc-s1\nRecommends: ca-certificates, gnome-keyring | kwalletmanager\n"
        "Section: net\nPriority: optional\nMaintainer: the ChatMock project <chatmock@localhost>\n"
        f"Description: {SUMMARY}\n"
        " You sign in once with chatmock-auth login and run chatmock-server, as a user service if you like.\n"
    ).encode()


def copyright_of() -> bytes:
    licences = [(ROOT / name).read_text() for name in ["LICENSE-MIT", "LICENSE-APACHE"]]
    return ("Either of these licences, at your choice.\n\n" + "\n\n".join(licences)).encode()
