//! Where things stand in a source: for each call, the places of the keys and texts among its arguments. Values lose
//! their places when they are evaluated; this finds them again, so that a caret points at the option and not at the call.

use std::collections::{BTreeMap, HashMap};

use rhai::{AST, ASTNode, Expr, FnCallExpr, Module, Position, ScriptFuncDef, Shared, Stmt};

/// The shape of an argument as written.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// `#{ key: value }`.
    Map(Position, Vec<(String, Position, Shape)>),
    /// `[a, b]`.
    List(Position, Vec<Shape>),
    /// A literal text; true when it stands in double quotes without escapes, so that columns inside it can be told.
    Text(Position),
    /// A variable.
    Name(String, Position),
    /// Anything else.
    Other(Position),
}

impl Shape {
    pub(crate) fn of(expr: &Expr) -> Self {
        match expr {
            Expr::Map(map, pos) => {
                let keys = map.0.iter().map(|(key, value)| (key.name.to_string(), key.pos, Self::of(value)));
                Self::Map(*pos, keys.collect())
            }
            Expr::Array(items, pos) => Self::List(*pos, items.iter().map(Self::of).collect()),
            Expr::StringConstant(_, pos) => Self::Text(*pos),
            Expr::Variable(var, _, pos) => Self::Name(var.1.to_string(), *pos),
            Expr::FnCall(call, _) if call.is_qualified() => Self::Other(call.namespace.position()),
            other => Self::Other(other.start_position()),
        }
    }

    /// Where it begins.
    pub(crate) fn position(&self) -> Position {
        match self {
            Self::Map(pos, _) | Self::List(pos, _) | Self::Text(pos) | Self::Name(_, pos) | Self::Other(pos) => *pos,
        }
    }

    /// The key's place and the shape behind it.
    pub(crate) fn key(&self, name: &str) -> Option<(Position, &Self)> {
        match self {
            Self::Map(_, keys) => keys.iter().find(|(key, ..)| key == name).map(|(_, pos, value)| (*pos, value)),
            _ => None,
        }
    }

    /// An item of a list.
    pub(crate) fn item(&self, index: usize) -> Option<&Self> {
        match self {
            Self::List(_, items) => items.get(index),
            _ => None,
        }
    }
}

/// The calls of one source, by the position that the language gives them.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    calls: HashMap<(usize, usize), Vec<Shape>>,
    /// Variables that are given a literal map or list, by name; one that is given two is not here.
    literals: BTreeMap<String, Option<Shape>>,
    /// Names of all variables, for hints.
    pub(crate) variables: BTreeMap<String, Position>,
    /// Functions by name, closures among them.
    functions: HashMap<String, Vec<Shared<ScriptFuncDef>>>,
    /// All keys of map literals: a method call may be one of a map's functions.
    pub(crate) keys: std::collections::BTreeSet<String>,
}

/// Line and column of a position, 0 when there is none.
pub(crate) fn line_column(pos: Position) -> (usize, usize) {
    (pos.line().unwrap_or(0), pos.position().unwrap_or(0))
}

impl Sites {
    /// The sites of a compiled source.
    pub(crate) fn of(ast: &AST) -> Self {
        let mut sites = Self::default();
        for def in ast.iter_fn_def() {
            sites.functions.entry(def.name.to_string()).or_default().push(def.clone());
        }
        ast.walk(&mut |path| {
            if let Some(node) = path.last() {
                sites.note(node);
            }
            true
        });
        sites
    }

    /// The functions of a name as a tree of their own: the language shows no body by itself.
    pub(crate) fn function(&self, name: &str) -> Option<AST> {
        let mut module = Module::new();
        for def in self.functions.get(name)? {
            module.set_script_fn(def.clone());
        }
        Some(AST::new_from_module(module))
    }

    /// How many values the functions of a name take, captured ones counted.
    pub(crate) fn counts(&self, name: &str) -> impl Iterator<Item = usize> {
        self.functions.get(name).into_iter().flatten().map(|def| def.params.len())
    }

    /// Takes note of a node.
    fn note(&mut self, node: &ASTNode<'_>) {
        match node {
            ASTNode::Expr(Expr::FnCall(call, pos) | Expr::MethodCall(call, pos))
            | ASTNode::Stmt(Stmt::FnCall(call, pos)) => self.call(call, *pos),
            ASTNode::Expr(Expr::Map(map, _)) => self.keys.extend(map.0.iter().map(|(key, _)| key.name.to_string())),
            ASTNode::Stmt(Stmt::Var(var, ..)) => {
                let name = var.0.name.to_string();
                self.variables.entry(name.clone()).or_insert(var.0.pos);
                let shape = match &var.1 {
                    literal @ (Expr::Map(..) | Expr::Array(..)) => Some(Shape::of(literal)),
                    _ => None,
                };
                self.literals.entry(name).and_modify(|known| *known = None).or_insert(shape);
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, pos: Position) {
        if !call.is_operator_call() && !call.args.is_empty() {
            self.calls.insert(line_column(pos), call.args.iter().map(Shape::of).collect());
        }
    }

    /// The shape of an argument of the call at a position, looked up through a variable where it is one.
    pub(crate) fn argument(&self, call: Position, index: usize) -> Option<Shape> {
        let shape = self.calls.get(&line_column(call))?.get(index)?;
        Some(self.seen_through(shape))
    }

    /// The literal that a variable was given, or the shape itself.
    pub(crate) fn seen_through(&self, shape: &Shape) -> Shape {
        match shape {
            Shape::Name(name, _) => self.literals.get(name).cloned().flatten().unwrap_or_else(|| shape.clone()),
            _ => shape.clone(),
        }
    }
}
