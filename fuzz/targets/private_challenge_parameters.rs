//! The private challenge parameters, one `name=value` to a line, with `userPoolId` and `sub` among
//! them: opened if and only if they have the right MAC and a reading. What is sealed opens to the
//! same, and after a change of one field, of pool, user or key it is refused.

#![no_main]

use std::collections::BTreeMap;

use fuzz::{CODE_KEY, code_key, seal, sealed_names};
use libfuzzer_sys::fuzz_target;
use otp::{CodeKey, CodeParameters, Medium, Nonce, NotSealed, PrivateChallengeParameters, RoundId};

fuzz_target!(|text: &str| {
    let mut fields: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    let user = User {
        pool_id: fields.remove("userPoolId").unwrap_or_default(),
        sub: fields.remove("sub").unwrap_or_default(),
    };
    let names = sealed_names(fields.contains_key("alternative"));
    let known: Option<Vec<(&str, &str)>> =
        names.iter().map(|name| Some((*name, *fields.get(name)?))).collect();
    let Some(known) = known else {
        return assert_eq!(user.open(&fields), Err(NotSealed), "parameters without all fields");
    };
    let mac = seal(user.pool_id, user.sub, &known);
    if fields.get("mac") != Some(&mac.as_str()) {
        assert_eq!(user.open(&fields), Err(NotSealed), "parameters without the right MAC");
    }
    fields.insert("mac", &mac);
    let opened = user.open(&fields);
    assert_eq!(opened.as_ref().ok(), read(&known).as_ref());
    let Ok(opened) = opened else { return };
    let sealed = opened.seal(&code_key(), user.pool_id, user.sub);
    let fields: BTreeMap<&str, &str> =
        sealed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(user.open(&fields), Ok(opened.clone()));
    check_changes(user, &fields);
});

/// For whom parameters are sealed.
#[derive(Clone, Copy)]
struct User<'a> {
    pool_id: &'a str,
    sub: &'a str,
}

impl User<'_> {
    fn open(self, fields: &BTreeMap<&str, &str>) -> Result<PrivateChallengeParameters, NotSealed> {
        self.open_with(fields, &code_key())
    }

    fn open_with(
        self,
        fields: &BTreeMap<&str, &str>,
        key: &CodeKey,
    ) -> Result<PrivateChallengeParameters, NotSealed> {
        let get = |name: &str| fields.get(name).copied();
        PrivateChallengeParameters::open(get, key, self.pool_id, self.sub)
    }
}

/// What `fields`, in the order of [`sealed_names`], mean.
fn read(fields: &[(&str, &str)]) -> Option<PrivateChallengeParameters> {
    let medium = |name: &str| match name {
        "SMS" => Some(Medium::Sms),
        "EMAIL" => Some(Medium::Email),
        _ => None,
    };
    match *fields {
        [(_, "")] => Some(PrivateChallengeParameters::Choice { alternative: None }),
        [(_, name)] => {
            Some(PrivateChallengeParameters::Choice { alternative: Some(medium(name)?) })
        }
        [(_, nonce), (_, expires_at), (_, round), (_, media), (_, proven), (_, spend)] => {
            // A set of media has one spelling.
            let media = match media {
                "" => vec![],
                "SMS" => vec![Medium::Sms],
                "EMAIL" => vec![Medium::Email],
                "SMS,EMAIL" => vec![Medium::Sms, Medium::Email],
                _ => return None,
            };
            Some(PrivateChallengeParameters::Code(CodeParameters {
                nonce: Nonce::decode(nonce)?,
                expires_at: expires_at.parse().ok()?,
                round: RoundId::decode(round)?,
                media: media.into_iter().collect(),
                is_proven: match proven {
                    "true" => true,
                    "false" => false,
                    _ => return None,
                },
                spend: spend.to_owned(),
            }))
        }
        _ => None,
    }
}

/// Every change of the sealed `fields`, of `user` or of the key is refused.
fn check_changes(user: User<'_>, fields: &BTreeMap<&str, &str>) {
    for (name, value) in fields {
        let mut changed = fields.clone();
        changed.remove(name);
        assert_eq!(user.open(&changed), Err(NotSealed), "`{name}` may be missing");
        let cut = value.char_indices().next_back().map(|(end, _)| &value[..end]);
        let first = if value.starts_with('A') { 'B' } else { 'A' };
        let rest = value.char_indices().nth(1).map_or("", |(start, _)| &value[start..]);
        let (longer, other) = (format!("{value}A"), format!("{first}{rest}"));
        for wrong in [Some(longer.as_str()), Some(&other), cut].into_iter().flatten() {
            let mut changed = fields.clone();
            changed.insert(name, wrong);
            assert_eq!(user.open(&changed), Err(NotSealed), "`{name}` may be changed");
        }
    }
    if let Some(proven) = fields.get("proven") {
        let mut changed = fields.clone();
        changed.insert("proven", if *proven == "true" { "false" } else { "true" });
        assert_eq!(user.open(&changed), Err(NotSealed), "a proof may be made up");
        let mut changed = fields.clone();
        changed.insert("media", if fields["media"].is_empty() { "SMS" } else { "" });
        assert_eq!(user.open(&changed), Err(NotSealed), "an unverified contact may be made up");
    }
    if !fields.contains_key("alternative") {
        let mut changed = fields.clone();
        changed.insert("alternative", "");
        assert_eq!(user.open(&changed), Err(NotSealed), "a code's seal is a choice's");
    }
    let User { pool_id, sub } = user;
    let (other_pool, other_sub) = (format!("{pool_id}A"), format!("A{sub}"));
    for other in [
        User { pool_id: &other_pool, sub },
        User { pool_id, sub: &other_sub },
        User { pool_id: &other_pool, sub: &other_sub },
        // The same bytes, divided otherwise.
        User { pool_id: &format!("{pool_id}{sub}"), sub: "" },
    ] {
        let is_same = (other.pool_id, other.sub) == (pool_id, sub);
        assert_eq!(other.open(fields).is_ok(), is_same, "another user's parameters are opened");
    }
    let other_key = CodeKey::new(&CODE_KEY.to_uppercase()).expect("a good key");
    assert_eq!(user.open_with(fields, &other_key), Err(NotSealed), "another key opens them");
}
