//! The page records of actors that are not encrypted.

use std::convert::Infallible;

use crate::layout::{Checksum, Compression, Nonce, PageCodec, PageKey, Undecodable};
use crate::page::PageSize;

const CODEC: PageCodec = PageCodec::plain(Compression::Lz4);

pub(super) fn encode_page(key: &PageKey, content: &[u8], checksum: Checksum) -> Vec<u8> {
    let Ok(record) = CODEC.encode(key, content, checksum, no_nonce);
    record
}

pub(super) fn encode_hole(key: &PageKey, checksum: Checksum) -> Vec<u8> {
    let Ok(record) = CODEC.encode_hole(key, PageSize::DEFAULT, checksum, no_nonce);
    record
}

pub(super) fn decode_page(
    key: &PageKey,
    record: &[u8],
    out: &mut [u8],
) -> Result<Checksum, Undecodable> {
    CODEC.decode(key, record, out)
}

fn no_nonce() -> Result<Nonce, Infallible> {
    unreachable!("what is not encrypted needs no nonce")
}
