//! Free functions of journeys: `group`, `ack`, `stop`; and what `timed`, `record`, `sleep` do for a user.

use std::rc::Rc;

use engine_core::quantity::Quantity;
use engine_load::{ErrorClass, Failure};
use rhai::{Dynamic, Engine, FnPtr, ImmutableString, NativeCallContext};

use super::person::{Ended, Person, record};
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::kept;
use crate::plain::Plain;

impl Host {
    /// The user whose journey runs now, if one does.
    pub(crate) fn person(&self) -> Option<Person> {
        self.stage.get().and_then(super::Stage::current)
    }

    /// The user whose journey runs now; raises where none does.
    fn in_journey(&self, ctx: &NativeCallContext<'_>) -> Raised<Person> {
        self.person().ok_or_else(|| {
            let verb = ctx.fn_name();
            Fault::invalid("misplaced", format!("`{verb}` stands in a journey: there is no user here"))
                .help(format!("put it into a function that `load(..)` runs: `fn buyer(user) {{ {verb}(..); }}`"))
                .raise(ctx)
        })
    }
}

/// Runs a section of a journey with its requests counted under a name.
fn group(host: &Host, ctx: &NativeCallContext<'_>, name: &str, function: &FnPtr) -> Raised<Dynamic> {
    let person = host.in_journey(ctx)?;
    kept::arity(host, ctx, function, &[0], &host.at(ctx))?;
    let function = kept::callable(host, ctx, function)?;
    person.user.group(name, || function.call_raw(ctx, None, []))
}

/// Times a section of a journey as a row of its own.
pub(crate) fn timed(
    host: &Host,
    ctx: &NativeCallContext<'_>,
    person: &Person,
    name: &str,
    function: &FnPtr,
) -> Raised<Dynamic> {
    kept::arity(host, ctx, function, &[0], &host.at(ctx))?;
    let function = kept::callable(host, ctx, function)?;
    let mut raised = None;
    let result = person.user.timed(name, || {
        function.call_raw(ctx, None, []).map_err(|error| {
            let failure = super::outcome_of(host, &error);
            raised = Some(error);
            failure
        })
    });
    result.map_err(|failure| raised.unwrap_or_else(|| Ended::raise(failure)))
}

/// Records a value of a journey.
pub(crate) fn recorded(host: &Host, person: &Person, name: &str, value: Quantity) -> Raised<()> {
    record(host, person, &ImmutableString::from(name), value)
}

/// Lets the user of a journey wait.
pub(crate) fn slept(host: &Host, person: &Person, seconds: f64) -> Raised<()> {
    super::think::wait(host, person, seconds)
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = Rc::clone(host);
    engine.register_fn("group", move |ctx: NativeCallContext<'_>, name: &str, function: FnPtr| {
        group(&h, &ctx, name, &function)
    });
    let h = Rc::clone(host);
    engine.register_fn("stop", move |ctx: NativeCallContext<'_>, message: &str| -> Raised<()> {
        let person = h.in_journey(&ctx)?;
        person.user.end_load();
        Err(Ended::raise(Failure::new(ErrorClass::Journey, format!("the load was stopped: {message}"))))
    });
    let h = Rc::clone(host);
    engine.register_fn("ack", move |ctx: NativeCallContext<'_>, key: Dynamic| -> Raised<()> {
        let person = h.in_journey(&ctx)?;
        let stage = super::person::stage(&h)?;
        stage.trace(|| format!("acknowledged `{key}`"));
        if stage.acks.wanted() {
            let plain = Plain::of(&key).map_err(|what| {
                let message = format!("`ack` takes plain data by which it can be asked for again, got {what}");
                Fault::runtime("wrong-call", message).raise(&ctx)
            })?;
            stage.acks.add(plain);
        }
        recorded(&h, &person, "acknowledged", Quantity::number(1.0))
    });
}
