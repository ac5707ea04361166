#!/bin/sh
# images/containers/libraries.sh FOLDER LIST: a virtual environment with the libraries of LIST.txt, without pip.
#
# Wheels come from /context/wheels, what images/containers/fetch.sh fetched, or else from where pip gets them; the hashes of
# requirements.lock decide either way. Nothing is compiled: what has no wheel is refused.
set -eu
folder=$1
list=$2
wheels=/context/wheels
python3 -m venv --symlinks --without-pip "$folder"
/context/locked.sh "/context/$list.txt" /context/requirements.lock >/tmp/libraries.lock
PYTHONPATH=$(echo /usr/share/python-wheels/pip-*.whl) # Debian's, which the environment is made without
export PYTHONPATH
set -- --disable-pip-version-check --no-cache-dir
where=
[ ! -d $wheels ] || where="--no-index --find-links $wheels"
# shellcheck disable=SC2086  # words
"$folder/bin/python" -m pip "$@" install --no-deps --no-compile --require-hashes --only-binary :all: $where \
  --requirement /tmp/libraries.lock
"$folder/bin/python" -m pip "$@" check
rm -f /tmp/libraries.lock "$folder"/bin/[Aa]ctivate*
# Byte code is checked by nobody (the files do not change), and names no date, so that the same tree gives the same octets.
python3 -m compileall -q --invalidation-mode unchecked-hash -s "$folder" -p /opt/airgrant "$folder/lib"
