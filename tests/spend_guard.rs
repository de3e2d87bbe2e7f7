//! The spend guard over DynamoDB: its conditional updates do what the rule says, and no credit is taken
//! twice by calls at once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use ledger::{
    CodeBinding, CodeRules, IssueLimit, ItemKey, ItemKeys, ItemNames, LaneLimits, Lanes, Ledger,
    LedgerRules, NotTaken, SpendBounds, SpendClass, SpendCredit, SpendItem, SpendKeys,
    SpendOutcome, SpendRefusal, SpendRules, SpendScopes, SpendTicket, SpendUpdate, Store as _,
    earn,
};
use otp::{LedgerKey, Nonce};

use crate::dynamodb::FailingDynamoDb;
use crate::ledger_table::LedgerTable;

const NOW: u64 = 1_767_225_600;

/// A table of this test's own.
async fn table() -> (FailingDynamoDb, LedgerTable) {
    let database = FailingDynamoDb::start().await;
    let table = LedgerTable::for_test(database.url(), &mut BTreeMap::new()).await.unwrap();
    (database, table)
}

fn bounds(start: u64, cap: Option<u64>) -> SpendBounds {
    SpendBounds { start, cap, expires_at: NOW + 4 * 3_600 }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_update_of_an_item_does_what_the_rule_says() {
    use SpendOutcome::{Absent, Capped, Done, NoCredit};
    use SpendUpdate::{Count, Earn, GiveBack, Take};
    let (_database, table) = table().await;
    let store = table.store();
    let (open, capped) = (bounds(2, None), |cap| bounds(2, Some(cap)));
    let sequences = [
        vec![Take(open), Take(open), Take(open), Count(open), Earn, Take(open)],
        vec![Earn, GiveBack { credit: true }, Take(open), GiveBack { credit: true }, Take(open)],
        vec![Take(capped(0)), Take(capped(1)), Take(capped(1)), Count(capped(1)), Count(capped(2))],
        vec![Count(capped(0)), Count(capped(3)), GiveBack { credit: false }, Take(capped(1))],
        vec![Take(bounds(0, None)), Count(bounds(0, None)), Take(bounds(9, None)), Earn],
        // Both refuse: the cap is told, which refuses every caller.
        vec![Count(bounds(0, Some(1))), Take(bounds(0, Some(1)))],
    ];
    let mut outcomes = Vec::new();
    for (n, sequence) in sequences.into_iter().enumerate() {
        let key = ItemKey(format!("spend#test#new#{n}"));
        let mut expected = None;
        for update in sequence {
            let (outcome, after) = SpendItem::update(expected, &update);
            expected = after.or(expected);
            let written = store.update_spend(&key, &update).await.unwrap();
            // Another DynamoDB may not return the item whose condition failed, which tells why it did.
            let is_refused = |outcome| matches!(outcome, Capped | NoCredit);
            let is_same = is_refused(written) && is_refused(outcome) && !table.is_local();
            assert!(written == outcome || is_same, "{n} {update:?} {expected:?}: {written:?}");
            let (_, read) = store.read_with_spend(&[], &[&key], NOW).await.unwrap();
            assert_eq!(read, [expected], "{n} {update:?}");
            outcomes.push(outcome);
        }
        let (_, expired) = store.read_with_spend(&[], &[&key], NOW + 4 * 3_600).await.unwrap();
        assert_eq!(expired, [None]);
    }
    assert!([Absent, Capped, Done, NoCredit].iter().all(|outcome| outcomes.contains(outcome)));
}

#[tokio::test(flavor = "multi_thread")]
async fn used_code_earns_only_where_its_message_was_counted() {
    let (_database, table) = table().await;
    let store = table.store();
    let ticket = SpendTicket::new(SpendScopes::email(), SpendClass::New, NOW);
    earn(&store, &ticket).await.unwrap();
    let keys = ticket.keys();
    let read = async || store.read_with_spend(&[], &[&keys[0]], NOW).await.unwrap().1;
    assert_eq!(read().await, [None]);
    store.update_spend(&keys[0], &SpendUpdate::Take(bounds(5, None))).await.unwrap();
    earn(&store, &ticket).await.unwrap();
    assert_eq!(read().await, [Some(SpendItem { credit: 7, answered: 1, sent: 1 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_at_once_never_take_a_credit_that_is_not_there() {
    const CREDIT: u64 = 40;
    let (_database, table) = table().await;
    let names =
        ItemNames::new(LedgerKey::new("an example key of some 40 different bytes").unwrap());
    let window = Duration::from_secs(900);
    let limits = LaneLimits::without_owner_lane(vec![IssueLimit { count: 5, window }]);
    let credit = SpendCredit { country: CREDIT, range: 500, all: 500 };
    let spend = SpendRules { credit, ..SpendRules::default() };
    let ledger = Ledger::new(table.store(), LedgerRules { limits, spend });
    let scopes = |user| names.phone_scopes(&format!("+8190{user:04}5678"), Some("JP"));
    let code_rules = CodeRules { binding: CodeBinding("a test".to_owned()), lifetime: 300 };
    // All read before any takes, so that all meet at the credit.
    let admitted = join_all((0..500).map(async |user| {
        let (name, now) = (user.to_string(), NOW * 1_000);
        let keys = ItemKeys {
            account: names.account("pool", &name),
            destination: names.destination(&name),
            proven: None,
            device: None,
            spend: Some(SpendKeys::new(scopes(user), SpendClass::Proven)),
        };
        let assessed = ledger.assess(ledger.read(keys, now).await.unwrap()).unwrap();
        let fresh = Nonce::from_bytes([7; 16]);
        ledger.admit(assessed, Lanes::PUBLIC, &code_rules, fresh, now, user).await.unwrap()
    }))
    .await;
    let taken = join_all(admitted.into_iter().map(|admitted| ledger.take(admitted))).await;
    let (sent, refused): (Vec<_>, Vec<_>) = taken.into_iter().partition(Result::is_ok);
    assert_eq!((sent.len() as u64, refused.len() as u64), (CREDIT, 500 - CREDIT));
    for error in refused.into_iter().filter_map(Result::err) {
        assert_eq!(error.reason, NotTaken::Refused(SpendRefusal::Country));
    }
    let keys = SpendTicket::new(scopes(0), SpendClass::Proven, NOW).keys();
    let store = table.store();
    let (_, items) = store.read_with_spend(&[], &[&keys[0], &keys[2]], NOW).await.unwrap();
    let item = |credit| Some(SpendItem { credit, answered: 0, sent: CREDIT });
    assert_eq!(items, [item(0), item(500 - CREDIT)], "of those refused nothing is left");
}
