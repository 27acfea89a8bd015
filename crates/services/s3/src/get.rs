use windlass_protocol::{Body, Call, Fault, Outcome, Reply};
use windlass_value::Object;

use crate::bucket::Bucket;
use crate::conditions;
use crate::content::Part;
use crate::faults;
use crate::input;
use crate::object::{ObjectVersion, Which};
use crate::properties;
use crate::range::{self, ByteRange};
use crate::s3::S3;

/// How often a read begins anew because the object was replaced under it.
const READS_MAX: usize = 16;

impl S3 {
    /// `GetObject`.
    pub(crate) fn get_object(&self, call: &Call) -> Outcome {
        for _ in 0..READS_MAX {
            let read = self.read(call, "GET")?;
            let ByteRange { start, len } = read.range;
            // Gone where the object was replaced since: then there is a newer one.
            if let Some(body) = self.body(&read.bucket, &read.version.content, start, len)? {
                return Ok(Reply { output: read.output.into(), body });
            }
        }
        Err(faults::internal("the content of an object is gone"))
    }

    /// `HeadObject`.
    pub(crate) fn head_object(&self, call: &Call) -> Outcome {
        Ok(Reply { output: self.read(call, "HEAD")?.output.into(), body: Body::empty() })
    }

    fn read(&self, call: &Call, method: &str) -> Result<Read, Fault> {
        let input = &call.input;
        let key = properties::object_key(call)?;
        let bucket = self.bucket(call)?.value;
        let which = Which::of(input::text(input, "VersionId"));
        let version = self.readable(&bucket, key, which, method)?.found.value;
        version.properties.encryption.check_reader(input, "")?;
        conditions::check_read(input, &version)?;
        let mut output = Object::new();
        properties::write(&bucket, &version, &mut output);
        let parts = match input::integer(input, "PartNumber") {
            Some(_) if version.parts > 0 => self.parts(&bucket, &version.content)?,
            _ => Vec::new(),
        };
        let asked = asked(input, &version, &parts)?;
        let wants_checksum =
            input::text(input, "ChecksumMode").is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"));
        match (&asked, &version.checksum) {
            // The checksum of the whole says nothing of a part of it.
            (Asked::Whole, Some(checksum)) if wants_checksum => checksum.write(&mut output),
            (Asked::Part { checksum: Some(value), .. }, Some(checksum)) if wants_checksum => {
                output.insert(checksum.algorithm.member(), value.as_str());
                output.insert("ChecksumType", checksum.kind.as_str());
            }
            _ => {}
        }
        let range = match asked {
            Asked::Whole => ByteRange { start: 0, len: version.bytes },
            Asked::Range(range) | Asked::Part { range, .. } => {
                if range.len > 0 {
                    output.insert("ContentRange", range.content_range(version.bytes));
                }
                range
            }
        };
        if version.parts > 0 && input::integer(input, "PartNumber").is_some() {
            output.insert("PartsCount", i64::from(version.parts));
        }
        output.insert("ContentLength", range.len);
        properties::overrule(input, &mut output);
        Ok(Read { bucket, version, range, output })
    }
}

struct Read {
    bucket: Bucket,
    version: ObjectVersion,
    range: ByteRange,
    output: Object,
}

/// What of an object is read.
enum Asked {
    Whole,
    Range(ByteRange),
    Part { range: ByteRange, checksum: Option<String> },
}

fn asked(input: &windlass_value::Value, version: &ObjectVersion, parts: &[Part]) -> Result<Asked, Fault> {
    let header = input::text(input, "Range");
    let Some(number) = input::integer(input, "PartNumber") else {
        let range = header.map(|header| range::parse(header, version.bytes)).transpose()?.flatten();
        return Ok(range.map_or(Asked::Whole, Asked::Range));
    };
    if header.is_some() {
        return Err(faults::invalid_request("Cannot specify both Range header and partNumber query parameter"));
    }
    if !crate::multipart::PARTS_MAX.contains(&number) {
        return Err(faults::invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            number.to_string(),
        ));
    }
    let unsatisfiable = || {
        Fault::new("InvalidPartNumber", "The requested partnumber is not satisfiable")
            .with_status(416)
            .with_member("PartNumberRequested", number)
            .with_member("ActualPartCount", i64::from(version.parts.max(1)))
    };
    if version.parts == 0 {
        // What came in one piece is its own first part.
        let range = ByteRange { start: 0, len: version.bytes };
        let checksum = version.checksum.as_ref().map(|checksum| checksum.value.clone());
        return if number == 1 { Ok(Asked::Part { range, checksum }) } else { Err(unsatisfiable()) };
    }
    // Parts are counted in the order of the object, whatever numbers they were uploaded under.
    let at = usize::try_from(number - 1).unwrap_or(usize::MAX);
    let part = parts.get(at).ok_or_else(unsatisfiable)?;
    let start = parts[..at].iter().map(|part| part.bytes).sum();
    Ok(Asked::Part { range: ByteRange { start, len: part.bytes }, checksum: part.checksum.clone() })
}
