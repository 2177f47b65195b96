//! The records of encrypted actors: whatever is altered, moved or forged is refused, and what
//! somebody with the key may have written is read as a page or refused.

use std::convert::Infallible;

use super::Input;
use super::records::{page_key, page_size};
use crate::ActorId;
use crate::keys::{Key, KeyId};
use crate::layout::{
    Checksum, Cipher, Compression, DbId, FORMAT, KeyPlace, Nonce, PageCodec, PageKey, WrappedKey,
    key_record_key, sealed,
};

const DATA_KEY: [u8; 32] = [7; 32];
const NONCE: Nonce = Nonce::new([3; 24]);
const SEAL_BYTES: usize = 8;

fn codec(compression: Compression) -> PageCodec {
    PageCodec::encrypted(Cipher::new(&Key::new(DATA_KEY)), compression)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the codec asks for one that may fail"
)]
fn nonce() -> Result<Nonce, Infallible> {
    Ok(NONCE)
}

/// A page record of an encrypted actor: of any bytes, a whole one that was altered, or one that
/// holds any bytes under the right key.
pub(super) fn encrypted_page(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8() % 4;
    let size = page_size(input.u8());
    let key = page_key(&mut input);
    let codec = codec(match input.u8() % 2 {
        0 => Compression::Off,
        _ => Compression::Lz4,
    });
    let mut out = vec![0xaa; size.bytes()];
    match how {
        0 => {
            let body = input.rest();
            let sealed = sealed(key.as_bytes(), [&[FORMAT], body].concat());
            for record in [body, &sealed] {
                let read = codec.decode(&key, record, &mut out);
                assert!(read.is_err(), "nobody guesses a tag");
            }
        }
        1 => altered(&codec, &key, size.bytes(), &mut input),
        2 => {
            let kind = input.u8();
            let checksum = Checksum::new(input.u64());
            any_payload(&codec, &key, (kind, input.rest()), checksum, &mut out);
        }
        _ => {
            // With the checksum that makes it pass, if there is one.
            let (kind, payload) = (input.u8() % 4, input.rest());
            match kind {
                0 => out = payload.to_vec(),
                1 => _ = lz4_flex::block::decompress_into(payload, &mut out),
                _ => out.fill(0),
            }
            let checksum = codec.checksum(key.page(), &out);
            out.resize(size.bytes(), 0);
            any_payload(&codec, &key, (kind, payload), checksum, &mut out);
        }
    }
}

/// What was written for one place reads there, and nowhere and in no other form else.
fn altered(codec: &PageCodec, key: &PageKey, bytes: usize, input: &mut Input<'_>) {
    let (at, patch, other) = (input.u16(), input.string(), page_key(input));
    let mut content = input.take(bytes).to_vec();
    content.resize(bytes, 0);
    let checksum = codec.checksum(key.page(), &content);
    let Ok(record) = codec.encode(key, &content, checksum, nonce);
    let mut out = vec![0xaa; bytes];
    assert_eq!(codec.decode(key, &record, &mut out), Ok(checksum));
    assert_eq!(out, content);
    let opened = &record[..record.len() - SEAL_BYTES];
    let mut patched = opened.to_vec();
    // The version byte is the seal's.
    let room = patched.iter_mut().skip(1 + usize::from(at));
    room.zip(patch).for_each(|(there, byte)| *there = *byte);
    if patched != opened {
        let patched = sealed(key.as_bytes(), patched);
        assert!(codec.decode(key, &patched, &mut out).is_err(), "altered");
    }
    if other != *key {
        let moved = sealed(other.as_bytes(), opened.to_vec());
        assert!(codec.decode(&other, &moved, &mut out).is_err(), "moved");
    }
    let stranger = PageCodec::encrypted(Cipher::new(&Key::new([8; 32])), Compression::Lz4);
    assert!(
        stranger.decode(key, &record, &mut out).is_err(),
        "another key"
    );
    let plain = PageCodec::plain(Compression::Lz4);
    assert!(
        plain.decode(key, &record, &mut out).is_err(),
        "without a key"
    );
}

/// Read as a page that has a record, or refused.
fn any_payload(
    codec: &PageCodec,
    key: &PageKey,
    payload: (u8, &[u8]),
    checksum: Checksum,
    out: &mut [u8],
) {
    let Ok(record) = codec.encode_any(key, payload, checksum, nonce);
    if let Ok(read) = codec.decode(key, &record, out) {
        assert_eq!(
            (read, codec.checksum(key.page(), out)),
            (checksum, checksum)
        );
        let Ok(again) = codec.encode(key, out, checksum, nonce);
        let content = out.to_vec();
        assert_eq!(codec.decode(key, &again, out), Ok(checksum));
        assert_eq!(out, content);
    }
}

/// A key record of any bytes: refused, or exactly what its key is written as, which opens nothing
/// unless it was wrapped so.
pub(super) fn key_record(data: &[u8]) {
    let mut input = Input(data);
    let (how, db) = (input.u8() % 3, DbId::new(input.array()));
    let (with, name) = (Key::new(input.array()), input.string());
    let name = String::from_utf8_lossy(name);
    let (Ok(actor), Ok(by)) = (ActorId::new(&*name), KeyId::new(&*name)) else {
        return;
    };
    let place = KeyPlace { actor: &actor, db };
    let whole = WrappedKey::wrap(place, &Key::new(DATA_KEY), by, &with, NONCE);
    let record = whole.encode(db);
    assert_eq!(WrappedKey::decode(db, &record), Ok(whole.clone()));
    let key = key_record_key(db);
    let found = match how {
        0 => input.rest().to_vec(),
        1 => sealed(&key, [&[FORMAT], input.rest()].concat()),
        _ => {
            let mut patched = record[..record.len() - SEAL_BYTES].to_vec();
            let at = usize::from(input.u8()) % patched.len();
            let room = patched.iter_mut().skip(at).zip(input.rest());
            room.for_each(|(there, byte)| *there = *byte);
            sealed(&key, patched)
        }
    };
    if let Ok(read) = WrappedKey::decode(db, &found) {
        assert_eq!(read.encode(db), found);
        let opened = read.unwrap(place, &with).map(|key| *key.bytes());
        assert_eq!(opened, (read == whole).then_some(DATA_KEY));
    }
    assert!(whole.unwrap(place, &Key::new(DATA_KEY)).is_none() || *with.bytes() == DATA_KEY);
}
