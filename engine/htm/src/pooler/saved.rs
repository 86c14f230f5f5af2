//! Saving and loading a pooler; a loaded one goes on exactly as the saved one would have.

use std::io::{Read, Write};

use super::pools::Pools;
use super::{PoolerParams, SpatialPooler, grids};
use crate::saved::{self, Kind, LoadError, Reader, Writer};

const KIND: Kind = Kind { letters: *b"POOL", name: "spatial pooler" };

impl SpatialPooler {
    /// Writes the pooler.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn save(&self, to: &mut dyn Write) -> std::io::Result<()> {
        let mut content = Writer::default();
        self.params.write(&mut content);
        content.u64(self.iteration);
        content.u16s(self.pools.permanences());
        for list in [&self.active_duty, &self.overlap_duty, &self.min_duty, &self.boost] {
            content.f32s(list);
        }
        // The radius is of the last update, which the permanences do not tell any more.
        content.u32(self.radius);
        saved::write(KIND, &content.0, to)
    }

    /// Reads a pooler that was saved.
    ///
    /// # Errors
    /// A file that is no saved pooler, is cut short or damaged.
    pub fn load(from: &mut dyn Read) -> Result<Self, LoadError> {
        let content = saved::read(KIND, from)?;
        let mut reader = Reader::new(&content);
        let params = PoolerParams::read(&mut reader)?;
        let (inputs, columns) = grids(&params).map_err(|_| LoadError::Content("its parameters are impossible"))?;
        let iteration = reader.u64()?;
        let permanences = reader.u16s(None)?;
        let mut pools = Pools::empty(&params, &inputs, &columns);
        if !pools.set_permanences(permanences) {
            return Err(LoadError::Content("its permanences are not of its pools"));
        }
        let mut pooler = Self::from_parts(params, inputs, columns, pools);
        pooler.iteration = iteration;
        let count = pooler.overlaps.len();
        for list in [&mut pooler.active_duty, &mut pooler.overlap_duty, &mut pooler.min_duty, &mut pooler.boost] {
            *list = reader.f32s(Some(count))?;
            if !list.iter().all(|value| value.is_finite() && *value >= 0.0) {
                return Err(LoadError::Content("a duty cycle is no number"));
            }
        }
        let radius = reader.u32()?;
        reader.end()?;
        if !pooler.params.global_inhibition && radius != pooler.radius {
            pooler.set_radius(radius);
        }
        Ok(pooler)
    }
}
