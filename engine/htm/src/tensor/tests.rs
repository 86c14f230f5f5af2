use std::fs;

use super::*;
use crate::store::StoreError;

/// Normal numbers by the sum of twelve uniform ones.
fn random(seed: u64, width: usize) -> Vec<f32> {
    // Streams of neighbouring seeds must not be one stream, shifted.
    let mut state = seed.wrapping_add(1).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(32) ^ 0x5851_f42d_4c95_7f2d;
    state = state.wrapping_mul(state | 1);
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    };
    (0..width).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / dot(a, a).sqrt() / dot(b, b).sqrt()
}

fn tensor(seed: u64, width: usize) -> Tensor {
    Tensor::new(random(seed, width), vec![seed as u8; 3], format!("file-{seed}").into_bytes())
}

/// `a` and, to some share, `b`.
fn between(a: &[f32], b: &[f32], share: f32) -> Vec<f32> {
    a.iter().zip(b).map(|(x, y)| x * (1.0 - share) + y * share).collect()
}

#[test]
fn a_search_finds_what_comparing_everything_finds() {
    for width in [5, 96, 768] {
        let store = TensorStore::in_memory(width as u32).unwrap();
        let centre = random(1_000_000, width);
        let all: Vec<Vec<f32>> = (0..700)
            .map(|seed| match seed % 3 {
                // Some are near the query, at every distance.
                0 => between(&centre, &random(seed, width), seed as f32 / 700.0),
                _ => random(seed, width).iter().map(|x| x * 10_f32.powi(seed as i32 % 9 - 4)).collect(),
            })
            .collect();
        for embedding in &all {
            store.write(&Tensor::new(embedding.clone(), Vec::new(), Vec::new())).unwrap();
        }
        for id in (0..700).filter(|id| id % 7 == 0) {
            assert!(store.delete(id).unwrap() && !store.delete(id).unwrap());
        }
        for (k, least) in [(10, RESONANCE), (700, RESONANCE), (10, -1.0), (1, 0.99), (700, -1.0), (0, -1.0)] {
            let mut wanted: Vec<(u64, f64)> = (0..700)
                .filter(|id| id % 7 != 0)
                .map(|id| (id, cosine(&all[id as usize], &centre)))
                .filter(|(_, cosine)| *cosine >= f64::from(least))
                .collect();
            wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
            wanted.truncate(k);
            let found = store.search_from(&centre, k, least).unwrap();
            assert_eq!(found.len(), wanted.len(), "{width} {k} {least}");
            for (found, wanted) in found.iter().zip(&wanted) {
                assert!((f64::from(found.cosine) - wanted.1).abs() < 1e-5, "{found:?} {wanted:?}");
                assert!((cosine(&all[found.id as usize], &centre) - wanted.1).abs() < 1e-5);
            }
            assert!(found.is_sorted_by(|one, next| one.cosine >= next.cosine));
        }
    }
}

#[test]
fn what_does_not_resonate_is_marked_and_pruned() {
    let store = TensorStore::in_memory(EMBEDDING).unwrap();
    let (one, other) = (random(1, 768), random(2, 768));
    let near = between(&one, &other, 0.2);
    let ids: Vec<u64> = [one.clone(), near.clone(), other.clone()]
        .into_iter()
        .map(|embedding| store.write(&Tensor::new(embedding, Vec::new(), Vec::new())).unwrap())
        .collect();
    let resonance = store.contract_resonance(ids[0], ids[1]).unwrap();
    assert!((f64::from(resonance) - cosine(&one, &near)).abs() < 1e-6 && resonance > RESONANCE);
    assert_eq!(store.get(ids[0]).unwrap().resonance, 1.0, "it resonates: nothing is marked");
    assert_eq!(store.pulse_prune(0.9).unwrap(), 0);
    let resonance = store.contract_resonance(ids[2], ids[0]).unwrap();
    assert!(resonance < RESONANCE);
    assert_eq!(store.get(ids[2]).unwrap().resonance, resonance);
    assert_eq!(store.get(ids[0]).unwrap().resonance, 1.0, "only the first of both is marked");
    assert_eq!(store.pulse_prune(resonance).unwrap(), 0, "below the threshold, not at it");
    assert_eq!(store.pulse_prune(RESONANCE).unwrap(), 1);
    assert_eq!((store.len(), store.get(ids[2])), (2, None));
    assert!(matches!(store.contract_resonance(ids[0], ids[2]), Err(StoreError::Missing(2))));
    assert!((store.contract_resonance(ids[0], ids[0]).unwrap() - 1.0).abs() < 1e-6, "one shard, locked once");
}

#[test]
fn what_is_no_embedding_is_refused() {
    let store = TensorStore::in_memory(3).unwrap();
    let with = |embedding: &[f32]| Tensor::new(embedding.to_vec(), Vec::new(), Vec::new());
    for (embedding, words) in [
        (&[1.0, 2.0][..], "2 numbers where 3"),
        (&[1.0, f32::NAN, 0.0], "number 1 is NaN"),
        (&[f32::INFINITY, 0.0, 0.0], "number 0 is inf"),
        (&[0.0; 3], "points nowhere"),
        (&[1e30, 0.0, 0.0], "scale it"),
    ] {
        for error in [store.write(&with(embedding)).unwrap_err(), store.search(embedding, 1).unwrap_err()] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }
    let wide = Tensor { diff: vec![0; (16 << 20) + 1], ..with(&[1.0; 3]) };
    assert!(matches!(store.write(&wide), Err(StoreError::Value { .. })));
    let strange = Tensor { resonance: f32::NAN, ..with(&[1.0; 3]) };
    assert!(store.write(&strange).unwrap_err().to_string().contains("resonance"));
    assert!(TensorStore::in_memory(0).is_err());
    assert!(store.is_empty());
}

#[test]
fn a_folder_keeps_entries_marks_and_deletions() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store");
    let store = TensorStore::create(&folder, 16).unwrap();
    assert!(matches!(TensorStore::create(&folder, 16), Err(StoreError::Exists(_))));
    assert!(matches!(TensorStore::open(&folder), Err(StoreError::Locked(_))));
    for seed in 0..100 {
        assert_eq!(store.write(&tensor(seed, 16)).unwrap(), seed);
    }
    for id in 0..40 {
        store.delete(id).unwrap();
    }
    let marked: Vec<u64> = (40..100).filter(|&id| store.contract_resonance(id, 99).unwrap() < RESONANCE).collect();
    assert!(!marked.is_empty());
    let content = |store: &TensorStore| (0..200).map(|id| store.get(id)).collect::<Vec<_>>();
    let before = content(&store);
    drop(store);
    let store = TensorStore::open(&folder).unwrap();
    assert_eq!(content(&store), before);
    assert_eq!(store.write(&tensor(100, 16)).unwrap(), 100, "no number is given twice");
    assert!(store.delete(100).unwrap());
    let size = || (0..SHARDS).map(|at| fs::metadata(folder.join(format!("shard-{at}"))).unwrap().len()).sum::<u64>();
    let (full, taken) = (size(), store.memory());
    store.compact().unwrap();
    assert!(size() < full && store.memory() < taken);
    drop(store);
    let store = TensorStore::open(&folder).unwrap();
    assert_eq!(store.write(&tensor(101, 16)).unwrap(), 101, "not even that of an entry of which nothing is left");
    assert!(store.delete(101).unwrap());
    assert_eq!(store.pulse_prune(RESONANCE).unwrap(), marked.len());
    store.sync().unwrap();
    drop(store);

    // The end of one shard is cut off within its last record: only that is undone.
    let path = folder.join(format!("shard-{}", marked[0] % 8));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let store = TensorStore::open(&folder).unwrap();
    assert_eq!(store.torn().len(), 1);
    assert_eq!(store.len(), 60 - marked.len() + 1, "one deletion was not finished");
    drop(store);
    fs::remove_file(folder.join("shard-3")).unwrap();
    let error = TensorStore::open(&folder).unwrap_err().to_string();
    assert!(error.contains("shard-3"), "{error}");
}

#[test]
fn several_threads_write_and_search_at_once() {
    let store = TensorStore::in_memory(32).unwrap();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for at in 0..200 {
                    let entry = tensor(part * 1_000 + at, 32);
                    let id = store.write(&entry).unwrap();
                    let found = store.search(&entry.embedding, 1).unwrap();
                    assert!(found[0].cosine > 0.999);
                    assert_eq!(store.get(id).unwrap(), entry);
                }
            });
        }
    });
    assert_eq!(store.len(), 800);
}
