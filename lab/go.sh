#!/usr/bin/env bash
# lab/go.sh build [NAME...] | go ARGUMENT...: Go programs of others that tests and labs ask, built into build/go/bin/NAME.
#
# One pinned Go for everybody: any Go that the machine has (Debian 12 has 1.19) only fetches it, as the module
# golang.org/toolchain, whose checksum stands below. A program is a folder with go.mod and go.sum, so that every module is
# pinned by version and checksum too. Everything is kept below build/go; GOPROXY and its relatives are obeyed.
#
#   build        build the named programs, or all of the table; at once and silent when nothing has changed
#   go           run the pinned Go itself, for `go mod tidy` in a program's folder and the like
#
# Needs a network when something is not yet there. Exit status: 0 ready, 3 Go or a module cannot be had (it says which).
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# ---- The programs: name | folder with go.mod | package in that module's graph | why.
programs() {
  cat <<TABLE
nas-oracle|tests/oracles/nas|.|the NAS codec of free5GC
ngap-oracle|tests/oracles/ngap|.|the NGAP codec of free5GC
ferretdb|tests/oracles/ferretdb|.|MongoDB's wire protocol in front of SQLite, for subscriber documents
n5-oracle|tests/oracles/n5|.|N5 requests as free5GC reads them
compose|tests/oracles/compose|.|what Docker Compose makes of our compose files
kubernetes|tests/oracles/kubernetes|.|what Kubernetes makes of our manifests
radio|lab/ran/radio|.|a gNB and a UE on the codecs of free5GC, without a radio
free5gc-pcf|lab/ran/free5gc|github.com/free5gc/pcf|the policy control of free5GC
free5gc-smf|lab/ran/free5gc|github.com/free5gc/smf|the session management of free5GC
free5gc-standin|lab/ran/free5gc|.|what these two ask of the rest of a core
cometbft|lab/comet|github.com/cometbft/cometbft/cmd/cometbft|consensus between several operators' ledgers
nfpm|images/nfpm|github.com/goreleaser/nfpm/v2/cmd/nfpm|the packager: .deb, .ipk and .apk
TABLE
}

version=1.25.14
declare -A checksums=(
  [amd64]=h1:XriDgll2yv4W2YeUo2X/WuUuy+iGJkXGH0CQloMBEXo=
  [arm64]=h1:tccCYNAEolyjUyQVNxD/wJuly2Sx85m+OUkzGIhO1oY=
)
store=$PWD/build/go
root=$store/go$version

say() { printf 'go: %s\n' "$@" >&2; }
fail() {
  say "$@"
  exit 3
}

use_store() {
  export GOPATH=$store GOMODCACHE=$store/modules GOCACHE=$store/cache GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
  export GOFLAGS="-modcacherw -trimpath -buildvcs=false" # what is written can be removed again by `make clean`
}

# ---- The pinned Go.
fetch_go() {
  local arch module answer folder
  [ -x "$root/bin/go" ] && return
  case $(uname -s -m) in
    "Linux x86_64") arch=amd64 ;;
    "Linux aarch64") arch=arm64 ;;
    *) fail "no checksum of Go $version for $(uname -s -m) is known here." ;;
  esac
  lab/set-up.sh --go || exit 3
  module=golang.org/toolchain@v0.0.1-go$version.linux-$arch
  say "fetching Go $version (once, into build/go) ..."
  answer=$(unset GOROOT && go mod download -json "$module") || fail "cannot fetch $module:" "$answer"
  [ "$(field Sum <<<"$answer")" = "${checksums[$arch]}" ] ||
    fail "$module has the checksum $(field Sum <<<"$answer"), not ${checksums[$arch]}."
  folder=$(field Dir <<<"$answer")
  chmod -R u+w "$folder"
  chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/* # modules carry no modes
  mv "$folder" "$root"
  rm -rf "$store"/modules/cache/download/golang.org/toolchain
}

field() { sed -n "s/^.*\"$1\": \"\([^\"]*\)\".*\$/\1/p"; }

# ---- Programs.
fingerprint() {
  { echo "$version $GOFLAGS $2" && find "$1" -type f \( -name '*.go' -o -name 'go.*' \) -print0 | sort -z | xargs -0 cat; } |
    sha256sum | cut -d' ' -f1
}

build() {
  local name=$1 folder package why stamp mark started=$SECONDS
  IFS='|' read -r _ folder package why < <(programs | grep "^$name|") || fail "there is no program '$name' in the table."
  stamp=$store/bin/$name.stamp
  mark=$(fingerprint "$folder" "$package")
  if [ "$(cat "$stamp" 2>/dev/null)" = "$mark" ] && [ -x "$store/bin/$name" ]; then return; fi
  [ -z "${AIRGRANT_SANDBOX:-}" ] || fail "$name is not built, and the sandbox has no network: run lab/go.sh build."
  mkdir -p "$store/bin"
  exec 9>"$store/lock"
  flock 9
  if [ "$(cat "$stamp" 2>/dev/null)" = "$mark" ] && [ -x "$store/bin/$name" ]; then return; fi
  fetch_go
  say "building $name: $why ..."
  (cd "$folder" && GOROOT=$root nice "$root/bin/go" build -o "$store/bin/$name" "$package") >"$store/$name.log" 2>&1 ||
    fail "$name cannot be built:" "$(tail -n 20 "$store/$name.log")"
  echo "$mark" >"$stamp"
  exec 9>&-
  say "built $name ($((SECONDS - started)) s)."
}

use_store
case ${1:-} in
  build)
    shift
    # shellcheck disable=SC2046  # names are words
    [ $# -gt 0 ] || set -- $(programs | cut -d'|' -f1)
    for name in "$@"; do build "$name"; done
    ;;
  go)
    shift
    mkdir -p "$store"
    exec 9>"$store/lock"
    flock 9
    fetch_go
    exec 9>&-
    cd "$here"
    GOROOT=$root exec "$root/bin/go" "$@"
    ;;
  *)
    sed -n '2p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
