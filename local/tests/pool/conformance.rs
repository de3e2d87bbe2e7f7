//! The pages in `docs` say what is so: the tests that they name exist, and so do the operations.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use local::user_pool::UserPools;

use crate::declared::MODEL;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What stands between back-ticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

#[test]
fn tests_cited_in_documents_exist() {
    let read = |page: &str| fs::read_to_string(root().join("docs").join(page)).unwrap();
    let pages = read("CONFORMANCE.md") + &read("SECURITY.md");
    let mut named = 0;
    let cited = quoted(&pages).filter_map(|text| text.split_once("::"));
    for (file, test) in cited.filter(|(file, _)| file.ends_with(".rs")) {
        let source = fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("no {file}"));
        assert!(source.contains(&format!("fn {test}(")), "no {test} in {file}");
        named += 1;
    }
    assert!(named > 50, "{named}");
}

#[test]
fn documented_operations_match_implemented_operations() {
    let page = fs::read_to_string(root().join("docs/CONFORMANCE.md")).unwrap();
    let (list, _) = page.split_once("Not there:").unwrap();
    let listed: BTreeSet<&str> = quoted(list).filter(|text| MODEL.contains_key(*text)).collect();
    let implemented: BTreeSet<&str> = UserPools::operations().collect();
    assert_eq!(listed, implemented);
    let count = format!("{} of the {}", implemented.len(), MODEL.len());
    assert!(page.contains(&count), "{count}");
}
