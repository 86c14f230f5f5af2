//! Layers within this thread: a function, a registry, a script, and JSON-RPC text.

use std::hint::black_box;

use super::super::lent::ScriptTool;
use super::super::rpc::{Caller, Check, Registry, SECOND, Service, add, registry, work};
use super::climb::{CallError, Rung};
use crate::ProbeError;
use crate::harness::opaque::keep;
use crate::harness::repeated::repeated;

fn wrong(layer: &str) -> CallError {
    ProbeError::verification(format!("a call by `{layer}` gave a wrong sum")).into()
}

/// A plain call.
pub(crate) struct Function<'a>(pub(crate) &'a Caller);

impl Rung for Function<'_> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        let caller = self.0;
        // Looked up once: the loop is the call and its check. The compiler does not know whose address is called, so that
        // it can leave out no argument.
        let (turns, text, beside) = (caller.turns(), caller.text(), caller.expected(0));
        let tool: fn(i64, i64, &str) -> i64 = black_box(add);
        let (mut number, mut off) = (first as i64, 0);
        let mut call = || {
            off |= tool(number, SECOND, text) ^ beside.wrapping_add(number);
            // One call after the other: no compiler gathers what belongs to eight of them.
            (off, number) = (keep(off), keep(number + 1));
        };
        if turns == 0 {
            repeated(count, call);
        } else {
            for _ in 0..count {
                black_box(work(black_box(turns)));
                call();
            }
        }
        if off == 0 { Ok(()) } else { Err(wrong("function")) }
    }
}

/// A call by name, with values of JSON there and back.
pub(crate) struct Registered<'a> {
    caller: &'a Caller,
    tools: Registry,
}

impl<'a> Registered<'a> {
    pub(crate) fn new(caller: &'a Caller) -> Self {
        Self { caller, tools: registry() }
    }
}

impl Rung for Registered<'_> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        for number in first..first + count {
            let arguments = self.caller.arguments(number);
            let answer = self.tools.get(black_box("add")).map(|tool| tool.call(&arguments));
            let sum = answer.and_then(Result::ok).and_then(|answer| answer["structuredContent"]["sum"].as_i64());
            if sum != Some(self.caller.expected(number)) {
                return Err(wrong("registry"));
            }
        }
        Ok(())
    }
}

/// A function of a script. Its work, where there is any, is done here.
pub(crate) struct Scripted<'a> {
    caller: &'a Caller,
    tool: ScriptTool,
}

impl<'a> Scripted<'a> {
    pub(crate) fn new(caller: &'a Caller, tool: ScriptTool) -> Self {
        Self { caller, tool }
    }
}

impl Rung for Scripted<'_> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        for number in first..first + count {
            if self.caller.turns() > 0 {
                black_box(work(black_box(self.caller.turns())));
            }
            let sum = (self.tool)(number as i64, SECOND, self.caller.text());
            if sum.map_err(ProbeError::failed)? != self.caller.expected(number) {
                return Err(wrong("rhai"));
            }
        }
        Ok(())
    }
}

/// A JSON-RPC message written, read, dispatched, answered, and the answer read.
pub(crate) struct Rpc<'a> {
    caller: &'a Caller,
    service: Service,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl<'a> Rpc<'a> {
    pub(crate) fn new(caller: &'a Caller, check: Check) -> Self {
        Self { caller, service: Service::new(check), request: Vec::new(), answer: Vec::new() }
    }
}

impl Rung for Rpc<'_> {
    fn pass(&mut self, first: u64, count: u64) -> Result<(), CallError> {
        for number in first..first + count {
            self.request.clear();
            self.answer.clear();
            self.caller.write(number, &mut self.request);
            self.service.handle(&self.request, &mut self.answer);
            if !self.caller.is_answer(number, &self.answer) {
                return Err(wrong("jsonrpc"));
            }
        }
        Ok(())
    }
}
