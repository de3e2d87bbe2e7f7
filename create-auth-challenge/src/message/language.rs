//! The languages that there are messages in, and which of them somebody means.

use super::template::{Piece, pieces};

/// A language: its catalogue, which is a file in `messages`. The build makes the table of them.
pub struct Language {
    /// Its BCP 47 tag, such as `pt-BR`.
    pub tag: &'static str,
    /// Its own name, such as `Português (Brasil)`.
    pub name: &'static str,
    /// Is it written from right to left?
    pub right_to_left: bool,
    aliases: &'static [&'static str],
    times: &'static [(u8, &'static str)],
    time_other: &'static str,
    pub(super) sms_variable: &'static str,
    pub(super) subject_variable: &'static str,
    pub(super) sms_text: &'static str,
    pub(super) sms_text_app: &'static str,
    pub(super) sms_warning: &'static str,
    pub(super) email_subject: &'static str,
    pub(super) email_subject_app: &'static str,
    pub(super) email_title: &'static str,
    pub(super) email_title_app: &'static str,
    pub(super) email_enter: &'static str,
    pub(super) email_expires: &'static str,
    pub(super) email_warning: &'static str,
    pub(super) email_ignore: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/catalogues.rs"));

/// The longest tag that is looked at, in bytes. BCP 47 (RFC 5646 §4.4.1) has any tag in use fit into 35.
const MAX_TAG_BYTES: usize = 64;

impl Language {
    /// All languages, in the order of their tags.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &LANGUAGES
    }

    /// The language of those who ask for none.
    #[must_use]
    pub fn english() -> &'static Self {
        ENGLISH
    }

    /// The language for `tag`, by the lookup of RFC 4647 §3.4: `de-AT` is `de` where there is no
    /// Austrian. Case does not matter, and `pt_BR` or `ja_JP.UTF-8`, which systems write, are taken,
    /// too. Anything that is not a tag has no language.
    #[must_use]
    pub fn find(tag: &str) -> Option<&'static Self> {
        let tag = tag.trim();
        if tag.len() > MAX_TAG_BYTES {
            return None;
        }
        let tag = tag.split(['.', '@']).next().unwrap_or_default().replace('_', "-");
        let mut range = tag.as_str();
        loop {
            if let Some(language) = LANGUAGES.iter().find(|language| language.is_called(range)) {
                return Some(language);
            }
            range = range.rsplit_once('-')?.0;
            // A single letter introduces what came after it.
            while let Some((rest, single)) = range.rsplit_once('-')
                && single.len() == 1
            {
                range = rest;
            }
        }
    }

    fn is_called(&self, tag: &str) -> bool {
        self.tag.eq_ignore_ascii_case(tag)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(tag))
    }

    /// `ltr` or `rtl`, as HTML has it.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        if self.right_to_left { "rtl" } else { "ltr" }
    }

    /// The words that are for this number of minutes alone.
    fn exact_time(&self, minutes: u64) -> Option<&'static str> {
        let exact = self.times.iter().find(|(number, _)| u64::from(*number) == minutes);
        exact.map(|(_, words)| *words)
    }

    /// The numbers of minutes up to `most` that may be the longest in words: those that have words of
    /// their own, and the largest of the others.
    pub(super) fn telling_minutes(&self, most: u64) -> impl Iterator<Item = u64> {
        let has_own = |minutes: &u64| self.exact_time(*minutes).is_some();
        let other = (0..=most).rev().find(|minutes| !has_own(minutes));
        (0..=most).filter(has_own).chain(other)
    }

    /// So many minutes, in words.
    pub(super) fn time(&self, minutes: u64) -> String {
        let words = self.exact_time(minutes).unwrap_or(self.time_other);
        let number = minutes.to_string();
        let fill = |piece| match piece {
            Piece::Text(text) => text,
            // The build admits no other placeholder here.
            Piece::Placeholder(_) => number.as_str(),
        };
        pieces(words).into_iter().map(fill).collect()
    }

    /// What stands between two sentences.
    pub(super) fn blank(&self) -> &'static str {
        // Chinese and Japanese full stops have theirs inside.
        if self.sms_text.ends_with('。') { "" } else { " " }
    }
}

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.tag)
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.tag == other.tag
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn language_tags_are_matched_by_rfc_4647_lookup() {
        for (tag, expected) in [
            ("en", Some("en")),
            ("EN", Some("en")),
            ("en-US", Some("en")),
            ("de-AT", Some("de")),
            ("de-CH-1996", Some("de")),
            ("ja_JP", Some("ja")),
            ("ja_JP.UTF-8", Some("ja")),
            ("ca_ES@valencia", None),
            ("es-419", Some("es")),
            ("de_DE@euro", Some("de")),
            (" fr-CA ", Some("fr")),
            ("pt", Some("pt-BR")),
            ("pt-PT", Some("pt-BR")),
            ("PT_br", Some("pt-BR")),
            ("zh", Some("zh-Hans")),
            ("zh-CN", Some("zh-Hans")),
            ("zh-SG", Some("zh-Hans")),
            ("zh-Hans-HK", Some("zh-Hans")),
            ("zh-TW", Some("zh-Hant")),
            ("zh_HK", Some("zh-Hant")),
            ("zh-mo", Some("zh-Hant")),
            ("zh-hant-TW", Some("zh-Hant")),
            ("id", Some("id")),
            ("in_ID", Some("id")),
            ("en-a-b-c", Some("en")),
            ("th-TH-u-nu-thai", Some("th")),
            ("x-private", None),
            ("nl", None),
            ("english", None),
            ("e", None),
            ("", None),
            ("-", None),
            ("-en", None),
            ("*", None),
            ("日本語", None),
            ("en\0", None),
            ("en\n-US", None),
        ] {
            assert_eq!(Language::find(tag).map(|language| language.tag), expected, "{tag:?}");
        }
        for hostile in ["en-".repeat(1_000_000), "-".repeat(1_000_000), "en".repeat(1_000_000)] {
            assert!(Language::find(&hostile).is_none());
        }
    }

    #[test]
    fn every_language_is_found_in_any_case_and_separator() {
        assert!(LANGUAGES.len() >= 15);
        for language in Language::all() {
            let tag = language.tag;
            for written in [tag.to_owned(), tag.to_lowercase(), tag.replace('-', "_")] {
                assert_eq!(Language::find(&written), Some(language), "{written}");
            }
            assert_eq!(Language::find(&format!("{tag}-x-private")), Some(language));
        }
    }

    #[test]
    fn lifetimes_are_written_in_words_per_language() {
        for (tag, expected) in [
            ("en", ["less than a minute", "1 minute", "2 minutes", "10 minutes"]),
            ("de", ["weniger als eine Minute", "1 Minute", "2 Minuten", "10 Minuten"]),
            ("ar", ["أقل من دقيقة", "دقيقة واحدة", "دقيقتين", "10 دقائق"]),
            ("ja", ["1分未満", "1分", "2分", "10分"]),
        ] {
            let language = Language::find(tag).unwrap();
            assert_eq!([0, 1, 2, 10].map(|minutes| language.time(minutes)), expected);
        }
        let telling = |tag, most| {
            let mut minutes: Vec<_> = Language::find(tag).unwrap().telling_minutes(most).collect();
            minutes.sort_unstable();
            minutes
        };
        assert_eq!(telling("ja", 5), [0, 5]);
        assert_eq!(telling("ar", 10), [0, 1, 2, 10]);
        assert_eq!(telling("ar", 1), [0, 1]);
    }

    proptest! {
        #[test]
        fn arbitrary_language_tags_do_not_panic(tag in "\\PC*|[a-zA-Z_.@-]{0,70}") {
            let _ = Language::find(&tag);
        }
    }
}
