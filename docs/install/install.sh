#!/bin/sh
# Installs chatmock-server and chatmock-auth from a release's tarball, or takes them away again.
#
#   install.sh [--from URL|FOLDER] [--version VERSION] [--prefix FOLDER]
#   install.sh --uninstall [--prefix FOLDER]
#
# Nothing outside of the prefix (~/.local by default) is written, no file of another program is replaced, and a tarball
# whose checksum is not the one of SHA256SUMS is not unpacked. --from is where both lie: the address of a
# release, or a folder. The settings and the sign-in are not touched, not even by --uninstall.
set -eu

# The address of the releases. .ci/package sets it from CHATMOCK_RELEASES, which the programs are built with, too. A copy
# from the source has none and needs --from.
RELEASES=""

from="$RELEASES"
version=""
prefix="$HOME/.local"
uninstall=no

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case "$1" in
    --from | --version | --prefix)
      [ $# -gt 1 ] || fail "$1 needs a value"
      case "$1" in
        --from) from="$2" ;;
        --version) version="$2" ;;
        --prefix) prefix="$2" ;;
      esac
      shift 2
      ;;
    --uninstall)
      uninstall=yes
      shift
      ;;
    -h | --help)
      sed -n '2,11s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *) fail "unknown option: $1 (see --help)" ;;
  esac
done

list="$prefix/share/chatmock/installed"

remove_installed() {
  [ -f "$list" ] || return 0
  while IFS= read -r file; do
    case "$file" in
      /* | *..*) fail "$list names a file outside of the prefix: $file" ;;
    esac
    rm -f "$prefix/$file"
  done <"$list"
  rm -f "$list"
  for folder in share/chatmock/service share/chatmock share/doc/chatmock; do
    rmdir "$prefix/$folder" 2>/dev/null || :
  done
}

if [ "$uninstall" = yes ]; then
  [ -f "$list" ] || fail "nothing was installed in $prefix by this script"
  remove_installed
  printf 'Removed from %s. The sign-in is still there; chatmock-auth logout would have ended it.\n' "$prefix"
  exit 0
fi

[ -n "$from" ] || fail "this copy knows no address of releases: pass --from URL or --from FOLDER"

system="$(uname -s)"
machine="$(uname -m)"
[ "$system" = Linux ] || fail "there is a tarball for Linux alone; on $system, see docs/install.md"
[ "$machine" != arm64 ] || machine=aarch64

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

fetch() {
  case "$from" in
    https://* | http://127.0.0.1:* | http://localhost:*)
      if command -v curl >/dev/null; then
        curl --fail --silent --show-error --location --proto '=http,https' --output "$2" "$from/$1"
      elif command -v wget >/dev/null; then
        wget --quiet --output-document="$2" "$from/$1"
      else
        fail "neither curl nor wget is here"
      fi
      ;;
    http://*) fail "$from is not encrypted: use https" ;;
    *) cp "$from/$1" "$2" ;;
  esac || fail "cannot get $1 from $from"
}

checksum() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

fetch SHA256SUMS "$work/SHA256SUMS"
pattern="chatmock-${version:-[0-9][0-9.]*}-$machine-linux\\.tar\\.gz"
tarball="$(sed -n "s/^[0-9a-f]\\{64\\}  \\($pattern\\)\$/\\1/p" "$work/SHA256SUMS" | sort -V | tail -n 1)"
[ -n "$tarball" ] || fail "there is no tarball ${version:+of version $version }for $machine in $from"
fetch "$tarball" "$work/$tarball"
wanted="$(sed -n "s/^\\([0-9a-f]\\{64\\}\\)  $tarball\$/\\1/p" "$work/SHA256SUMS")"
found="$(checksum "$work/$tarball")"
[ "$wanted" = "$found" ] || fail "$tarball is damaged: its checksum is $found, and not $wanted"

tar -xzf "$work/$tarball" -C "$work"
unpacked="$work/${tarball%.tar.gz}"
release="$prefix/share/chatmock/release"
if [ -z "$version" ] && [ -f "$release" ]; then
  installed="$(cat "$release")"
  offered="${tarball#chatmock-}"
  offered="${offered%%-*}"
  newest="$(printf '%s\n%s\n' "$installed" "$offered" | sort -V | tail -n 1)"
  [ "$newest" = "$offered" ] || fail "$installed is installed, and $offered is older: to go back, pass --version $offered"
fi

(cd "$unpacked" && find . -type f | sed 's|^\./||' | sort) >"$work/files"

while IFS= read -r file; do
  if [ -e "$prefix/$file" ] && ! grep -qxF "$file" "$list" 2>/dev/null; then
    fail "$prefix/$file is there already, and this script did not put it there"
  fi
done <"$work/files"

remove_installed
while IFS= read -r file; do
  folder="$prefix/$(dirname "$file")"
  mkdir -p "$folder"
  # Beside the old one and then in its place, so that a program that runs goes on.
  cp "$unpacked/$file" "$folder/.chatmock-new"
  mv -f "$folder/.chatmock-new" "$prefix/$file"
done <"$work/files"
echo share/chatmock/release >>"$work/files"
mkdir -p "$(dirname "$list")"
version="${tarball#chatmock-}"
printf '%s\n' "${version%%-*}" >"$release"
cp "$work/files" "$list"

printf 'Installed %s into %s.\n' "${tarball%.tar.gz}" "$prefix"
case ":$PATH:" in
  *":$prefix/bin:"*) ;;
  *) printf 'Add %s to your PATH.\n' "$prefix/bin" ;;
esac
printf 'Next: chatmock-server --demo (no account needed), or chatmock-auth login.\n'
