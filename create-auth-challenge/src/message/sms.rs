//! A text message: what is in it, and how many parts are billed for it.

use zeroize::Zeroizing;

use super::{Language, MessageCatalog, Values};

/// The GSM 7-bit default alphabet (3GPP TS 23.038 §6.2.1), without its letters and digits of ASCII.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";

/// Its extension, whose characters count twice (§6.2.1.1).
const GSM_EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// Seven bits a character.
    Gsm,
    /// Sixteen bits a unit: one character that GSM has not makes the whole text so.
    Ucs2,
}

/// The size of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How it travels.
    pub alphabet: Alphabet,
    /// Its length: characters of GSM, those of the extension twice; or units of UTF-16.
    pub units: usize,
}

impl Size {
    /// The size of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let septets = text.chars().map(|c| match c {
            c if c.is_ascii_alphanumeric() || c == ' ' || GSM.contains(c) => Some(1),
            c if GSM_EXTENSION.contains(c) => Some(2),
            _ => None,
        });
        match septets.sum() {
            Some(units) => Self { alphabet: Alphabet::Gsm, units },
            None => Self { alphabet: Alphabet::Ucs2, units: text.encode_utf16().count() },
        }
    }

    /// The most units that one part holds.
    #[must_use]
    pub fn of_one_segment(alphabet: Alphabet) -> usize {
        match alphabet {
            Alphabet::Gsm => 160,
            Alphabet::Ucs2 => 70,
        }
    }

    /// The parts that are billed. Of several, each gives 6 bytes to its header (§9.2.3.24.1).
    #[must_use]
    pub fn segments(self) -> usize {
        if self.units <= Self::of_one_segment(self.alphabet) {
            return 1;
        }
        self.units.div_ceil(match self.alphabet {
            Alphabet::Gsm => 153,
            Alphabet::Ucs2 => 67,
        })
    }
}

/// The most units of GSM in a text with the hash of an Android app: its SMS Retriever takes 140 bytes,
/// and does not say whether it counts them before or after seven bits have become one.
const MAX_RETRIEVER_UNITS: usize = 140;

/// The most units of a text that is one part, and that what reads it on the phone takes.
pub(super) fn limit(alphabet: Alphabet, catalog: &MessageCatalog) -> usize {
    match alphabet {
        Alphabet::Gsm if catalog.app_hash.is_some() => MAX_RETRIEVER_UNITS,
        _ => Size::of_one_segment(alphabet),
    }
}

/// Is `text` within its limit?
pub(super) fn fits(text: &str, catalog: &MessageCatalog) -> bool {
    let Size { alphabet, units } = Size::of(text);
    units <= limit(alphabet, catalog)
}

/// The text in `language`, or in the operator's own catalog for it. The warning is left out where it
/// would cost a second part.
pub(super) fn text(
    language: &Language,
    catalog: &MessageCatalog,
    values: &Values<'_>,
) -> Zeroizing<String> {
    let custom = catalog.custom(language).and_then(|custom| custom.sms.as_deref());
    let template = custom.unwrap_or(match catalog.app_name {
        Some(_) => language.sms_text_app,
        None => language.sms_text,
    });
    let (text, tail) = (values.fill(template), tail(catalog, values.code));
    let warned = [text.as_str(), language.blank(), language.sms_warning, &tail].concat();
    let warned = Zeroizing::new(warned);
    if custom.is_none() && fits(&warned, catalog) {
        warned
    } else {
        [text.as_str(), &tail].concat().into()
    }
}

/// The lines that are for the phone. A browser reads the last one (WICG sms-one-time-codes §3), so
/// the hash of an app, which Android's SMS Retriever looks for anywhere, stands before it.
fn tail(catalog: &MessageCatalog, code: &str) -> Zeroizing<String> {
    let hash = catalog.app_hash.iter().flat_map(|hash| ["\n", hash]);
    let line = catalog.web_otp_domain.iter().flat_map(|domain| ["\n@", domain, " #", code]);
    hash.chain(line).collect::<Vec<_>>().concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sms_sizes_match_alphabet_and_segment_rules() {
        let gsm = |units| Size { alphabet: Alphabet::Gsm, units };
        let ucs2 = |units| Size { alphabet: Alphabet::Ucs2, units };
        for (text, expected, parts) in [
            ("", gsm(0), 1),
            ("Hello, world @ 5 o'clock\n", gsm(25), 1),
            ("àèéìòùÄÖÑÜäöñüßÉÇΔ£", gsm(19), 1),
            ("[~]{}^|\\€", gsm(18), 1),
            ("ç", ucs2(1), 1),
            ("`", ucs2(1), 1),
            ("’", ucs2(1), 1),
            ("È", ucs2(1), 1),
            ("\t", ucs2(1), 1),
            ("日本", ucs2(2), 1),
            ("😀", ucs2(2), 1),
            (&"x".repeat(160), gsm(160), 1),
            (&"x".repeat(161), gsm(161), 2),
            (&"x".repeat(306), gsm(306), 2),
            (&"x".repeat(307), gsm(307), 3),
            (&"€".repeat(80), gsm(160), 1),
            (&"あ".repeat(70), ucs2(70), 1),
            (&"あ".repeat(71), ucs2(71), 2),
            (&"あ".repeat(135), ucs2(135), 3),
        ] {
            let size = Size::of(text);
            assert_eq!((size, size.segments()), (expected, parts), "{text}");
        }
        // 127 characters and the escape (3GPP TS 23.038 §6.2.1).
        assert_eq!(GSM.chars().count() + 26 + 26 + 10, 127);
    }
}
