//! What a user does: data plus a function.

use std::fmt::Debug;
use std::rc::Rc;

use crate::error::Failure;
use crate::user::User;

/// What users do. Shared by all threads; each thread makes its own [`Script`] from it, with whatever that needs (a script
/// engine and its program, prepared requests), so that threads share nothing while they run.
pub trait Journey: Debug + Send + Sync {
    /// What rows call it.
    fn name(&self) -> &str;

    /// One thread's own copy.
    ///
    /// # Errors
    /// If it cannot be made; the load does not start.
    fn script(&self) -> Result<Rc<dyn Script>, Failure>;
}

/// A thread's own copy of a journey.
pub trait Script {
    /// One iteration of one user. It may wait wherever `user` does; others run meanwhile, also in this same script. An
    /// error fails the iteration, not the user.
    ///
    /// # Errors
    /// Whatever the journey does not get over.
    fn run(&self, user: &User) -> Result<(), Failure>;
}

/// A journey written in Rust.
pub struct Native<F> {
    name: String,
    make: F,
}

impl<F> Debug for Native<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Native").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F, S> Native<F>
where
    F: Fn() -> S + Send + Sync,
    S: Fn(&User) -> Result<(), Failure> + 'static,
{
    /// A journey called `name`; `make` is called once on each thread and gives the function that is run for each
    /// iteration.
    pub fn new(name: impl Into<String>, make: F) -> Self {
        Self { name: name.into(), make }
    }
}

impl<F, S> Journey for Native<F>
where
    F: Fn() -> S + Send + Sync,
    S: Fn(&User) -> Result<(), Failure> + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn script(&self) -> Result<Rc<dyn Script>, Failure> {
        Ok(Rc::new(Function((self.make)())))
    }
}

struct Function<S>(S);

impl<S: Fn(&User) -> Result<(), Failure>> Script for Function<S> {
    fn run(&self, user: &User) -> Result<(), Failure> {
        (self.0)(user)
    }
}
