//! ListUsers: pages of users, with the filters that Cognito has.

use serde_json::{Map, Value, json};

use crate::protocol::error::{Error, Result};
use crate::protocol::json_request::Request;
use crate::user_pool::model::attributes::{Contact, STANDARD};
use crate::user_pool::model::context::Context;
use crate::user_pool::model::pool::Pool;
use crate::user_pool::model::state::State;
use crate::user_pool::model::user::{User, UserId};
use crate::user_pool::operations::{descriptions, fields};

/// The most users on one page.
const PAGE: u32 = 60;

/// ListUsers.
pub(crate) fn list_users(
    state: &mut State,
    _: &mut Context<'_>,
    request: &Request,
) -> Result<Value> {
    let pool_id = request.required(&fields::USER_POOL_ID)?;
    let filter = request
        .optional(&fields::FILTER)?
        .filter(|text| !text.trim().is_empty())
        .map(Filter::parse)
        .transpose()?;
    let limit = request.integer("Limit", 0..=PAGE)?.filter(|limit| *limit > 0);
    let after = request.optional(&fields::PAGINATION_TOKEN)?.map(parse_token).transpose()?;
    let wanted = request.strings(&fields::ATTRIBUTES_TO_GET, usize::MAX)?;
    for name in wanted.iter().flatten() {
        let known = *name == "sub" || STANDARD.iter().any(|(standard, _)| standard == name);
        if !known {
            return Err(Error::invalid(format!("Invalid attribute name: {name}")));
        }
    }
    let pool = state.pool(pool_id)?;
    let limit = usize::try_from(limit.unwrap_or(PAGE)).unwrap_or(usize::MAX);
    let mut found = candidates(pool, filter.as_ref(), after)
        .filter(|(_, user)| filter.as_ref().is_none_or(|filter| filter.matches(user)));
    let mut users = Vec::new();
    let mut last = None;
    for (id, user) in found.by_ref().take(limit) {
        users.push(descriptions::describe_user(user, "Attributes", wanted.as_deref()));
        last = Some(id);
    }
    let mut reply = Map::new();
    if let (Some(last), true) = (last, found.next().is_some()) {
        reply.insert("PaginationToken".to_owned(), json!(format!("after-{}", last.0)));
    }
    reply.insert("Users".to_owned(), Value::Array(users));
    Ok(Value::Object(reply))
}

fn parse_token(token: &str) -> Result<UserId> {
    token
        .strip_prefix("after-")
        .and_then(|id| id.parse().ok())
        .map(UserId)
        .ok_or_else(|| Error::invalid("Invalid pagination token."))
}

/// The users that the filter may match: few where there is an index.
fn candidates<'a>(
    pool: &'a Pool,
    filter: Option<&'a Filter>,
    after: Option<UserId>,
) -> Box<dyn Iterator<Item = (UserId, &'a User)> + 'a> {
    let users = &pool.users;
    if let Some(filter) = filter.filter(|filter| !filter.prefix) {
        let one = |id: Option<UserId>| {
            let found = id.and_then(|id| Some((id, users.get(id)?)));
            Box::new(found.into_iter().filter(move |(id, _)| Some(*id) > after))
        };
        match filter.name.as_str() {
            "username" => return one(users.by_username(&filter.value)),
            "sub" => {
                let sub = uuid::Uuid::try_parse(&filter.value).ok();
                return one(sub.and_then(|sub| users.by_sub(sub)));
            }
            name => {
                if let Some(contact) = Contact::named(name) {
                    return Box::new(
                        users
                            .with_contact(contact, &filter.value)
                            .filter(move |(id, _)| Some(*id) > after),
                    );
                }
            }
        }
    }
    Box::new(users.after(after))
}

/// `name = "value"` or `name ^= "value"`.
struct Filter {
    name: String,
    prefix: bool,
    value: String,
}

impl Filter {
    fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("Error while parsing filter.");
        let (left, right) = text.split_once('=').ok_or_else(wrong)?;
        let left = left.trim_end();
        let (name, prefix) = match left.strip_suffix('^') {
            Some(name) => (name.trim_end(), true),
            None => (left, false),
        };
        let name = name.trim_start();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        let value = right.trim().strip_prefix('"').and_then(unescape).ok_or_else(wrong)?;
        let searchable = [
            "username",
            "email",
            "phone_number",
            "name",
            "given_name",
            "family_name",
            "preferred_username",
            "cognito:user_status",
            "status",
            "sub",
        ];
        if !searchable.contains(&name) {
            return Err(Error::invalid(format!("Invalid search attribute: {name}")));
        }
        Ok(Self { name: name.to_owned(), prefix, value })
    }

    fn matches(&self, user: &User) -> bool {
        let sub;
        let value = match self.name.as_str() {
            "username" => Some(user.username.as_str()),
            "sub" => {
                sub = user.sub.to_string();
                Some(sub.as_str())
            }
            "status" => Some(if user.enabled { "Enabled" } else { "Disabled" }),
            "cognito:user_status" => Some(user.status.name()),
            name => user.attribute(name),
        };
        // Cognito compares these without regard to case, and the rest with.
        let folds = matches!(self.name.as_str(), "cognito:user_status" | "email");
        let fold = |text: &str| {
            if folds { text.to_lowercase() } else { text.to_owned() }
        };
        value.is_some_and(|value| {
            let (value, wanted) = (fold(value), fold(&self.value));
            if self.prefix { value.starts_with(&wanted) } else { value == wanted }
        })
    }
}

/// The string up to the closing quotation mark, which must end it.
fn unescape(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(value),
            '\\' => value.push(characters.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_list_filters_are_refused() {
        for (text, name, prefix, value) in [
            (r#"email = "a@b.c""#, "email", false, "a@b.c"),
            (r#"email="a=b""#, "email", false, "a=b"),
            (r#"  phone_number ^= "+81" "#, "phone_number", true, "+81"),
            (r#"name^="say \"hi\"""#, "name", true, r#"say "hi""#),
            (r#""sub" = """#, "sub", false, ""),
        ] {
            let filter = Filter::parse(text).unwrap();
            assert_eq!(
                (filter.name.as_str(), filter.prefix, filter.value.as_str()),
                (name, prefix, value),
                "{text}"
            );
        }
        for text in [
            "email",
            "email = a",
            r#"email = "a"#,
            r#"email = "a" and name = "b""#,
            r#"nickname = "a""#,
            r#"= "a""#,
            r#"email = "a\"#,
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
