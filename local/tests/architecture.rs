//! The rooms of this crate: no file depends on itself through others, and each room uses only those
//! that it may.
//!
//! A dependency is a path that starts with `crate::`, `super::` or a child module, anywhere in a file.
//! It leads to the file of the deepest module that it names.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, and which others each may use, besides itself and the files that `SHARED` names. A
/// room within a room is not part of the outer one: nobody reaches into the user pool.
const ROOMS: [(&str, &[&str]); 9] = [
    ("http", &["services", "user_pool", "identity_pool", "lambda", "protocol"]),
    ("services", &["protocol"]),
    ("user_pool", &["user_pool/flow", "user_pool/operations", "user_pool/model", "protocol"]),
    ("user_pool/flow", &["user_pool/operations", "user_pool/model", "protocol"]),
    ("user_pool/operations", &["user_pool/model", "protocol"]),
    ("user_pool/model", &["protocol"]),
    ("identity_pool", &["user_pool", "protocol"]),
    // The flow defines how a function is called, and `lambda` calls it.
    ("lambda", &["user_pool", "protocol"]),
    ("protocol", &[]),
];

/// The files of the top level that every room may use.
const SHARED: [&str; 2] = ["clock.rs", "outbox.rs"];

type Module = Vec<String>;

/// The files by module, as paths below `src`.
struct Crate {
    files: BTreeMap<Module, String>,
    sources: BTreeMap<String, String>,
}

impl Crate {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        find(&root, &mut found);
        let mut this = Self { files: BTreeMap::new(), sources: BTreeMap::new() };
        for path in found {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let parts = name.strip_suffix(".rs").unwrap().split('/').map(str::to_owned);
            let mut module: Module = parts.collect();
            // `main.rs` is a crate of its own, which uses this one as any other does.
            if name == "main.rs" {
                continue;
            }
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            this.files.insert(module, name.clone());
            this.sources.insert(name, fs::read_to_string(path).unwrap());
        }
        this
    }

    /// The file of the deepest module at the start of `path`.
    fn file(&self, path: &[String]) -> &str {
        let lengths = (0..=path.len()).rev();
        let found = lengths.filter_map(|length| self.files.get(path.get(..length)?)).next();
        found.unwrap_or_else(|| panic!("no file for {path:?}"))
    }

    /// What each file depends on, itself left out.
    fn dependencies(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let of = |(module, file): (&Module, _)| {
            let file: &String = file;
            let children: Vec<&str> = self
                .files
                .keys()
                .filter_map(|other| other.split_last().filter(|(_, parent)| parent == module))
                .map(|(name, _)| name.as_str())
                .collect();
            let paths = paths(module, &children, self.sources.get(file).unwrap());
            let others: BTreeSet<&str> = paths.iter().map(|path| self.file(path)).collect();
            (file.as_str(), others.into_iter().filter(|other| other != file).collect())
        };
        self.files.iter().map(of).collect()
    }
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The paths of this crate in `source`, the code of `module` with these `children`, from the crate's
/// root.
fn paths(module: &Module, children: &[&str], source: &str) -> BTreeSet<Module> {
    let mut all = BTreeSet::new();
    let code: Vec<&str> =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let starts: Vec<String> =
        ["crate", "super"].iter().chain(children).map(|name| format!("{name}::")).collect();
    for (at, _) in starts.iter().flat_map(|start| code.match_indices(start.as_str())) {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = code.get(at..).unwrap();
        // `use super::*` in a test module at the end of a file is about that file.
        if rest.starts_with("super::*") {
            continue;
        }
        expand(&[], rest, &mut |path| {
            let mut from = module.clone();
            let mut parts = path.iter().peekable();
            if parts.next_if(|part| *part == "crate").is_some() {
                from.clear();
            }
            while parts.next_if(|part| *part == "super").is_some() {
                from.pop();
            }
            from.extend(parts.cloned());
            all.insert(from);
        });
    }
    all
}

/// Calls `found` with each path of the tree at the start of `text`, such as `a::{b::c, d}`. Gives
/// back what follows the tree.
fn expand<'a>(prefix: &[String], text: &'a str, found: &mut impl FnMut(&[String])) -> &'a str {
    let mut path = prefix.to_vec();
    let mut text = text.trim_start();
    loop {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if !name.is_empty() && name != "self" {
            path.push(name.to_owned());
        }
        match rest.strip_prefix("::") {
            Some(rest) => text = rest,
            None if name.is_empty() && rest.starts_with('{') => {
                text = rest.strip_prefix('{').unwrap();
                break;
            }
            None => {
                found(&path);
                return rest;
            }
        }
    }
    loop {
        text = expand_dyn(&path, text, found).trim_start();
        if let Some(alias) = text.strip_prefix("as ") {
            let end = alias.find([',', '}']).unwrap_or(alias.len());
            text = alias.split_at(end).1;
        }
        text = text.strip_prefix(',').unwrap_or(text).trim_start();
        if let Some(rest) = text.strip_prefix('}') {
            return rest;
        }
        assert!(!text.is_empty(), "a tree of imports that does not end");
    }
}

/// The same, so that the compiler makes one function of the recursion.
fn expand_dyn<'a>(prefix: &[String], text: &'a str, found: &mut dyn FnMut(&[String])) -> &'a str {
    expand(prefix, text, &mut |path| found(path))
}

/// The room of a file: the longest of `ROOMS` that it is in.
fn room(file: &str) -> Option<&'static str> {
    let inside = |room: &&str| file.strip_prefix(*room).is_some_and(|rest| rest.starts_with('/'));
    ROOMS.iter().map(|(room, _)| *room).filter(inside).max_by_key(|room| room.len())
}

/// The files from `from` back to itself, if there is such a way.
fn circle<'a>(
    dependencies: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    from: &'a str,
) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in way.last().and_then(|file| dependencies.get(file)).into_iter().flatten() {
            if *next == from {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

#[test]
fn files_do_not_depend_on_each_other_in_a_circle() {
    let sources = Crate::read();
    let dependencies = sources.dependencies();
    assert!(dependencies.values().map(BTreeSet::len).sum::<usize>() > 200);
    let circles: Vec<_> =
        dependencies.keys().filter_map(|file| circle(&dependencies, file)).collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn rooms_use_only_allowed_rooms() {
    let sources = Crate::read();
    let mut forbidden = Vec::new();
    for (file, others) in sources.dependencies() {
        // The files of the top level put the rooms together.
        let Some(room) = room(file) else { continue };
        let (_, allowed) = ROOMS.iter().find(|(name, _)| *name == room).unwrap();
        let may = |other: &&str| match self::room(other) {
            Some(other) => other == room || allowed.contains(&other),
            None => SHARED.contains(other),
        };
        let others = others.into_iter().filter(|other| !may(other));
        forbidden.extend(others.map(|other| format!("{file} -> {other}")));
    }
    assert!(forbidden.is_empty(), "{forbidden:#?}");
}

#[test]
fn circles_and_paths_are_found() {
    let module = vec!["a".to_owned(), "b".to_owned()];
    let found = paths(
        &module,
        &["child"],
        "use crate::x::{self, y::Z, w as v};\nuse super::c::{\n    D,\n};\n// use crate::no;\n\
         fn f() -> crate::e::F { child::g() }\nmod tests { use super::*; }",
    );
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["a::b::child::g", "a::c::D", "e::F", "x", "x::w", "x::y::Z"]);
    let dependencies: BTreeMap<&str, BTreeSet<&str>> = [
        ("a", BTreeSet::from(["b", "d"])),
        ("b", BTreeSet::from(["c"])),
        ("c", BTreeSet::from(["a"])),
        ("d", BTreeSet::new()),
    ]
    .into();
    assert_eq!(circle(&dependencies, "a"), Some(vec!["a", "b", "c"]));
    assert_eq!(circle(&dependencies, "d"), None);
}
