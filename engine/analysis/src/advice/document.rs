//! `docs/rules.md`: every rule, from the rules themselves.

use std::fmt::Write as _;

use engine_core::finding::Family;

use super::Assess;

/// The document of rules in Markdown.
#[must_use]
pub fn rules_document(rules: &[&dyn Assess]) -> String {
    let mut out = String::from(
        "# Rules\n\nWhat `engine advise` knows to look for. This document is made from the rules; a test holds both together.\n\n\
         A limit is changed in the configuration by its full name, or with `--limit`:\n\n    [advice]\n    limits = [\"storage.queue_depth.ratio = 2\"]\n\n\
         How findings are ranked, and how to write rules of your own: [guides/advice.md](guides/advice.md).\n",
    );
    let _ = write!(out, "\n{} rules.\n", rules.len());
    for family in Family::ALL {
        let own: Vec<_> = rules.iter().map(|rule| rule.about()).filter(|about| about.family() == family).collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(out, "\n## {}\n", family.name());
        for about in own {
            let _ = write!(out, "\n### `{}`\n\n{}.\n\n", about.id, about.title);
            let _ = writeln!(out, "- looks at: {}", about.looks_at);
            let _ = writeln!(out, "- needs: {}", about.needs);
            let _ = writeln!(out, "- gain: {}", about.model);
            let _ = writeln!(out, "- effort: {}", about.effort.name());
            let _ = writeln!(out, "- wrong when: {}", about.wrong_when);
            for limit in about.limits {
                let _ = writeln!(
                    out,
                    "- limit `{}.{}` = {}: {}",
                    about.id,
                    limit.name,
                    limit.unit.format(limit.default),
                    limit.doc
                );
            }
        }
    }
    out
}
