#!/usr/bin/env bash
# Verifies signatures by the packages `standardwebhooks` and `svix`, in an environment of their own that is made when it is
# not there.
#
#   verify.sh CALLS.json
#
# SERVICES_HOME   where the environment is kept (~/.cache/logd-services)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${SERVICES_HOME:-$HOME/.cache/logd-services}
packages=(standardwebhooks==1.1.0 svix==2.9.1)
environment=$home/python-signatures

mkdir -p "$home"
exec 9>"$home/.python-signatures.lock"
flock 9
if [ "$(cat "$environment/.packages" 2>/dev/null)" != "${packages[*]}" ]; then
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >&2
    echo "${packages[*]}" >"$environment/.packages"
fi
flock -u 9
exec "$environment/bin/python" "$here/verify.py" "$1"
