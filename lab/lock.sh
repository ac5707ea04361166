#!/usr/bin/env bash
# lab/lock.sh: resolve pyproject.toml anew into requirements.lock, and what builds need into requirements-build.lock.
# Resolve on the oldest Python that we support: it needs a superset. Hashes cover every file of a version, so the locks
# serve every Python and processor that has wheels, and name no registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=build/lock
[ -x $tools/bin/pip-compile ] || { python3 -m venv $tools && $tools/bin/pip install --quiet pip-tools; }

compile() {
  $tools/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate "$@"
}

compile --all-extras --output-file requirements.lock pyproject.toml
compile --output-file requirements-build.lock requirements-build.in
for lock in requirements.lock requirements-build.lock; do
  printf '# Made by lab/lock.sh. Do not edit: change pyproject.toml and run "make lock".\n%s\n' "$(cat $lock)" > $lock
  if grep -q '://' $lock; then
    echo "lock: $lock names a host: $(grep -m1 '://' $lock)" >&2
    exit 1
  fi
done
