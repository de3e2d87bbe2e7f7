//! What the build makes of a translator's file, and what it refuses.

#[cfg(test)]
#[expect(dead_code, reason = "only the part that cargo does not see is tested")]
#[path = "../build.rs"]
mod build;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use create_auth_challenge::Language;

    use super::build;

    const MESSAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/messages");

    /// A copy of the catalogues, of the name `name`, that a test may change.
    fn copy(name: &str) -> PathBuf {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("catalogues").join(name);
        // What an earlier run has left.
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir_all(&copy).unwrap();
        for file in fs::read_dir(MESSAGES).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
        copy
    }

    /// What the build says of English, `old` in it replaced by `new`.
    fn refused(old: &str, new: &str) -> String {
        let copy = copy("refused");
        let english = copy.join("en.toml");
        let text = fs::read_to_string(&english).unwrap();
        assert!(text.contains(old), "{old}");
        fs::write(&english, text.replace(old, new)).unwrap();
        let error = build::generate(&copy).expect_err(new);
        assert!(error.contains("en.toml: "), "{error}");
        error
    }

    #[test]
    fn every_catalog_file_becomes_a_language() {
        let mut tags: Vec<String> = fs::read_dir(MESSAGES)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        tags.sort();
        assert_eq!(tags, Language::all().iter().map(|language| language.tag).collect::<Vec<_>>());

        let copy = copy("added");
        let before = build::generate(&copy).unwrap();
        let polish = fs::read_to_string(Path::new(MESSAGES).join("en.toml")).unwrap();
        let polish = polish.replace("\"English\"", "\"Polski\"").replace("1 = ", "2 = \"x\"\n1 = ");
        fs::write(copy.join("pl.toml"), polish).unwrap();
        let after = build::generate(&copy).unwrap();
        assert!(after.contains("name: \"Polski\""));
        assert!(after.contains("sms_variable: \"MESSAGE_SMS_PL\""));
        assert_eq!(before.matches("Language {").count() + 1, after.matches("Language {").count());
    }

    #[test]
    fn invalid_catalog_entries_fail_the_build() {
        for (old, new, expected) in [
            (
                "text = \"{code} is",
                "text = \"{pin} is",
                "sms.text has the unknown placeholder {pin}",
            ),
            ("warning = ", "# ", "sms.warning is missing or empty"),
            ("enter = ", "entr = ", "email.entr is an unknown key"),
            (
                "title = \"Your",
                "title = \"{code}: your",
                "email.title has the unknown placeholder {code}",
            ),
            (
                "subject_app = \"{code}",
                "subject_app = \"",
                "email.subject_app has leading, trailing",
            ),
            (
                "subject_app = \"{code} is your {app}",
                "subject_app = \"{app}",
                "lacks the placeholder",
            ),
            ("valid for {time}.", "valid for time}.", "a brace outside a placeholder"),
            ("other = \"{minutes} minutes\"", "other = \"minutes\"", "time.other lacks"),
            ("1 = \"1 minute\"", "11 = \"1 minute\"", "time.11 is neither 0 to 10 nor other"),
            ("1 = \"1 minute\"", "one = \"1 minute\"", "time.one is neither 0 to 10 nor other"),
            ("0 = ", "2 = ", "time.0 is missing"),
            ("\"ltr\"\n", "\"up\"\n", "direction is neither"),
            (
                "aliases = []",
                "aliases = [\"DE\"]",
                "DE is already the tag or an alias of another file",
            ),
            ("aliases = []", "aliases = [1]", "aliases contains an invalid BCP 47 tag"),
            ("aliases = []", "alias = []", "alias is an unknown key"),
            ("name = \"English\"", "name = \"\"", "name is missing or empty"),
            ("name = \"English\"", "name = English", "en.toml: TOML parse error"),
            ("Your sign-in code\"", "Your sign-in\\ncode\"", "email.title has a control character"),
        ] {
            let error = refused(old, new);
            assert!(error.contains(expected), "{new}: {error}");
        }
    }

    #[test]
    fn misnamed_or_missing_catalogs_fail_the_build() {
        for name in ["en.yaml", "english language.toml", "e.toml", "en_GB.toml", ".toml"] {
            let copy = copy("misnamed");
            fs::copy(copy.join("en.toml"), copy.join(name)).unwrap();
            let error = build::generate(&copy).unwrap_err();
            assert!(error.contains("is not named after a BCP 47 tag"), "{name}: {error}");
        }
        let copy = copy("incomplete");
        fs::remove_file(copy.join("en.toml")).unwrap();
        assert_eq!(build::generate(&copy), Err("messages/en.toml is missing".to_owned()));
    }
}
