//! Kernels as text: `#each N` lines are repeated, and named constants are written in.

/// The text with `WORD`s replaced and each line that begins with `#each COUNT` repeated for `{k}` = 0 to COUNT - 1.
pub(super) fn expand(text: &str, constants: &[(&str, u32)]) -> String {
    let mut full = text.to_owned();
    for (name, value) in constants {
        full = full.replace(name, &value.to_string());
    }
    let mut lines = Vec::new();
    for line in full.lines() {
        let each = line.trim_start().strip_prefix("#each ").and_then(|rest| rest.split_once(' '));
        match each.and_then(|(count, body)| Some((count.parse::<u32>().ok()?, body))) {
            Some((count, body)) => lines.extend((0..count).map(|k| body.replace("{k}", &k.to_string()))),
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_repeated_and_constants_written_in() {
        let text = "a\n  #each LOADS let v{k} = from[at + {k}u * SPANu];\nb";
        let full = expand(text, &[("LOADS", 2), ("SPAN", 256)]);
        assert_eq!(full, "a\nlet v0 = from[at + 0u * 256u];\nlet v1 = from[at + 1u * 256u];\nb");
    }
}
