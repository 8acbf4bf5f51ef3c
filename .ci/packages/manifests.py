"""Manifests for Homebrew, Scoop and winget, made from the data of the tarball. No test here runs them: they are for other systems."""

import hashlib
import json
from pathlib import Path

from contents import SUMMARY, Contents

# Set to the address of the releases when there is one; a source build has none.
RELEASES = "https://example.invalid/chatmock/releases/download"


def build(contents: Contents, out: Path, tarball: Path) -> list[Path]:
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    url = f"{RELEASES}/v{contents.version}"
    folder = out / "manifests"
    folder.mkdir(exist_ok=True)
    made = {
        "chatmock.rb": homebrew(contents, f"{url}/{tarball.name}", digest),
        "chatmock.json": scoop(contents, url),
        "chatmock.yaml": winget(contents, url),
    }
    for name, text in made.items():
        (folder / name).write_text(text)
    return []


def homebrew(contents: Contents, url: str, digest: str) -> str:
    return f'''class Chatmock < Formula
  desc "{SUMMARY}"
  homepage "https://example.invalid/chatmock"
  url "{url}"
  version "{contents.version}"
  sha256 "{digest}"
  license any_of: ["MIT", "Apache-2.0"]

  def install
    bin.install Dir["bin/*"]
    man1.install Dir["share/man/man1/*"]
    bash_completion.install Dir["share/bash-completion/completions/*"]
    zsh_completion.install Dir["share/zsh/site-functions/*"]
    fish_completion.install Dir["share/fish/vendor_completions.d/*"]
  end

  service do
    run [opt_bin/"chatmock-server"]
    keep_alive crashed: true
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/chatmock-server --version")
  end
end
'''


def scoop(contents: Contents, url: str) -> str:
    archive = f"chatmock-{contents.version}-x86_64-windows.zip"
    manifest = {
        "version": contents.version,
        "description": SUMMARY,
        "license": "MIT|Apache-2.0",
        "architecture": {"64bit": {"url": f"{url}/{archive}", "hash": "FILLED IN BY THE RELEASE"}},
        "bin": ["chatmock-server.exe", "chatmock-auth.exe"],
    }
    return json.dumps(manifest, indent=2) + "\n"


def winget(contents: Contents, url: str) -> str:
    archive = f"chatmock-{contents.version}-x86_64-windows.zip"
    return f"""PackageIdentifier: ChatMock.ChatMock
PackageVersion: {contents.version}
PackageName: ChatMock
License: MIT OR Apache-2.0
ShortDescription: {SUMMARY}
Installers:
  - Architecture: x64
    InstallerType: zip
    NestedInstallerType: portable
    NestedInstallerFiles:
      - RelativeFilePath: chatmock-server.exe
      - RelativeFilePath: chatmock-auth.exe
    InstallerUrl: {url}/{archive}
    InstallerSha256: FILLED IN BY THE RELEASE
ManifestType: singleton
ManifestVersion: 1.6.0
"""
