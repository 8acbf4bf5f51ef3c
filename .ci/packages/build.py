"""Builds every package from a folder with both programs: build.py PROGRAMS FOLDER."""

import hashlib
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
