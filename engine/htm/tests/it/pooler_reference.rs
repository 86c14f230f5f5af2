//! The spatial pooler against a second one: plain nested loops over columns and inputs, phase by phase as in the published
//! text. It shares the random generator and nothing else.
#![expect(clippy::needless_range_loop, reason = "plain loops over numbers are what this one is for")]

use engine_htm::Sdr;
use engine_htm::pooler::{PoolerParams, SpatialPooler};
use engine_htm::random::Random;

const ONE: i64 = 60_000;

fn sixty_thousandths(value: f64) -> i64 {
    (value * ONE as f64).round() as i64
}

struct Slow {
    p: PoolerParams,
    /// Of every column: potential input and permanence.
    synapses: Vec<Vec<(u32, i64)>>,
    active_duty: Vec<f32>,
    overlap_duty: Vec<f32>,
    min_duty: Vec<f32>,
    boost: Vec<f32>,
    iteration: u64,
    radius: i64,
}

fn place(index: u32, sizes: &[u32]) -> Vec<i64> {
    let mut left = index;
    let mut at: Vec<i64> = sizes
        .iter()
        .rev()
        .map(|size| {
            let here = left % size;
            left /= size;
            i64::from(here)
        })
        .collect();
    at.reverse();
    at
}

fn apart(a: i64, b: i64, size: u32, wrap: bool) -> i64 {
    let plain = (a - b).abs();
    if wrap { plain.min(i64::from(size) - plain) } else { plain }
}

fn near(a: &[i64], b: &[i64], sizes: &[u32], radius: i64, wrap: bool) -> bool {
    (0..sizes.len()).all(|d| apart(a[d], b[d], sizes[d], wrap) <= radius)
}

impl Slow {
    fn new(p: PoolerParams) -> Self {
        let inputs: u32 = p.inputs.iter().product();
        let columns: u32 = p.columns.iter().product();
        let mut random = Random::new(p.seed);
        let connected = sixty_thousandths(p.connected);
        let mut synapses = Vec::new();
        for column in 0..columns {
            let centre = Self::centre(&p, column);
            let hood: Vec<u32> = (0..inputs)
                .filter(|i| near(&place(*i, &p.inputs), &centre, &p.inputs, i64::from(p.potential_radius), p.wrap))
                .collect();
            let count = ((hood.len() as f64 * p.potential_share).round() as u32).max(1);
            let mut pool = Vec::new();
            for at in random.sample(hood.len() as u32, count) {
                let permanence = if random.below(2) == 1 {
                    connected + i64::from(random.below((ONE - connected) as u32 + 1))
                } else {
                    i64::from(random.below(connected as u32))
                };
                pool.push((hood[at as usize], permanence));
            }
            synapses.push(pool);
        }
        let n = columns as usize;
        let mut slow = Self {
            p,
            synapses,
            active_duty: vec![0.0; n],
            overlap_duty: vec![0.0; n],
            min_duty: vec![0.0; n],
            boost: vec![1.0; n],
            iteration: 0,
            radius: 0,
        };
        slow.update_radius();
        slow
    }

    fn centre(p: &PoolerParams, column: u32) -> Vec<i64> {
        let at = place(column, &p.columns);
        (0..at.len())
            .map(|d| ((at[d] as f64 + 0.5) * f64::from(p.inputs[d]) / f64::from(p.columns[d])).floor() as i64)
            .collect()
    }

    fn neighbours(&self, column: usize) -> Vec<usize> {
        let middle = place(column as u32, &self.p.columns);
        (0..self.synapses.len())
            .filter(|c| near(&place(*c as u32, &self.p.columns), &middle, &self.p.columns, self.radius, self.p.wrap))
            .collect()
    }

    fn update_radius(&mut self) {
        if self.p.global_inhibition {
            self.radius = i64::from(*self.p.columns.iter().max().unwrap());
            return;
        }
        let connected = sixty_thousandths(self.p.connected);
        let dimensions = self.p.inputs.len();
        let mut spans = 0.0;
        for (column, pool) in self.synapses.iter().enumerate() {
            let centre = Self::centre(&self.p, column as u32);
            let mut span = 0.0;
            for d in 0..dimensions {
                let size = i64::from(self.p.inputs[d]);
                let offsets: Vec<i64> = pool
                    .iter()
                    .filter(|(_, permanence)| *permanence >= connected)
                    .map(|(input, _)| {
                        let offset = place(*input, &self.p.inputs)[d] - centre[d];
                        let round = [offset, offset - size, offset + size];
                        if self.p.wrap { round.into_iter().min_by_key(|o| o.abs()).unwrap() } else { offset }
                    })
                    .collect();
                if let (Some(low), Some(high)) = (offsets.iter().min(), offsets.iter().max()) {
                    span += (high - low + 1) as f64;
                }
            }
            spans += span / dimensions as f64;
        }
        let mut per_input = 0.0;
        for d in 0..dimensions {
            per_input += f64::from(self.p.columns[d]) / f64::from(self.p.inputs[d]);
        }
        let diameter = spans / self.synapses.len() as f64 * (per_input / dimensions as f64);
        self.radius = (((diameter - 1.0) / 2.0).max(1.0) + 0.5).floor() as i64;
    }

    fn step(&mut self, input: &[u32], learn: bool) -> Vec<u32> {
        self.iteration += 1;
        let connected = sixty_thousandths(self.p.connected);
        let overlaps: Vec<u32> = self
            .synapses
            .iter()
            .map(|pool| pool.iter().filter(|(i, p)| *p >= connected && input.contains(i)).count() as u32)
            .collect();
        let boosted: Vec<f32> = overlaps.iter().zip(&self.boost).map(|(&o, b)| o as f32 * b).collect();
        let winners = self.inhibit(&boosted);
        if learn {
            for &column in &winners {
                for (i, permanence) in &mut self.synapses[column as usize] {
                    let up = sixty_thousandths(self.p.increment);
                    let down = sixty_thousandths(self.p.decrement);
                    *permanence = (*permanence + if input.contains(i) { up } else { -down }).clamp(0, ONE);
                }
            }
            let period = self.iteration.min(u64::from(self.p.duty_period)) as f32;
            for column in 0..self.synapses.len() {
                let share =
                    |duty: f32, on: bool| duty * ((period - 1.0) / period) + if on { 1.0 / period } else { 0.0 };
                self.overlap_duty[column] = share(self.overlap_duty[column], overlaps[column] > 0);
                self.active_duty[column] = share(self.active_duty[column], winners.contains(&(column as u32)));
            }
            for column in 0..self.synapses.len() {
                if self.overlap_duty[column] < self.min_duty[column] {
                    for (_, permanence) in &mut self.synapses[column] {
                        *permanence = (*permanence + sixty_thousandths(self.p.connected / 10.0)).min(ONE);
                    }
                }
            }
            self.update_boost();
            if self.iteration.is_multiple_of(50) {
                self.update_radius();
                let share = self.p.min_overlap_duty as f32;
                for column in 0..self.synapses.len() {
                    let all: Vec<usize> = if self.p.global_inhibition {
                        (0..self.synapses.len()).collect()
                    } else {
                        self.neighbours(column)
                    };
                    self.min_duty[column] = share * all.iter().map(|c| self.overlap_duty[*c]).fold(0.0, f32::max);
                }
            }
        }
        winners
    }

    fn update_boost(&mut self) {
        if self.p.boost_strength > 0.0 {
            for column in 0..self.synapses.len() {
                let target = if self.p.global_inhibition {
                    self.p.density as f32
                } else {
                    let hood = self.neighbours(column);
                    hood.iter().map(|c| self.active_duty[*c]).sum::<f32>() / hood.len() as f32
                };
                self.boost[column] = ((target - self.active_duty[column]) * self.p.boost_strength as f32).exp();
            }
        }
    }

    fn inhibit(&self, boosted: &[f32]) -> Vec<u32> {
        let least = self.p.stimulus_threshold.max(1) as f32;
        let mut winners = Vec::new();
        if self.p.global_inhibition {
            let mut order: Vec<usize> = (0..boosted.len()).collect();
            order.sort_by(|a, b| (boosted[*b], *b).partial_cmp(&(boosted[*a], *a)).unwrap());
            let count = (self.p.density * boosted.len() as f64).floor() as usize;
            winners.extend(order.iter().take(count).filter(|c| boosted[**c] >= least).map(|c| *c as u32));
            winners.sort_unstable();
            return winners;
        }
        for column in 0..boosted.len() {
            let hood = self.neighbours(column);
            let ahead = hood
                .iter()
                .filter(|other| {
                    boosted[**other] > boosted[column]
                        || (boosted[**other] == boosted[column] && winners.contains(&(**other as u32)))
                })
                .count();
            let count = (0.5 + self.p.density * hood.len() as f64).floor() as usize;
            if boosted[column] >= least && ahead < count {
                winners.push(column as u32);
            }
        }
        winners
    }
}

fn compare(params: PoolerParams) {
    let inputs: u32 = params.inputs.iter().product();
    let columns: u32 = params.columns.iter().product();
    let (mut fast, mut slow) = (SpatialPooler::new(params.clone()).unwrap(), Slow::new(params.clone()));
    let mut random = Random::new(23);
    let known: Vec<Vec<u32>> = (0..12).map(|_| random.sample(inputs, inputs / 6)).collect();
    let mut winners = Sdr::empty(columns);
    let mut raised = 0;
    for at in 0..2_000 {
        let mut input = match known.get(random.below(16) as usize) {
            Some(known) => known.clone(),
            None => {
                let count = random.below(inputs / 3);
                random.sample(inputs, count)
            }
        };
        // The first inputs are silent for long, so that some columns are weak.
        if at < 1_500 {
            input.retain(|input| *input >= inputs / 3);
        }
        let learn = random.below(10) != 0;
        fast.step(&Sdr::new(inputs, input.clone()).unwrap(), learn, &mut winners).unwrap();
        assert_eq!(winners.on(), slow.step(&input, learn), "winners at step {at}");
        assert_eq!(i64::from(fast.inhibition_radius()), slow.radius, "radius at step {at}");
        for (column, pool) in (0..).zip(&slow.synapses) {
            let here: Vec<(u32, i64)> = fast.synapses(column).map(|(i, p)| (i, sixty_thousandths(p))).collect();
            assert_eq!(here, *pool, "synapses of column {column} at step {at}");
        }
        assert!(
            fast.active_duty().iter().zip(&slow.active_duty).all(|(a, b)| a.to_bits() == b.to_bits()),
            "duty at step {at}"
        );
        raised += slow.overlap_duty.iter().zip(&slow.min_duty).filter(|(duty, least)| duty < least).count();
    }
    assert!(raised > 0 || params.min_overlap_duty == 0.0, "no column was ever weak");
}

fn small() -> PoolerParams {
    PoolerParams {
        inputs: vec![90],
        columns: vec![70],
        potential_radius: 9,
        density: 0.1,
        duty_period: 100,
        min_overlap_duty: 0.2,
        ..PoolerParams::default()
    }
}

#[test]
fn global_inhibition() {
    compare(small());
}

#[test]
fn global_inhibition_with_boosting_and_whole_pools() {
    let params = PoolerParams {
        boost_strength: 3.0,
        potential_radius: 90,
        potential_share: 0.8,
        min_overlap_duty: 1.0,
        ..small()
    };
    compare(PoolerParams { increment: 0.003, decrement: 0.0005, connected: 0.2, stimulus_threshold: 2, ..params });
}

#[test]
fn local_inhibition() {
    compare(PoolerParams { global_inhibition: false, stimulus_threshold: 1, ..small() });
}

#[test]
fn local_inhibition_in_a_plane_with_boosting() {
    let params = PoolerParams { inputs: vec![12, 10], columns: vec![8, 9], potential_radius: 2, ..small() };
    compare(PoolerParams { global_inhibition: false, wrap: false, boost_strength: 2.0, ..params });
}
