# Shared by the scripts of this folder; sourced, not run.
set -euo pipefail

WEFT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
WEFT_CACHE=${WEFT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weft}
WEFT_GO_VERSION=1.26.8

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else fail "this needs root: run it as root or install sudo ($*)"; fi
}

# Prints "… still at it" while a quiet command runs, so that nobody wonders. The command's output goes to LOG;
# on failure its end is shown.
quietly() {  # quietly LOG COMMAND…
  local log=$1; shift
  "$@" > "$log" 2>&1 &
  local pid=$! waited=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1; waited=$((waited + 1))
    if [ $((waited % 25)) = 0 ]; then echo "   … $waited s: $(tail -n 1 "$log" | cut -c1-100)"; fi
  done
  if wait "$pid"; then return 0; fi
  tail -n 40 "$log" >&2
  return 1
}

configure() {  # configure PRESET, for a whole build (cmake/join.cmake)
  local join=()
  case $1 in
    release) join=(-DWEFT_JOIN=controlplane "-DWEFT_JOIN_EXCEPT=controlplane/ctl;controlplane/inject") ;;  # weftctl's
    asan | tsan) join=("-DWEFT_JOIN=proto;common;agent;controlplane;tests") ;;
  esac
  cmake --preset "$1" -S "$WEFT_ROOT" "${join[@]}" > "$WEFT_ROOT/build/$1.configure.log" 2>&1 ||
    { tail -n 30 "$WEFT_ROOT/build/$1.configure.log"; fail "cmake --preset $1 failed"; }
}

build() {  # build PRESET [TARGET…]
  local preset=$1; shift
  mkdir -p "$WEFT_ROOT/build"
  (cd "$WEFT_ROOT" && configure "$preset")
  local start=$SECONDS
  quietly "$WEFT_ROOT/build/$preset.build.log" cmake --build "$WEFT_ROOT/build/$preset" ${1:+--target "$@"} ||
    fail "the $preset build failed; all of its output: build/$preset.build.log"
  echo "   built $preset in $((SECONDS - start)) s"
}

# The Go to use: one of 1.26 or newer if there is one, else the toolchain that `setup` fetched.
find_go() {
  local go
  for go in "$(command -v go || true)" "$WEFT_CACHE/go/bin/go"; do
    if [ -n "$go" ] && [ -x "$go" ] && "$go" version 2>/dev/null | grep -qE 'go1\.(2[6-9]|[3-9][0-9])'; then
      echo "$go"; return 0
    fi
  done
  return 1
}
