"""A tarball for install.sh, Homebrew and whoever unpacks it by hand."""

import gzip
import io
import tarfile
from pathlib import Path

from contents import Contents, machine


def build(contents: Contents, out: Path) -> list[Path]:
    name = f"chatmock-{contents.version}-{machine()}-linux"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file in contents.files:
            info = tarfile.TarInfo(f"{name}/{file.path}")
            info.size, info.mode = len(file.data), 0o755 if file.program else 0o644
            tar.addfile(info, io.BytesIO(file.data))
    path = out / f"{name}.tar.gz"
    # No time in it, so that the same programs give the same bytes.
    path.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))
    return [path]
