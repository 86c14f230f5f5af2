//! "Did you mean": the candidate nearest to what was typed.

/// The candidate that differs least from `typed` (Damerau-Levenshtein), when it is near enough to be a likely slip:
/// at most a third of the letters, and at least one letter allowed.
#[must_use]
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (typed.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(typed, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// `, did you mean ..?` or nothing: ready to be appended to an error message.
#[must_use]
pub fn hint<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, candidates).map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_nonsense_is_not() {
        assert_eq!(nearest("thraeds", ["threads", "kernel", "size"]), Some("threads"));
        assert_eq!(nearest("sise", ["threads", "size"]), Some("size"));
        assert_eq!(nearest("zzzzzz", ["threads", "size"]), None);
        assert_eq!(hint("kernal", ["kernel"]), ", did you mean `kernel`?");
        assert_eq!(hint("q", ["s"]), "", "one letter is no evidence");
    }
}
