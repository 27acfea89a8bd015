//! S3's errors in its own words.

use windlass_protocol::Fault;
use windlass_value::Value;

fn fault(code: &str, status: u16, message: impl Into<String>) -> Fault {
    Fault::new(code, message).with_status(status)
}

pub(crate) fn no_such_bucket(bucket: &str) -> Fault {
    fault("NoSuchBucket", 404, "The specified bucket does not exist").with_member("BucketName", bucket)
}

pub(crate) fn no_such_key(key: &str) -> Fault {
    fault("NoSuchKey", 404, "The specified key does not exist.").with_member("Key", key)
}

pub(crate) fn no_such_version(key: &str, version: &str) -> Fault {
    fault("NoSuchVersion", 404, "The specified version does not exist.")
        .with_member("Key", key)
        .with_member("VersionId", version)
}

pub(crate) fn no_such_upload(upload: &str) -> Fault {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    fault("NoSuchUpload", 404, message).with_member("UploadId", upload)
}

pub(crate) fn invalid_bucket_name(bucket: &str) -> Fault {
    fault("InvalidBucketName", 400, "The specified bucket is not valid.").with_member("BucketName", bucket)
}

pub(crate) fn invalid_argument(message: impl Into<String>, name: &str, value: impl Into<Value>) -> Fault {
    fault("InvalidArgument", 400, message).with_member("ArgumentName", name).with_member("ArgumentValue", value)
}

pub(crate) fn invalid_request(message: impl Into<String>) -> Fault {
    fault("InvalidRequest", 400, message)
}

pub(crate) fn malformed_xml() -> Fault {
    fault(
        "MalformedXML",
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

pub(crate) fn malformed_policy(message: impl Into<String>) -> Fault {
    fault("MalformedPolicy", 400, message)
}

pub(crate) fn bad_digest(message: impl Into<String>) -> Fault {
    fault("BadDigest", 400, message)
}

pub(crate) fn invalid_digest(given: &str) -> Fault {
    fault("InvalidDigest", 400, "The Content-MD5 you specified was invalid.").with_member("Content-MD5", given)
}

pub(crate) fn precondition_failed(condition: &str) -> Fault {
    fault("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold")
        .with_member("Condition", condition)
}

pub(crate) fn not_modified() -> Fault {
    fault("NotModified", 304, "Not Modified")
}

pub(crate) fn invalid_range(requested: &str, bytes: u64) -> Fault {
    fault("InvalidRange", 416, "The requested range is not satisfiable")
        .with_member("RangeRequested", requested)
        .with_member("ActualObjectSize", bytes)
}

pub(crate) fn method_not_allowed(method: &str, resource: &str) -> Fault {
    fault("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")
        .with_member("Method", method)
        .with_member("ResourceType", resource)
}

pub(crate) fn access_denied() -> Fault {
    fault("AccessDenied", 403, "Access Denied")
}

pub(crate) fn entity_too_large(bytes: u64, bytes_max: u64) -> Fault {
    fault("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size")
        .with_member("ProposedSize", bytes)
        .with_member("MaxSizeAllowed", bytes_max)
}

pub(crate) fn key_too_long(key: &str, bytes_max: usize) -> Fault {
    fault("KeyTooLongError", 400, "Your key is too long")
        .with_member("Size", key.len())
        .with_member("MaxSizeAllowed", bytes_max)
}

pub(crate) fn invalid_tag(message: impl Into<String>) -> Fault {
    fault("InvalidTag", 400, message)
}

pub(crate) fn acl_not_supported() -> Fault {
    fault("AccessControlListNotSupported", 400, "The bucket does not allow ACLs")
}

/// Something else is being done to the same thing; worth another try.
pub(crate) fn operation_aborted() -> Fault {
    let message =
        "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    fault("OperationAborted", 409, message)
}

/// A setting that a bucket does not have.
pub(crate) fn not_configured(code: &str, message: &str, bucket: &str) -> Fault {
    fault(code, 404, message).with_member("BucketName", bucket)
}

/// S3's own way to say that something is not built.
pub(crate) fn not_implemented(what: &str) -> Fault {
    fault("NotImplemented", 501, format!("A header you provided implies functionality that is not implemented: {what}"))
}

/// The same for a whole operation.
pub(crate) fn operation_not_implemented(operation: &str) -> Fault {
    fault("NotImplemented", 501, format!("Windlass does not implement the S3 operation {operation} yet."))
}

/// Something here went wrong; the cause goes to the log.
pub(crate) fn internal(explanation: impl Into<String>) -> Fault {
    fault("InternalError", 500, "We encountered an internal error. Please try again.").explained(explanation)
}

/// Too much is under way.
pub(crate) fn slow_down(explanation: impl Into<String>) -> Fault {
    fault("SlowDown", 503, "Please reduce your request rate.").explained(explanation)
}
