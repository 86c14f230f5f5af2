use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::Sdr;

/// SplitMix64: random numbers for tests.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        (self.next() % u64::from(limit)) as u32
    }

    fn sdr(&mut self, size: u32, on: usize) -> Sdr {
        let mut bits = std::collections::BTreeSet::new();
        while bits.len() < on {
            bits.insert(self.below(size));
        }
        Sdr::new(size, bits.into_iter().collect()).unwrap()
    }

    /// The pattern with so many of its on bits moved to places that were off.
    fn noisy(&mut self, of: &Sdr, moved: usize) -> Sdr {
        let mut on = of.on().to_vec();
        for at in 0..moved {
            let with = at + self.below((on.len() - at) as u32) as usize;
            on.swap(at, with);
        }
        for at in 0..moved {
            on[at] = loop {
                let bit = self.below(of.size());
                if !on.contains(&bit) && of.on().binary_search(&bit).is_err() {
                    break bit;
                }
            };
        }
        Sdr::new(of.size(), on).unwrap()
    }
}

/// What a search has to find, by comparing with every pattern.
fn slow(model: &BTreeMap<u64, (Sdr, Vec<u8>)>, query: &Sdr, least: u32) -> Vec<Match> {
    let mut all: Vec<Match> = model
        .iter()
        .map(|(&key, (sdr, _))| Match { key, overlap: sdr.overlap(query) })
        .filter(|found| found.overlap >= least.max(1))
        .collect();
    all.sort_by_key(|found| (u32::MAX - found.overlap, found.key));
    all
}

fn same(store: &PatternStore, model: &BTreeMap<u64, (Sdr, Vec<u8>)>) {
    let mut keys: Vec<u64> = store.keys().collect();
    keys.sort_unstable();
    assert!(keys.iter().eq(model.keys()), "{keys:?}");
    assert_eq!(store.len(), model.len());
    for (&key, (sdr, value)) in model {
        let stored = store.get(key).unwrap();
        assert_eq!((&stored.sdr, &stored.value), (sdr, value), "{key}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(u64, Vec<u32>, Vec<u8>),
    Delete(u64),
    Search(Vec<u32>, usize, u32),
    Compact,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bits = || prop::collection::btree_set(0_u32..60, 1..20).prop_map(|set| set.into_iter().collect::<Vec<u32>>());
    let step = prop_oneof![
        6 => (0_u64..30, bits(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(k, b, v)| Step::Put(k, b, v)),
        2 => (0_u64..30).prop_map(Step::Delete),
        2 => (bits(), 1_usize..40, 0_u32..8).prop_map(|(b, k, t)| Step::Search(b, k, t)),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_store_does_what_a_map_and_a_slow_search_do(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.htm");
        let mut store = PatternStore::create(&path, 60).unwrap();
        let mut beside = PatternStore::in_memory(60).unwrap();
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(key, bits, value) => {
                    let sdr = Sdr::new(60, bits).unwrap();
                    let before = model.insert(key, (sdr.clone(), value.clone())).is_some();
                    prop_assert_eq!(store.put(key, &sdr, &value).unwrap(), before);
                    prop_assert_eq!(beside.put(key, &sdr, &value).unwrap(), before);
                }
                Step::Delete(key) => {
                    let before = model.remove(&key).is_some();
                    prop_assert_eq!(store.delete(key).unwrap(), before);
                    prop_assert_eq!(beside.delete(key).unwrap(), before);
                }
                Step::Search(bits, k, threshold) => {
                    let query = Sdr::new(60, bits).unwrap();
                    let mut wanted = slow(&model, &query, threshold);
                    prop_assert_eq!(&store.within(&query, threshold).unwrap(), &wanted);
                    wanted = slow(&model, &query, 1);
                    wanted.truncate(k);
                    prop_assert_eq!(&store.nearest(&query, k).unwrap(), &wanted);
                    prop_assert_eq!(&beside.nearest(&query, k).unwrap(), &wanted);
                }
                Step::Compact => {
                    store.compact().unwrap();
                    prop_assert_eq!(store.wasted(), 0);
                }
                Step::Reopen => {
                    let (wasted, size) = (store.wasted(), store.file_size());
                    drop(store);
                    store = PatternStore::open(&path).unwrap();
                    prop_assert_eq!((store.wasted(), store.file_size()), (wasted, size));
                    prop_assert_eq!(store.torn(), None);
                }
            }
            prop_assert_eq!(fs::metadata(&path).unwrap().len(), store.file_size());
        }
        same(&store, &model);
        same(&beside, &model);
    }
}

/// More than two blocks, most of it deleted and replaced: blocks are sealed, built again and used again.
#[test]
fn blocks_fill_die_and_are_used_again() {
    let mut random = Random(1);
    let mut store = PatternStore::in_memory(256).unwrap();
    let mut model = BTreeMap::new();
    let mut put = |store: &mut PatternStore, model: &mut BTreeMap<_, _>, key: u64| {
        let sdr = random.sdr(256, 4);
        store.put(key, &sdr, &key.to_le_bytes()).unwrap();
        model.insert(key, (sdr, key.to_le_bytes().to_vec()));
    };
    for key in 0..80_000 {
        put(&mut store, &mut model, key);
    }
    let full = store.memory().total();
    let search = |store: &PatternStore, model: &BTreeMap<_, _>| {
        let query = Random(9).sdr(256, 12);
        let mut wanted = slow(model, &query, 1);
        wanted.truncate(50);
        assert_eq!(store.nearest(&query, 50).unwrap(), wanted);
    };
    search(&store, &model);
    for key in (0..80_000).filter(|key| key % 10 != 3) {
        assert!(store.delete(key).unwrap());
        model.remove(&key);
    }
    search(&store, &model);
    assert!(store.memory().total() < full / 2, "{} of {full}", store.memory().total());
    for key in 0..60_000 {
        put(&mut store, &mut model, key * 7);
    }
    // The same keys again and again fill no memory.
    for round in 0..4 {
        for key in 0..20_000 {
            put(&mut store, &mut model, key * 7 + round % 2);
        }
    }
    search(&store, &model);
    same(&store, &model);
    let before = store.memory().total();
    store.compact().unwrap();
    assert!(store.memory().total() < before);
    search(&store, &model);
    same(&store, &model);
}

#[test]
fn queries_of_many_on_bits_are_counted_in_wider_counters() {
    let mut random = Random(2);
    for (size, on) in [(4_096, 256), (4_096, 2_000), (200_000, 70_000)] {
        let mut store = PatternStore::in_memory(size).unwrap();
        let mut model = BTreeMap::new();
        for key in 0..6 {
            let sdr = random.sdr(size, on);
            store.put(key, &sdr, &[]).unwrap();
            model.insert(key, (sdr, Vec::new()));
        }
        let query = model[&3].0.clone();
        assert_eq!(store.nearest(&query, 1).unwrap(), [Match { key: 3, overlap: on as u32 }]);
        assert_eq!(store.within(&query, 1).unwrap(), slow(&model, &query, 1));
    }
}

#[test]
fn unlike_stores_stand_side_by_side_and_one_file_has_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let mut random = Random(3);
    let (narrow, wide) = (random.sdr(64, 3), random.sdr(2_048, 41));
    let mut a = PatternStore::create(&one, 64).unwrap();
    let mut b = PatternStore::create(&two, 2_048).unwrap();
    a.put(1, &narrow, b"a").unwrap();
    b.put(1, &wide, b"b").unwrap();
    assert_eq!((a.get(1).unwrap().value, b.get(1).unwrap().value), (b"a".to_vec(), b"b".to_vec()));
    let error = PatternStore::open(&one).unwrap_err().to_string();
    assert!(error.contains("in use by another store"), "{error}");
    assert!(matches!(PatternStore::create(&one, 64), Err(StoreError::Exists(_))));
    drop(a);
    assert_eq!(PatternStore::open(&one).unwrap().size(), 64);
    b.sync().unwrap();
    b.remove().unwrap();
    assert!(!two.exists());
}

#[test]
fn input_that_makes_no_sense_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = PatternStore::create(folder.path().join("a"), 64).unwrap();
    let good = Sdr::new(64, vec![1, 2]).unwrap();
    store.put(1, &good, b"kept").unwrap();
    let size = store.file_size();
    let said = [
        (store.put(1, &Sdr::new(65, vec![1]).unwrap(), &[]).map(drop), "65 bits where 64 are expected"),
        (store.put(1, &Sdr::empty(64), &[]).map(drop), "give it at least one"),
        (store.put(1, &Sdr::new(64, (0..64).collect()).unwrap(), &[]).map(drop), "all 64 bits on"),
        (store.put(1, &good, &vec![0; MOST_VALUE + 1]).map(drop), "at most 16777216"),
        (store.nearest(&Sdr::empty(64), 1).map(drop), "give it at least one"),
        (store.within(&Sdr::new(63, vec![1]).unwrap(), 1).map(drop), "63 bits where 64"),
        (PatternStore::in_memory(1).map(drop), "2 to 1048576 bits, not of 1"),
        (PatternStore::in_memory(MOST_BITS + 1).map(drop), "not of 1048577"),
    ];
    for (outcome, words) in said {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!((store.file_size(), store.len()), (size, 1));
    assert_eq!(store.get(1).unwrap().value, b"kept");
    assert_eq!(store.nearest(&good, 0).unwrap(), []);
    assert_eq!(store.within(&good, 3).unwrap(), []);
}

#[test]
fn foreign_files_are_told_from_stores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let open = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = PatternStore::open(&path).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), bytes, "an error changes nothing");
        error
    };
    assert!(
        open(b"some other file, that is long enough to have a header of some kind").to_string().contains("other bytes")
    );
    assert!(matches!(open(b""), StoreError::Unfinished { bytes: 0, .. }));
    assert!(matches!(open(b"HTMSTO"), StoreError::Unfinished { bytes: 6, .. }));
    let mut bytes = sample(folder.path(), "b").1;
    bytes[40] ^= 1;
    bytes[3] ^= 1;
    assert!(matches!(open(&bytes), StoreError::Header(_)));
    // A file of a version to come has sound checksums.
    let mut newer = sample(folder.path(), "c").1;
    for copy in newer[..64].chunks_exact_mut(32) {
        copy[8] = 9;
        let sum = crc32fast::hash(&copy[..28]);
        copy[28..].copy_from_slice(&sum.to_le_bytes());
    }
    let error = open(&newer);
    assert!(matches!(error, StoreError::Version { found: 9, known: 1, .. }), "{error}");
    assert!(matches!(PatternStore::open(folder.path().join("none")), Err(StoreError::Io { .. })));
}

type Content = BTreeMap<u64, (Sdr, Vec<u8>)>;

/// A small file of known records: what it holds after each, and where each ends.
fn sample(folder: &Path, name: &str) -> (PathBuf, Vec<u8>, Vec<(u64, Content)>) {
    let path = folder.join(name);
    let mut random = Random(4);
    let mut store = PatternStore::create(&path, 256).unwrap();
    let mut content = Content::new();
    let mut states = vec![(store.file_size(), content.clone())];
    for step in 0..7_u64 {
        if step == 4 {
            store.delete(1).unwrap();
            content.remove(&1);
        } else {
            let sdr = random.sdr(256, 5);
            // Keys 0 1 2 0 - 2 0: new ones, replaced ones and a deleted one.
            let value = vec![step as u8; step as usize];
            store.put(step % 3, &sdr, &value).unwrap();
            content.insert(step % 3, (sdr, value));
        }
        states.push((store.file_size(), content.clone()));
    }
    drop(store);
    let bytes = fs::read(&path).unwrap();
    (path, bytes, states)
}

#[test]
fn a_file_cut_off_anywhere_loses_only_what_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes, states) = sample(folder.path(), "a");
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        if length < 32 {
            assert!(matches!(PatternStore::open(&path), Err(StoreError::Unfinished { .. })), "{length}");
            continue;
        }
        let mut store = PatternStore::open(&path).unwrap();
        let (end, content) = states.iter().rev().find(|(end, _)| *end <= length as u64).unwrap_or(&states[0]);
        same(&store, content);
        assert_eq!(store.torn().map(|torn| torn.at), (length as u64 > *end).then_some(*end), "{length}");
        assert!(store.torn().is_none_or(|torn| torn.kept.is_none()), "an unfinished put was never answered");
        // It goes on from there.
        let mut content = content.clone();
        let sdr = Random(5).sdr(256, 5);
        store.put(9, &sdr, b"after").unwrap();
        content.insert(9, (sdr, b"after".to_vec()));
        drop(store);
        same(&PatternStore::open(&path).unwrap(), &content);
    }
}

#[test]
fn a_byte_changed_anywhere_is_found_and_named_and_nothing_sound_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes, states) = sample(folder.path(), "a");
    let last = states[states.len() - 2].0 as usize;
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            fs::write(&path, &damaged).unwrap();
            let opened = PatternStore::open(&path);
            if at < 64 {
                same(&opened.unwrap(), &states[states.len() - 1].1);
                assert_eq!(fs::read(&path).unwrap(), bytes, "the header is mended from its copy");
            } else if at >= last {
                // Nothing tells it from a put that a power cut tore; so its bytes are kept.
                let store = opened.unwrap();
                same(&store, &states[states.len() - 2].1);
                let kept = store.torn().unwrap().kept.clone().unwrap();
                assert_eq!(fs::read(&kept).unwrap(), &damaged[last..]);
                assert_eq!(store.torn().unwrap().at, last as u64);
                fs::remove_file(kept).unwrap();
            } else {
                let record = states.iter().rposition(|(end, _)| *end <= at as u64).unwrap();
                let error = opened.unwrap_err();
                let StoreError::Corrupt { from, to, .. } = error else { panic!("{at}: {error}") };
                assert_eq!((from, to), (states[record].0, states[record + 1].0), "byte {at}");
                assert!(error.to_string().contains("salvage"), "{error}");
                assert_eq!(fs::read(&path).unwrap(), damaged, "an error changes nothing");
                let to = folder.path().join("salvaged");
                let (store, salvaged) = PatternStore::salvage(&path, &to).unwrap();
                assert_eq!((salvaged.records, salvaged.damaged.len()), (6, 1));
                assert_eq!(fs::read(&path).unwrap(), damaged, "what is salvaged stays as it is");
                // The others are all there, in their order.
                let mut wanted = Content::new();
                for (at, pair) in states.windows(2).enumerate().filter(|(at, _)| *at != record) {
                    let key = if at == 4 { 1 } else { at as u64 % 3 };
                    match pair[1].1.get(&key) {
                        Some(there) => drop(wanted.insert(key, there.clone())),
                        None => drop(wanted.remove(&key)),
                    }
                }
                same(&store, &wanted);
                store.remove().unwrap();
            }
        }
    }
}

#[test]
fn a_value_that_holds_a_store_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let (_, inner, _) = sample(folder.path(), "inner");
    let path = folder.path().join("outer");
    let mut store = PatternStore::create(&path, 256).unwrap();
    let sdr = Random(6).sdr(256, 5);
    store.put(100, &sdr, b"first").unwrap();
    let at = store.file_size() as usize;
    store.put(101, &sdr, &inner).unwrap();
    store.put(102, &sdr, b"last").unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at + 5] ^= 4;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(PatternStore::open(&path), Err(StoreError::Corrupt { from, .. }) if from == at as u64));
    let (store, salvaged) = PatternStore::salvage(&path, folder.path().join("new")).unwrap();
    assert_eq!(salvaged.records, 2);
    let mut keys: Vec<u64> = store.keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, [100, 102]);
}

#[test]
fn a_compaction_that_was_interrupted_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes, states) = sample(folder.path(), "a");
    // As it is left by a crash before the renaming.
    fs::write(folder.path().join("a.new"), &bytes[..100]).unwrap();
    let mut store = PatternStore::open(&path).unwrap();
    assert!(!folder.path().join("a.new").exists());
    same(&store, &states[states.len() - 1].1);
    assert!(store.wasted() > 0);
    // A folder in the way: the new file cannot be made.
    fs::create_dir(folder.path().join("a.new")).unwrap();
    let error = store.compact().unwrap_err().to_string();
    assert!(error.contains("compact") && error.contains("nothing stored before is lost"), "{error}");
    fs::remove_dir(folder.path().join("a.new")).unwrap();
    let size = store.file_size();
    store.compact().unwrap();
    assert!(store.file_size() < size && store.wasted() == 0);
    assert!(PatternStore::open(&path).is_err(), "the new file is locked as the old one was");
    drop(store);
    same(&PatternStore::open(&path).unwrap(), &states[states.len() - 1].1);
}

/// The probability that two random patterns of `on` of `size` bits share at least `least`.
fn chance(size: u32, on: u32, least: u32) -> f64 {
    let ln_choose = |n: u32, k: u32| (0..k).map(|i| (f64::from(n - i) / f64::from(k - i)).ln()).sum::<f64>();
    let all = ln_choose(size, on);
    (least..=on).map(|b| (ln_choose(on, b) + ln_choose(size - on, on - b) - all).exp()).sum()
}

/// Section by section of the theory: what noise leaves is found, and what chance brings is as much as it should be.
#[test]
fn noise_and_chance_find_what_theory_says() {
    let (size, on, n) = (512, 20, 20_000_u64);
    let mut random = Random(7);
    let mut store = PatternStore::in_memory(size).unwrap();
    let patterns: Vec<Sdr> = (0..n).map(|_| random.sdr(size, on)).collect();
    for (key, sdr) in patterns.iter().enumerate() {
        store.put(key as u64, sdr, &[]).unwrap();
    }
    for percent in [0, 10, 20, 30, 40] {
        let moved = on * percent / 100;
        let found = (0..100).filter(|_| {
            let key = random.below(n as u32) as usize;
            let query = random.noisy(&patterns[key], moved);
            let best = store.nearest(&query, 1).unwrap()[0];
            assert!(best.overlap >= (on - moved) as u32);
            best.key == key as u64
        });
        assert_eq!(found.count(), 100, "{percent} % noise");
    }
    for least in [2, 3, 4, 5] {
        let queries = 200;
        let expected = chance(size, on as u32, least) * (n * queries) as f64;
        let seen: usize = (0..queries).map(|_| store.within(&random.sdr(size, on), least).unwrap().len()).sum();
        // Matches of one query are nearly independent: five standard deviations, with some room for what is not.
        let room = 5.0 * 1.3 * expected.sqrt() + 1.0;
        assert!((seen as f64 - expected).abs() < room, "{least}: {seen} seen, {expected:.1} expected");
    }
}
