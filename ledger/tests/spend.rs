//! The spend guard over a store: what a message takes, what is given back, and who passes, also when
//! calls meet and when the store fails.

#![cfg(test)]

use std::cell::RefCell;
use std::time::Duration;

use futures_util::future::join_all;
use ledger::{
    AdmissionError, CodeBinding, CodeRules, Consumption, DEVICE_LIFETIME, IssueLimit, Item,
    ItemKey, ItemKeys, ItemNames, Lane, LaneLimits, Lanes, Ledger, LedgerRules, MemoryStore,
    NotTaken, SpendClass, SpendCredit, SpendItem, SpendKeys, SpendMode, SpendOutcome, SpendRefusal,
    SpendRules, SpendTicket, SpendUpdate, Store, StoreError, Taken, earn,
};
use otp::{DeviceId, LedgerKey, Nonce, RoundId, UnixMillis};

const NOW: UnixMillis = 1_767_225_600_000;
const HOUR: UnixMillis = 3_600_000;
const POOL: &str = "pool";
const PHONE: &str = "+819012345678";

fn names() -> ItemNames {
    ItemNames::new(LedgerKey::new("an example key of some 40 different bytes").unwrap())
}

fn limit(count: usize, minutes: u64) -> IssueLimit {
    IssueLimit { count, window: Duration::from_secs(minutes * 60) }
}

fn rules() -> LedgerRules {
    let limits = LaneLimits { total: vec![limit(5, 15)], public: vec![limit(4, 15)] };
    let credit = SpendCredit { country: 10, range: 2, all: 20 };
    LedgerRules { limits, spend: SpendRules { credit, ..SpendRules::default() } }
}

fn with_mode(mode: SpendMode) -> LedgerRules {
    let rules = rules();
    LedgerRules { spend: SpendRules { mode, ..rules.spend }, ..rules }
}

fn code_rules() -> CodeRules {
    CodeRules { binding: CodeBinding("key.SMS".to_owned()), lifetime: 300 }
}

fn device() -> DeviceId {
    DeviceId::parse("0123456789abcdef").unwrap()
}

/// The number of this user, alone in its range.
fn phone(user: usize) -> String {
    format!("+8190{user:04}5678")
}

fn keys(sub: &str, phone: &str) -> ItemKeys {
    let names = names();
    ItemKeys {
        account: names.account(POOL, sub),
        destination: names.destination(phone),
        proven: None,
        device: Some(names.device(POOL, sub, &device())),
        spend: Some(SpendKeys::new(names.phone_scopes(phone, Some("JP")), SpendClass::Proven)),
    }
}

fn ticket(phone: &str, now: UnixMillis) -> SpendTicket {
    SpendTicket::new(names().phone_scopes(phone, Some("JP")), SpendClass::Proven, now / 1_000)
}

/// Why no message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotSent {
    Assess(SpendRefusal),
    Admit(AdmissionError),
    Take(NotTaken),
}

/// What create does before it sends.
async fn send<S: Store>(
    ledger: &Ledger<S>,
    keys: ItemKeys,
    now: UnixMillis,
) -> Result<Taken, NotSent> {
    let reading = ledger.read(keys, now).await.map_err(NotSent::Admit)?;
    let assessed = ledger.assess(reading).map_err(NotSent::Assess)?;
    let (fresh, code_rules) = (Nonce::from_bytes([7; 16]), code_rules());
    let admit = ledger.admit(assessed, Lanes::PUBLIC, &code_rules, fresh, now, 1);
    let admitted = admit.await.map_err(NotSent::Admit)?;
    ledger.take(admitted).await.map_err(|error| NotSent::Take(error.reason))
}

/// Uses the code of `sub`'s last message.
async fn answer<S: Store>(store: &S, sub: &str, taken: &Taken) -> Consumption {
    let round = RoundId::from_bytes([1; 16]);
    store.consume(&names().account(POOL, sub), taken.code().nonce, round).await.unwrap()
}

/// The items of a message's ticket: credit, answered, sent.
fn counted(store: &MemoryStore, ticket: &SpendTicket) -> Vec<Option<(u64, u64, u64)>> {
    let items = store.spend_items();
    let item = |key: &ItemKey| {
        items.get(key).map(|SpendItem { credit, answered, sent }| (*credit, *answered, *sent))
    };
    ticket.keys().iter().map(item).collect()
}

fn ledger(rules: LedgerRules) -> (Ledger<MemoryStore>, MemoryStore) {
    let store = MemoryStore::default();
    (Ledger::new(store.clone(), rules), store)
}

#[tokio::test]
async fn message_takes_one_credit_of_each_scope_and_a_used_code_gives_three_back() {
    let (ledger, store) = ledger(rules());
    let taken = send(&ledger, keys("sub", PHONE), NOW).await.unwrap();
    assert_eq!(taken.unenforced(), None);
    let ticket = ticket(PHONE, NOW);
    let spent = [Some((9, 0, 1)), Some((1, 0, 1)), Some((19, 0, 1))];
    assert_eq!(counted(&store, &ticket), spent);
    earn(&store, &ticket).await.unwrap();
    assert_eq!(counted(&store, &ticket), [Some((12, 1, 1)), Some((4, 1, 1)), Some((22, 1, 1))]);
    assert_eq!(store.spend_items().len(), 3, "no other item was written");
}

#[tokio::test]
async fn message_that_is_not_sent_is_given_back() {
    let (ledger, store) = ledger(rules());
    for _ in 0..4 {
        let taken = send(&ledger, keys("sub", PHONE), NOW).await.unwrap();
        ledger.give_back(taken).await;
        let unspent = [Some((10, 0, 0)), Some((2, 0, 0)), Some((20, 0, 0))];
        assert_eq!(counted(&store, &ticket(PHONE, NOW)), unspent);
    }
}

#[tokio::test]
async fn scope_without_credit_refuses_before_anything_is_written() {
    let (ledger, store) = ledger(rules());
    for _ in 0..2 {
        let _sent = send(&ledger, keys("sub", PHONE), NOW).await.unwrap();
    }
    let before = (store.items(), store.spend_items());
    let refused = send(&ledger, keys("another", "+819012340000"), NOW).await.unwrap_err();
    assert_eq!(refused, NotSent::Assess(SpendRefusal::Range));
    assert_eq!((store.items(), store.spend_items()), before);
    // Another range, class and hour are not concerned.
    assert!(send(&ledger, keys("third", "+819012350000"), NOW).await.is_ok());
    let mut new = keys("fourth", "+819012340001");
    let scopes = names().phone_scopes("+819012340001", Some("JP"));
    new.spend = Some(SpendKeys::new(scopes, SpendClass::New));
    assert!(send(&ledger, new, NOW).await.is_ok());
    assert!(send(&ledger, keys("another", "+819012340000"), NOW + HOUR).await.is_ok());
}

#[tokio::test]
async fn next_hour_starts_with_what_was_answered_in_this_one() {
    let (ledger, store) = ledger(rules());
    for user in 0..15 {
        let phone = phone(user);
        let taken = send(&ledger, keys(&user.to_string(), &phone), NOW).await.unwrap();
        assert_eq!(answer(&store, &user.to_string(), &taken).await, Consumption::First);
        earn(&store, &ticket(&phone, NOW)).await.unwrap();
    }
    let phone = phone(0);
    let _sent = send(&ledger, keys("next", &phone), NOW + HOUR).await.unwrap();
    let starts = [Some((14, 0, 1)), Some((1, 0, 1)), Some((19, 0, 1))];
    assert_eq!(counted(&store, &ticket(&phone, NOW + HOUR)), starts);
}

#[tokio::test]
async fn code_earns_nothing_where_no_item_exists() {
    let store = MemoryStore::default();
    earn(&store, &ticket(PHONE, NOW)).await.unwrap();
    assert!(store.spend_items().is_empty());
    store.set_unavailable(true);
    assert_eq!(earn(&store, &ticket(PHONE, NOW)).await, Err(StoreError::Unavailable));
}

#[tokio::test]
async fn messages_at_once_never_take_a_credit_that_is_not_there() {
    let credit = SpendCredit { country: 40, range: 500, all: 500 };
    let limits = LaneLimits::without_owner_lane(vec![limit(1_000, 15)]);
    let spend = SpendRules { credit, ..SpendRules::default() };
    let (ledger, store) = ledger(LedgerRules { limits, spend });
    let sends = (0..500).map(async |user| {
        let phone = phone(user);
        send(&ledger, keys(&user.to_string(), &phone), NOW).await
    });
    let results = join_all(sends).await;
    let sent = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(sent, 40);
    for refusal in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(
            refusal,
            NotSent::Assess(SpendRefusal::Country)
                | NotSent::Take(NotTaken::Refused(SpendRefusal::Country))
        ));
    }
    let taken_late = NotSent::Take(NotTaken::Refused(SpendRefusal::Country));
    let late = results.iter().filter(|result| result.as_ref().err() == Some(&taken_late)).count();
    assert!(late > 0, "some met at the last credit");
    // Of those refused nothing is left, in no scope.
    let items = store.spend_items();
    let of_all = items[&ItemKey("spend#all#proven#490896".to_owned())];
    assert_eq!((of_all.credit, of_all.sent), (460, 40));
    let of_country = items[&ItemKey("spend#JP#proven#490896".to_owned())];
    assert_eq!((of_country.credit, of_country.sent), (0, 40));
    assert_eq!(items.values().map(|item| item.sent).sum::<u64>(), 3 * 40);
}

#[tokio::test]
async fn cap_bounds_both_classes_together() {
    let mut rules = rules();
    rules.spend.country_limit = 3;
    let (ledger, store) = ledger(rules);
    let mut new = keys("new", "+819000000001");
    let scopes = names().phone_scopes("+819000000001", Some("JP"));
    new.spend = Some(SpendKeys::new(scopes, SpendClass::New));
    let _sent = send(&ledger, new.clone(), NOW).await.unwrap();
    for user in 0..2 {
        let _sent = send(&ledger, keys(&user.to_string(), &phone(user)), NOW).await.unwrap();
    }
    let capped = Some(NotSent::Assess(SpendRefusal::Cap));
    assert_eq!(send(&ledger, keys("3", &phone(3)), NOW).await.err(), capped);
    assert_eq!(send(&ledger, new, NOW).await.err(), capped);
    // Not another country, nor the next hour.
    let mut german = keys("4", "+4915112345678");
    let scopes = names().phone_scopes("+4915112345678", Some("DE"));
    german.spend = Some(SpendKeys::new(scopes, SpendClass::Proven));
    assert!(send(&ledger, german, NOW).await.is_ok());
    assert!(send(&ledger, keys("3", &phone(3)), NOW + HOUR).await.is_ok());
    assert_eq!(counted(&store, &ticket(PHONE, NOW))[0], Some((8, 0, 2)));
}

#[tokio::test]
async fn messages_at_once_of_one_class_stay_within_the_cap() {
    let mut rules = rules();
    rules.spend = SpendRules { country_limit: 7, ..rules.spend };
    let (ledger, store) = ledger(rules);
    let sends = (0..10).map(async |user| {
        let phone = phone(user);
        send(&ledger, keys(&user.to_string(), &phone), NOW).await
    });
    let results = join_all(sends).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 7);
    let capped = NotSent::Take(NotTaken::Refused(SpendRefusal::Cap));
    assert!(results.iter().any(|result| result.as_ref().err() == Some(&capped)));
    assert_eq!(counted(&store, &ticket(PHONE, NOW))[0], Some((3, 0, 7)));
}

/// A ledger whose range of [`PHONE`] has no credit, and in which `sub` has used a code with a device
/// that is known until [`DEVICE_LIFETIME`] after.
async fn without_credit(rules: LedgerRules) -> (Ledger<MemoryStore>, MemoryStore) {
    let (ledger, store) = ledger(rules);
    let taken = send(&ledger, keys("sub", PHONE), NOW).await.unwrap();
    assert_eq!(answer(&store, "sub", &taken).await, Consumption::First);
    let noted = names().device(POOL, "sub", &device());
    let expires_at = NOW / 1_000 + DEVICE_LIFETIME.as_secs();
    store.note(&noted, NOW, Some(expires_at)).await.unwrap();
    let _sent = send(&ledger, keys("stranger", "+819012340000"), NOW).await.unwrap();
    assert_eq!(counted(&store, &ticket(PHONE, NOW))[1], Some((0, 0, 2)));
    (ledger, store)
}

#[tokio::test]
async fn known_device_passes_at_zero_while_its_last_code_was_used() {
    let (ledger, store) = without_credit(rules()).await;
    let refused = Some(NotSent::Assess(SpendRefusal::Range));
    assert_eq!(send(&ledger, keys("stranger", PHONE), NOW).await.err(), refused);
    let no_device = ItemKeys { device: None, ..keys("sub", PHONE) };
    assert_eq!(send(&ledger, no_device, NOW).await.err(), refused);
    let unknown = DeviceId::parse("another0123456789").unwrap();
    let unknown = Some(names().device(POOL, "sub", &unknown));
    let unknown = ItemKeys { device: unknown, ..keys("sub", PHONE) };
    assert_eq!(send(&ledger, unknown, NOW).await.err(), refused);

    let taken = send(&ledger, keys("sub", PHONE), NOW).await.unwrap();
    // It is counted everywhere, and takes credit where there is some.
    let passed = [Some((7, 0, 3)), Some((0, 0, 3)), Some((17, 0, 3))];
    assert_eq!(counted(&store, &ticket(PHONE, NOW)), passed);
    // Its code is not used, so no second one goes.
    assert_eq!(send(&ledger, keys("sub", PHONE), NOW).await.err(), refused);
    ledger.give_back(taken).await;
    let before = [Some((8, 0, 2)), Some((0, 0, 2)), Some((18, 0, 2))];
    assert_eq!(counted(&store, &ticket(PHONE, NOW)), before);
}

#[tokio::test]
async fn known_device_is_forgotten_after_its_lifetime_and_no_device_passes_the_cap() {
    let mut capped = rules();
    capped.spend.country_limit = 2;
    let (ledger, _) = without_credit(capped).await;
    let refused = send(&ledger, keys("sub", PHONE), NOW).await.err();
    assert_eq!(refused, Some(NotSent::Assess(SpendRefusal::Cap)));

    let (ledger, _) = without_credit(rules()).await;
    let days = u64::try_from(DEVICE_LIFETIME.as_millis()).unwrap();
    for (now, is_known) in [(NOW + days - 1_000, true), (NOW + days, false)] {
        let reading = ledger.read(keys("sub", PHONE), now).await.unwrap();
        assert_eq!(reading.is_known_device(), is_known);
    }
}

#[tokio::test]
async fn recording_guard_refuses_nothing_and_reports_what_it_would_have_refused() {
    let (ledger, store) = without_credit(with_mode(SpendMode::Record)).await;
    for sent in 3..=4 {
        let taken = send(&ledger, keys("stranger", PHONE), NOW).await.unwrap();
        assert_eq!(taken.unenforced(), Some(SpendRefusal::Range));
        assert_eq!(counted(&store, &ticket(PHONE, NOW))[1], Some((0, 0, sent)));
    }
    let mut rules = with_mode(SpendMode::Record);
    rules.spend.country_limit = 2;
    let (ledger, _) = without_credit(rules).await;
    let taken = send(&ledger, keys("third", &phone(3)), NOW).await.unwrap();
    assert_eq!(taken.unenforced(), Some(SpendRefusal::Cap));

    // Also those that meet at the last credit.
    let (ledger, _) = self::ledger(with_mode(SpendMode::Record));
    let sends = (0..3).map(async |user: usize| {
        send(&ledger, keys(&user.to_string(), PHONE), NOW).await.unwrap().unenforced()
    });
    let unenforced = join_all(sends).await;
    assert_eq!(unenforced, [None, None, Some(SpendRefusal::Range)]);
}

#[tokio::test]
async fn guard_that_is_off_neither_reads_nor_writes_spend_items() {
    let store = Recording::default();
    let ledger = Ledger::new(&store, with_mode(SpendMode::Off));
    for user in 0..4 {
        let taken = send(&ledger, keys(&user.to_string(), &phone(user)), NOW).await.unwrap();
        assert_eq!(taken.unenforced(), None);
        ledger.give_back(taken).await;
    }
    assert!(store.inner.spend_items().is_empty());
    assert_eq!(*store.calls.borrow(), ["read 3", "write", "write"].repeat(4));
}

#[tokio::test]
async fn unknown_user_is_refused_as_a_user_is_and_takes_nothing() {
    let store = Recording::default();
    let ledger = Ledger::new(&store, rules());
    let unknown = |name: &str| ItemKeys {
        account: names().unknown_account(POOL, name),
        destination: names().unknown_destination(POOL, name, PHONE),
        proven: None,
        device: Some(names().unknown_device(POOL, name, &device())),
        spend: Some(names().unknown_spend(POOL, name, names().phone_scopes(PHONE, Some("JP")))),
    };
    let calls = || store.calls.borrow_mut().split_off(0);
    let _sent = send(&ledger, keys("other", "+819099999999"), NOW).await.unwrap();
    let of_user = calls();
    let before = counted(&store.inner, &ticket(PHONE, NOW));
    // However many there are, each is allowed while a user would be.
    for _ in 0..4 {
        let taken = send(&ledger, unknown("jane"), NOW).await.unwrap();
        assert_eq!(calls(), of_user, "the same calls");
        assert_eq!(counted(&store.inner, &ticket(PHONE, NOW)), before);
        ledger.give_back(taken).await;
        assert_eq!(calls(), ["update spend"; 3]);
        assert_eq!(counted(&store.inner, &ticket(PHONE, NOW)), before);
    }
    for user in ["one", "two"] {
        let _sent = send(&ledger, keys(user, PHONE), NOW).await.unwrap();
    }
    calls();
    let refused = Some(NotSent::Assess(SpendRefusal::Range));
    for name in ["jane", "john"] {
        assert_eq!(send(&ledger, unknown(name), NOW).await.err(), refused);
        let of_unknown = calls();
        assert_eq!(send(&ledger, keys("one", PHONE), NOW).await.err(), refused);
        assert_eq!(of_unknown, calls());
    }
}

/// A store that notes its calls and fails at some.
#[derive(Default)]
struct Recording {
    inner: MemoryStore,
    calls: RefCell<Vec<String>>,
    /// How many changes of spend items work before one fails, and whether that one is done.
    failing: RefCell<Option<(usize, bool)>>,
}

impl Recording {
    fn note_call(&self, call: impl Into<String>) {
        self.calls.borrow_mut().push(call.into());
    }
}

impl Store for &Recording {
    async fn read_with_spend(
        &self,
        keys: &[&ItemKey],
        spend: &[&ItemKey],
        now: u64,
    ) -> Result<(Vec<Item>, Vec<Option<SpendItem>>), StoreError> {
        self.note_call(format!("read {}", keys.len() + spend.len()));
        self.inner.read_with_spend(keys, spend, now).await
    }

    async fn write(&self, key: &ItemKey, item: &Item, until: u64) -> Result<(), StoreError> {
        self.note_call("write");
        self.inner.write(key, item, until).await
    }

    async fn note(&self, fact: &ItemKey, now: u64, until: Option<u64>) -> Result<(), StoreError> {
        self.inner.note(fact, now, until).await
    }

    async fn consume(
        &self,
        account: &ItemKey,
        nonce: Nonce,
        round: RoundId,
    ) -> Result<Consumption, StoreError> {
        self.inner.consume(account, nonce, round).await
    }

    async fn update_spend(
        &self,
        key: &ItemKey,
        update: &SpendUpdate,
    ) -> Result<SpendOutcome, StoreError> {
        self.note_call("update spend");
        let failing = *self.failing.borrow();
        match failing {
            Some((0, is_done)) => {
                self.failing.replace(None);
                if is_done {
                    self.inner.update_spend(key, update).await?;
                }
                Err(StoreError::Unavailable)
            }
            Some((left, is_done)) => {
                self.failing.replace(Some((left - 1, is_done)));
                self.inner.update_spend(key, update).await
            }
            None => self.inner.update_spend(key, update).await,
        }
    }
}

#[tokio::test]
async fn failed_take_gives_back_what_the_other_scopes_took() {
    for at in 0..3 {
        for is_done in [false, true] {
            let store = Recording::default();
            let ledger = Ledger::new(&store, rules());
            store.failing.replace(Some((at, is_done)));
            let failed = send(&ledger, keys("sub", PHONE), NOW).await.err();
            assert_eq!(failed, Some(NotSent::Take(NotTaken::Unavailable)));
            for (n, (item, start)) in
                counted(&store.inner, &ticket(PHONE, NOW)).into_iter().zip([10, 2, 20]).enumerate()
            {
                // What may have been done stays counted.
                let expected = match (n == at, is_done) {
                    (true, false) => None,
                    (true, true) => Some((start - 1, 0, 1)),
                    (false, _) => Some((start, 0, 0)),
                };
                assert_eq!(item, expected, "{at} {is_done} {n}");
            }
            // It was admitted, and that stays counted, too.
            let account = &store.inner.items()[&names().account(POOL, "sub")];
            assert_eq!(account.times.len(), 1);
        }
    }
}

#[tokio::test]
async fn refused_conflicting_or_failed_admission_takes_nothing() {
    let store = Recording::default();
    let ledger = Ledger::new(&store, rules());
    // The public lane of the account is full after four.
    for user in 0..4 {
        let _sent = send(&ledger, keys("sub", &phone(user)), NOW).await.unwrap();
    }
    let before = store.inner.spend_items();
    let refused = send(&ledger, keys("sub", &phone(9)), NOW).await.unwrap_err();
    assert!(matches!(refused, NotSent::Admit(AdmissionError::RateLimited(_))), "{refused:?}");
    assert_eq!(store.inner.spend_items(), before);

    // Two calls meet at the last place of an account: the one that conflicts takes nothing.
    for user in 10..13 {
        let _sent = send(&ledger, keys("shared", &phone(user)), NOW).await.unwrap();
    }
    let sum = || store.inner.spend_items().values().map(|item| item.sent).sum::<u64>();
    let before = sum();
    store.calls.borrow_mut().clear();
    let race = [20, 21].map(async |user| send(&ledger, keys("shared", &phone(user)), NOW).await);
    let sent = join_all(race).await.into_iter().filter(Result::is_ok).count();
    let reads = store.calls.borrow().iter().filter(|call| call.starts_with("read")).count();
    assert_eq!((sent, reads, sum() - before), (1, 3, 3));
}

#[tokio::test]
async fn failed_account_or_destination_write_takes_nothing() {
    let (ledger, store) = ledger(rules());
    let reading = ledger.read(keys("sub", PHONE), NOW).await.unwrap();
    let assessed = ledger.assess(reading).unwrap();
    store.set_unavailable(true);
    let fresh = Nonce::from_bytes([7; 16]);
    let admitted = ledger.admit(assessed, Lanes::PUBLIC, &code_rules(), fresh, NOW, 1).await;
    assert_eq!(admitted.err(), Some(AdmissionError::Unavailable));
    store.set_unavailable(false);
    assert!(store.spend_items().is_empty());
    let unread = {
        store.set_unavailable(true);
        send(&ledger, keys("sub", PHONE), NOW).await.err()
    };
    assert_eq!(unread, Some(NotSent::Admit(AdmissionError::Unavailable)));
}

#[tokio::test]
async fn failed_credit_of_one_item_is_reported_and_the_others_earn() {
    for at in 0..3 {
        let store = Recording::default();
        let ledger = Ledger::new(&store, rules());
        let _sent = send(&ledger, keys("sub", PHONE), NOW).await.unwrap();
        store.failing.replace(Some((at, false)));
        assert_eq!(earn(&&store, &ticket(PHONE, NOW)).await, Err(StoreError::Unavailable));
        for (n, item) in counted(&store.inner, &ticket(PHONE, NOW)).into_iter().enumerate() {
            assert_eq!(item.unwrap().1, u64::from(n != at));
        }
    }
}

#[tokio::test]
async fn lanes_of_account_and_destination_are_counted_separately() {
    let (ledger, store) = ledger(with_mode(SpendMode::Off));
    let send = async |lanes, sub: &str| {
        let reading = ledger.read(keys(sub, PHONE), NOW).await.unwrap();
        let assessed = ledger.assess(reading).unwrap();
        let fresh = Nonce::from_bytes([7; 16]);
        ledger.admit(assessed, lanes, &code_rules(), fresh, NOW, 1).await.map(drop)
    };
    let owner_of_account = Lanes { account: Lane::Owner, destination: Lane::Public };
    let owner = Lanes { account: Lane::Owner, destination: Lane::Owner };
    // Four accounts of an attacker's fill the destination's public lane.
    for sub in ["a", "b", "c", "d"] {
        send(Lanes::PUBLIC, sub).await.unwrap();
    }
    assert!(matches!(send(Lanes::PUBLIC, "sub").await, Err(AdmissionError::RateLimited(_))));
    assert!(matches!(send(owner_of_account, "e").await, Err(AdmissionError::RateLimited(_))));
    send(owner, "sub").await.unwrap();
    let items = store.items();
    let destination = &items[&names().destination(PHONE)].times;
    assert_eq!((destination.public.len(), destination.owner.len()), (4, 1));
    let account = &items[&names().account(POOL, "sub")].times;
    assert_eq!((account.public.len(), account.owner.len()), (0, 1));
}
