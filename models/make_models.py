#!/usr/bin/env python3
"""Writes the compact service tables next to this file from botocore's models.

Run by hand when a service's model should be renewed; see README.md.
"""

import gzip
import json
from pathlib import Path

import botocore

HERE = Path(__file__).parent
DATA = Path(botocore.__file__).parent / "data"

# (table, botocore's folder, API version, the namespace AWS puts before its own
# error names on awsJson 1.0)
SERVICES = [
    ("states", "stepfunctions", "2016-11-23", "com.amazonaws.swf.service.v2.model"),
    ("lambda", "lambda", "2015-03-31", None),
    ("sts", "sts", "2011-06-15", None),
]

# Constraints the model states but the service itself checks, with its own error.
# Lambda refuses an unknown runtime with InvalidParameterValueException, and takes
# runtimes older than the model.
NOT_CHECKED_BY_FRAMEWORK = {("lambda", "Runtime"): ["enum"]}

# What the documentation of a member says when its length is counted in bytes.
COUNTED_IN_BYTES = "expressed as bytes in UTF-8 encoding"

SCALAR_CONSTRAINTS = ["min", "max", "pattern", "enum"]


def load(folder, version):
    path = DATA / folder / version / "service-2.json"
    if path.exists():
        return json.loads(path.read_bytes())
    return json.loads(gzip.decompress(path.with_name("service-2.json.gz").read_bytes()))


def references(shape):
    for member in shape.get("members", {}).values():
        yield member["shape"]
    for part in ("member", "key", "value"):
        if part in shape:
            yield shape[part]["shape"]


def reachable(shapes, roots):
    found, open_ = set(), list(roots)
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_.extend(references(shapes[name]))
    return found


def compact_reference(reference):
    """A member as `"Shape"`, or as an object where it says more than its shape."""
    out = {"shape": reference["shape"]}
    for theirs, ours in (("location", "in"), ("locationName", "name"), ("timestampFormat", "format")):
        if theirs in reference:
            out[ours] = reference[theirs]
    for flag in ("idempotencyToken", "sensitive", "flattened"):
        if reference.get(flag):
            out[flag] = True
    return out["shape"] if len(out) == 1 else out


def compact_shape(service, name, shape, is_input, in_bytes):
    out = {"type": shape["type"]}
    if is_input:
        dropped = NOT_CHECKED_BY_FRAMEWORK.get((service, name), [])
        for constraint in SCALAR_CONSTRAINTS:
            if constraint in shape and constraint not in dropped:
                out[constraint] = shape[constraint]
        if shape["type"] == "structure" and shape.get("required"):
            out["required"] = shape["required"]
        if name in in_bytes:
            out["bytes"] = True
    for theirs, ours in (("timestampFormat", "format"), ("payload", "payload"), ("locationName", "name")):
        if theirs in shape:
            out[ours] = shape[theirs]
    for flag in ("sensitive", "streaming", "eventstream", "flattened", "union", "document"):
        if shape.get(flag):
            out[flag] = True
    if shape.get("exception") or "error" in shape:
        error = shape.get("error", {})
        out["error"] = {"status": error.get("httpStatusCode", 500 if shape.get("fault") else 400)}
        if "code" in error:
            out["error"]["code"] = error["code"]
    if "members" in shape:
        out["members"] = {name: compact_reference(member) for name, member in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            out[part] = compact_reference(shape[part])
    return out


def compact_operation(operation):
    http = operation["http"]
    out = {"method": http["method"], "uri": http["requestUri"]}
    if http.get("responseCode", 200) != 200:
        out["status"] = http["responseCode"]
    if "hostPrefix" in operation.get("endpoint", {}):
        out["host_prefix"] = operation["endpoint"]["hostPrefix"]
    for part in ("input", "output"):
        if part in operation:
            out[part] = operation[part]["shape"]
    if "resultWrapper" in operation.get("output", {}):
        out["result_wrapper"] = operation["output"]["resultWrapper"]
    if operation.get("errors"):
        out["errors"] = [error["shape"] for error in operation["errors"]]
    if operation.get("idempotent"):
        out["idempotent"] = True
    if operation.get("authtype") == "none":
        out["unsigned"] = True
    return out


def compact(service, folder, version, error_namespace):
    model = load(folder, version)
    metadata, operations, shapes = model["metadata"], model["operations"], model["shapes"]
    inputs = reachable(shapes, [o["input"]["shape"] for o in operations.values() if "input" in o])
    outputs = reachable(
        shapes,
        [o["output"]["shape"] for o in operations.values() if "output" in o]
        + [error["shape"] for o in operations.values() for error in o.get("errors", [])],
    )
    in_bytes = {
        member["shape"]
        for shape in shapes.values()
        for member in shape.get("members", {}).values()
        if COUNTED_IN_BYTES in member.get("documentation", "")
    }
    out = {
        "service": service,
        "botocore": botocore.__version__,
        "api_version": metadata["apiVersion"],
        "service_id": metadata["serviceId"],
        "protocol": metadata["protocol"],
        "signing_name": metadata.get("signingName", metadata["endpointPrefix"]),
        "endpoint_prefix": metadata["endpointPrefix"],
    }
    for theirs, ours in (
        ("jsonVersion", "json_version"),
        ("targetPrefix", "target_prefix"),
        ("xmlNamespace", "xml_namespace"),
    ):
        if theirs in metadata:
            out[ours] = metadata[theirs]
    if error_namespace:
        out["error_namespace"] = error_namespace
    out["operations"] = {name: compact_operation(operation) for name, operation in sorted(operations.items())}
    out["shapes"] = {
        name: compact_shape(service, name, shapes[name], name in inputs, in_bytes)
        for name in sorted(inputs | outputs)
    }
    return out


def main():
    for service, folder, version, error_namespace in SERVICES:
        table = compact(service, folder, version, error_namespace)
        # One operation or shape a line, so that a renewed model reads well in a diff.
        lines = []
        for key, value in table.items():
            if isinstance(value, dict):
                rows = [
                    f"{json.dumps(name)}:{json.dumps(row, separators=(',', ':'), ensure_ascii=False)}"
                    for name, row in value.items()
                ]
                lines.append(f"{json.dumps(key)}:{{\n" + ",\n".join(rows) + "\n}")
            else:
                lines.append(f"{json.dumps(key)}:{json.dumps(value)}")
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        (HERE / f"{service}.json").write_text(text, encoding="utf-8")
        print(f"{service}: {len(table['operations'])} operations, {len(table['shapes'])} shapes, {len(text)} bytes")


if __name__ == "__main__":
    main()
