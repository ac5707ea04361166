#!/usr/bin/env bash
# images/containers/engine.sh FOLDER COMMAND [ARGUMENT...]: runs a command beside a Docker engine of its own.
#
# In the lab's sandbox alone: bridges, rules and containers are in its network namespace, and end with it. Images are kept in
# FOLDER. The command finds DOCKER_HOST, and Debian's `docker` before any other. USR1 starts an engine that was killed anew. Exit status: the command's, or 3 where this
# machine lets nobody run an engine (it says what is missing).
set -euo pipefail

fail() {
  printf 'engine: %s\n' "$@" >&2
  exit 3
}

[ -n "${AIRGRANT_SANDBOX:-}" ] || fail "it runs in the lab's sandbox: lab/sandbox.sh images/containers/engine.sh ..."
[ "$(tr -s ' ' </proc/self/uid_map)" = " 0 0 4294967295" ] || fail "an engine takes real root, and this is a user namespace."
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH DOCKER_BUILDKIT=1
command -v dockerd >/dev/null || fail "dockerd is missing: run lab/set-up.sh --images."
folder=$1
shift
mkdir -p "$folder" /run/docker
exec 8>"$folder.lock"
flock 8

# Control groups, as the host has them: one tree, or one for each controller.
groups=/sys/fs/cgroup
controllers() { awk '$2 != 0 && $4 == 1 { print $1 }' /proc/cgroups; }
mount_groups() {
  local controller
  if [ -z "$(controllers)" ]; then
    mount -t cgroup2 cgroup2 $groups || return 1
    # Controllers go to groups without processes alone: our own are in one, containers in others.
    own=$groups/airgrant-$$
    mkdir -p "$own/engine" || return 1
    echo $$ >"$own/engine/cgroup.procs" || return 1
    # shellcheck disable=SC2013  # words
    for controller in $(cat "$own/cgroup.controllers"); do
      echo "+$controller" >"$own/cgroup.subtree_control" 2>/dev/null || true
    done
    parent=/airgrant-$$/containers
    return
  fi
  mount -t tmpfs -o mode=755 cgroup $groups || return 1
  for controller in $(controllers); do
    mkdir "$groups/$controller"
    mount -t cgroup -o "$controller" cgroup "$groups/$controller" || rmdir "$groups/$controller"
  done
  # shellcheck disable=SC2013  # words
  for controller in $(sed -n 's/^[0-9]*:name=\([a-z]*\):.*/\1/p' /proc/self/cgroup); do
    mkdir "$groups/$controller"
    mount -t cgroup -o "none,name=$controller" cgroup "$groups/$controller" || return 1
  done
  [ -d $groups/devices ] || return 1
  parent=/airgrant-$$
}
own='' parent=''
mount_groups || fail "this kernel lets nobody mount cgroups here (a container?), and containers need them."

log=$folder.log
export DOCKER_HOST=unix:///run/docker.sock
start() {
  dockerd --data-root "$folder" --exec-root /run/docker --pidfile /run/docker.pid --host $DOCKER_HOST \
    --cgroup-parent "$parent" --log-level warn >"$log" 2>&1 8>&- &
  engine=$!
  for _ in $(seq 300); do
    if docker version >/dev/null 2>&1; then break; fi
    kill -0 $engine 2>/dev/null || fail "dockerd does not start here:" "$(tail -n 3 "$log")"
    sleep 0.1
  done
}
start
# A killed engine left them, and would go on with them.
docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null
docker network prune --force >/dev/null
docker volume ls --quiet | xargs --no-run-if-empty docker volume rm --force >/dev/null

status=0
echo "engine: ready" >&2
"$@" 8>&- &
command=$!
trap 'kill $command 2>/dev/null' TERM INT
trap 'start; echo "engine: started again" >&2' USR1
while kill -0 $command 2>/dev/null; do wait $command || status=$?; done
trap '' TERM INT
kill $engine
wait $engine || true
# Empty groups of ours stay on the host otherwise.
[ -z "$own" ] || echo $$ >$groups/cgroup.procs
find $groups -depth -type d -path "*/airgrant-$$*" -exec rmdir {} + 2>/dev/null || true
exit $status
