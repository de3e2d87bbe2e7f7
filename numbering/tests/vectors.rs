//! Another port of libphonenumber with the same metadata says the same (`vectors.py`).

#[cfg(test)]
mod vectors {
    use numbering::{Kind, Number, Place};

    fn of(number: &str) -> (String, &'static str) {
        let Some(number) = Number::of(number) else { return ("impossible".to_owned(), "-") };
        let place = match number.place {
            Place::Region(region) => region.code().to_owned(),
            Place::Nowhere => "nowhere".to_owned(),
            Place::Unassigned => "unassigned".to_owned(),
        };
        let kind = match number.kind {
            Kind::Ordinary => "ordinary",
            Kind::PremiumRate => "premium-rate",
            Kind::SharedCost => "shared-cost",
        };
        (place, kind)
    }

    #[test]
    fn as_another_port_reads_them() {
        let (mut numbers, mut differ) = (0, Vec::new());
        for line in include_str!("vectors.tsv").lines() {
            let [number, place, kind] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let (our_place, our_kind) = of(number);
            if (our_place.as_str(), our_kind) != (place, kind) {
                differ.push(format!("{line}: {our_place} {our_kind}"));
            }
            numbers += 1;
        }
        assert!(numbers > 2_000, "{numbers}");
        assert!(differ.is_empty(), "{} of {numbers}: {differ:#?}", differ.len());
    }

    #[test]
    fn nothing_but_e_164() {
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
            assert_eq!(Number::of(text), None, "{text}");
        }
    }
}
