//! The workspace that the engine writes itself, so that builds can be measured without a network and without anybody's
//! sources: a crate of generic code, parts that use it with types of their own, and a program over them.
//!
//! Every part computes a number by generic containers, traits, closures and formatting; [`Workspace::expected`]
//! computes the same by plain loops. What a build made is run and compared, so that a build that did not build is seen.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const BASE: &str = include_str!("workspace/base.rs.in");
const PART: &str = include_str!("workspace/part.rs.in");
const APP: &str = include_str!("workspace/app.rs.in");
/// Written last: a folder without it was left half-written.
const COMPLETE: &str = "complete";
/// How many records each part makes.
const RECORDS: usize = 96;

/// Its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Crates: 1 is the program alone, 2 are the generic code and the program, more are parts between the two.
    pub(crate) crates: usize,
    /// Modules in all crates together.
    pub(crate) modules: usize,
}

/// A workspace on disk.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// Where its `Cargo.toml` lies.
    pub(crate) root: PathBuf,
    shape: Shape,
}

/// One crate: its name, the crates it uses, and the modules in it by number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    name: String,
    uses: Vec<String>,
    modules: Vec<usize>,
}

impl Workspace {
    /// Writes the workspace under `folder`, unless it is there already.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(folder: &Path, shape: Shape) -> io::Result<Self> {
        let root = folder.join(format!("workspace-{}-{}", shape.crates, shape.modules));
        let workspace = Self { root, shape };
        if !workspace.root.join(COMPLETE).is_file() {
            if workspace.root.exists() {
                fs::remove_dir_all(&workspace.root)?;
            }
            workspace.files()?;
            fs::write(workspace.root.join(COMPLETE), "")?;
        }
        Ok(workspace)
    }

    fn files(&self) -> io::Result<()> {
        let members = self.members();
        let list = members.iter().map(|member| format!("\"{}\"", member.name)).collect::<Vec<_>>().join(", ");
        fs::create_dir_all(&self.root)?;
        fs::write(self.root.join("Cargo.toml"), format!("[workspace]\nresolver = \"2\"\nmembers = [{list}]\n"))?;
        fs::write(self.root.join("Cargo.lock"), lock(&members))?;
        for member in &members {
            let source = self.root.join(&member.name).join("src");
            fs::create_dir_all(&source)?;
            fs::write(self.root.join(&member.name).join("Cargo.toml"), manifest(member))?;
            let alone = self.shape.crates == 1;
            match member.name.as_str() {
                "base" => fs::write(source.join("lib.rs"), BASE)?,
                "app" => fs::write(source.join("main.rs"), program(member, alone))?,
                _ => fs::write(source.join("lib.rs"), part(member))?,
            }
            if alone {
                fs::write(source.join("base.rs"), BASE)?;
            }
            for number in &member.modules {
                fs::write(source.join(format!("part_{number}.rs")), module(*number, alone))?;
            }
        }
        Ok(())
    }

    /// Its crates, those used before those that use them.
    fn members(&self) -> Vec<Member> {
        let parts = self.shape.crates.saturating_sub(2);
        let share = |at: usize, of: usize| (0..self.shape.modules).filter(|number| number % of == at).collect();
        let base = || "base".to_owned();
        let mut members = Vec::new();
        if self.shape.crates > 1 {
            members.push(Member { name: base(), uses: Vec::new(), modules: Vec::new() });
        }
        for at in 0..parts {
            // The second half uses the first, so that there is something to wait for.
            let below = at.checked_sub(parts.div_ceil(2)).map(part_name);
            let uses = std::iter::once(base()).chain(below).collect();
            members.push(Member { name: part_name(at), uses, modules: share(at, parts) });
        }
        let uses = members.iter().map(|member| member.name.clone()).collect();
        let modules = if parts == 0 { share(0, 1) } else { Vec::new() };
        members.push(Member { name: "app".to_owned(), uses, modules });
        members
    }

    /// The crate in the middle: changing it makes those above it be built again, but not all.
    pub(crate) fn middle(&self) -> String {
        if self.shape.crates > 2 { part_name(0) } else { "app".to_owned() }
    }

    /// What the program prints, computed by plain loops.
    pub(crate) fn expected(&self) -> String {
        let modules = (0..self.shape.modules).map(value).fold(0, u64::wrapping_add);
        // A part adds the number of the part that it uses.
        let parts = self.shape.crates.saturating_sub(2);
        let below: u64 = (parts.div_ceil(2)..parts).map(|at| (at - parts.div_ceil(2)) as u64 + 1).sum();
        modules.wrapping_add(below).to_string()
    }
}

fn part_name(at: usize) -> String {
    format!("part-{:02}", at + 1)
}

fn manifest(member: &Member) -> String {
    let mut text = format!(
        "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"2021\"\npublish = false\n\n[dependencies]\n",
        member.name
    );
    for used in &member.uses {
        // A text takes all that is written to it.
        let _ = writeln!(text, "{used} = {{ path = \"../{used}\" }}");
    }
    text
}

/// A lock file as cargo writes it, so that no build has to.
fn lock(members: &[Member]) -> String {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = String::from(
        "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\nversion = 3\n",
    );
    for member in sorted {
        let _ = write!(text, "\n[[package]]\nname = \"{}\"\nversion = \"0.1.0\"\n", member.name);
        let mut uses = member.uses.clone();
        uses.sort();
        if !uses.is_empty() {
            let list: String = uses.iter().map(|name| format!(" \"{name}\",\n")).collect();
            let _ = write!(text, "dependencies = [\n{list}]\n");
        }
    }
    text
}

/// Declares the modules, and adds up their values.
fn sum(member: &Member) -> (String, String) {
    let modules: String = member.modules.iter().map(|number| format!("mod part_{number};\n")).collect();
    let adds: String = member
        .modules
        .iter()
        .map(|number| {
            format!(
                "    total = total.wrapping_add(part_{number}::value().map_err(|error| format!(\"{{error}}\"))?);\n"
            )
        })
        .collect();
    (modules, adds)
}

fn part(member: &Member) -> String {
    let (modules, adds) = sum(member);
    let number = member.name.trim_start_matches("part-").parse::<u64>().unwrap_or(0);
    let below = member.uses.iter().find(|name| name.starts_with("part-"));
    let start = below.map_or("0".to_owned(), |name| format!("{}::NUMBER", name.replace('-', "_")));
    format!(
        "//! {}.\n{modules}\npub const NUMBER: u64 = {number};\n\npub fn value() -> Result<u64, String> {{\n    \
         let mut total: u64 = {start};\n{adds}    Ok(total)\n}}\n",
        member.name
    )
}

fn program(member: &Member, alone: bool) -> String {
    let (modules, mut adds) = sum(member);
    for name in member.uses.iter().filter(|name| name.starts_with("part-")) {
        let _ = writeln!(adds, "    total = total.wrapping_add({}::value()?);", name.replace('-', "_"));
    }
    let base = if alone { "mod base;\n" } else { "" };
    APP.replace("{{modules}}", &format!("{base}{modules}")).replace("{{adds}}", &adds)
}

fn module(number: usize, alone: bool) -> String {
    PART.replace("{{n}}", &number.to_string())
        .replace("{{salt}}", &salt(number).to_string())
        .replace("{{base}}", if alone { "crate::base" } else { "base" })
}

fn salt(number: usize) -> u32 {
    (number as u32).wrapping_mul(7919).wrapping_add(13)
}

/// What the module of this number computes.
fn value(number: usize) -> u64 {
    let mut state = salt(number);
    let mut records = Vec::new();
    for _ in 0..RECORDS {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        records.push((state % 7, u64::from(state >> 8)));
    }
    let amount = |at: usize| records[at].1;

    let mut ranges: u64 = 0;
    for class in 0..7 {
        let (mut low, mut high) = (u64::MAX, 0);
        for (_, amount) in records.iter().filter(|record| record.0 == class) {
            (low, high) = (low.min(*amount), high.max(*amount));
        }
        ranges = ranges.wrapping_add(high.saturating_sub(low).wrapping_mul(u64::from(class) + 1));
    }

    // All of PᵀP is the sum of the squares of P's row sums.
    let mut grids: u64 = 0;
    for y in 0..3 {
        let mut row: u64 = 0;
        for x in 0..5 {
            for k in 0..4 {
                row = row.wrapping_add(amount(4 * y + k).wrapping_mul(amount(20 + 5 * k + x)));
            }
        }
        grids = grids.wrapping_add(row).wrapping_add(row.wrapping_mul(row));
    }

    let mut shapes: u64 = 0;
    for at in (0..RECORDS).step_by(2) {
        let side = if records[at].0.is_multiple_of(2) { amount(at + 1) } else { amount(at) };
        shapes = shapes.wrapping_add(side.wrapping_mul(amount(at + 1)));
    }

    let mut amounts: Vec<u64> = records.iter().map(|record| record.1).collect();
    amounts.sort_unstable();
    let mut sentences: u64 = 0;
    for (at, amount) in amounts.iter().rev().enumerate() {
        sentences = sentences.wrapping_add(amount.wrapping_mul(at as u64 + 1));
    }

    [ranges, grids, shapes, sentences].iter().fold(0, |sum: u64, part| sum.wrapping_mul(31).wrapping_add(*part))
}
