"""A wheel for PyPI: `pip install chatmock-server`, `uvx`, `pipx`. It has no Python in it, only both programs as scripts."""

import base64
import hashlib
import zipfile
from pathlib import Path

from contents import ROOT, SUMMARY, Contents, File, machine

README = """# chatmock-server

{summary}: `chatmock-server --demo` shows it without an account, `chatmock-auth login` signs in, `chatmock-server` runs it.

The package `chatmock` on PyPI is another program, the one in Python that this one re-imagines. `chatmock-server --version` tells
which one runs.
"""


def build(contents: Contents, out: Path) -> list[Path]:
    major, minor = contents.glibc or (2, 17)
    tag = f"py3-none-manylinux_{major}_{minor}_{machine()}"
    name = f"chatmock_server-{contents.version}"
    info = f"{name}.dist-info"
    readme = README.format(summary=SUMMARY)
    metadata = (
        f"Metadata-Version: 2.4\nName: chatmock-server\nVersion: {contents.version}\nSummary: {SUMMARY}\n"
        "License-Expression: MIT OR Apache-2.0\nLicense-File: LICENSE-MIT\nLicense-File: LICENSE-APACHE\n"
        f"Requires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n{readme}"
    )
    wheel = f"Wheel-Version: 1.0\nGenerator: chatmock\nRoot-Is-Purelib: false\nTag: {tag}\n"
    files = [File(f"{name}.data/scripts/{Path(p.path).name}", p.data, True) for p in contents.programs]
    files += [File(f"{info}/METADATA", metadata.encode()), File(f"{info}/WHEEL", wheel.encode())]
    files += [File(f"{info}/licenses/{n}", (ROOT / n).read_bytes()) for n in ["LICENSE-MIT", "LICENSE-APACHE"]]
    record = "".join(line(file) for file in files) + f"{info}/RECORD,,\n"
    files.append(File(f"{info}/RECORD", record.encode()))
    path = out / f"{name}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel_file:
        for file in files:
            entry = zipfile.ZipInfo(file.path, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100755 if file.program else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel_file.writestr(entry, file.data)
    return [path]


def line(file: File) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(file.data).digest()).rstrip(b"=").decode()
    return f"{file.path},sha256={digest},{len(file.data)}\n"
