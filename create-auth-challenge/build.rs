//! Checks the catalogues in `messages` and makes a table of them, so that the function reads and
//! checks nothing when it starts. Each file there is one language; nothing else lists them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use toml::{Table, Value};

#[path = "src/message/template.rs"]
mod template;

/// The texts: section, key, and the placeholders that each must have.
const TEXTS: [(&str, &str, &[&str]); 11] = [
    ("sms", "text", &["code", "time"]),
    ("sms", "text_app", &["code", "app", "time"]),
    ("sms", "warning", &[]),
    ("email", "subject", &["code"]),
    ("email", "subject_app", &["code", "app"]),
    ("email", "title", &[]),
    ("email", "title_app", &["app"]),
    ("email", "enter", &[]),
    ("email", "expires", &["time"]),
    ("email", "warning", &[]),
    ("email", "ignore", &[]),
];

/// The longest that a code lives, in minutes: the most that [time] has a line for.
const MAX_MINUTES: u8 = 10;

/// The language of those who set none.
const ENGLISH: &str = "en.toml";

fn main() -> ExitCode {
    say("rerun-if-changed=messages");
    match generate(Path::new("messages")) {
        Ok(table) => match fs::write(out_directory().join("catalogues.rs"), table) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        },
        Err(error) => fail(&error),
    }
}

#[expect(clippy::disallowed_methods, reason = "where cargo says that its output goes")]
fn out_directory() -> PathBuf {
    env::var_os("OUT_DIR").unwrap_or_default().into()
}

fn say(line: &str) {
    println!("cargo::{line}");
}

fn fail(error: &str) -> ExitCode {
    // A message of cargo's is one line.
    say(&format!("error={}", error.replace('\n', " ")));
    ExitCode::FAILURE
}

/// The table of all catalogues in `directory`, as Rust, in the order of their tags.
pub(crate) fn generate(directory: &Path) -> Result<String, String> {
    let files = fs::read_dir(directory).map_err(|error| format!("messages: {error}"))?;
    let files: Result<Vec<_>, _> = files.map(|file| Ok(file?.path())).collect();
    let mut files = files.map_err(|error: std::io::Error| format!("messages: {error}"))?;
    files.sort();
    let english = files.iter().position(|file| file.ends_with(ENGLISH));
    let english = english.ok_or(format!("messages/{ENGLISH} is missing"))?;
    let mut names = BTreeSet::new();
    let mut table = format!("static LANGUAGES: [Language; {}] = [\n", files.len());
    for file in files {
        let entry = catalogue(&file, &mut names);
        table.push_str(&entry.map_err(|error| format!("{}: {error}", file.display()))?);
    }
    let _ = write!(table, "];\nstatic ENGLISH: &Language = &LANGUAGES[{english}];\n");
    Ok(table)
}

/// One catalogue as Rust. `names` are the tags and aliases of those before it.
fn catalogue(file: &Path, names: &mut BTreeSet<String>) -> Result<String, String> {
    let tag = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if file.extension().is_none_or(|extension| extension != "toml") || !is_tag(tag) {
        return Err("is not named after a BCP 47 tag, such as pt-BR.toml".to_owned());
    }
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let table: Table = text.parse().map_err(|error| format!("{error}"))?;
    let known = ["name", "direction", "aliases", "time", "sms", "email"];
    only(&table, "", |key| known.contains(&key))?;
    let name = text_of(&table, "", "name")?;
    let right_to_left = match text_of(&table, "", "direction")? {
        "ltr" => false,
        "rtl" => true,
        _ => return Err("direction is neither \"ltr\" nor \"rtl\"".to_owned()),
    };
    let aliases = table.get("aliases").and_then(Value::as_array).ok_or("aliases is not a list")?;
    let aliases: Option<Vec<&str>> = aliases.iter().map(Value::as_str).collect();
    let aliases = aliases.filter(|aliases| aliases.iter().all(|alias| is_tag(alias)));
    let aliases = aliases.ok_or("aliases contains an invalid BCP 47 tag")?;
    for name in std::iter::once(&tag).chain(&aliases) {
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(format!("{name} is already the tag or an alias of another file"));
        }
    }
    let variable = tag.to_ascii_uppercase().replace('-', "_");
    let mut out = String::new();
    let _ = write!(
        out,
        "Language {{ tag: {tag:?}, name: {name:?}, right_to_left: {right_to_left:?}, \
         aliases: &{aliases:?}, sms_variable: \"MESSAGE_SMS_{variable}\", \
         subject_variable: \"MESSAGE_EMAIL_SUBJECT_{variable}\", {}",
        times(section(&table, "time")?)?
    );
    for (name, key, required) in TEXTS {
        let section = section(&table, name)?;
        only(section, name, |key| TEXTS.iter().any(|(n, k, _)| (*n, *k) == (name, key)))?;
        let text = text_of(section, name, key)?;
        template::check(text, required, &[]).map_err(|error| format!("{name}.{key} {error}"))?;
        let _ = write!(out, "{name}_{key}: {text:?}, ");
    }
    out.push_str("},\n");
    Ok(out)
}

/// The lines of [time].
fn times(section: &Table) -> Result<String, String> {
    let mut exact = Vec::new();
    for key in section.keys().filter(|key| *key != "other") {
        let minutes = key.parse::<u8>().ok().filter(|m| *m <= MAX_MINUTES && m.to_string() == *key);
        let minutes =
            minutes.ok_or(format!("time.{key} is neither 0 to {MAX_MINUTES} nor other"))?;
        let text = text_of(section, "time", key)?;
        template::check(text, &[], &["minutes"]).map_err(|error| format!("time.{key} {error}"))?;
        exact.push((minutes, text));
    }
    if !exact.iter().any(|(minutes, _)| *minutes == 0) {
        return Err("time.0 is missing".to_owned());
    }
    let other = text_of(section, "time", "other")?;
    template::check(other, &["minutes"], &[]).map_err(|error| format!("time.other {error}"))?;
    Ok(format!("times: &{exact:?}, time_other: {other:?}, "))
}

fn section<'a>(table: &'a Table, name: &str) -> Result<&'a Table, String> {
    table.get(name).and_then(Value::as_table).ok_or(format!("[{name}] is missing"))
}

fn text_of<'a>(table: &'a Table, section: &str, key: &str) -> Result<&'a str, String> {
    let text = table.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let text = text.ok_or(format!("{section}.{key} is missing or empty"))?;
    // A person would see two blanks, and a text message would be billed for them.
    if text.trim() != text || text.contains("  ") {
        return Err(format!("{section}.{key} has leading, trailing or repeated spaces"));
    }
    Ok(text)
}

fn only(table: &Table, section: &str, known: impl Fn(&str) -> bool) -> Result<(), String> {
    match table.keys().find(|key| !known(key)) {
        Some(key) => Err(format!("{section}.{key} is an unknown key")),
        None => Ok(()),
    }
}

/// Is `text` of the form of a BCP 47 tag: subtags of letters and digits?
fn is_tag(text: &str) -> bool {
    let is_subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.split('-').all(is_subtag) && text.split('-').next().is_some_and(|part| part.len() >= 2)
}
