//! The codecs of `layout`: whatever they accept is what they would have written.

use super::Input;
use super::plain::{decode_page, encode_hole, encode_page};
use crate::ActorId;
use crate::layout::{
    Checksum, Commit, CommitNo, DbId, FORMAT, Head, PageKey, RETENTION_KEY, STORE_KEY, State,
    actor_of_aside_key, actor_of_head_key, all_heads, all_pages, aside_key, db_of_page_key,
    decode_retention, decode_store, encode_retention, encode_store, head_key, pages_from, sealed,
    versions_up_to,
};
use crate::page::{PageNo, PageSize};

/// The seal and the checksum cannot be guessed, so most inputs have them added.
const AS_IT_IS: u8 = 0;
const SEALED: u8 = 1;
const RETENTION: u8 = 3;

/// A page record of any bytes: refused, or read as a page that has that record.
pub(super) fn page_record(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8() % 3;
    let size = page_size(input.u8());
    let key = page_key(&mut input);
    let body = input.rest();
    let record = match how {
        AS_IT_IS => body.to_vec(),
        SEALED => sealed(key.as_bytes(), [&[FORMAT], body].concat()),
        _ => with_checksum(&key, body, size),
    };
    let mut content = vec![0xaa; size.bytes()];
    if let Ok(checksum) = decode_page(&key, &record, &mut content) {
        assert_ne!(how, AS_IT_IS, "nobody guesses a seal");
        assert_eq!(checksum, Checksum::of(key.page(), &content));
        reads_again(&key, &content, checksum);
        reads_elsewhere(&key, &record, size);
    }
}

/// A record that says `kind, payload`, with whatever checksum makes it pass, if one does.
fn with_checksum(key: &PageKey, body: &[u8], size: PageSize) -> Vec<u8> {
    let (kind, payload) = body.split_first().unwrap_or((&0, &[]));
    let mut content = vec![0; size.bytes()];
    match kind {
        0 => content = payload.to_vec(),
        1 => _ = lz4_flex::block::decompress_into(payload, &mut content),
        _ => {}
    }
    let checksum = Checksum::of(key.page(), &content).get().to_be_bytes();
    let record = [&[FORMAT, *kind], &checksum[..], payload].concat();
    sealed(key.as_bytes(), record)
}

fn reads_again(key: &PageKey, content: &[u8], checksum: Checksum) {
    let mut again = vec![0x55; content.len()];
    let record = encode_page(key, content, checksum);
    assert_eq!(decode_page(key, &record, &mut again), Ok(checksum));
    assert_eq!(again, content);
    if content.iter().all(|byte| *byte == 0) {
        let hole = encode_hole(key, checksum);
        again.fill(0x55);
        assert_eq!(decode_page(key, &hole, &mut again), Ok(checksum));
        assert_eq!(again, content);
    }
}

/// A record is good under its own key and for its own size alone.
fn reads_elsewhere(key: &PageKey, record: &[u8], size: PageSize) {
    let other = PageKey::new(DbId::new([0xdb; 16]), key.page(), key.commit());
    let mut content = vec![0; size.bytes()];
    assert!(other == *key || decode_page(&other, record, &mut content).is_err());
    let is_hole = record.get(1) == Some(&2);
    content.resize(size.bytes() * 2, 0);
    assert!(decode_page(key, record, &mut content).is_err(), "{is_hole}");
}

/// A record about an actor of any bytes: refused, or exactly what the head, commit or restore
/// point that it holds is written as.
pub(super) fn head_record(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8() % 2;
    let key = input.string();
    let body = input.rest();
    let record = match how {
        AS_IT_IS => body.to_vec(),
        _ => sealed(key, [&[FORMAT], body].concat()),
    };
    if let Ok(head) = Head::decode(key, &record) {
        assert_eq!(how, SEALED, "nobody guesses a seal");
        assert_eq!(head.encode(key), record);
        assert!(Head::decode(&[key, b"x"].concat(), &record).is_err());
    }
    if let Ok(commit) = Commit::decode(key, &record) {
        assert_eq!((how, commit.encode(key)), (SEALED, record.clone()));
    }
    if let Ok(point) = State::decode(key, &record) {
        assert_eq!((how, point.encode(key)), (SEALED, record));
    }
}

/// A store record or one of the retention, of any bytes: refused, or exactly what is written.
pub(super) fn store_record(data: &[u8]) {
    let mut input = Input(data);
    let how = input.u8() % 4;
    let body = input.rest();
    let record = match how {
        AS_IT_IS => body.to_vec(),
        RETENTION => sealed(RETENTION_KEY, [&[FORMAT], body].concat()),
        SEALED => sealed(STORE_KEY, [&[FORMAT], body].concat()),
        _ => sealed(
            STORE_KEY,
            [&[FORMAT], &b"actor-vfs store"[..], body].concat(),
        ),
    };
    if let Ok(id) = decode_store(&record) {
        assert_ne!(how, AS_IT_IS, "nobody guesses a seal");
        assert_eq!(encode_store(id), record);
    }
    if let Ok(retention) = decode_retention(&record) {
        assert_eq!((how, encode_retention(retention)), (RETENTION, record));
    }
}

/// Keys of any bytes: those that are read as keys are those that are written.
pub(super) fn keys(data: &[u8]) {
    let mut input = Input(data);
    let made = page_key(&mut input);
    let other = page_key(&mut input);
    let (prefix, after) = (input.string(), input.string());
    let key = input.rest();
    page_keys(&made, &other);
    if let Some(db) = db_of_page_key(key) {
        assert!(all_pages(db).contains(&key.to_vec()));
        if let Some(parsed) = PageKey::parse(db, key) {
            assert_eq!(parsed.as_bytes(), key);
            assert_eq!(PageKey::new(db, parsed.page(), parsed.commit()), parsed);
        }
    }
    if let Some(actor) = actor_of_head_key(key) {
        assert_eq!(head_key(&actor), key);
        heads_of(&actor, prefix, after);
    }
    if let Some(actor) = actor_of_aside_key(key) {
        assert_eq!(aside_key(&actor), key);
    }
}

fn page_keys(key: &PageKey, other: &PageKey) {
    let db = db_of_page_key(key.as_bytes()).expect("a page key names its image");
    assert_eq!(PageKey::parse(db, key.as_bytes()), Some(*key));
    let same = PageKey::parse(db, other.as_bytes()) == Some(*other);
    let later = same && other.page() >= key.page();
    assert_eq!(pages_from(db, key.page()).contains(&other.to_vec()), later);
    let seen = same && other.page() == key.page() && other.commit() <= key.commit();
    let versions = versions_up_to(db, key.page(), key.commit());
    // Commit 0 wrote no page: its key only bounds the range.
    assert_eq!(
        versions.contains(other),
        seen && other.commit() > CommitNo::new(0)
    );
}

/// The range of heads holds those and only those that were asked for.
fn heads_of(actor: &ActorId, prefix: &[u8], after: &[u8]) {
    let (Ok(prefix), Ok(after)) = (std::str::from_utf8(prefix), std::str::from_utf8(after)) else {
        return;
    };
    let id = actor.as_str();
    let listed = all_heads(prefix, Some(after)).contains(&head_key(actor));
    assert_eq!(listed, id.starts_with(prefix) && id > after);
}

pub(super) fn page_size(choice: u8) -> PageSize {
    PageSize::new(512 << (choice % 8)).expect("a power of two from 512 to 65,536")
}

pub(super) fn page_key(input: &mut Input<'_>) -> PageKey {
    let db = DbId::new(input.array());
    let page = PageNo::new(input.u32()).unwrap_or(PageNo::FIRST);
    PageKey::new(db, page, CommitNo::new(input.u64()))
}
