//! The body of a journey's function, made ready once for each thread.
//!
//! The language's own way to call a kept function copies its state and looks up every function that the body calls anew,
//! each time. Here state and look-ups are kept between iterations, in as many frames as users are within one at once; and
//! requests whose options are written out in the journey are read once ([`super::site`]).

#![expect(
    deprecated,
    reason = "the language marks what it exposes of its evaluation volatile; its version is pinned and tests hold each use"
)]

use std::cell::RefCell;

use rhai::{
    AST, ASTNode, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, GlobalRuntimeState, ImmutableString,
    Position, Scope, Stmt, StmtBlock,
};

use super::site;
use crate::kept::Kept;

/// See the module.
pub(crate) struct Body {
    name: String,
    /// What the function calls its user.
    user: ImmutableString,
    source: String,
    called_at: Position,
    block: Expr,
    state: GlobalRuntimeState,
    #[expect(clippy::vec_box, reason = "taken out and put back on a user's small stack, where a frame is large")]
    spare: RefCell<Vec<Box<Frame>>>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What one iteration needs of the language.
struct Frame {
    state: GlobalRuntimeState,
    caches: Caches,
    scope: Scope<'static>,
}

/// The statements of the function called `name` with one parameter, and the parameter's name.
fn statements(state: &GlobalRuntimeState, name: &str) -> Option<(Vec<Stmt>, ImmutableString, Position, Position)> {
    let [library] = state.lib.as_slice() else { return None };
    let mut alone = AST::new([], library.clone());
    // Not `clone_functions_only_filtered`, which filters nothing when it begins with an empty module.
    alone.retain_functions(|_, _, known, count| known == name && count == 1);
    let mut all = alone.iter_fn_def();
    let function = all.next().filter(|function| function.this_type.is_none())?;
    // Two of one name and count differ in the type of `this`.
    if all.next().is_some() {
        return None;
    }
    let mut found = Vec::new();
    alone.walk(&mut |path| {
        if let [ASTNode::Stmt(stmt)] = path {
            found.push((*stmt).clone());
        }
        true
    });
    Some((found, function.params.first()?.clone(), function.body.start_position(), function.body.end_position()))
}

impl Body {
    /// The body of a kept function of the scenario itself that captures nothing; any other is called as it is.
    pub(crate) fn of(kept: &Kept) -> Option<Self> {
        let (function, context) = kept.parts();
        if function.is_curried() {
            return None;
        }
        let mut state = context.global.clone();
        let (mut found, user, from, to) = statements(&state, function.fn_name())?;
        site::prepare(&mut found, &user, &state);
        state.level = 1;
        Some(Self {
            name: function.fn_name().to_owned(),
            user,
            source: state.source.as_deref().unwrap_or_default().to_owned(),
            called_at: context.pos,
            block: Expr::Stmt(Box::new(StmtBlock::new(found, from, to))),
            state,
            spare: RefCell::default(),
        })
    }

    /// Runs it once.
    pub(crate) fn run(&self, engine: &Engine, user: Dynamic) -> Result<Dynamic, Box<EvalAltResult>> {
        let spare = self.spare.borrow_mut().pop();
        let mut frame = spare.unwrap_or_else(|| {
            Box::new(Frame { state: self.state.clone(), caches: Caches::new(), scope: Scope::new() })
        });
        let Frame { state, caches, scope } = &mut *frame;
        state.num_operations = 0;
        scope.push_dynamic(self.user.clone(), user);
        let result =
            EvalContext::new(engine, state, caches, scope, None).eval_expression_tree_raw(&(&self.block).into(), true);
        let error = match result {
            Ok(value) => {
                self.give_back(frame);
                return Ok(value);
            }
            Err(error) => error,
        };
        match *error {
            EvalAltResult::Return(value, _) => {
                self.give_back(frame);
                Ok(value)
            }
            // What failed may have left the frame in any state.
            EvalAltResult::Exit(..) => Err(error),
            _ if error.is_system_exception() => Err(error),
            _ => Err(Box::new(EvalAltResult::ErrorInFunctionCall(
                self.name.clone(),
                self.source.clone(),
                error,
                self.called_at,
            ))),
        }
    }

    fn give_back(&self, mut frame: Box<Frame>) {
        frame.scope.clear();
        self.spare.borrow_mut().push(frame);
    }
}
