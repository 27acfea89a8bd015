//! Chunked bodies: AWS's published example, and every way to break one.

use windlass_identity::{ChunkError, ChunkedBody, Claim, Credentials, SigningKeys, claim};

const SIGNATURES: [&str; 3] = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];

/// The example of "Transferring Payload in Multiple Chunks": 66,560 letters a.
fn example() -> Vec<u8> {
    let mut body = Vec::new();
    for (size, signature) in [65_536, 1024, 0].into_iter().zip(SIGNATURES) {
        body.extend(format!("{size:x};chunk-signature={signature}\r\n").bytes());
        body.extend(std::iter::repeat_n(b'a', size));
        body.extend(b"\r\n");
    }
    body
}

fn signed() -> ChunkedBody {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
         x-amz-decoded-content-length;x-amz-storage-class,\
         Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let request = http::Request::put("/examplebucket/chunkObject.txt")
        .header("host", "s3.amazonaws.com")
        .header("x-amz-date", "20130524T000000Z")
        .header("authorization", authorization)
        .body(());
    let claim: Claim = claim(&request.expect("a request").into_parts().0).expect("readable").expect("signed");
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
        account: "123456789012".into(),
        arn: "arn:aws:iam::123456789012:root".into(),
        expires: None,
    };
    ChunkedBody::signed(&claim, &credentials, &SigningKeys::new())
}

/// The data and the trailing headers.
type Decoded = (Vec<u8>, Vec<(String, String)>);

fn read(mut body: ChunkedBody, bytes: &[u8], piece: usize) -> Result<Decoded, ChunkError> {
    let mut data = Vec::new();
    for piece in bytes.chunks(piece) {
        body.feed(piece, &mut |bytes| data.extend_from_slice(bytes))?;
    }
    Ok((data, body.finish()?))
}

#[test]
fn the_published_example_is_read_in_pieces_of_any_size() {
    for piece in [1, 7, 1000, 100_000] {
        let (data, trailers) = read(signed(), &example(), piece).expect("the example is valid");
        assert_eq!(data.len(), 66_560);
        assert!(trailers.is_empty());
    }
}

#[test]
fn a_changed_byte_or_signature_is_found() {
    let whole = example();
    for at in [90, 200, 65_700, whole.len() - 20] {
        let mut broken = whole.clone();
        broken[at] = if broken[at] == b'0' { b'1' } else { b'0' };
        assert!(read(signed(), &broken, 1000).is_err(), "byte {at}");
    }
    let unsigned = b"1\r\na\r\n0\r\n\r\n";
    assert_eq!(read(signed(), unsigned, 10), Err(ChunkError::Signature));
}

#[test]
fn trailers_of_unsigned_bodies_come_out() {
    let body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    let expected = vec![("x-amz-checksum-crc32".to_owned(), "NhCmhg==".to_owned())];
    for piece in [1, 3, 100] {
        assert_eq!(read(ChunkedBody::unsigned(), body, piece), Ok((b"hello".to_vec(), expected.clone())));
    }
}

#[test]
fn what_is_no_chunked_body_is_refused() {
    for body in [
        &b""[..],
        b"5\r\nhel",
        b"5\r\nhello",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"ffffffffffffffffff\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n\r\nmore",
    ] {
        let read = read(ChunkedBody::unsigned(), body, 4);
        assert_eq!(read, Err(ChunkError::Malformed), "{}", String::from_utf8_lossy(body));
    }
}
