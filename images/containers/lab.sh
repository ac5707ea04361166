#!/bin/sh
# images/containers/lab.sh programs | libraries: what the image `lab` has besides this tree.
#
# programs: lab.txt, which lab/set-up.sh looks for. libraries: the .venv that lab/set-up.sh makes, and what compiles the TPM library,
# which stays in the stage where it ran. From /context/apt and /context/wheels, what `images/containers/fetch.sh lab` fetched,
# or else from where apt and pip get them.
set -eu
case $1 in
  programs)
    # shellcheck disable=SC2046  # words
    /context/packages.sh $(cat /context/lab.txt)
    ;;
  libraries)
    # chromium, a guest's kernel, Go: what some tests and labs want besides is not here.
    /context/packages.sh gcc libc6-dev libtss2-dev pkg-config python3-dev systemd
    if [ -d /context/wheels ]; then
      export PIP_NO_INDEX=1 PIP_FIND_LINKS=/context/wheels
    fi
    lab/set-up.sh
    find .venv -name '*.pyc' -delete # a third of it, and made again where it runs
    rm -f build/set-up.log
    ;;
esac
