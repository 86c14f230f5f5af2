//! The temporal memory against a second one: plain nested loops over cells, segments and synapses, phase by phase as in
//! the published text. It shares the random generator and nothing else.

use engine_htm::Sdr;
use engine_htm::memory::{MemoryParams, TemporalMemory};
use engine_htm::random::Random;

/// Permanences are counted in 60,000ths.
const ONE: i64 = 60_000;

#[derive(Debug, Clone, Default)]
struct Segment {
    /// Presynaptic cell and permanence.
    synapses: Vec<(u32, i64)>,
    last_used: u64,
    potential: usize,
    connected: usize,
}

struct Slow {
    p: MemoryParams,
    random: Random,
    cells: Vec<Vec<Segment>>,
    active: Vec<u32>,
    winners: Vec<u32>,
    step: u64,
    anomaly: f64,
}

fn sixty_thousandths(value: f64) -> i64 {
    (value * ONE as f64).round() as i64
}

impl Slow {
    fn new(p: MemoryParams) -> Self {
        let cells = vec![Vec::new(); (p.columns * p.cells_per_column) as usize];
        let random = Random::new(p.seed);
        Self { p, random, cells, active: vec![], winners: vec![], step: 0, anomaly: 0.0 }
    }

    fn cells_of(&self, column: u32) -> std::ops::Range<u32> {
        column * self.p.cells_per_column..(column + 1) * self.p.cells_per_column
    }

    fn is_active(&self, segment: &Segment) -> bool {
        segment.connected >= self.p.activation_threshold as usize
    }

    fn is_matching(&self, segment: &Segment) -> bool {
        segment.potential >= self.p.min_threshold as usize
    }

    fn reset(&mut self) {
        self.active.clear();
        self.winners.clear();
        for segment in self.cells.iter_mut().flatten() {
            (segment.potential, segment.connected) = (0, 0);
        }
    }

    fn predicted(&self) -> Vec<u32> {
        let predicted = |cell: &u32| self.cells[*cell as usize].iter().any(|segment| self.is_active(segment));
        (0..self.cells.len() as u32).filter(predicted).collect()
    }

    fn step(&mut self, columns: &[u32], learn: bool) {
        let before_active = std::mem::take(&mut self.active);
        let before_winners = std::mem::take(&mut self.winners);
        let mut bursts = 0;
        for column in 0..self.p.columns {
            if columns.contains(&column) {
                let predicted = self.cells_of(column).any(|c| self.cells[c as usize].iter().any(|s| self.is_active(s)));
                if predicted {
                    self.activate_predicted(column, &before_active, &before_winners, learn);
                } else {
                    bursts += 1;
                    self.burst(column, &before_active, &before_winners, learn);
                }
            }
        }
        self.anomaly = if columns.is_empty() { 0.0 } else { f64::from(bursts) / columns.len() as f64 };
        if learn && self.p.predicted_decrement > 0.0 {
            for column in (0..self.p.columns).filter(|column| !columns.contains(column)) {
                self.punish(column, &before_active);
            }
        }
        self.count(learn);
        self.step += 1;
    }

    fn activate_predicted(&mut self, column: u32, active: &[u32], winners: &[u32], learn: bool) {
        for cell in self.cells_of(column) {
            let segments = self.cells[cell as usize].clone();
            if !segments.iter().any(|segment| self.is_active(segment)) {
                continue;
            }
            self.active.push(cell);
            self.winners.push(cell);
            if learn {
                let mut kept = Vec::new();
                for segment in segments {
                    kept.extend(if self.is_active(&segment) {
                        self.learn_on(segment, active, winners)
                    } else {
                        Some(segment)
                    });
                }
                self.cells[cell as usize] = kept;
            }
        }
    }

    fn burst(&mut self, column: u32, active: &[u32], winners: &[u32], learn: bool) {
        self.active.extend(self.cells_of(column));
        let mut best: Option<(u32, usize, usize)> = None;
        for cell in self.cells_of(column) {
            for (at, segment) in self.cells[cell as usize].iter().enumerate() {
                if self.is_matching(segment) && best.is_none_or(|(.., most)| segment.potential > most) {
                    best = Some((cell, at, segment.potential));
                }
            }
        }
        if let Some((cell, at, _)) = best {
            self.winners.push(cell);
            if learn {
                let segment = self.cells[cell as usize].remove(at);
                if let Some(segment) = self.learn_on(segment, active, winners) {
                    self.cells[cell as usize].insert(at, segment);
                }
            }
            return;
        }
        let winner = winners.iter().copied().find(|w| self.cells_of(column).contains(w)).unwrap_or_else(|| {
            let fewest = self.cells_of(column).map(|cell| self.cells[cell as usize].len()).min().unwrap();
            let equal: Vec<u32> =
                self.cells_of(column).filter(|cell| self.cells[*cell as usize].len() == fewest).collect();
            equal[self.random.below(equal.len() as u32) as usize]
        });
        self.winners.push(winner);
        let count = winners.len().min(self.p.max_new_synapses as usize);
        if learn && count > 0 {
            while self.cells[winner as usize].len() >= self.p.max_segments_per_cell as usize {
                let segments = &mut self.cells[winner as usize];
                let oldest = segments.iter().map(|segment| segment.last_used).min().unwrap();
                let at = segments.iter().position(|segment| segment.last_used == oldest).unwrap();
                segments.remove(at);
            }
            let mut segment = Segment { last_used: self.step, ..Segment::default() };
            self.grow(&mut segment, count, winners);
            self.cells[winner as usize].push(segment);
        }
    }

    /// Reinforces a segment; `None` when too few synapses are left of it.
    fn learn_on(&mut self, mut segment: Segment, active: &[u32], winners: &[u32]) -> Option<Segment> {
        let (up, down) = (sixty_thousandths(self.p.increment), sixty_thousandths(self.p.decrement));
        for (cell, permanence) in &mut segment.synapses {
            *permanence += if active.contains(cell) { up } else { -down };
            *permanence = (*permanence).clamp(0, ONE);
        }
        segment.synapses.retain(|(_, permanence)| *permanence > 0);
        if segment.synapses.len() < self.p.min_threshold as usize {
            return None;
        }
        let missing = (self.p.max_new_synapses as usize).saturating_sub(segment.potential);
        self.grow(&mut segment, missing, winners);
        Some(segment)
    }

    fn punish(&mut self, column: u32, active: &[u32]) {
        let down = sixty_thousandths(self.p.predicted_decrement);
        for cell in self.cells_of(column) {
            let mut segments = std::mem::take(&mut self.cells[cell as usize]);
            segments.retain_mut(|segment| {
                if !self.is_matching(segment) {
                    return true;
                }
                for (cell, permanence) in &mut segment.synapses {
                    if active.contains(cell) {
                        *permanence = (*permanence - down).max(0);
                    }
                }
                segment.synapses.retain(|(_, permanence)| *permanence > 0);
                segment.synapses.len() >= self.p.min_threshold as usize
            });
            self.cells[cell as usize] = segments;
        }
    }

    fn grow(&mut self, segment: &mut Segment, wanted: usize, winners: &[u32]) {
        let known = |segment: &Segment, cell: u32| segment.synapses.iter().any(|(from, _)| *from == cell);
        let mut candidates: Vec<u32> = winners.iter().copied().filter(|cell| !known(segment, *cell)).collect();
        let mut count = wanted.min(candidates.len());
        let most = self.p.max_synapses_per_segment as usize;
        while count > 0 && segment.synapses.len() + count > most {
            let mut weakest: Option<usize> = None;
            for (at, (cell, permanence)) in segment.synapses.iter().enumerate() {
                if !winners.contains(cell) && weakest.is_none_or(|weak| *permanence < segment.synapses[weak].1) {
                    weakest = Some(at);
                }
            }
            match weakest {
                Some(at) => drop(segment.synapses.remove(at)),
                None => count = most - segment.synapses.len(),
            }
        }
        for _ in 0..count {
            let at = self.random.below(candidates.len() as u32) as usize;
            segment.synapses.push((candidates.remove(at), sixty_thousandths(self.p.initial_permanence)));
        }
    }

    fn count(&mut self, learn: bool) {
        let connected = sixty_thousandths(self.p.connected);
        for segment in self.cells.iter_mut().flatten() {
            let on = segment.synapses.iter().filter(|(cell, _)| self.active.contains(cell));
            segment.potential = on.clone().count();
            segment.connected = on.filter(|(_, permanence)| *permanence >= connected).count();
            if learn && segment.connected >= self.p.activation_threshold as usize {
                segment.last_used = self.step;
            }
        }
    }
}

/// 2,000 steps: sequences that come back, with noise, among random columns.
fn stream(columns: u32, active: u32, seed: u64) -> Vec<(Vec<u32>, bool, bool)> {
    let mut random = Random::new(seed);
    let known: Vec<Vec<Vec<u32>>> = (0..4).map(|_| (0..7).map(|_| random.sample(columns, active)).collect()).collect();
    let mut steps = Vec::new();
    while steps.len() < 2_000 {
        let sequence = random.below(5) as usize;
        let resets = random.below(3) == 0;
        for at in 0..7 {
            let mut on = match known.get(sequence) {
                Some(sequence) => sequence[at].clone(),
                None => random.sample(columns, active),
            };
            if random.below(4) == 0 {
                let place = random.below(on.len() as u32) as usize;
                on[place] = random.below(columns);
                on.sort_unstable();
                on.dedup();
            }
            if random.below(100) == 0 {
                on.clear();
            }
            steps.push((on, random.below(12) != 0, resets && at == 0));
        }
    }
    steps.truncate(2_000);
    steps
}

fn compare(params: MemoryParams, active: u32) {
    let (mut fast, mut slow) = (TemporalMemory::new(params.clone()).unwrap(), Slow::new(params.clone()));
    let mut seen = (0.0_f64, 0, 0);
    for (at, (columns, learn, reset)) in stream(params.columns, active, 17).into_iter().enumerate() {
        if reset {
            fast.reset();
            slow.reset();
        }
        fast.step(&Sdr::new(params.columns, columns.clone()).unwrap(), learn).unwrap();
        slow.step(&columns, learn);
        assert_eq!(fast.active_cells(), slow.active, "active cells at step {at}");
        assert_eq!(fast.winner_cells(), slow.winners, "winners at step {at}");
        assert_eq!(fast.predicted_cells().on(), slow.predicted(), "predicted cells at step {at}");
        assert!(fast.anomaly().to_bits() == slow.anomaly.to_bits(), "anomaly at step {at}");
        for (cell, segments) in (0..).zip(&slow.cells) {
            let here = fast.segments_of(cell);
            assert_eq!(here.len(), segments.len(), "segments of cell {cell} at step {at}");
            for (here, segment) in here.iter().zip(segments) {
                let here: Vec<(u32, i64)> =
                    here.iter().map(|&(cell, permanence)| (cell, sixty_thousandths(permanence))).collect();
                assert_eq!(here, segment.synapses, "synapses of cell {cell} at step {at}");
            }
        }
        assert_eq!(fast.segments(), slow.cells.iter().map(Vec::len).sum::<usize>());
        let synapses: usize = slow.cells.iter().flatten().map(|segment| segment.synapses.len()).sum();
        assert_eq!(fast.synapses(), synapses);
        seen = (seen.0 + fast.anomaly(), seen.1.max(fast.segments()), seen.2 + fast.predicted_cells().on().len());
    }
    // The stream has put everything to use: some of it was predicted, some was not.
    assert!(seen.0 > 100.0 && seen.0 < 1_900.0 && seen.1 > 50 && seen.2 > 1_000, "{seen:?}");
}

fn small() -> MemoryParams {
    MemoryParams {
        columns: 64,
        cells_per_column: 4,
        activation_threshold: 5,
        min_threshold: 3,
        max_new_synapses: 7,
        ..MemoryParams::default()
    }
}

#[test]
fn plain_parameters() {
    compare(small(), 8);
}

#[test]
fn wrong_predictions_are_punished() {
    compare(MemoryParams { predicted_decrement: 0.03, cells_per_column: 6, ..small() }, 8);
}

#[test]
fn limits_of_segments_and_synapses() {
    let params = MemoryParams {
        max_segments_per_cell: 3,
        max_synapses_per_segment: 9,
        initial_permanence: 0.5,
        decrement: 0.04,
        ..small()
    };
    compare(params, 10);
}

#[test]
fn one_cell_a_column() {
    compare(MemoryParams { cells_per_column: 1, columns: 100, max_new_synapses: 12, ..small() }, 9);
}

#[test]
fn many_winners() {
    // More than fit one word of marks.
    let params =
        MemoryParams { columns: 200, cells_per_column: 2, activation_threshold: 13, min_threshold: 10, ..small() };
    compare(MemoryParams { max_new_synapses: 20, ..params }, 80);
}
