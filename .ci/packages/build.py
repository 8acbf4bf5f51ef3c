"""Builds every package from a folder with both programs: build.py PROGRAMS FOLDER."""

import hashlib
import os
import sys
from pathlib import Path

import contents
import deb
import installer
import manifests
import npm
import tarball
import wheel


def main(programs: Path, out: Path) -> None:
    held = contents.read(programs)
    refuse_newer_glibc(held.glibc, os.environ.get("CHATMOCK_GLIBC"))
    built = tarball.build(held, out)
    manifests.build(held, out, built[0])
    for package in [wheel, npm, deb, installer]:
        built += package.build(held, out)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built]
    (out / "SHA256SUMS").write_text("".join(sums))
    sizes = "".join(f"{path.name}\t{path.stat().st_size}\n" for path in built)
    (out / "sizes.tsv").write_text(sizes)
    print(sizes, end="")
    if held.glibc:
        print("needs glibc {}.{} or later".format(*held.glibc))


def refuse_newer_glibc(needed: tuple[int, int] | None, wanted: str | None) -> None:
    """Ends the build where a symbol is newer than the glibc that the programs were linked for."""
    if needed and wanted and needed > tuple(int(part) for part in wanted.split(".")):
        sys.exit("the programs need glibc {}.{}, not {}".format(*needed, wanted))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
