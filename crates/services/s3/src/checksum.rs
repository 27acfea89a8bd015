//! The checksums that clients give or ask for.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use windlass_protocol::{Body, Fault};
use windlass_value::{Object, Value};

use crate::content::each_piece;
use crate::faults;
use crate::input;

/// How a checksum is computed. A stored type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
    Sha512,
    Md5,
}

/// Whether a checksum is that of all bytes, or that of the checksums of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    FullObject,
    Composite,
}

/// The checksum of an object. A stored type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
    /// In base64; a composite one has `-` and the number of parts behind it.
    pub(crate) value: String,
}

/// What a client says about the content it sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) md5: Option<[u8; 16]>,
    /// Algorithm and value in base64.
    pub(crate) checksum: Option<(Algorithm, String)>,
}

/// What was computed of a content.
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    pub(crate) md5: [u8; 16],
    pub(crate) algorithm: Algorithm,
    /// In base64.
    pub(crate) value: String,
}

const ALGORITHMS: [(Algorithm, &str, &str, usize); 7] = [
    (Algorithm::Crc32, "CRC32", "ChecksumCRC32", 4),
    (Algorithm::Crc32c, "CRC32C", "ChecksumCRC32C", 4),
    (Algorithm::Crc64Nvme, "CRC64NVME", "ChecksumCRC64NVME", 8),
    (Algorithm::Sha1, "SHA1", "ChecksumSHA1", 20),
    (Algorithm::Sha256, "SHA256", "ChecksumSHA256", 32),
    (Algorithm::Sha512, "SHA512", "ChecksumSHA512", 64),
    (Algorithm::Md5, "MD5", "ChecksumMD5", 16),
];

/// Of the service model, and computed by nobody here.
const NOT_BUILT: [(&str, &str); 3] =
    [("XXHASH64", "ChecksumXXHASH64"), ("XXHASH3", "ChecksumXXHASH3"), ("XXHASH128", "ChecksumXXHASH128")];

impl Algorithm {
    /// The algorithm of that name; upper and lower case are one.
    ///
    /// # Errors
    /// S3's words for a name that is none; `NotImplemented` for those not built.
    pub(crate) fn parse(name: &str) -> Result<Algorithm, Fault> {
        if let Some(found) = ALGORITHMS.iter().find(|found| found.1.eq_ignore_ascii_case(name)) {
            return Ok(found.0);
        }
        if NOT_BUILT.iter().any(|unbuilt| unbuilt.0.eq_ignore_ascii_case(name)) {
            return Err(faults::not_implemented(&format!("checksums by {name}")));
        }
        Err(faults::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        ))
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    /// The member of inputs and outputs that holds a value of it.
    pub(crate) fn member(self) -> &'static str {
        self.row().2
    }

    fn bytes(self) -> usize {
        self.row().3
    }

    fn row(self) -> &'static (Algorithm, &'static str, &'static str, usize) {
        // Every algorithm has its row.
        ALGORITHMS.iter().find(|row| row.0 == self).unwrap_or(&ALGORITHMS[0])
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Algorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 | Algorithm::Sha256 | Algorithm::Sha512 | Algorithm::Md5 => None,
        }
    }

    /// Whether the checksum of a whole follows from those of its parts.
    pub(crate) fn combines(self) -> bool {
        self.crc().is_some()
    }

    /// What the kind of a multipart upload's checksum is where the client says nothing.
    pub(crate) fn default_kind(self) -> Kind {
        if self == Algorithm::Crc64Nvme { Kind::FullObject } else { Kind::Composite }
    }

    /// The checksum of bytes.
    pub(crate) fn of(self, bytes: &[u8]) -> String {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::FullObject => "FULL_OBJECT",
            Kind::Composite => "COMPOSITE",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Kind, Fault> {
        match text {
            "FULL_OBJECT" => Ok(Kind::FullObject),
            "COMPOSITE" => Ok(Kind::Composite),
            _ => Err(faults::invalid_request("Value for x-amz-checksum-type header is invalid.")),
        }
    }
}

/// A checksum that is being computed.
pub(crate) enum Hasher {
    Crc(Box<crc_fast::Digest>, usize),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
    Md5(Box<Md5>),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Hasher {
        match (algorithm.crc(), algorithm) {
            (Some(crc), _) => Hasher::Crc(Box::new(crc_fast::Digest::new(crc)), algorithm.bytes()),
            (None, Algorithm::Sha1) => Hasher::Sha1(Box::default()),
            (None, Algorithm::Sha512) => Hasher::Sha512(Box::default()),
            (None, Algorithm::Md5) => Hasher::Md5(Box::default()),
            (None, _) => Hasher::Sha256(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Crc(digest, _) => digest.update(bytes),
            Hasher::Sha1(hash) => hash.update(bytes),
            Hasher::Sha256(hash) => hash.update(bytes),
            Hasher::Sha512(hash) => hash.update(bytes),
            Hasher::Md5(hash) => hash.update(bytes),
        }
    }

    /// In base64.
    pub(crate) fn finish(self) -> String {
        match self {
            Hasher::Crc(digest, bytes) => crc_text(digest.finalize(), bytes),
            Hasher::Sha1(hash) => STANDARD.encode(hash.finalize()),
            Hasher::Sha256(hash) => STANDARD.encode(hash.finalize()),
            Hasher::Sha512(hash) => STANDARD.encode(hash.finalize()),
            Hasher::Md5(hash) => STANDARD.encode(hash.finalize()),
        }
    }
}

fn crc_text(value: u64, bytes: usize) -> String {
    STANDARD.encode(&value.to_be_bytes()[size_of::<u64>() - bytes..])
}

/// The checksum of a whole from those of its parts (each with its length).
///
/// # Errors
/// A stored checksum is none.
pub(crate) fn of_parts(algorithm: Algorithm, kind: Kind, parts: &[(&str, u64)]) -> Result<Checksum, Fault> {
    let raw = |text: &str| {
        let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == algorithm.bytes());
        bytes.ok_or_else(|| faults::internal(format!("'{text}' is no checksum")))
    };
    let value = match (kind, algorithm.crc()) {
        (Kind::FullObject, Some(crc)) => {
            let number = |bytes: Vec<u8>| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            let mut whole: Option<u64> = None;
            for (text, bytes) in parts {
                let part = number(raw(text)?);
                whole = Some(match whole {
                    None => part,
                    Some(before) => crc_fast::checksum_combine(crc, before, part, *bytes),
                });
            }
            crc_text(whole.unwrap_or_default(), algorithm.bytes())
        }
        _ => {
            let mut hasher = Hasher::new(algorithm);
            for (text, _) in parts {
                hasher.update(&raw(text)?);
            }
            format!("{}-{}", hasher.finish(), parts.len())
        }
    };
    Ok(Checksum { algorithm, kind, value })
}

/// The one checksum that an input gives, if any.
///
/// # Errors
/// There are several, or it has the wrong length.
pub(crate) fn given(input: &Value) -> Result<Option<(Algorithm, String)>, Fault> {
    if let Some((name, _)) = NOT_BUILT.iter().find(|unbuilt| input::text(input, unbuilt.1).is_some()) {
        return Err(faults::not_implemented(&format!("checksums by {name}")));
    }
    let mut found = ALGORITHMS.iter().filter_map(|row| Some((row, input::text(input, row.2)?)));
    let Some((row, value)) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(faults::invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    // A composite one ends with the number of parts.
    let bare = value.split_once('-').map_or(value, |(bare, _)| bare);
    if STANDARD.decode(bare).ok().is_none_or(|bytes| bytes.len() != row.3) {
        let header = format!("x-amz-checksum-{}", row.1.to_ascii_lowercase());
        return Err(faults::invalid_request(format!("Value for {header} header is invalid.")));
    }
    Ok(Some((row.0, value.to_owned())))
}

impl Expected {
    /// What the input of an upload says.
    ///
    /// # Errors
    /// `InvalidDigest`; those of [`given`]; an algorithm without its value.
    pub(crate) fn of(input: &Value) -> Result<Expected, Fault> {
        let md5 = match input["ContentMD5"].as_str() {
            None => None,
            Some(text) => {
                let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
                Some(bytes.ok_or_else(|| faults::invalid_digest(text))?)
            }
        };
        let checksum = given(input)?;
        if let Some(named) = input::text(input, "ChecksumAlgorithm") {
            let named = Algorithm::parse(named)?;
            match &checksum {
                Some((found, _)) if *found != named => {
                    return Err(faults::invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid."));
                }
                Some(_) => {}
                None if named == Algorithm::Md5 && md5.is_some() => {}
                None => {
                    return Err(faults::invalid_request(
                        "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
                    ));
                }
            }
        }
        Ok(Expected { md5, checksum })
    }

    /// Which checksum to compute; S3 keeps one even of those who ask for none.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.checksum.as_ref().map_or(Algorithm::Crc64Nvme, |(algorithm, _)| *algorithm)
    }

    /// Refuses a content that is not what the client sent.
    ///
    /// # Errors
    /// `BadDigest`.
    pub(crate) fn check(&self, computed: &Computed) -> Result<(), Fault> {
        if let Some(expected) = self.md5
            && expected != computed.md5
        {
            return Err(faults::bad_digest("The Content-MD5 you specified did not match what we received.")
                .with_member("ExpectedDigest", STANDARD.encode(expected))
                .with_member("CalculatedDigest", STANDARD.encode(computed.md5)));
        }
        match &self.checksum {
            Some((algorithm, value)) if *algorithm == computed.algorithm && *value != computed.value => {
                Err(mismatch(*algorithm))
            }
            _ => Ok(()),
        }
    }

    /// What must be computed beside a checksum of that algorithm, for it is another
    /// that the client gives.
    pub(crate) fn beside(&self, algorithm: Algorithm) -> Option<Algorithm> {
        self.checksum.as_ref().map(|(given, _)| *given).filter(|given| *given != algorithm)
    }
}

/// `BadDigest` for a checksum.
pub(crate) fn mismatch(algorithm: Algorithm) -> Fault {
    let name = algorithm.name();
    faults::bad_digest(format!("The {name} you specified did not match the calculated checksum."))
}

impl Computed {
    /// MD5 and checksum of bytes in memory.
    pub(crate) fn of(bytes: &[u8], algorithm: Algorithm) -> Computed {
        Computed { md5: Md5::digest(bytes).into(), algorithm, value: algorithm.of(bytes) }
    }

    /// The same of any body, whose MD5 may be known; blocks.
    ///
    /// # Errors
    /// The body cannot be read.
    pub(crate) fn of_body(body: &Body, algorithm: Algorithm, md5: Option<[u8; 16]>) -> io::Result<Computed> {
        let mut hasher = Hasher::new(algorithm);
        let mut computing = md5.is_none().then(Md5::new);
        each_piece(body, |bytes| {
            hasher.update(bytes);
            if let Some(computing) = &mut computing {
                computing.update(bytes);
            }
            Ok(())
        })?;
        let computed = computing.map(|computing| computing.finalize().into());
        Ok(Computed { md5: md5.or(computed).unwrap_or_default(), algorithm, value: hasher.finish() })
    }

    pub(crate) fn checksum(&self) -> Checksum {
        Checksum { algorithm: self.algorithm, kind: Kind::FullObject, value: self.value.clone() }
    }

    pub(crate) fn etag(&self) -> String {
        hex(&self.md5)
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Checksum {
    /// Adds it to an answer.
    pub(crate) fn write(&self, output: &mut Object) {
        output.insert(self.algorithm.member(), self.value.as_str());
        output.insert("ChecksumType", self.kind.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_wholes_follow_from_their_parts() {
        let text = b"The quick brown fox jumps over the lazy dog";
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let cuts: Vec<(String, u64)> =
                text.chunks(10).map(|part| (algorithm.of(part), part.len() as u64)).collect();
            let parts: Vec<(&str, u64)> = cuts.iter().map(|(text, bytes)| (text.as_str(), *bytes)).collect();
            let whole = of_parts(algorithm, Kind::FullObject, &parts).expect("they combine");
            assert_eq!(whole.value, algorithm.of(text), "{algorithm:?}");
        }
    }

    #[test]
    fn known_values() {
        // The check values of the catalogue of CRCs, of the digits 1 to 9.
        let cases = [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
        ];
        for (algorithm, expected) in cases {
            let found = STANDARD.decode(algorithm.of(b"123456789")).expect("base64");
            assert_eq!(hex(&found), expected, "{algorithm:?}");
        }
    }
}
