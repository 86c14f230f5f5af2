//! What a journey says about itself beside its requests: checks, recorded values, what it keeps from one iteration to the
//! next, and that the whole load shall end.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine_core::unit::Unit;

use super::User;
use crate::clock;
use crate::error::{ErrorClass, Failure};
use crate::record::{End, Endpoint, Kind, Sample, Slot, value_scale};
use crate::worker::{END_GRACEFULLY, RUN};

/// The name of a check or of a recorded value, its row looked up once. Belongs to its thread.
#[derive(Debug)]
pub struct Mark {
    kind: Kind,
    name: Arc<str>,
    unit: Cell<Option<Unit>>,
    /// The row of the journey and group in which it was last used.
    row: Cell<Option<(u16, Endpoint)>>,
    group: RefCell<Arc<str>>,
}

impl Mark {
    fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            unit: Cell::new(None),
            row: Cell::new(None),
            group: RefCell::new(Arc::from("")),
        }
    }

    /// A check.
    pub fn check(name: &str) -> Self {
        Self::new(Kind::Check, name)
    }

    /// A value to be recorded.
    pub fn value(name: &str) -> Self {
        Self::new(Kind::Value, name)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl User {
    /// Counts a check that was met or not. It fails nothing: what is made of the share is the caller's.
    pub fn check(&self, mark: &Mark, met: bool) {
        let slot = self.slot_of(mark);
        let mut inner = self.cell.reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.started += 1;
        let end = if met { End::Ok } else { End::Failed };
        row.record(Sample { end, intended: 0, begun: 0, ended: 0 });
        if !met {
            row.error(ErrorClass::Check, || mark.name.to_string());
        }
    }

    /// Records a value in the base unit of `unit`.
    ///
    /// # Errors
    /// If it is negative or not finite, or in another unit than before under this name.
    pub fn record(&self, mark: &Mark, value: f64, unit: Unit) -> Result<(), Failure> {
        let invalid = |what: String| Err(Failure::new(ErrorClass::Script, what));
        if !(value.is_finite() && value >= 0.0) {
            return invalid(format!("`{}`: a journey records finite values from 0 on, got {value}", mark.name));
        }
        if let Some(known) = mark.unit.replace(Some(unit))
            && known != unit
        {
            return invalid(format!("`{}` was recorded in {known} before and is in {unit} now", mark.name));
        }
        let slot = self.slot_of(mark);
        let scaled = (value * value_scale(unit)).round() as u64;
        let mut inner = self.cell.reactor.inner.borrow_mut();
        let row = inner.recorder.row(slot);
        row.unit = Some(unit);
        row.started += 1;
        row.record(Sample { end: End::Ok, intended: 0, begun: 0, ended: scaled });
        Ok(())
    }

    fn slot_of(&self, mark: &Mark) -> Slot {
        let cell = &*self.cell;
        let journey = cell.journey.get();
        let phase = cell.reactor.phase_of(clock::now());
        let group = cell.group.borrow();
        if let Some((known, endpoint)) = mark.row.get()
            && known == journey
            && *mark.group.borrow() == *group
        {
            return Slot { endpoint, phase };
        }
        let endpoint = cell.reactor.inner.borrow_mut().recorder.endpoint(mark.kind, journey, &group, &mark.name);
        mark.row.set(Some((journey, endpoint)));
        *mark.group.borrow_mut() = Arc::clone(&group);
        Slot { endpoint, phase }
    }

    /// Ends the whole load: no iteration begins any more on any thread, those under way may end within the grace.
    pub fn end_load(&self) {
        let stop = &self.cell.reactor.shared.stop;
        let _ = stop.compare_exchange(RUN, END_GRACEFULLY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Gives its thread to the others for a moment, as a long computation should now and then.
    ///
    /// # Errors
    /// If the user cannot wait here.
    pub fn breathe(&self) -> Result<(), Failure> {
        self.sleep_until(clock::now())
    }

    /// What [`User::attach`] left, if it is of this type.
    pub fn attached<T: 'static>(&self) -> Option<Rc<T>> {
        self.cell.attached.borrow().clone()?.downcast().ok()
    }

    /// Keeps something with the user for its next iterations. In an open model a place serves one arrival after the
    /// other, each somebody else: [`User::number`] tells.
    pub fn attach(&self, what: Rc<dyn Any>) {
        *self.cell.attached.borrow_mut() = Some(what);
    }

    /// The address on which paths are asked for, where the load has one.
    pub fn target(&self) -> Option<&crate::http::Origin> {
        self.cell.reactor.load.target.as_ref()
    }

    /// The seed of the load.
    pub fn seed(&self) -> u64 {
        self.cell.reactor.load.seed
    }
}
