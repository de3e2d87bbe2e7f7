//! Another port of libphonenumber with the same metadata gives the same results (`vectors.py`).

#[cfg(test)]
mod vectors {
    use numbering::{Assignment, Tariff, classify};

    fn classified(number: &str) -> (&str, &str) {
        let Some(classification) = classify(number) else { return ("impossible", "-") };
        let assignment = match classification.assignment {
            Assignment::Region(region) => region.code(),
            Assignment::NonGeographic => "non-geographic",
            Assignment::Unknown => "unknown",
        };
        let tariff = match classification.tariff {
            Tariff::Standard => "standard",
            Tariff::PremiumRate => "premium-rate",
            Tariff::SharedCost => "shared-cost",
        };
        (assignment, tariff)
    }

    #[test]
    fn classification_matches_python_phonenumbers() {
        let (mut numbers, mut differ) = (0, Vec::new());
        for line in include_str!("vectors.tsv").lines() {
            let [number, assignment, tariff] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let ours = classified(number);
            if ours != (assignment, tariff) {
                differ.push(format!("{line}: {ours:?}"));
            }
            numbers += 1;
        }
        assert!(numbers > 2_000, "{numbers}");
        assert!(differ.is_empty(), "{} of {numbers}: {differ:#?}", differ.len());
    }

    #[test]
    fn text_other_than_plus_and_digits_is_not_classified() {
        let long = format!("+{}", "1".repeat(1_000));
        for text in [
            "",
            "+",
            "12065550123",
            "+1 206 555 0123",
            "+1206555012a",
            "+١٢٠٦٥٥٥٠١٢٣",
            "++1",
            &long,
        ] {
            assert_eq!(classify(text), None, "{text}");
        }
    }
}
