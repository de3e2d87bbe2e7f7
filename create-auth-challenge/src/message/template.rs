//! StringMap with placeholders, such as `{code} is your code`. The build checks the catalogues with this
//! file, too, so it needs nothing but the standard library.

/// A part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Stands for itself.
    Text(&'a str),
    /// Stands for the value of this name.
    Placeholder(&'a str),
}

/// The pieces of `template`. A placeholder is a name of lower-case letters in braces; braces around
/// anything else, as in a style sheet, stand for themselves.
pub(crate) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    // Where the search for the next brace begins, in bytes of `rest`.
    let mut from = 0;
    while let Some((before, after)) = split_at_brace(rest, from) {
        let name = after.split('}').next().unwrap_or_default();
        match after.strip_prefix(name).and_then(|after| after.strip_prefix('}')) {
            Some(after) if is_name(name) => {
                pieces.extend([Piece::Text(before), Piece::Placeholder(name)]);
                (rest, from) = (after, 0);
            }
            _ => from = before.len() + 1,
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// What is before and after the first `{` that is at `from` or behind it.
fn split_at_brace(text: &str, from: usize) -> Option<(&str, &str)> {
    let at = from + text.get(from..)?.find('{')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Checks a template that a person wrote: every placeholder is one of `allowed`, each of `required` is
/// there, and there is no other brace. The error is to be read after the template's name.
pub(crate) fn check(template: &str, required: &[&str], allowed: &[&str]) -> Result<(), String> {
    let pieces = pieces(template);
    for piece in &pieces {
        match piece {
            Piece::Text(text) if text.contains(['{', '}']) => {
                return Err("has a brace outside a placeholder".to_owned());
            }
            Piece::Text(text) if text.contains(char::is_control) => {
                return Err("has a control character".to_owned());
            }
            Piece::Placeholder(name) if !required.contains(name) && !allowed.contains(name) => {
                return Err(format!("has the unknown placeholder {{{name}}}"));
            }
            Piece::Text(_) | Piece::Placeholder(_) => {}
        }
    }
    match required.iter().find(|name| !pieces.contains(&Piece::Placeholder(name))) {
        Some(name) => Err(format!("lacks the placeholder {{{name}}}")),
        None => Ok(()),
    }
}
