//! Readings of the system monitor. They come once a second for as long as a run goes, so they are kept as bytes: a version,
//! which of the values that a system may not tell are there, and the numbers, all of 64 bits and little-endian. Stores of
//! earlier versions have them as JSON.

use engine_core::host_sample::{HostSample, Temperature};
use rusqlite::{Connection, params};

use crate::error::Error;
use crate::json;
use crate::record::Fault;
use crate::rows::Rows;

/// Of the bytes. A reader refuses what it does not know.
const VERSION: u8 = 1;

/// Stores a reading.
pub(crate) fn insert(rows: Rows<'_>, run: i64, position: i64, sample: &HostSample) -> Result<(), Error> {
    if !numbers(sample).all(f64::is_finite) {
        // An export is JSON, which cannot carry it.
        let detail = "it holds a value that is not finite".to_owned();
        return Err(rows.unstorable("a sample of the system monitor", detail));
    }
    rows.run(
        "INSERT INTO host (run, position, at, data, packed) VALUES (?1, ?2, ?3, '', ?4)",
        params![run, position, sample.at, packed(sample)],
    )
}

/// The readings of a run beyond a position, with their positions.
pub(crate) fn after(connection: &Connection, run: i64, after: i64) -> Result<Vec<(i64, HostSample)>, Fault> {
    let sql = "SELECT position, data, packed FROM host WHERE run = ?1 AND position > ?2 ORDER BY position";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([run, after])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(2)?.as_blob_or_null().map_err(|error| error.to_string())?;
        let sample = match bytes {
            Some(bytes) => {
                unpacked(bytes).ok_or_else(|| "the bytes of a reading of the machine are damaged".to_owned())?
            }
            None => json::read(row.get_ref(1)?.as_str().map_err(|error| error.to_string())?)?,
        };
        found.push((row.get(0)?, sample));
    }
    Ok(found)
}

/// Every number that could be none.
fn numbers(sample: &HostSample) -> impl Iterator<Item = f64> {
    let HostSample { at, cpu, network_received, network_sent, loopback, own_cpu, cost, .. } = *sample;
    let fixed = [at, cpu, network_received, network_sent, loopback, own_cpu, cost];
    let optional = optional(sample).into_iter().flatten();
    let sensors = sample.temperatures.iter().map(|sensor| sensor.celsius);
    fixed.into_iter().chain(optional).chain(sample.cores.iter().copied()).chain(sensors)
}

/// What a system may not tell, in the order of its bits and bytes.
fn optional(sample: &HostSample) -> [Option<f64>; 8] {
    [
        sample.disk_read,
        sample.disk_write,
        sample.pressure_cpu,
        sample.pressure_io,
        sample.pressure_memory,
        sample.frequency,
        sample.power,
        sample.load,
    ]
}

fn packed(sample: &HostSample) -> Vec<u8> {
    // Every field by its name, so that a new one is not forgotten here.
    let HostSample {
        at,
        cpu,
        cores,
        memory_used,
        memory_available,
        memory_total,
        swap_used,
        disk_read: _,
        disk_write: _,
        network_received,
        network_sent,
        loopback,
        pressure_cpu: _,
        pressure_io: _,
        pressure_memory: _,
        temperatures,
        frequency: _,
        power: _,
        load: _,
        own_memory,
        own_cpu,
        cost,
    } = sample;
    let optional = optional(sample);
    let there =
        optional.iter().enumerate().fold(0_u8, |bits, (place, value)| bits | (u8::from(value.is_some()) << place));
    let mut bytes = Vec::with_capacity(200 + 8 * cores.len());
    bytes.extend([VERSION, there]);
    for value in [*at, *cpu, *network_received, *network_sent, *loopback, *own_cpu, *cost] {
        bytes.extend(value.to_le_bytes());
    }
    for value in [*memory_used, *memory_available, *memory_total, *swap_used, *own_memory] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(optional.iter().flatten().flat_map(|value| value.to_le_bytes()));
    bytes.extend((cores.len() as u64).to_le_bytes());
    bytes.extend(cores.iter().flat_map(|share| share.to_le_bytes()));
    bytes.extend((temperatures.len() as u64).to_le_bytes());
    for Temperature { label, celsius } in temperatures {
        bytes.extend(celsius.to_le_bytes());
        bytes.extend((label.len() as u64).to_le_bytes());
        bytes.extend(label.as_bytes());
    }
    bytes
}

/// None for bytes that are not those of [`packed`].
fn unpacked(bytes: &[u8]) -> Option<HostSample> {
    let (&[version, there], mut rest) = bytes.split_first_chunk()?;
    if version != VERSION {
        return None;
    }
    let rest = &mut rest;
    let mut sample = HostSample {
        at: number(rest)?,
        cpu: number(rest)?,
        network_received: number(rest)?,
        network_sent: number(rest)?,
        loopback: number(rest)?,
        own_cpu: number(rest)?,
        cost: number(rest)?,
        memory_used: whole(rest)?,
        memory_available: whole(rest)?,
        memory_total: whole(rest)?,
        swap_used: whole(rest)?,
        own_memory: whole(rest)?,
        ..HostSample::default()
    };
    let fields = [
        &mut sample.disk_read,
        &mut sample.disk_write,
        &mut sample.pressure_cpu,
        &mut sample.pressure_io,
        &mut sample.pressure_memory,
        &mut sample.frequency,
        &mut sample.power,
        &mut sample.load,
    ];
    for (place, field) in fields.into_iter().enumerate() {
        if there & (1 << place) != 0 {
            *field = Some(number(rest)?);
        }
    }
    let cores = count(rest)?;
    sample.cores = (0..cores).map(|_| number(rest)).collect::<Option<_>>()?;
    for _ in 0..count(rest)? {
        let celsius = number(rest)?;
        let length = count(rest)?;
        let (label, left) = rest.split_at_checked(length)?;
        *rest = left;
        sample.temperatures.push(Temperature { label: String::from_utf8(label.to_vec()).ok()?, celsius });
    }
    rest.is_empty().then_some(sample)
}

fn whole(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(u64::from_le_bytes(*bytes))
}

fn number(rest: &mut &[u8]) -> Option<f64> {
    whole(rest).map(f64::from_bits)
}

/// A number of things, each of which takes at least a byte of what is left.
fn count(rest: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(whole(rest)?).ok()?;
    (count <= rest.len()).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> HostSample {
        HostSample {
            at: 0.1 + 0.2,
            cpu: f64::MIN_POSITIVE,
            cores: vec![0.25, -0.0, 1.0],
            memory_used: u64::MAX,
            memory_available: 1,
            memory_total: 2,
            swap_used: 3,
            disk_read: Some(1e300),
            disk_write: None,
            network_received: 4.0,
            network_sent: 5.0,
            loopback: 6.0,
            pressure_cpu: None,
            pressure_io: Some(0.5),
            pressure_memory: Some(0.0),
            temperatures: vec![
                Temperature { label: "é \u{1f980} \0".to_owned(), celsius: 40.5 },
                Temperature { label: String::new(), celsius: -1.0 },
            ],
            frequency: Some(3e9),
            power: None,
            load: Some(7.0),
            own_memory: 8,
            own_cpu: 9.0,
            cost: 10.0,
        }
    }

    #[test]
    fn every_field_comes_back() {
        for sample in [full(), HostSample::default(), HostSample { power: Some(65.0), ..HostSample::default() }] {
            assert_eq!(unpacked(&packed(&sample)), Some(sample));
        }
    }

    #[test]
    fn bytes_that_were_cut_or_changed_are_refused() {
        let bytes = packed(&full());
        for end in 0..bytes.len() {
            assert_eq!(unpacked(&bytes[..end]), None, "cut at {end}");
        }
        let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        assert_eq!(unpacked(&longer), None);
        let mut other = bytes.clone();
        other[0] = 2;
        assert_eq!(unpacked(&other), None, "another version");
        // A count that is far too large takes no memory.
        let cores = 2 + 12 * 8 + 5 * 8;
        let mut huge = bytes;
        huge[cores..cores + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(unpacked(&huge), None);
    }
}
