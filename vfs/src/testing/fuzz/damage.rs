//! What happens to the values of an engine: accidents, and forgeries by somebody who knows the format.

use super::Input;
use super::plain::{decode_page, encode_hole, encode_page};
use super::records::page_size;
use super::world::{Trust, World};
use crate::kv::Entry;
use crate::layout::{
    Checksum, CommitNo, DbId, Epoch, FORMAT, Head, PageKey, Unswept, actor_of_head_key, sealed,
};
use crate::page::{PageCount, PageNo, PageSize};

const SEAL_BYTES: usize = 8;

/// Does one damage that `input` chooses.
pub(super) fn inflict(world: &mut World, input: &mut Input<'_>) {
    let kind = input.u8() % 10;
    let entries = world.entries();
    let Some((key, value)) = pick(&entries, input).cloned() else {
        return;
    };
    match kind {
        0 => flip(world, &key, value, input),
        1 => cut(world, &key, value, input),
        2 => accident(world, &key, Some([&value, input.string()].concat())),
        3 => lose(world, &key),
        4 => {
            let other = pick(&entries, input).map(|(_, value)| value.clone());
            accident(world, &key, other);
        }
        5 => {
            let key = input.string().to_vec();
            accident(world, &key, Some(input.string().to_vec()));
        }
        6 => forge_record(world, &key, value, input),
        7 => forge_head(world, &key, &value, input),
        8 => forge_page(world, &key, &value, input),
        _ => forge_version(world, &value, input),
    }
}

fn pick<'e>(entries: &'e [Entry], input: &mut Input<'_>) -> Option<&'e Entry> {
    entries.get(usize::from(input.u8()) % entries.len().max(1))
}

fn accident(world: &mut World, key: &[u8], value: Option<Vec<u8>>) {
    world.distrust(key, Trust::Damaged);
    world.tamper(key, value);
}

fn forge(world: &mut World, key: &[u8], value: Vec<u8>) {
    world.distrust(key, Trust::Forged);
    world.tamper(key, Some(value));
}

fn flip(world: &mut World, key: &[u8], mut value: Vec<u8>, input: &mut Input<'_>) {
    let at = usize::from(input.u16()) % value.len().max(1);
    let mask = input.u8() | 1;
    if let Some(byte) = value.get_mut(at) {
        *byte ^= mask;
    }
    accident(world, key, Some(value));
}

fn cut(world: &mut World, key: &[u8], mut value: Vec<u8>, input: &mut Input<'_>) {
    value.truncate(usize::from(input.u16()) % value.len().max(1));
    accident(world, key, Some(value));
}

/// Removes a value. Under a version that is lost a former one comes up, if it has not been swept.
fn lose(world: &mut World, key: &[u8]) {
    let bares =
        |known: &&super::world::Known| known.has_garbage && PageKey::parse(known.db, key).is_some();
    let trust = match world.known.iter().find(bares) {
        Some(_) => Trust::Forged,
        None => Trust::Damaged,
    };
    world.distrust(key, trust);
    world.tamper(key, None);
}

/// Changes some bytes of a record, and seals it again.
fn forge_record(world: &mut World, key: &[u8], mut value: Vec<u8>, input: &mut Input<'_>) {
    value.truncate(value.len().saturating_sub(SEAL_BYTES));
    let at = usize::from(input.u16()) % value.len().max(1);
    let bytes = input.string();
    let room = value.iter_mut().skip(at).zip(bytes);
    room.for_each(|(there, byte)| *there = *byte);
    if actor_of_head_key(key).is_some() {
        // It may name the pages of others now.
        world.distrust_all();
    }
    forge(world, key, sealed(key, value));
}

/// Changes one number of a head.
fn forge_head(world: &mut World, key: &[u8], value: &[u8], input: &mut Input<'_>) {
    let Ok(mut head) = Head::decode(key, value) else {
        return;
    };
    let (what, number) = (input.u8() % 10, input.u64());
    let low = input.u8();
    let image = DbId::new([low % 5; 16]);
    match what {
        0 => head.page_size = page_size(low),
        1 => head.pages = PageCount::new(u32::try_from(number >> 32).unwrap_or_default()),
        2 => head.pages = PageCount::new(u32::from(low)),
        3 => head.epoch = Epoch::new(number),
        4 => head.commit = CommitNo::new(number),
        5 => head.checksum = Checksum::new(number),
        6 => head.db = image,
        7 => head.floor = CommitNo::new(number),
        8 => head.pinned = CommitNo::new(number),
        _ => head.unswept = unswept(number, image),
    }
    // The codec takes no head that keeps what comes after its last commit.
    head.floor = head.floor.min(head.commit);
    head.pinned = head.pinned.min(head.commit);
    if head.db == image || head.unswept == Unswept::Staging(image) {
        world.distrust_all();
    }
    forge(world, key, head.encode(key));
}

fn unswept(number: u64, image: DbId) -> Unswept {
    match number % 3 {
        0 => Unswept::Nothing,
        1 => Unswept::Garbage,
        _ => Unswept::Staging(image),
    }
}

/// Changes some bytes of a page's content: SQLite reads what nobody wrote.
fn forge_page(world: &mut World, key: &[u8], value: &[u8], input: &mut Input<'_>) {
    let image = world
        .known
        .iter()
        .find_map(|known| Some((PageKey::parse(known.db, key)?, known.pages[0].len())));
    let Some((page, bytes)) = image else { return };
    let mut content = vec![0; bytes];
    if decode_page(&page, value, &mut content).is_err() {
        return;
    }
    let at = usize::from(input.u16()) % bytes;
    let patch = input.string();
    let room = content.iter_mut().skip(at).zip(patch);
    room.for_each(|(there, byte)| *there = *byte);
    let record = encode_page(&page, &content, Checksum::of(page.page(), &content));
    forge(world, key, record);
}

/// Puts a version of a page that no commit wrote.
fn forge_version(world: &mut World, value: &[u8], input: &mut Input<'_>) {
    let db = DbId::new([input.u8() % 5; 16]);
    let page = PageNo::new(input.u32()).unwrap_or(PageNo::FIRST);
    let key = PageKey::new(db, page, CommitNo::new(input.u64()));
    let (how, fill) = (input.u8(), input.u8());
    let record = match how % 3 {
        0 => {
            let content = vec![fill; page_size(how / 3).bytes()];
            encode_page(&key, &content, Checksum::of(page, &content))
        }
        1 => {
            let zeros = vec![0; PageSize::DEFAULT.bytes()];
            encode_hole(&key, Checksum::of(page, &zeros))
        }
        _ => sealed(key.as_bytes(), [&[FORMAT], value].concat()),
    };
    forge(world, key.as_bytes(), record);
}
