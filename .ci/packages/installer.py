"""install.sh with the address of the releases, which the programs are built with, too."""

import os
from pathlib import Path

from contents import ROOT, Contents

EMPTY = 'RELEASES=""'


def build(_: Contents, out: Path) -> list[Path]:
    releases = os.environ.get("CHATMOCK_RELEASES", "")
    if not all(c.isascii() and (c.isalnum() or c in ":/._-") for c in releases):
        raise SystemExit(f"CHATMOCK_RELEASES is no address: {releases}")
    text = (ROOT / "docs/install/install.sh").read_text()
    if EMPTY not in text:
        raise SystemExit("install.sh has no place for the address of the releases")
    path = out / "install.sh"
    path.write_text(text.replace(EMPTY, f'RELEASES="{releases}"'))
    path.chmod(0o755)
    return [path]
