//! The spend guard: how many paid messages may leave before codes come back.
//!
//! A message takes a credit of each of its scopes, in its class, and a code that is used gives some
//! back. So what is sent for nothing is bounded, and what users answer pays for itself.

use std::time::Duration;

use otp::UnixSeconds;

use crate::ItemKey;

/// The span in which credit is counted: an hour of the clock. After the whole span a refused message
/// finds credit again, unless others have taken it.
pub const SPEND_WINDOW: Duration = Duration::from_secs(HOUR);

const HOUR: UnixSeconds = 60 * 60;

/// How long an item is kept after its hour: the next hour reads it, and codes give credit back as
/// long as they live.
const KEPT_AFTER_HOUR: UnixSeconds = 3 * HOUR;

/// How much credit a used code gives back to each scope of its message.
const CREDIT_OF_A_USED_CODE: u64 = 3;

/// A country is low when it has this part of its hour's first credit left, or less.
const LOW_CREDIT_PART: u64 = 5;

/// Whole hours since the Unix epoch.
pub type UnixHours = u64;

/// What a message is to its account. Each class has credit of its own, so that pumping through new
/// sign-ups takes nothing of what users have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendClass {
    /// The destination is verified on the account.
    Proven,
    /// It is not.
    New,
}

impl SpendClass {
    const ALL: [Self; 2] = [Self::Proven, Self::New];

    /// Its name in item keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::New => "new",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    fn other(self) -> Self {
        match self {
            Self::Proven => Self::New,
            Self::New => Self::Proven,
        }
    }
}

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    /// The numbers of a country.
    Country,
    /// The numbers that differ in their last four digits only.
    Range,
    /// All numbers.
    All,
    /// All email addresses.
    Email,
}

/// A scope: its kind, and its name in item keys.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    kind: ScopeKind,
    name: String,
}

impl Scope {
    fn key(&self, class: SpendClass, hour: UnixHours) -> ItemKey {
        spend_key(&self.name, class, hour)
    }
}

fn spend_key(scope: &str, class: SpendClass, hour: UnixHours) -> ItemKey {
    ItemKey(format!("spend#{scope}#{}#{hour}", class.name()))
}

/// The scopes of a message: country, range and everything, or email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendScopes(Vec<Scope>);

impl SpendScopes {
    const NO_COUNTRY: &'static str = "none";
    const ALL: &'static str = "all";
    const EMAIL: &'static str = "email";

    /// How long the name of a range is: base64url of an HMAC.
    const RANGE_LENGTH: usize = 43;

    /// Those of an email.
    #[must_use]
    pub fn email() -> Self {
        Self(vec![Scope { kind: ScopeKind::Email, name: Self::EMAIL.to_owned() }])
    }

    /// Those of a message to a number of `range` in `country`; see [`crate::ItemNames::phone_scopes`].
    pub(crate) fn phone(country: Option<&str>, range: String) -> Self {
        let country = country.filter(|country| is_country(country)).unwrap_or(Self::NO_COUNTRY);
        Self(vec![
            Scope { kind: ScopeKind::Country, name: country.to_owned() },
            Scope { kind: ScopeKind::Range, name: range },
            Scope { kind: ScopeKind::All, name: Self::ALL.to_owned() },
        ])
    }

    /// Their names in item keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| scope.name.as_str())
    }

    /// What a ticket has of them. That of all numbers goes without saying.
    fn encode(&self) -> String {
        let named = self.0.iter().filter(|scope| scope.kind != ScopeKind::All);
        named.map(|scope| scope.name.as_str()).collect::<Vec<_>>().join(".")
    }

    fn decode(text: &str) -> Option<Self> {
        if text == Self::EMAIL {
            return Some(Self::email());
        }
        let (country, range) = text.split_once('.')?;
        let is_url_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_range = range.len() == Self::RANGE_LENGTH && range.bytes().all(is_url_safe);
        let is_valid = is_range && (is_country(country) || country == Self::NO_COUNTRY);
        is_valid.then(|| Self::phone(Some(country), range.to_owned()))
    }
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The items that a message is counted in: its scopes, class and hour. Create seals it for verify, so
/// that a used code gives credit back to the items that its message took credit of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendTicket {
    scopes: SpendScopes,
    class: SpendClass,
    hour: UnixHours,
}

impl SpendTicket {
    /// The ticket of a message of `class` that was sent at `sent_at`.
    #[must_use]
    pub fn new(scopes: SpendScopes, class: SpendClass, sent_at: UnixSeconds) -> Self {
        Self { scopes, class, hour: sent_at / HOUR }
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> SpendClass {
        self.class
    }

    /// Its country by two letters, or `none`; nothing for an email.
    #[must_use]
    pub fn country(&self) -> Option<&str> {
        let country = self.scopes.0.iter().find(|scope| scope.kind == ScopeKind::Country);
        country.map(|scope| scope.name.as_str())
    }

    /// The ticket as text: `proven.490896.JP.` and a range, or `new.490896.email`.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{}.{}.{}", self.class.name(), self.hour, self.scopes.encode())
    }

    /// Reads what [`SpendTicket::encode`] wrote, and nothing else. The keys are rebuilt of it, so only
    /// what was sealed may be read.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let class = SpendClass::from_name(parts.next()?)?;
        let hour = parts.next()?.parse().ok()?;
        let ticket = Self { scopes: SpendScopes::decode(parts.next()?)?, class, hour };
        // Numbers can be written in several ways.
        (ticket.encode() == text).then_some(ticket)
    }

    /// The keys of its items.
    #[must_use]
    pub fn keys(&self) -> Vec<ItemKey> {
        self.scopes.0.iter().map(|scope| scope.key(self.class, self.hour)).collect()
    }
}

/// What a message that is asked for would be counted in.
#[derive(Clone, Debug)]
pub struct SpendKeys {
    scopes: SpendScopes,
    class: SpendClass,
    /// The names of the scopes that are written instead, of an unknown user.
    instead: Option<Vec<String>>,
}

impl SpendKeys {
    /// Those of a user's message.
    #[must_use]
    pub fn new(scopes: SpendScopes, class: SpendClass) -> Self {
        Self { scopes, class, instead: None }
    }

    /// Those of an unknown user's message: refused when the items of `scopes` refuse, but counted in
    /// items of the names `instead`.
    pub(crate) fn unknown(scopes: SpendScopes, instead: Vec<String>) -> Self {
        Self { scopes, class: SpendClass::Proven, instead: Some(instead) }
    }

    /// Is the message one of an unknown user, which is not sent and takes nothing?
    pub(crate) fn is_unknown(&self) -> bool {
        self.instead.is_some()
    }

    /// The keys to read for a message at `now`: for each scope the items of this hour and of the hour
    /// before, then the item of the country in the other class.
    pub(crate) fn to_read(&self, now: UnixSeconds) -> Vec<ItemKey> {
        let hour = now / HOUR;
        let of_scope =
            |scope: &Scope| [hour, hour.saturating_sub(1)].map(|hour| scope.key(self.class, hour));
        let country = self.scopes.0.iter().filter(|scope| scope.kind == ScopeKind::Country);
        let other_class = country.map(|scope| scope.key(self.class.other(), hour));
        self.scopes.0.iter().flat_map(of_scope).chain(other_class).collect()
    }

    /// The items of [`SpendKeys::to_read`], as they were read. `None` if they are not that many.
    pub(crate) fn reading(&self, items: Vec<Option<SpendItem>>) -> Option<SpendReading> {
        let mut items = items.into_iter();
        let mut scopes = Vec::new();
        for scope in &self.scopes.0 {
            let (current, previous) = (items.next()?, items.next()?);
            scopes.push(ScopeReading { kind: scope.kind, current, previous });
        }
        let has_country = scopes.iter().any(|scope| scope.kind == ScopeKind::Country);
        let other_class = if has_country { items.next()? } else { None };
        Some(SpendReading { scopes, other_class })
    }

    /// The keys to write for a message at `now`, in the order of the scopes.
    pub(crate) fn to_write(&self, now: UnixSeconds) -> Vec<ItemKey> {
        let hour = now / HOUR;
        match &self.instead {
            None => self.scopes.0.iter().map(|scope| scope.key(self.class, hour)).collect(),
            Some(names) => names.iter().map(|name| spend_key(name, self.class, hour)).collect(),
        }
    }
}

/// What was sent and answered in one scope, class and hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendItem {
    /// How many messages may still be sent.
    pub credit: u64,
    /// How many messages of this hour had their code used.
    pub answered: u64,
    /// How many messages were sent.
    pub sent: u64,
}

/// A change of an item. A store carries it out in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendUpdate {
    /// A message is sent for one credit.
    Take(SpendBounds),
    /// A message is sent without one.
    Count(SpendBounds),
    /// A message that was counted was not sent.
    GiveBack {
        /// Did it take a credit?
        credit: bool,
    },
    /// The code of a message was used.
    Earn,
}

/// What bounds a message in one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendBounds {
    /// The credit of an item that does not exist yet.
    pub start: u64,
    /// The most messages that the item may count, if a cap is on it.
    pub cap: Option<u64>,
    /// Until when the item is kept.
    pub expires_at: UnixSeconds,
}

/// What came of a [`SpendUpdate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendOutcome {
    /// It is done.
    Done,
    /// Nothing changed: there is no credit.
    NoCredit,
    /// Nothing changed: the cap is reached.
    Capped,
    /// Nothing changed: there is no such item.
    Absent,
}

impl SpendItem {
    /// Carries out `update` on an item, or on none, and returns it as it is then, if it changes.
    ///
    /// This is the rule; a store carries it out as one conditional update.
    #[must_use]
    pub fn update(item: Option<Self>, update: &SpendUpdate) -> (SpendOutcome, Option<Self>) {
        let changed = match (update, item) {
            (SpendUpdate::Take(bounds) | SpendUpdate::Count(bounds), item) => {
                let fresh = Self { credit: bounds.start, answered: 0, sent: 0 };
                let item = item.unwrap_or(fresh);
                if bounds.cap.is_some_and(|cap| item.sent >= cap) {
                    return (SpendOutcome::Capped, None);
                }
                let taken = u64::from(matches!(update, SpendUpdate::Take(_)));
                let Some(credit) = item.credit.checked_sub(taken) else {
                    return (SpendOutcome::NoCredit, None);
                };
                Self { credit, sent: item.sent.saturating_add(1), ..item }
            }
            (SpendUpdate::GiveBack { .. } | SpendUpdate::Earn, None) => {
                return (SpendOutcome::Absent, None);
            }
            (SpendUpdate::GiveBack { credit }, Some(item)) => Self {
                credit: item.credit.saturating_add(u64::from(*credit)),
                sent: item.sent.saturating_sub(1),
                ..item
            },
            (SpendUpdate::Earn, Some(item)) => Self {
                credit: item.credit.saturating_add(CREDIT_OF_A_USED_CODE),
                answered: item.answered.saturating_add(1),
                ..item
            },
        };
        (SpendOutcome::Done, Some(changed))
    }
}

impl SpendUpdate {
    /// What bounds it, if it is of a message that is sent.
    pub(crate) fn bounds(&self) -> Option<&SpendBounds> {
        match self {
            Self::Take(bounds) | Self::Count(bounds) => Some(bounds),
            Self::GiveBack { .. } | Self::Earn => None,
        }
    }

    /// The same without a cap.
    pub(crate) fn without_cap(self) -> Self {
        match self {
            Self::Take(bounds) => Self::Take(SpendBounds { cap: None, ..bounds }),
            Self::Count(bounds) => Self::Count(SpendBounds { cap: None, ..bounds }),
            Self::GiveBack { .. } | Self::Earn => self,
        }
    }

    /// What it adds to `credit`, `answered` and `sent`.
    pub(crate) fn amounts(&self) -> [i64; 3] {
        match self {
            Self::Take(_) => [-1, 0, 1],
            Self::Count(_) => [0, 0, 1],
            Self::GiveBack { credit } => [i64::from(*credit), 0, -1],
            Self::Earn => [CREDIT_OF_A_USED_CODE as i64, 1, 0],
        }
    }
}

/// `SPEND_GUARD`: what the guard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendMode {
    /// It refuses messages.
    Enforce,
    /// It counts, refuses nothing, and reports what it would have refused.
    Record,
    /// Nothing.
    Off,
}

/// `SPEND_CREDIT`: the least credit that an hour starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendCredit {
    /// Of a country.
    pub country: u64,
    /// Of a range.
    pub range: u64,
    /// Of all numbers, and of all email addresses.
    pub all: u64,
}

impl SpendCredit {
    fn of(&self, kind: ScopeKind) -> u64 {
        match kind {
            ScopeKind::Country => self.country,
            ScopeKind::Range => self.range,
            ScopeKind::All | ScopeKind::Email => self.all,
        }
    }
}

impl Default for SpendCredit {
    fn default() -> Self {
        Self { country: 100, range: 20, all: 500 }
    }
}

/// The settings of the spend guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendRules {
    /// `SPEND_GUARD`.
    pub mode: SpendMode,
    /// `SPEND_CREDIT`.
    pub credit: SpendCredit,
    /// `COUNTRY_LIMIT`: the most messages to a country in an hour, in both classes together.
    pub country_limit: u64,
}

impl SpendRules {
    /// No guard.
    #[must_use]
    pub fn off() -> Self {
        Self { mode: SpendMode::Off, ..Self::default() }
    }
}

impl Default for SpendRules {
    fn default() -> Self {
        let credit = SpendCredit::default();
        Self { mode: SpendMode::Enforce, credit, country_limit: 2_000 }
    }
}

/// Which bound refuses a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpendRefusal {
    /// The country has no credit.
    Country,
    /// The range has no credit.
    Range,
    /// All numbers together have no credit.
    All,
    /// `COUNTRY_LIMIT` is reached.
    Cap,
    /// All email addresses together have no credit.
    Email,
}

impl SpendRefusal {
    /// Its name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Country => "Country",
            Self::Range => "Range",
            Self::All => "All",
            Self::Cap => "Cap",
            Self::Email => "Email",
        }
    }
}

impl From<ScopeKind> for SpendRefusal {
    fn from(kind: ScopeKind) -> Self {
        match kind {
            ScopeKind::Country => Self::Country,
            ScopeKind::Range => Self::Range,
            ScopeKind::All => Self::All,
            ScopeKind::Email => Self::Email,
        }
    }
}

/// What is known of a message's scopes before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendReading {
    /// Its scopes.
    pub scopes: Vec<ScopeReading>,
    /// The item of the country in the other class and this hour, which the cap counts besides.
    pub other_class: Option<SpendItem>,
}

/// What is known of one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeReading {
    /// Which it is.
    pub kind: ScopeKind,
    /// Its item of this hour, if there is one.
    pub current: Option<SpendItem>,
    /// Its item of the hour before, if there is one.
    pub previous: Option<SpendItem>,
}

/// How a message that the guard allows is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendPlan {
    /// Its scopes, as in the reading.
    pub scopes: Vec<ScopePlan>,
    /// Is a message sent without a credit where there is none?
    pub passes_at_zero: bool,
    /// What would have refused it, if the guard refused messages.
    pub unenforced: Option<SpendRefusal>,
    /// Does it leave its country a fifth or less of the credit that the hour started with?
    pub is_country_low: bool,
}

/// How a message is counted in one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopePlan {
    /// Which it is.
    pub kind: ScopeKind,
    /// The credit that its hour starts with.
    pub start: u64,
    /// The most messages that its item may count.
    pub cap: Option<u64>,
    /// Was there a credit to take?
    pub has_credit: bool,
}

impl ScopePlan {
    /// The change of the item of this hour.
    pub(crate) fn update(&self, has_credit: bool, now: UnixSeconds) -> SpendUpdate {
        let end = (now / HOUR).saturating_add(1).saturating_mul(HOUR);
        let expires_at = end.saturating_add(KEPT_AFTER_HOUR);
        let bounds = SpendBounds { start: self.start, cap: self.cap, expires_at };
        if has_credit { SpendUpdate::Take(bounds) } else { SpendUpdate::Count(bounds) }
    }
}

/// Does the guard allow a message? `passes_at_zero`: the caller shows a known device of an account
/// whose last code was used, and is sent a message without credit; the cap still refuses it.
///
/// # Errors
/// Which bound refuses it, if the guard refuses messages.
pub fn assess(
    rules: &SpendRules,
    reading: &SpendReading,
    passes_at_zero: bool,
) -> Result<SpendPlan, SpendRefusal> {
    let is_enforced = rules.mode == SpendMode::Enforce;
    let mut without_credit = None;
    let mut capped = None;
    let mut is_country_low = false;
    let mut scopes = Vec::new();
    for ScopeReading { kind, current, previous } in &reading.scopes {
        let answered = previous.map_or(0, |item| item.answered);
        let start = rules.credit.of(*kind).max(answered);
        let credit = current.map_or(start, |item| item.credit);
        let has_credit = credit > 0;
        let is_low = credit.saturating_sub(1).saturating_mul(LOW_CREDIT_PART) <= start;
        is_country_low |= *kind == ScopeKind::Country && is_low;
        if !has_credit && without_credit.is_none() {
            without_credit = Some(SpendRefusal::from(*kind));
        }
        let cap = (*kind == ScopeKind::Country).then(|| {
            rules.country_limit.saturating_sub(reading.other_class.map_or(0, |item| item.sent))
        });
        if cap.is_some_and(|cap| current.map_or(0, |item| item.sent) >= cap) {
            capped = Some(SpendRefusal::Cap);
        }
        let cap = cap.filter(|_| is_enforced);
        scopes.push(ScopePlan { kind: *kind, start, cap, has_credit });
    }
    let refusal = capped.or(without_credit.filter(|_| !passes_at_zero));
    match refusal {
        Some(refusal) if is_enforced => Err(refusal),
        unenforced => {
            let passes_at_zero = passes_at_zero || !is_enforced;
            Ok(SpendPlan { scopes, passes_at_zero, unenforced, is_country_low })
        }
    }
}

#[cfg(test)]
mod tests {
    use otp::LedgerKey;
    use proptest::prelude::*;

    use super::*;
    use crate::ItemNames;

    const NOW: UnixSeconds = 1_767_225_600;

    fn item(credit: u64, answered: u64, sent: u64) -> Option<SpendItem> {
        Some(SpendItem { credit, answered, sent })
    }

    fn bounds(start: u64, cap: Option<u64>) -> SpendBounds {
        SpendBounds { start, cap, expires_at: NOW }
    }

    #[test]
    fn each_update_changes_credit_answered_and_sent() {
        use SpendOutcome::{Absent, Capped, Done, NoCredit};
        use SpendUpdate::{Count, Earn, GiveBack, Take};
        for (before, update, outcome, after) in [
            (None, Take(bounds(20, None)), Done, item(19, 0, 1)),
            (None, Take(bounds(0, None)), NoCredit, None),
            (None, Count(bounds(20, None)), Done, item(20, 0, 1)),
            (None, Count(bounds(0, None)), Done, item(0, 0, 1)),
            (item(1, 2, 3), Take(bounds(20, None)), Done, item(0, 2, 4)),
            (item(0, 2, 3), Take(bounds(20, None)), NoCredit, None),
            (item(0, 2, 3), Count(bounds(20, None)), Done, item(0, 2, 4)),
            (None, Take(bounds(20, Some(1))), Done, item(19, 0, 1)),
            (None, Take(bounds(20, Some(0))), Capped, None),
            (item(9, 2, 3), Take(bounds(20, Some(4))), Done, item(8, 2, 4)),
            (item(9, 2, 3), Take(bounds(20, Some(3))), Capped, None),
            (item(0, 2, 3), Take(bounds(20, Some(3))), Capped, None),
            (item(0, 2, 3), Count(bounds(20, Some(3))), Capped, None),
            (item(8, 2, 4), GiveBack { credit: true }, Done, item(9, 2, 3)),
            (item(8, 2, 4), GiveBack { credit: false }, Done, item(8, 2, 3)),
            (None, GiveBack { credit: true }, Absent, None),
            (item(0, 2, 3), Earn, Done, item(3, 3, 3)),
            (None, Earn, Absent, None),
        ] {
            let updated = SpendItem::update(before, &update);
            assert_eq!(updated, (outcome, after), "{before:?} {update:?}");
            // What a table adds is what the rule makes of it.
            if let Some(after) = after {
                let before = before.unwrap_or(SpendItem { credit: after_start(&update), ..ZERO });
                let sums = [
                    (before.credit, after.credit),
                    (before.answered, after.answered),
                    (before.sent, after.sent),
                ];
                let added = sums.map(|(before, after)| after as i64 - before as i64);
                assert_eq!(added, update.amounts(), "{update:?}");
            }
        }
    }

    const ZERO: SpendItem = SpendItem { credit: 0, answered: 0, sent: 0 };

    fn after_start(update: &SpendUpdate) -> u64 {
        match update {
            SpendUpdate::Take(bounds) | SpendUpdate::Count(bounds) => bounds.start,
            _ => 0,
        }
    }

    /// The reading of a message to a phone number: this hour's items and those of the hour before.
    fn reading(scopes: [(Option<SpendItem>, Option<SpendItem>); 3]) -> SpendReading {
        let kinds = [ScopeKind::Country, ScopeKind::Range, ScopeKind::All];
        let scopes = kinds.into_iter().zip(scopes);
        let scopes =
            scopes.map(|(kind, (current, previous))| ScopeReading { kind, current, previous });
        SpendReading { scopes: scopes.collect(), other_class: None }
    }

    #[test]
    fn hour_starts_with_the_greater_of_its_credit_and_what_was_answered_before() {
        for (previous, starts) in [
            ([None, None, None], [100, 20, 500]),
            ([item(0, 99, 7), item(0, 19, 7), item(9, 499, 7)], [100, 20, 500]),
            ([item(0, 101, 7), item(0, 21, 7), item(9, 501, 7)], [101, 21, 501]),
            // What was left counts for nothing.
            ([item(900, 0, 7), item(900, 0, 7), item(900, 0, 7)], [100, 20, 500]),
        ] {
            let reading = reading(previous.map(|previous| (None, previous)));
            let plan = assess(&SpendRules::default(), &reading, false).unwrap();
            assert_eq!(plan.scopes.iter().map(|scope| scope.start).collect::<Vec<_>>(), starts);
            assert!(plan.scopes.iter().all(|scope| scope.has_credit));
            let caps: Vec<_> = plan.scopes.iter().map(|scope| scope.cap).collect();
            assert_eq!(caps, [Some(2_000), None, None]);
        }
    }

    #[test]
    fn message_is_refused_by_what_is_used_up_unless_it_passes_or_is_recorded() {
        use SpendRefusal::{All, Cap, Country, Range};
        let (full, zero, many) = (item(1, 0, 9), item(0, 50, 9), item(9, 0, 2_000));
        // The items of this hour, what the other class sent, and which bounds refuse the message, and
        // that of a device that passes at zero.
        for (items, other, refused, passing) in [
            ([full, full, full], None, None, None),
            ([None, None, None], None, None, None),
            ([zero, full, full], None, Some(Country), None),
            ([full, zero, full], None, Some(Range), None),
            ([full, full, zero], None, Some(All), None),
            ([zero, zero, zero], None, Some(Country), None),
            ([many, full, full], None, Some(Cap), Some(Cap)),
            ([many, zero, full], None, Some(Cap), Some(Cap)),
            ([full, full, full], item(9, 9, 1_990), None, None),
            ([full, full, full], item(9, 9, 1_991), Some(Cap), Some(Cap)),
            ([None, None, None], item(9, 9, 2_000), Some(Cap), Some(Cap)),
            // The cap is on the country only.
            ([full, many, many], None, None, None),
        ] {
            let reading =
                SpendReading { other_class: other, ..reading(items.map(|item| (item, None))) };
            for (passes, expected) in [(false, refused), (true, passing)] {
                let enforced = assess(&SpendRules::default(), &reading, passes);
                assert_eq!(enforced.as_ref().err().copied(), expected, "{items:?} {other:?}");
                if let Ok(plan) = enforced {
                    assert_eq!((plan.passes_at_zero, plan.unenforced), (passes, None));
                }
                let rules = SpendRules { mode: SpendMode::Record, ..SpendRules::default() };
                let plan = assess(&rules, &reading, passes).unwrap();
                assert_eq!((plan.passes_at_zero, plan.unenforced), (true, expected));
                assert!(plan.scopes.iter().all(|scope| scope.cap.is_none()));
            }
        }
    }

    #[test]
    fn email_has_one_scope_with_the_start_of_all() {
        let email = |current, previous| SpendReading {
            scopes: vec![ScopeReading { kind: ScopeKind::Email, current, previous }],
            other_class: None,
        };
        let rules = SpendRules::default();
        let plan = assess(&rules, &email(None, None), false).unwrap();
        assert_eq!((plan.scopes[0].start, plan.scopes[0].cap), (500, None));
        // No cap is on it.
        assert!(assess(&rules, &email(item(1, 0, 9_999), None), false).is_ok());
        assert_eq!(assess(&rules, &email(item(0, 0, 9), None), false), Err(SpendRefusal::Email));
    }

    #[test]
    fn item_keys_are_scope_class_and_hour() {
        let scopes = || SpendScopes::phone(Some("JP"), "r".repeat(43));
        let range = "r".repeat(43);
        let keys = |keys: &[String]| keys.iter().cloned().map(ItemKey).collect::<Vec<_>>();
        let spend = SpendKeys::new(scopes(), SpendClass::New);
        assert_eq!(
            spend.to_read(NOW),
            keys(&[
                "spend#JP#new#490896".to_owned(),
                "spend#JP#new#490895".to_owned(),
                format!("spend#{range}#new#490896"),
                format!("spend#{range}#new#490895"),
                "spend#all#new#490896".to_owned(),
                "spend#all#new#490895".to_owned(),
                "spend#JP#proven#490896".to_owned(),
            ])
        );
        let written = keys(&[
            "spend#JP#new#490896".to_owned(),
            format!("spend#{range}#new#490896"),
            "spend#all#new#490896".to_owned(),
        ]);
        assert_eq!(spend.to_write(NOW + 3_599), written);
        assert_ne!(spend.to_write(NOW + 3_600), written);
        assert_eq!(SpendTicket::new(scopes(), SpendClass::New, NOW + 3_599).keys(), written);
        let email = SpendKeys::new(SpendScopes::email(), SpendClass::Proven);
        assert_eq!(
            email.to_read(NOW),
            keys(&["spend#email#proven#490896".into(), "spend#email#proven#490895".into()])
        );
    }

    #[test]
    fn reading_of_another_number_of_items_is_none() {
        for (keys, count) in [
            (SpendKeys::new(SpendScopes::phone(None, "r".into()), SpendClass::New), 7),
            (SpendKeys::new(SpendScopes::email(), SpendClass::New), 2),
        ] {
            assert_eq!(keys.to_read(NOW).len(), count);
            let reading = keys.reading(vec![None; count]).unwrap();
            assert_eq!(reading.scopes.len(), count / 2);
            assert_eq!(keys.reading(vec![None; count - 1]), None);
        }
    }

    #[test]
    fn item_is_kept_for_three_hours_after_its_own() {
        let plan = ScopePlan { kind: ScopeKind::All, start: 7, cap: None, has_credit: true };
        for now in [NOW, NOW + 3_599] {
            let bounds = SpendBounds { start: 7, cap: None, expires_at: NOW + 4 * 3_600 };
            assert_eq!(plan.update(true, now), SpendUpdate::Take(bounds));
            assert_eq!(plan.update(false, now), SpendUpdate::Count(bounds));
        }
    }

    #[test]
    fn ticket_is_read_as_it_was_written_and_in_no_other_form() {
        let names =
            ItemNames::new(LedgerKey::new("an example key of some 40 different bytes").unwrap());
        for (scopes, class, text) in [
            (
                names.phone_scopes("+819012345678", Some("JP")),
                SpendClass::Proven,
                "proven.490896.JP.",
            ),
            (names.phone_scopes("+870123456789", None), SpendClass::New, "new.490896.none."),
            (SpendScopes::email(), SpendClass::New, "new.490896.email"),
        ] {
            let ticket = SpendTicket::new(scopes, class, NOW + 61);
            let encoded = ticket.encode();
            assert!(encoded.starts_with(text) && encoded.len() <= 80, "{encoded}");
            assert!(!encoded.contains("8190"));
            assert_eq!(SpendTicket::decode(&encoded), Some(ticket));
        }
        let range = "A".repeat(43);
        for malformed in [
            "".to_owned(),
            "proven".to_owned(),
            "proven.490896".to_owned(),
            "proven.490896.".to_owned(),
            "proven.490896.all".to_owned(),
            "proven.490896.JP".to_owned(),
            "proven.490896.email.".to_owned(),
            "proven..email".to_owned(),
            "proven.+490896.email".to_owned(),
            "proven.0490896.email".to_owned(),
            "proven.-1.email".to_owned(),
            "Proven.490896.email".to_owned(),
            "old.490896.email".to_owned(),
            format!("new.490896.{range}"),
            format!("new.490896.jp.{range}"),
            format!("new.490896.JPN.{range}"),
            format!("new.490896.J#.{range}"),
            format!("new.490896.JP.{range}A"),
            format!("new.490896.JP.{}", "#".repeat(43)),
            format!("new.490896.JP.{}", "A".repeat(42)),
            format!("new.490896.JP.{range}.all"),
            format!("new.490896.JP.{range} "),
        ] {
            assert_eq!(SpendTicket::decode(&malformed), None, "{malformed}");
        }
    }

    /// One thing that happens in a scope.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Send,
        Fail,
        Answer,
        NextHour,
    }

    fn apply(item: &mut Option<SpendItem>, update: &SpendUpdate) -> SpendOutcome {
        let (outcome, after) = SpendItem::update(*item, update);
        *item = after.or(*item);
        outcome
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever happens, no hour of a scope sends more than its start and three for each used
        /// code; none sends more than the cap; and what fails costs nothing.
        #[test]
        fn no_hour_sends_more_than_its_start_and_what_its_codes_gave_back(
            events in prop::collection::vec(prop_oneof![
                8 => Just(Event::Send),
                1 => Just(Event::Fail),
                2 => Just(Event::Answer),
                1 => Just(Event::NextHour),
            ], 0..300),
            start in 0_u64..20,
            country_limit in 1_u64..60,
        ) {
            let credit = SpendCredit { country: start, range: start, all: start };
            let rules = SpendRules { credit, country_limit, ..SpendRules::default() };
            let (mut current, mut previous): (Option<SpendItem>, Option<SpendItem>) = (None, None);
            for event in events {
                match event {
                    Event::Send | Event::Fail => {
                        let scope = ScopeReading { kind: ScopeKind::Country, current, previous };
                        let reading = SpendReading { scopes: vec![scope], other_class: None };
                        let Ok(plan) = assess(&rules, &reading, false) else { continue };
                        let before = current;
                        let outcome = apply(&mut current, &plan.scopes[0].update(true, NOW));
                        prop_assert_eq!(outcome, SpendOutcome::Done, "what is allowed is taken");
                        if matches!(event, Event::Fail) {
                            apply(&mut current, &SpendUpdate::GiveBack { credit: true });
                            let fresh = SpendItem { credit: plan.scopes[0].start, ..ZERO };
                            prop_assert_eq!(current, Some(before.unwrap_or(fresh)));
                        }
                    }
                    // Only what was sent is answered.
                    Event::Answer if current.is_some_and(|item| item.answered < item.sent) => {
                        apply(&mut current, &SpendUpdate::Earn);
                    }
                    Event::Answer => {}
                    Event::NextHour => (previous, current) = (current, None),
                }
                let SpendItem { credit, answered, sent } = current.unwrap_or(ZERO);
                let start = start.max(previous.map_or(0, |item| item.answered));
                prop_assert!(sent <= start + 3 * answered && sent <= country_limit);
                prop_assert!(current.is_none() || credit + sent == start + 3 * answered);
            }
        }
    }
}
