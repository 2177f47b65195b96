//! Random histories, compared step by step with an ordered map.

use std::collections::BTreeMap;

use super::all;
use crate::kv::{Batch, CommitError, Engine, Op};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

const STEPS: u32 = 300;

/// Prints its seed; `ACTOR_SEED` repeats one.
pub(super) fn any_history_gives_what_the_model_gives(engine: &dyn Engine) {
    let given = std::env::var("ACTOR_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()).wrapping_mul(0x9e37_79b9));
    println!("ACTOR_SEED={seed}");
    let mut dice = Dice(seed);
    let mut model = Model::new();
    for step in 0..STEPS {
        let batch = random_batch(&mut dice, &model);
        match (engine.commit(&batch), holds(&model, &batch)) {
            (Ok(()), true) => batch.ops().iter().for_each(|op| apply(&mut model, op)),
            (Err(CommitError::Conflict { .. }), false) => {}
            (answer, holds) => panic!("step {step}: {answer:?}, requirements hold: {holds}"),
        }
        compare(engine, &model, &mut dice);
    }
    assert!(all(engine).into_iter().eq(model));
}

fn compare(engine: &dyn Engine, model: &Model, dice: &mut Dice) {
    let snapshot = engine.snapshot().expect("a snapshot");
    let (start, end, limit) = (dice.key(), dice.key(), dice.below(8));
    let range = start.clone()..end.clone().max(start.clone());
    let wanted: Vec<_> = model
        .range(range)
        .take(limit)
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    assert_eq!(snapshot.scan(&start..&end, limit).expect("a scan"), wanted);
    let wanted: Vec<_> = wanted.into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        snapshot
            .scan_keys(&start..&end, limit)
            .expect("a scan of keys"),
        wanted
    );
    let found = snapshot.get_many(&[&start, &end]).expect("two gets");
    assert_eq!(
        found,
        [model.get(&start).cloned(), model.get(&end).cloned()]
    );
}

fn random_batch(dice: &mut Dice, model: &Model) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..dice.below(3) {
        let key = dice.key();
        let lies = dice.below(6) == 0;
        let expected = if lies {
            Some(b"a lie".to_vec())
        } else {
            model.get(&key).cloned()
        };
        batch.require(key, expected);
    }
    for _ in 0..dice.below(6) {
        let key = dice.key();
        match dice.below(8) {
            0 => batch.delete_range(key, dice.key()),
            1 | 2 => batch.delete(key),
            _ => batch.put(key, vec![dice.byte(); dice.below(5000)]),
        }
    }
    batch
}

fn holds(model: &Model, batch: &Batch) -> bool {
    batch
        .requirements()
        .all(|(key, expected)| model.get(key).map(Vec::as_slice) == expected)
}

fn apply(model: &mut Model, op: &Op) {
    match op {
        Op::Put { key, value } => _ = model.insert(key.clone(), value.clone()),
        Op::Delete { key } => _ = model.remove(key),
        Op::DeleteRange { start, end } => model.retain(|key, _| key < start || key >= end),
    }
}

/// A source of numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn below(&mut self, end: u16) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]) % end)
    }

    /// One of few short keys, so that histories meet themselves.
    fn key(&mut self) -> Vec<u8> {
        (0..=self.below(3))
            .map(|_| [0, b'a', b'b', 0xff][self.below(4)])
            .collect()
    }
}
