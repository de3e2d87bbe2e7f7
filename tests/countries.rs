//! Where texts go, and where they do not.

use crate::harness::{Context, Setup, run_test};
use crate::inbox;

const ALLOWED: &str = "+12065550123";

/// What a client is told, and no more.
const NOT_ALLOWED: &str = "CreateAuthChallenge failed with error DESTINATION_NOT_ALLOWED: codes are \
                           not sent to this number.";

/// Numbers that get no text under `SMS_COUNTRIES=US`: another country with the same calling code, one
/// with another, a premium-rate number, a satellite phone.
const REFUSED: [&str; 4] = ["+18765550123", "+819012345678", "+19002345678", "+881612345678"];

async fn create_user(t: &Context, number: &str, attributes: &[(&str, &str)]) {
    let phone = [("phone_number", number), ("phone_number_verified", "true")];
    t.create_user(number, &[&phone, attributes].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn number_in_disallowed_country_gets_no_sms_known_or_unknown() {
    let settings = [("SMS_COUNTRIES", "US"), ("MEDIA", "SMS")];
    run_test(Setup::with(&settings), async |t| {
        for number in REFUSED {
            let unknown = t.start(number).await.unwrap_err();
            assert_eq!(unknown.1, NOT_ALLOWED, "{number}");
            create_user(t, number, &[]).await;
            assert_eq!(t.start(number).await.unwrap_err(), unknown);
        }
        assert!(t.messages().is_empty());
        create_user(t, ALLOWED, &[]).await;
        let (challenge, code) = t.start_and_read(ALLOWED).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn premium_and_satellite_numbers_get_no_sms_with_all_countries() {
    run_test(Setup::with(&[("SMS_COUNTRIES", "*")]), async |t| {
        for number in REFUSED {
            create_user(t, number, &[]).await;
            let started = t.start(number).await;
            let is_of_a_country = ["+18765550123", "+819012345678"].contains(&number);
            assert_eq!(started.is_ok(), is_of_a_country, "{number}");
        }
        assert_eq!(inbox::texts(&t.messages()).len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disallowed_number_falls_back_to_email_and_cannot_switch_to_sms() {
    let settings = [("SMS_COUNTRIES", "US"), ("RESEND_AFTER_SECONDS", "0")];
    run_test(Setup::with(&settings), async |t| {
        let email = [("email", "jane@example.com"), ("email_verified", "true")];
        create_user(t, REFUSED[0], &email).await;
        let challenge = t.start(REFUSED[0]).await.unwrap();
        assert_eq!(challenge.parameter("CODE_DELIVERY_DELIVERY_MEDIUM"), "EMAIL");
        let name = challenge.parameter("USERNAME").to_owned();
        let switch = &[("action", "resend"), ("medium", "SMS")];
        let challenge = t.respond(&challenge, &name, "-", switch).await.unwrap().challenge();
        assert_eq!(challenge.parameter("CODE_DELIVERY_DELIVERY_MEDIUM"), "EMAIL");
        assert!(inbox::texts(&t.messages()).is_empty());
        let code = inbox::code(t.messages().last().unwrap());
        t.answer(&challenge, &code).await.unwrap().access_token();
    })
    .await;
}
