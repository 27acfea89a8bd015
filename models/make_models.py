#!/usr/bin/env python3
"""Writes the compact service tables next to this file from botocore's models, and the
pack of all services that are not hosted.

Run by hand when a service's model should be renewed; see README.md.
"""

import gzip
import json
import re
import struct
import zlib
from pathlib import Path

import botocore

HERE = Path(__file__).parent
DATA = Path(botocore.__file__).parent / "data"

# (table = signing name, botocore's folder, API version, measured facts). The facts:
# `error_namespace`, what AWS puts before its own error names on awsJson 1.0;
# `constraint_error`, what it calls an input that breaks a constraint, where that is
# not ValidationException.
SERVICES = [
    ("states", "stepfunctions", "2016-11-23", {"error_namespace": "com.amazonaws.swf.service.v2.model"}),
    ("lambda", "lambda", "2015-03-31", {}),
    ("sts", "sts", "2011-06-15", {"constraint_error": "ValidationError"}),
    ("s3", "s3", "2006-03-01", {"xml_namespace": "http://s3.amazonaws.com/doc/2006-03-01/"}),
    ("sqs", "sqs", "2012-11-05", {"error_namespace": "com.amazonaws.sqs"}),
    ("sns", "sns", "2010-03-31", {}),
    ("events", "events", "2015-10-07", {}),
    ("scheduler", "scheduler", "2021-06-30", {}),
    ("pipes", "pipes", "2015-10-07", {}),
    ("logs", "logs", "2014-03-28", {"constraint_error": "InvalidParameterException"}),
    ("iam", "iam", "2010-05-08", {"constraint_error": "ValidationError"}),
    ("secretsmanager", "secretsmanager", "2017-10-17", {}),
    ("ssm", "ssm", "2014-11-06", {}),
    ("kms", "kms", "2014-11-01", {}),
]

SCALAR_CONSTRAINTS = ["min", "max", "pattern", "enum"]

# Services that check everything themselves, each with errors of its own.
WITHOUT_FRAMEWORK_CHECKS = {"s3", "sqs", "sns"}

# Operations that no path leads to: older forms of others with the same method and path, and
# one that is asked for at another host.
SHADOWED = {
    "s3": {
        "GetBucketLifecycle",
        "GetBucketNotification",
        "ListDirectoryBuckets",
        "PutBucketLifecycle",
        "PutBucketNotification",
    }
}

# The root elements of S3's answers, where they have no payload member.
S3_OUTPUT_NAMES = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CreateSession": "CreateSessionResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketIntelligentTieringConfigurations": "ListBucketIntelligentTieringConfigurationsOutput",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
# Their only member is the root element itself.
S3_UNWRAPPED_OUTPUTS = {"GetBucketLocation"}

# Constraints the model states but the service itself checks, with its own error.
# Lambda refuses an unknown runtime with InvalidParameterValueException, and takes
# runtimes older than the model.
NOT_CHECKED_BY_FRAMEWORK = {("lambda", "Runtime"): ["enum"]}

# Blobs the model calls streams that are small enough for memory: an event of InvokeAsync.
NOT_STREAMED = {("lambda", "BlobStream")}

# What IAM says of a broken pattern, instead of showing it.
IAM_NAME = "It must contain only alphanumeric characters and/or the following: +=,.@_-"
PATTERN_REFUSALS = {
    ("iam", shape): f"The specified value for {{member}} is invalid. {IAM_NAME}"
    for shape in (
        "userNameType",
        "existingUserNameType",
        "groupNameType",
        "roleNameType",
        "policyNameType",
        "instanceProfileNameType",
    )
} | {
    ("iam", "pathType"): "The specified value for {member} is invalid. It must begin and end with / and contain "
    "only alphanumeric characters and/or / characters."
}

# The query protocol that SQS spoke before it spoke JSON, and still does: botocore has its
# names no more. An element of a list, a map and the key and value of a map each have a
# name on the wire; errors have a code, and a status where it is not 400.
SQS_LIST_ELEMENTS = {
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "AWSAccountIdList": "AWSAccountId",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}
SQS_MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name", "Value"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name", "Value"),
    "MessageSystemAttributeMap": ("Attribute", "Name", "Value"),
    "QueueAttributeMap": ("Attribute", "Name", "Value"),
    "TagMap": ("Tag", "Key", "Value"),
}
SQS_ERRORS = {
    "BatchEntryIdsNotDistinct": ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400),
    "BatchRequestTooLong": ("AWS.SimpleQueueService.BatchRequestTooLong", 400),
    "EmptyBatchRequest": ("AWS.SimpleQueueService.EmptyBatchRequest", 400),
    "InvalidBatchEntryId": ("AWS.SimpleQueueService.InvalidBatchEntryId", 400),
    "MessageNotInflight": ("AWS.SimpleQueueService.MessageNotInflight", 400),
    "OverLimit": ("OverLimit", 403),
    "PurgeQueueInProgress": ("AWS.SimpleQueueService.PurgeQueueInProgress", 403),
    "QueueDeletedRecently": ("AWS.SimpleQueueService.QueueDeletedRecently", 400),
    "QueueDoesNotExist": ("AWS.SimpleQueueService.NonExistentQueue", 400),
    "QueueNameExists": ("QueueAlreadyExists", 400),
    "ResourceNotFoundException": ("ResourceNotFoundException", 404),
    "TooManyEntriesInBatchRequest": ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400),
    "UnsupportedOperation": ("AWS.SimpleQueueService.UnsupportedOperation", 400),
}
SQS_XML_NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"

# What the documentation of a member says when its length is counted in bytes.
COUNTED_IN_BYTES = "expressed as bytes in UTF-8 encoding"


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
    for theirs, ours in (
        ("idempotencyToken", "idempotencyToken"),
        ("sensitive", "sensitive"),
        ("flattened", "flattened"),
        ("streaming", "streaming"),
        ("xmlAttribute", "attribute"),
        ("jsonvalue", "json"),
    ):
        if reference.get(theirs):
            out[ours] = True
    if "queryName" in reference:
        out["query"] = reference["queryName"]
    compact_namespace(reference, out)
    return out["shape"] if len(out) == 1 else out


def compact_namespace(source, out):
    """`uri`, or `prefix uri`."""
    namespace = source.get("xmlNamespace")
    if isinstance(namespace, dict):
        out["namespace"] = " ".join(namespace[part] for part in ("prefix", "uri") if part in namespace)
    elif namespace:
        out["namespace"] = namespace


def compact_shape(service, name, shape, is_input, in_bytes):
    out = {"type": shape["type"]}
    if is_input and shape["type"] == "structure" and shape.get("required"):
        out["required"] = shape["required"]
    if is_input and service not in WITHOUT_FRAMEWORK_CHECKS:
        dropped = NOT_CHECKED_BY_FRAMEWORK.get((service, name), [])
        for constraint in SCALAR_CONSTRAINTS:
            if constraint in shape and constraint not in dropped:
                out[constraint] = shape[constraint]
        if "pattern" in out and (service, name) in PATTERN_REFUSALS:
            out["refusal"] = PATTERN_REFUSALS[(service, name)]
        if name in in_bytes:
            out["bytes"] = True
    for theirs, ours in (("timestampFormat", "format"), ("payload", "payload"), ("locationName", "name")):
        if theirs in shape:
            out[ours] = shape[theirs]
    for flag in ("sensitive", "streaming", "eventstream", "flattened", "union", "document"):
        if shape.get(flag) and not (flag == "streaming" and (service, name) in NOT_STREAMED):
            out[flag] = True
    compact_namespace(shape, out)
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
    # The root element of an XML body that has no payload member.
    if "locationName" in operation.get("input", {}):
        out["input_name"] = operation["input"]["locationName"]
        namespace = {}
        compact_namespace(operation["input"], namespace)
        if namespace:
            out["input_namespace"] = namespace["namespace"]
    if operation.get("errors"):
        out["errors"] = [error["shape"] for error in operation["errors"]]
    if operation.get("idempotent"):
        out["idempotent"] = True
    if operation.get("authtype") == "none":
        out["unsigned"] = True
    return out


def with_sqs_query(table):
    """The table with what the query protocol calls things."""

    def named(reference, name):
        reference = {"shape": reference} if isinstance(reference, str) else reference
        return reference | {"query": name}

    table["xml_namespace"] = SQS_XML_NAMESPACE
    for name, shape in table["shapes"].items():
        for member, reference in shape.get("members", {}).items():
            target = reference if isinstance(reference, str) else reference["shape"]
            if target in SQS_MAPS:
                shape["members"][member] = named(reference, SQS_MAPS[target][0])
            # Flattened lists go by the name of their elements.
        if name in SQS_LIST_ELEMENTS:
            shape["member"] = named(shape["member"], SQS_LIST_ELEMENTS[name])
        if name in SQS_MAPS:
            shape["key"] = named(shape["key"], SQS_MAPS[name][1])
            shape["value"] = named(shape["value"], SQS_MAPS[name][2])
        if name in SQS_ERRORS:
            code, status = SQS_ERRORS[name]
            shape["error"] |= {"query_code": code} | ({"query_status": status} if status != 400 else {})
    for name, operation in table["operations"].items():
        if "output" in operation:
            operation["result_wrapper"] = f"{name}Result"


def with_s3_outputs(table):
    """The table with the root elements of answers."""
    for name, operation in table["operations"].items():
        if name in S3_OUTPUT_NAMES:
            operation["output_name"] = S3_OUTPUT_NAMES[name]
        if name in S3_UNWRAPPED_OUTPUTS:
            operation["unwrapped_output"] = True


def spoken(metadata):
    """The protocol to speak, of those a service knows: JSON rather than CBOR."""
    protocols = metadata.get("protocols", [])
    return "json" if metadata["protocol"] == "smithy-rpc-v2-cbor" and "json" in protocols else metadata["protocol"]


def compact(service, folder, version, facts):
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
        "protocol": spoken(metadata),
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
    if "awsQueryCompatible" in metadata:
        out["query_compatible"] = True
    if service in WITHOUT_FRAMEWORK_CHECKS:
        out["unchecked"] = True
    out |= facts
    out["operations"] = {name: compact_operation(operation) for name, operation in sorted(operations.items())}
    for name in SHADOWED.get(service, ()):
        out["operations"][name]["shadowed"] = True
    out["shapes"] = {
        name: compact_shape(service, name, shapes[name], name in inputs, in_bytes)
        for name in sorted(inputs | outputs)
    }
    return out


# The names of the Java SDK that do not follow from the service id.
SDK_PREFIXES = {"memorydb": "MemoryDB"}

# What SDKs do beside the models: headers of every request, and ids that are shown with a
# path (`/hostedzone/Z1`) and asked for without.
CLIENT_FACTS = {
    "apigateway": {"headers": {"accept": "application/json"}},
    "glacier": {"headers": {"x-amz-glacier-version": "2012-06-01"}},
    "route53": {"short_labels": True},
}

# Folders with a service that another folder has too.
TWICE = {"sms-voice"}

PACK_MAGIC = b"windlass models 1\n"


def sdk_prefix(service_id):
    """The Java SDK's name of a service, as it stands before the names of its errors:
    `DynamoDb` for `DynamoDB`, `CloudWatchLogs` for `CloudWatch Logs`."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", service_id)
    # Versions are words: `SESv2`, `ApiGatewayV2`.
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"([a-z])([A-Z][a-zA-Z])", r"\1 \2", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    name = "".join(word[0].upper() + word[1:].lower() for word in text.split())
    for start in ("Amazon", "Aws"):
        name = name.removeprefix(start)
    for end in ("Service", "Client"):
        name = name.removesuffix(end)
    return SDK_PREFIXES.get(name.lower(), name)


# Shapes that say no more than their type are one shape, by their type's name.
SCALARS = ("string", "character", "blob", "boolean", "integer", "long", "float", "double", "timestamp")


def without_checks(table):
    """The table with what is needed for writing requests and reading answers only."""
    plain = {}
    for name, shape in list(table["shapes"].items()):
        for constraint in SCALAR_CONSTRAINTS + ["bytes", "sensitive", "refusal"]:
            shape.pop(constraint, None)
        if "error" in shape:
            shape["members"] = {}
            shape.pop("required", None)
        if set(shape) == {"type"} and shape["type"] in SCALARS:
            plain[name] = shape["type"]
    used = set()

    def renamed(reference):
        if isinstance(reference, str):
            reference = plain.get(reference, reference)
        else:
            reference["shape"] = plain.get(reference["shape"], reference["shape"])
            reference.pop("sensitive", None)
            if len(reference) == 1:
                reference = reference["shape"]
        used.add(reference if isinstance(reference, str) else reference["shape"])
        return reference

    shapes = {name: shape for name, shape in table["shapes"].items() if name not in plain}
    for shape in shapes.values():
        if "members" in shape:
            shape["members"] = {name: renamed(member) for name, member in shape["members"].items()}
        for part in ("member", "key", "value"):
            if part in shape:
                shape[part] = renamed(shape[part])
    for scalar in SCALARS:
        if scalar in used:
            assert scalar not in shapes, f"a shape of {table['service']} is called {scalar}"
            shapes[scalar] = {"type": scalar}
    for operation in table["operations"].values():
        operation.pop("errors", None)
    table["shapes"] = shapes
    table["unchecked"] = True
    return table


def latest_version(folder):
    versions = [path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("service-2.json*"))]
    return max(versions, default=None)


def write_pack():
    """All services of botocore: an index, compressed, and one compressed table a service.
    Hosted ones are in the index only."""
    hosted = {folder: service for service, folder, _, _ in SERVICES}
    index, tables, at = [], [], 0
    for folder in sorted(path for path in DATA.iterdir() if path.is_dir() and path.name not in TWICE):
        version = latest_version(folder)
        if version is None:
            continue
        metadata = load(folder.name, version)["metadata"]
        prefix = sdk_prefix(metadata["serviceId"])
        row = {"sdk": prefix.lower(), "prefix": prefix}
        if folder.name in hosted:
            row["hosted"] = hosted[folder.name]
        else:
            table = without_checks(compact(folder.name, folder.name, version, CLIENT_FACTS.get(folder.name, {})))
            text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()
            packed = zlib.compress(text, 9)
            row |= {"signing": table["signing_name"], "at": at, "packed": len(packed), "bytes": len(text)}
            tables.append(packed)
            at += len(packed)
        index.append(row)
    names = [row["sdk"] for row in index]
    assert len(names) == len(set(names)), "two services have the same name"
    head = json.dumps({"botocore": botocore.__version__, "services": index}, separators=(",", ":")).encode()
    packed = zlib.compress(head, 9)
    pack = PACK_MAGIC + struct.pack("<II", len(packed), len(head)) + packed + b"".join(tables)
    (HERE / "generic.pack").write_bytes(pack)
    print(f"generic.pack: {len(index)} services, {len(pack)} bytes")


RESULTS_MAGIC = b"windlass results 1\n"


def result_checks(folder, version):
    """What a service's answers keep to: of structures the required members, of members and
    elements that are scalars or lists the bounds and the words they may be."""
    model = load(folder, version)
    shapes = model["shapes"]
    outputs = reachable(shapes, [o["output"]["shape"] for o in model["operations"].values() if "output" in o])
    # Patterns are left out: many models' own are stricter or laxer than what services answer.
    bounds = {
        name: {key: shapes[name][key] for key in ("min", "max", "enum") if key in shapes[name]}
        for name in sorted(outputs)
        if shapes[name]["type"] != "structure" and not shapes[name].get("eventstream")
    }
    bounds = {name: found for name, found in bounds.items() if found}
    members, used = {}, set()
    for name in sorted(outputs):
        shape, found = shapes[name], {}
        if shape.get("required"):
            found["required"] = shape["required"]
        referred = {member: reference["shape"] for member, reference in shape.get("members", {}).items()}
        referred |= {f"({part})": shape[part]["shape"] for part in ("member", "value") if part in shape}
        referred = {member: target for member, target in referred.items() if target in bounds}
        if referred:
            found["members"] = referred
            used |= set(referred.values())
        if found:
            members[name] = found
    return {"bounds": {name: bounds[name] for name in sorted(used)}, "shapes": members}


def write_results():
    """What the answers of all services keep to: an index, compressed, and one compressed
    table a service that has any such rule."""
    index, tables, at = [], [], 0
    for folder in sorted(path for path in DATA.iterdir() if path.is_dir() and path.name not in TWICE):
        version = latest_version(folder)
        if version is None:
            continue
        checks = result_checks(folder.name, version)
        if not checks["shapes"]:
            continue
        text = json.dumps(checks, separators=(",", ":"), ensure_ascii=False).encode()
        packed = zlib.compress(text, 9)
        prefix = sdk_prefix(load(folder.name, version)["metadata"]["serviceId"])
        index.append({"sdk": prefix.lower(), "at": at, "packed": len(packed), "bytes": len(text)})
        tables.append(packed)
        at += len(packed)
    head = json.dumps({"botocore": botocore.__version__, "services": index}, separators=(",", ":")).encode()
    packed = zlib.compress(head, 9)
    pack = RESULTS_MAGIC + struct.pack("<II", len(packed), len(head)) + packed + b"".join(tables)
    (HERE / "results.pack").write_bytes(pack)
    print(f"results.pack: {len(index)} services, {len(pack)} bytes")


def main():
    for service, folder, version, facts in SERVICES:
        table = compact(service, folder, version, facts)
        if service == "sqs":
            with_sqs_query(table)
        if service == "s3":
            with_s3_outputs(table)
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
    write_pack()
    write_results()


if __name__ == "__main__":
    main()
