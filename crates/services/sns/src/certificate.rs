//! A certificate that says: this key signs this server's notifications. Self-signed,
//! in the few pieces of DER that it takes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_value::Timestamp;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: [u8; 2] = [0x05, 0x00];
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// 1.2.840.113549.1.1.11: RSA with SHA-256.
const SHA256_WITH_RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
/// 2.5.4.3
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const LIFETIME_MS: i64 = 30 * 365 * 24 * 60 * 60 * 1000;
/// Years from this one on are written with four digits.
const GENERALIZED_FROM: &str = "2050";

/// What is signed of a certificate. `public_key` is a `SubjectPublicKeyInfo`.
pub(crate) fn to_be_signed(name: &str, public_key: &[u8], serial: &[u8; 16], now: Timestamp) -> Vec<u8> {
    let attribute = sequence(&[&tlv(OBJECT_IDENTIFIER, &COMMON_NAME), &tlv(UTF8_STRING, name.as_bytes())]);
    let name = sequence(&[&tlv(SET, &attribute)]);
    let mut number = serial.to_vec();
    // Positive, and without a leading zero to leave out.
    number[0] = (number[0] & 0x7f) | 0x40;
    sequence(&[
        &tlv(VERSION, &tlv(INTEGER, &[2])),
        &tlv(INTEGER, &number),
        &algorithm(),
        &name,
        &sequence(&[&time(now), &time(now.plus_ms(LIFETIME_MS))]),
        &name,
        public_key,
    ])
}

/// The certificate in PEM, from what was signed and the signature.
pub(crate) fn pem(to_be_signed: &[u8], signature: &[u8]) -> String {
    let bits = [&[0], signature].concat();
    let certificate = sequence(&[to_be_signed, &algorithm(), &tlv(BIT_STRING, &bits)]);
    let text = STANDARD.encode(certificate);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

fn algorithm() -> Vec<u8> {
    sequence(&[&tlv(OBJECT_IDENTIFIER, &SHA256_WITH_RSA), &NULL])
}

fn time(at: Timestamp) -> Vec<u8> {
    let text: String = at.to_rfc3339().chars().take(19).filter(char::is_ascii_digit).collect();
    match text.as_str() < GENERALIZED_FROM {
        true => tlv(UTC_TIME, format!("{}Z", &text[2..]).as_bytes()),
        false => tlv(GENERALIZED_TIME, format!("{text}Z").as_bytes()),
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let len = content.len();
    if len < 0x80 {
        out.push(len as u8);
    } else {
        let bytes: Vec<u8> = len.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | bytes.len() as u8);
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}
