#!/usr/bin/env bash
# Installs what the build needs and this machine lacks: Debian packages (with sudo where not root), and
# oneDNN 3.2 into .deps/onednn unless the system has it. A second call finds all in place and does nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly libraries=(libyaml-cpp-dev libcli11-dev libfmt-dev nlohmann-json3-dev librandom123-dev
                    zlib1g-dev libjpeg62-turbo-dev libpng-dev libssl-dev doctest-dev
                    libprotobuf-dev libonnx-dev
                    python3-yaml python3-jsonschema)   # of one test, which is skipped without them
readonly onednn=.deps/onednn

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

# Whether oneDNN lies complete in .deps/ (it gets its name there only when it is).
have_own_onednn() { [[ -f $onednn/lib/cmake/dnnl/dnnl-config.cmake && -f $onednn/lib/libdnnl.so.3.2 ]]; }

have_pip() { python3 -m pip --version >/dev/null 2>&1; }

# Names of the Debian packages that are missing. A tool may come from anywhere; a library is asked of dpkg.
missing_packages() {
  local tool_package
  for tool_package in g++:g++ cmake:cmake ninja:ninja-build python3:python3 protoc:protobuf-compiler; do
    command -v "${tool_package%%:*}" >/dev/null || echo "${tool_package##*:}"
  done
  have_own_onednn || have_pip || echo python3-pip
  local installed
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${libraries[@]}" 2>/dev/null || true)
  for library in "${libraries[@]}"; do
    grep -qx "$library installed" <<<"$installed" || echo "$library"
  done
}

install_packages() {
  local packages=("$@") sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "missing packages; as root, run: apt-get install ${packages[*]}"
    sudo=(sudo)
  fi
  say "installing ${packages[*]}"
  "${sudo[@]}" apt-get -qq update || say "apt-get update failed; trying with the package lists that are there"
  local log
  log=$(mktemp)
  if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
    "${packages[@]}" >"$log" 2>&1 </dev/null; then
    tail -20 "$log" >&2
    fail "apt-get could not install: ${packages[*]} (all of its output: $log)"
  fi
  rm "$log"
}

# Whether CMake finds a oneDNN of 3.2 or newer by itself.
have_system_onednn() {
  local probe=$scratch/probe
  mkdir "$probe"
  printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(probe CXX)' \
    'find_package(dnnl 3.2 CONFIG REQUIRED)' >"$probe/CMakeLists.txt"
  cmake -S "$probe" -B "$probe/build" -G Ninja >/dev/null 2>&1
}

# Unpacks the wheels' files, but only one of the three copies of the library; links have the other names.
install_onednn() {
  [[ $(uname -m) == x86_64 ]] || fail "there is no oneDNN package for $(uname -m): install oneDNN 3.2 or newer"
  say "downloading oneDNN 3.2 (40 MB) into $onednn"
  python3 -m pip --quiet --disable-pip-version-check download --no-deps --only-binary=:all: \
    --require-hashes -r scripts/onednn.txt --dest "$scratch/wheels" >&2 </dev/null ||
    fail "pip could not download oneDNN; is there a connection to the package index?"
  python3 - "$scratch/tree" "$scratch"/wheels/*.whl <<'PYTHON'
import pathlib, sys, zipfile
tree, *wheels = sys.argv[1:]
for wheel in map(zipfile.ZipFile, wheels):
    for name in wheel.namelist():
        path = name.partition(".data/data/")[2]
        if path and not path.endswith(("/", "libdnnl.so", "libdnnl.so.3")):
            target = pathlib.Path(tree, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(wheel.read(name))
PYTHON
  ln -s libdnnl.so.3.2 "$scratch/tree/lib/libdnnl.so.3"
  ln -s libdnnl.so.3 "$scratch/tree/lib/libdnnl.so"
  rm -rf "$onednn"   # a broken one; a whole one would not have brought us here
  mv -T "$scratch/tree" "$onednn"
}

read -ra missing <<<"$(missing_packages | tr '\n' ' ')"
if ((${#missing[@]} > 0)); then
  command -v apt-get >/dev/null || fail "not a Debian system; install the like of: ${missing[*]}"
  install_packages "${missing[@]}"
fi
if ! have_own_onednn; then
  mkdir -p .deps
  find .deps -maxdepth 1 -name '.new-*' -mmin +60 -exec rm -rf {} +   # left by a call that was killed
  scratch=$(mktemp -d .deps/.new-XXXXXX)   # in .deps, so that the move at the end is one rename
  trap 'rm -rf "$scratch"' EXIT
  have_system_onednn || install_onednn
fi
