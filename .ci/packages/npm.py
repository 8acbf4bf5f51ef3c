"""Packages for npm: one with the programs of this platform, and one that finds those of the platform it is installed on."""

import gzip
import io
import json
import tarfile
from pathlib import Path

from contents import ROOT, SUMMARY, Contents, File, machine

CPU = {"x86_64": "x64", "aarch64": "arm64"}


def build(contents: Contents, out: Path) -> list[Path]:
    cpu = CPU.get(machine(), machine())
    platform = f"chatmock-server-linux-{cpu}"
    common = {"version": contents.version, "license": "MIT OR Apache-2.0"}
    programs = [File(f"bin/{Path(p.path).name}", p.data, True) for p in contents.programs]
    licences = [File(n, (ROOT / n).read_bytes()) for n in ["LICENSE-MIT", "LICENSE-APACHE"]]
    described = {"name": platform, **common, "description": f"The programs of chatmock-server for linux-{cpu}"}
    described |= {"os": ["linux"], "cpu": [cpu], "libc": ["glibc"], "files": ["bin"]}
    built = [pack(out, platform, described, [*programs, *licences])]
    launcher = (Path(__file__).parent / "launcher.js").read_bytes()
    main = {"name": "chatmock-server", **common, "description": SUMMARY, "engines": {"node": ">=18"}}
    names = [Path(p.path).name for p in contents.programs]
    main |= {"bin": {name: f"bin/{name}.js" for name in names}, "files": ["bin"]}
    # A release lists every platform whose programs were built; npm installs the one that fits.
    main |= {"optionalDependencies": {platform: contents.version}}
    scripts = [File(f"bin/{name}.js", launcher, True) for name in names]
    built.append(pack(out, "chatmock-server", main, [*scripts, *licences]))
    return built


def pack(out: Path, name: str, described: dict, files: list[File]) -> Path:
    manifest = File("package.json", json.dumps(described, indent=2).encode() + b"\n")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file in [manifest, *files]:
            info = tarfile.TarInfo(f"package/{file.path}")
            info.size, info.mode = len(file.data), 0o755 if file.program else 0o644
            tar.addfile(info, io.BytesIO(file.data))
    path = out / f"{name}-{described['version']}.tgz"
    path.write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))
    return path
