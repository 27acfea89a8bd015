use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use windlass_value::Text;

thread_local! {
    // `RandomState` is the standard library's seed from the operating system.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
}

/// 64 random bits (splitmix64): unique enough to find a request in a log, and
/// no secret.
fn random_u64() -> u64 {
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// A new `x-amzn-RequestId`: a version 4 UUID. Written by hand, for it is made
/// for every request.
pub(crate) fn request_id() -> Text {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let random = (u128::from(random_u64()) << 64) | u128::from(random_u64());
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut text = [b'-'; 36];
    let mut shift = 128;
    for (position, byte) in text.iter_mut().enumerate() {
        if !HYPHENS.contains(&position) {
            shift -= 4;
            *byte = HEX[(bits >> shift) as usize & 0xf];
        }
    }
    Text::from(std::str::from_utf8(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_4_uuid_and_new_each_time() {
        let (first, second) = (request_id(), request_id());
        assert_ne!(first, second);
        for id in [first, second] {
            let parts: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(id.as_bytes()[14], b'4', "{id}");
            assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }
}
