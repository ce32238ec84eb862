#!/usr/bin/env bash
# Tries every operation of an OpenAPI document with schemathesis, in an environment of its own that is made when it is not
# there.
#
#   run.sh URL TOKEN [ARGUMENT…]
#
# SERVICES_HOME   where the environment is kept (~/.cache/logd-services)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${SERVICES_HOME:-$HOME/.cache/logd-services}
environment=$home/python-schemathesis

mkdir -p "$home"
exec 9>"$home/.python-schemathesis.lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$environment/.packages"; then
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$environment/.packages"
fi
flock -u 9

export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=hooks
exec "$environment/bin/st" run "$1/api/openapi.json" -H "Authorization: Bearer $2" "${@:3}"
