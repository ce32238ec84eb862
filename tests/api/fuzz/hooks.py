"""What schemathesis can't know of a logd: who may log in, which services there are, and where webhooks may lead.

It is asked before each request. What is meant to be wrong is left alone.
"""

import os
import zlib

import schemathesis

WHO = {"username": os.environ["LOGD_USER"], "password": os.environ["LOGD_PASSWORD"]}
RECEIVER = os.environ["LOGD_RECEIVER"]
# What stands in paths, by what stands before it.
KNOWN = {
    "/api/v1/services/": ("name", os.environ["LOGD_SERVICE"]),
    "/api/v1/incidents/": ("id", os.environ["LOGD_INCIDENT"]),
    "/api/v1/anomalies/": ("id", os.environ["LOGD_ANOMALY"]),
}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts what exists in the place of what was made up."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    for path, (name, value) in KNOWN.items():
        # What does not exist is asked for as well.
        if case.path.startswith(path) and zlib.crc32(str(case.path_parameters[name]).encode()) % 4:
            case.path_parameters[name] = value
    body = case.body
    if not isinstance(body, dict):
        return
    # No call leaves this machine.
    if "url" in body:
        body["url"] = RECEIVER
    # Wrong passwords would close the door for all that come after: they have tests of their own.
    if "/auth/" in case.path and body.get("grant_type", "password") == "password":
        body.update(WHO)
