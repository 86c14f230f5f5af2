//! Messages, time and ends: `log`, and the language's own `sleep` and `exit` replaced.

use std::rc::Rc;
use std::time::{Duration, Instant};

use engine_core::event::NoteLevel;
use rhai::{Dynamic, Engine, NativeCallContext};

use crate::fault::{Fault, Raised};
use crate::host::Host;

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let h = Rc::clone(host);
    engine.register_fn("log", move |ctx: NativeCallContext<'_>, text: Dynamic| {
        h.note(NoteLevel::Info, &text.to_string(), Some(&h.at(&ctx)));
    });
    let h = Rc::clone(host);
    engine.on_print(move |text| h.note(NoteLevel::Info, text, None));
    let h = Rc::clone(host);
    engine.on_debug(move |text, source, pos| {
        let at = crate::fault::At { file: source.unwrap_or_default().to_owned(), pos, length: 1 };
        h.note(NoteLevel::Info, text, Some(&at));
    });
    // Exact types: with `Dynamic` the built-in versions would still win, and block the thread.
    let h = Rc::clone(host);
    #[expect(clippy::cast_precision_loss, reason = "nobody sleeps 2^53 seconds")]
    engine.register_fn("sleep", move |ctx: NativeCallContext<'_>, seconds: i64| sleep(&h, &ctx, seconds as f64));
    let h = Rc::clone(host);
    engine.register_fn("sleep", move |ctx: NativeCallContext<'_>, seconds: f64| sleep(&h, &ctx, seconds));
    let h = Rc::clone(host);
    engine.register_fn("sleep", move |ctx: NativeCallContext<'_>, time: rhai::ImmutableString| -> Raised<()> {
        let seconds = crate::verb_options::time(&time.into())
            .map_err(|message| Fault::runtime("wrong-call", format!("`sleep` {message}")).raise(&ctx))?;
        sleep(&h, &ctx, seconds)
    });
    let refuse = |ctx: &NativeCallContext<'_>| -> Raised<()> {
        Err(Fault::invalid("exit", "a scenario cannot end the engine")
            .help("end a function with `return`, or `throw` an error")
            .raise(ctx))
    };
    engine.register_fn("exit", move |ctx: NativeCallContext<'_>| refuse(&ctx));
    engine.register_fn("exit", move |ctx: NativeCallContext<'_>, _code: Dynamic| refuse(&ctx));
}

/// Waits in short naps, so that Ctrl-C and the step's time end it.
fn sleep(host: &Host, ctx: &NativeCallContext<'_>, seconds: f64) -> Raised<()> {
    host.running(ctx)?;
    if !seconds.is_finite() || !(0.0..=86_400.0).contains(&seconds) {
        return Err(Fault::runtime("wrong-call", format!("`sleep` waits 0 to 86400 s, got {seconds}")).raise(ctx));
    }
    if let Some(person) = host.person() {
        return crate::journey::slept(host, &person, seconds);
    }
    let seconds = if host.tiny() { (seconds * 0.01).min(0.2) } else { seconds };
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let last = host.guard.deadline().map_or(end, |deadline| deadline.min(end));
    while Instant::now() < last && !host.guard.cancelled() {
        std::thread::sleep(last.saturating_duration_since(Instant::now()).min(Duration::from_millis(20)));
    }
    Ok(())
}
