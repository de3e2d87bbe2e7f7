//! The patterns of the numbering plans: regular expressions over digits, parsed by the build script, so
//! that reading a number costs no more than following them.

use crate::code::{END, FIRST_OF, GROUP, ONE_OF, REPEAT};

/// A pattern, as `code` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(pub(crate) &'static [u8]);

/// The most groups that a pattern of the metadata has, and some.
const MAX_GROUPS: usize = 8;

/// What matched a pattern, from the start.
pub(crate) struct Matched<'a> {
    digits: &'a str,
    groups: [Option<(usize, usize)>; MAX_GROUPS],
}

impl Pattern {
    /// Are all of `digits` as the pattern says?
    pub(crate) fn is_all_of(self, digits: &str) -> bool {
        Search::new(digits, true).run(self.0, 0, &After::Done)
    }

    /// What of the start of `digits` is as the pattern says: what a backtracking search finds first.
    pub(crate) fn at_start_of(self, digits: &str) -> Option<Matched<'_>> {
        let mut search = Search::new(digits, false);
        let found = search.run(self.0, 0, &After::Done);
        search.groups[0] = Some((0, search.end));
        found.then_some(Matched { digits, groups: search.groups })
    }
}

impl<'a> Matched<'a> {
    /// What comes after it.
    pub(crate) fn rest(&self) -> &'a str {
        let end = self.groups[0].map_or(0, |(_, end)| end);
        self.digits.get(end..).unwrap_or_default()
    }

    /// What the group `number` matched; group 0 is all of it.
    pub(crate) fn group(&self, number: usize) -> Option<&'a str> {
        let (start, end) = (*self.groups.get(number)?)?;
        self.digits.get(start..end)
    }
}

/// What has to match after a part does.
enum After<'a> {
    Done,
    Part(&'static [u8], &'a After<'a>),
    /// The part once more, at least and at most so often.
    Repeat(&'static [u8], (u8, u8), &'a After<'a>),
    /// The end of a group and where it started.
    Group(usize, usize, &'a After<'a>),
}

struct Search<'d> {
    digits: &'d [u8],
    whole: bool,
    end: usize,
    groups: [Option<(usize, usize)>; MAX_GROUPS],
}

impl<'d> Search<'d> {
    fn new(digits: &'d str, whole: bool) -> Self {
        Self { digits: digits.as_bytes(), whole, end: 0, groups: [None; MAX_GROUPS] }
    }

    /// Does `program` match at `at`, and `after` what follows?
    fn run(&mut self, program: &'static [u8], at: usize, after: &After<'_>) -> bool {
        let Some((&code, rest)) = program.split_first() else { return self.go_on(at, after) };
        // A code without what belongs to it is taken for a digit below, and no digit is that large.
        match (code, rest) {
            (ONE_OF, [low, high, rest @ ..]) => {
                let set = u16::from_le_bytes([*low, *high]);
                let is_in = |digit: u32| set & 1_u16.checked_shl(digit).unwrap_or(0) != 0;
                self.digit(at).is_some_and(|digit| is_in(digit.into()))
                    && self.run(rest, at.saturating_add(1), after)
            }
            (FIRST_OF, [count, rest @ ..]) => {
                let mut parts = rest;
                for _ in 0..*count {
                    let Some((_, others)) = part(parts) else { return false };
                    parts = others;
                }
                let (then, mut parts) = (After::Part(parts, after), rest);
                (0..*count).any(|_| {
                    let Some((branch, others)) = part(parts) else { return false };
                    parts = others;
                    self.run(branch, at, &then)
                })
            }
            (REPEAT, [least, most, rest @ ..]) => part(rest).is_some_and(|(body, rest)| {
                self.repeat(body, (*least, *most), at, &After::Part(rest, after))
            }),
            (GROUP, [number, rest @ ..]) => part(rest).is_some_and(|(body, rest)| {
                let then = After::Part(rest, after);
                self.run(body, at, &After::Group(usize::from(*number), at, &then))
            }),
            (END, rest) => at == self.digits.len() && self.run(rest, at, after),
            (digit, rest) => {
                self.digit(at) == Some(digit) && self.run(rest, at.saturating_add(1), after)
            }
        }
    }

    fn go_on(&mut self, at: usize, after: &After<'_>) -> bool {
        match *after {
            After::Done => {
                self.end = at;
                !self.whole || at == self.digits.len()
            }
            After::Part(program, after) => self.run(program, at, after),
            After::Repeat(body, counts, after) => self.repeat(body, counts, at, after),
            After::Group(number, start, after) => {
                let Some(group) = self.groups.get_mut(number) else { return false };
                let before = group.replace((start, at));
                let goes_on = self.go_on(at, after);
                if let Some(group) = self.groups.get_mut(number).filter(|_| !goes_on) {
                    *group = before;
                }
                goes_on
            }
        }
    }

    fn repeat(
        &mut self,
        body: &'static [u8],
        (least, most): (u8, u8),
        at: usize,
        after: &After<'_>,
    ) -> bool {
        let fewer = (least.saturating_sub(1), most.saturating_sub(1));
        most > 0 && self.run(body, at, &After::Repeat(body, fewer, after))
            || least == 0 && self.go_on(at, after)
    }

    fn digit(&self, at: usize) -> Option<u8> {
        self.digits.get(at)?.checked_sub(b'0')
    }
}

/// The part at the start of `program`, and what comes after it.
fn part(program: &'static [u8]) -> Option<(&'static [u8], &'static [u8])> {
    let (length, rest) = program.split_first_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*length).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use proptest::strategy::ValueTree as _;
    use proptest::string::string_regex;
    use proptest::test_runner::TestRunner;
    use regex_lite::Regex;

    use super::*;

    /// Every pattern of the metadata and its program.
    const PATTERNS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/patterns.rs"));

    /// How many strings that match each pattern are tried, and as many that nearly do.
    const SAMPLES: usize = 16;

    fn same(text: &str, pattern: Pattern, (whole, start): (&Regex, &Regex), digits: &str) {
        assert_eq!(pattern.is_all_of(digits), whole.is_match(digits), "{text} {digits}");
        let (ours, theirs) = (pattern.at_start_of(digits), start.captures(digits));
        assert_eq!(ours.is_some(), theirs.is_some(), "{text} {digits}");
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return };
        let rest = digits.split_at(theirs.get(0).unwrap().end()).1;
        assert_eq!(ours.rest(), rest, "{text} {digits}");
        for group in 0..theirs.len() {
            let theirs = theirs.get(group).map(|found| found.as_str());
            assert_eq!(ours.group(group), theirs, "{text} {digits} {group}");
        }
    }

    #[test]
    fn every_pattern_matches_what_a_regular_expression_does() {
        let mut runner = TestRunner::deterministic();
        let mut matches = 0;
        for (text, program) in PATTERNS {
            let whole = Regex::new(&format!("^(?:{text})$")).unwrap();
            let start = Regex::new(&format!("^(?:{text})")).unwrap();
            let pattern = Pattern(program);
            let strategy = (
                string_regex(&text.replace('$', "").replace("\\d", "[0-9]")).unwrap(),
                any::<Index>(),
                "[0-9]",
                "[0-9]{0,3}",
            );
            for _ in 0..SAMPLES {
                let (digits, at, other, more) = strategy.new_tree(&mut runner).unwrap().current();
                matches += usize::from(whole.is_match(&digits));
                let mut altered = digits.clone();
                let at = at.index(digits.len() + 1);
                altered.replace_range(at..(at + 1).min(digits.len()), &other);
                let shorter = digits.split_at(digits.len().saturating_sub(1)).0;
                for digits in [&digits, &altered, shorter, &format!("{digits}{more}")] {
                    same(text, pattern, (&whole, &start), digits);
                }
            }
        }
        assert!(PATTERNS.len() > 600, "{}", PATTERNS.len());
        assert!(matches > PATTERNS.len() * SAMPLES * 9 / 10, "{matches}");
    }

    #[test]
    fn a_program_that_is_none_matches_nothing() {
        for program in [
            &[FIRST_OF][..],
            &[FIRST_OF, 2, 1, 0, 1],
            &[ONE_OF, 255],
            &[REPEAT, 1, 1, 9, 0],
            &[GROUP, 200, 1, 0, 1],
            &[99],
        ] {
            assert!(!Pattern(Box::leak(program.into())).is_all_of("1"), "{program:?}");
        }
    }
}
