//! `FIRST_ROUND=choose`: the user is asked to choose SMS or email.

use local::outbox::Medium;
use test_support::fixtures::{EMAIL, PHONE};

use crate::harness::{Challenge, Context, Setup, not_authorized, run_test};
use crate::inbox;

fn setup() -> Setup {
    Setup::with(&[("FIRST_ROUND", "choose"), ("RESEND_AFTER_SECONDS", "0")])
}

const BOTH: &[(&str, &str)] = &[
    ("phone_number", PHONE),
    ("phone_number_verified", "true"),
    ("email", EMAIL),
    ("email_verified", "true"),
];

/// Starts a sign-in and sees that it asks, and sends nothing.
async fn ask(t: &Context, name: &str) -> Challenge {
    let before = t.messages().len();
    let choice = t.start(name).await.unwrap();
    assert!(!choice.parameters.contains_key("CODE_DELIVERY_DESTINATION"));
    assert_eq!(t.messages().len(), before, "nothing is sent before there is a choice");
    choice
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_medium_receives_the_code() {
    run_test(setup(), async |t| {
        t.create_user(PHONE, BOTH).await;
        for (answer, medium) in
            [("SMS", Medium::Sms), ("EMAIL", Medium::Email), (" email", Medium::Email)]
        {
            let choice = ask(t, PHONE).await;
            assert_eq!(choice.parameter("MEDIA"), "SMS,EMAIL");
            assert_eq!(choice.parameter("DESTINATION_SMS"), inbox::masked(PHONE));
            assert_eq!(choice.parameter("DESTINATION_EMAIL"), inbox::masked(EMAIL));
            let before = t.messages().len();
            let challenge = t.answer(&choice, answer).await.unwrap().challenge();
            let messages = t.messages();
            assert_eq!(messages.len(), before + 1);
            let message = messages.last().unwrap();
            assert_eq!(message.medium, medium);
            assert_eq!(challenge.parameter("ATTEMPTS_LEFT"), "3", "a choice is no attempt");
            let code = inbox::code(message);
            t.answer(&challenge, &code).await.unwrap().access_token();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn choice_issues_no_tokens_and_medium_can_be_switched() {
    run_test(setup(), async |t| {
        t.create_user(PHONE, BOTH).await;
        let choice = ask(t, PHONE).await;
        // The right answer to the choice is worth a challenge, never tokens.
        let challenge = t.answer(&choice, "EMAIL").await.unwrap().challenge();
        let wrong = t.answer(&challenge, "EMAIL").await.unwrap().challenge();
        assert_eq!(wrong.parameter("ATTEMPTS_LEFT"), "2");
        let name = wrong.parameter("USERNAME").to_owned();
        let switch = &[("action", "resend"), ("medium", "SMS")];
        let switched = t.respond(&wrong, &name, "-", switch).await.unwrap().challenge();
        let sent = t.messages();
        let [mail, text] = sent.as_slice() else { panic!("{} sent", sent.len()) };
        assert_eq!((mail.medium, text.medium), (Medium::Email, Medium::Sms));
        assert_eq!(inbox::code(mail), inbox::code(text));
        t.answer(&switched, &inbox::code(text)).await.unwrap().access_token();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unverified_medium_cannot_be_chosen() {
    run_test(setup(), async |t| {
        let unverified = [BOTH.get(..3).unwrap(), &[("email_verified", "false")]].concat();
        t.create_user(PHONE, &unverified).await;
        let choice = ask(t, PHONE).await;
        assert_eq!(choice.parameter("MEDIA"), "SMS");
        assert!(!choice.parameters.contains_key("DESTINATION_EMAIL"));
        let challenge = t.answer(&choice, "EMAIL").await.unwrap().challenge();
        assert_eq!(challenge.parameter("CODE_DELIVERY_DELIVERY_MEDIUM"), "SMS");
        assert_eq!(inbox::texts(&t.messages()).len(), 1);
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_user_gets_the_choice_and_no_message() {
    run_test(setup(), async |t| {
        for answer in ["SMS", "EMAIL", "123456", ""] {
            let choice = ask(t, PHONE).await;
            assert!(choice.parameter("MEDIA").starts_with("SMS"));
            assert_eq!(choice.parameter("DESTINATION_SMS"), inbox::masked(PHONE));
            let mut challenge = t.answer(&choice, answer).await.unwrap().challenge();
            for _ in 0..2 {
                challenge = t.answer(&challenge, "000000").await.unwrap().challenge();
            }
            let refused = t.answer(&challenge, "000000").await.unwrap_err();
            assert_eq!(refused, not_authorized("Incorrect username or password."));
        }
        assert!(t.messages().is_empty());
    })
    .await;
}
