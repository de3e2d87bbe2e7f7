//! `SIGN_UP=code`: a new user signs up and in with one message, and nobody else gets anything by it.

use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::types::{AttributeType, AuthFlowType};
use local::lambda::Trigger;
use local::outbox::Medium;
use local::user_pool::{ANY_FLOW_CLIENT_ID, DEFAULT_CLIENT_ID, DEFAULT_POOL_ID};
use serde_json::json;
use test_support::fixtures::{CODE_KEY, EMAIL, LEDGER_KEY, PHONE, event};

use crate::failing_cognito::{Cognito, UserPoolFailure};
use crate::functions::invoke;
use crate::harness::{Context, PASSWORD, Refused, Setup, refused, run_test};
use crate::inbox;
use crate::second_factor::PasswordFlow;

const OTHER_PHONE: &str = "+819099999999";

/// The steps that follow a proof, in this order.
const STEPS: [&str; 3] = ["AdminGetUser", "AdminSetUserPassword", "AdminUpdateUserAttributes"];

fn refused_at_sign_up(with: &str) -> Refused {
    let message = format!("PreSignUp failed with error {with}.");
    ("UserLambdaValidationException".to_owned(), message)
}

/// The number of users in the pool.
async fn users(t: &Context) -> usize {
    let list = t.cognito.list_users().user_pool_id(DEFAULT_POOL_ID).send().await.unwrap();
    list.users.unwrap_or_default().len()
}

async fn set_attribute(t: &Context, access_token: &str, name: &str, value: &str) {
    let attribute = AttributeType::builder().name(name).value(value).build().unwrap();
    let update = t.cognito.update_user_attributes().access_token(access_token);
    update.user_attributes(attribute).send().await.unwrap();
}

/// Sets attributes as an administrator does.
async fn admin_set(t: &Context, name: &str, attributes: &[(&str, &str)]) {
    let mut update =
        t.cognito.admin_update_user_attributes().user_pool_id(DEFAULT_POOL_ID).username(name);
    for (name, value) in attributes {
        let attribute = AttributeType::builder().name(*name).value(*value).build();
        update = update.user_attributes(attribute.unwrap());
    }
    update.send().await.unwrap();
}

/// Does `password` sign in to the client that allows every flow?
async fn password_signs_in(t: &Context, password: &str) -> bool {
    let request = t.cognito.initiate_auth().auth_flow(AuthFlowType::UserPasswordAuth);
    let request = request.client_id(ANY_FLOW_CLIENT_ID).auth_parameters("USERNAME", PHONE);
    let reply = request.auth_parameters("PASSWORD", password).send().await;
    reply.is_ok_and(|reply| reply.authentication_result.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn new_user_signs_up_and_in_with_one_message() {
    run_test(Setup::default(), async |t| {
        for (name, medium, attribute) in
            [(PHONE, Medium::Sms, "phone_number"), (EMAIL, Medium::Email, "email")]
        {
            let before = t.messages().len();
            t.sign_up(name).await;
            assert_eq!(t.messages().len(), before, "signing up sends nothing");
            let (challenge, code) = t.start_and_read(name).await;
            assert_eq!(t.messages().last().unwrap().medium, medium);
            let token = t.answer(&challenge, &code).await.unwrap().access_token();
            let user = t.who(&token).await;
            assert_eq!(user[attribute], name);
            assert_eq!(user[&format!("{attribute}_verified")], "true");
            assert_eq!(t.messages().len(), before + 1);

            // The next sign-in is one of a verified user, and marks nothing.
            let (challenge, code) = t.start_and_read(name).await;
            let token = t.answer(&challenge, &code).await.unwrap().access_token();
            assert_eq!(t.who(&token).await[&format!("{attribute}_verified")], "true");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_code_verifies_nothing() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        let (mut challenge, code) = t.start_and_read(PHONE).await;
        for _ in 0..2 {
            challenge = t.answer(&challenge, &inbox::mistype(&code)).await.unwrap().challenge();
        }
        t.answer(&challenge, &inbox::mistype(&code)).await.unwrap_err();
        let user = t.cognito.admin_get_user().user_pool_id(DEFAULT_POOL_ID).username(PHONE);
        let user = user.send().await.unwrap();
        let is_verified = user.user_attributes().iter().any(|attribute| {
            attribute.name() == "phone_number_verified" && attribute.value() == Some("true")
        });
        assert!(!is_verified);
        assert!(password_signs_in(t, PASSWORD).await, "the password is still the one of sign-up");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn password_of_whoever_signed_the_number_up_first_is_worth_nothing() {
    run_test(Setup::default(), async |t| {
        // A stranger takes the number, with a password of their own.
        t.sign_up(PHONE).await;
        for flow in PasswordFlow::ALL {
            assert!(!flow.gives_tokens(t, DEFAULT_CLIENT_ID, PASSWORD).await, "{flow:?} before");
        }
        assert!(password_signs_in(t, PASSWORD).await);
        let stranger = t.messages().len();

        // The owner signs up or in.
        assert_eq!(t.try_sign_up(PHONE).await.unwrap_err().0, "UsernameExistsException");
        let (challenge, code) = t.start_and_read(PHONE).await;
        t.answer(&challenge, &code).await.unwrap().access_token();
        assert_eq!(t.messages().len(), stranger + 1);

        for client in [DEFAULT_CLIENT_ID, ANY_FLOW_CLIENT_ID] {
            for flow in PasswordFlow::ALL {
                assert!(!flow.gives_tokens(t, client, PASSWORD).await, "{flow:?} after, {client}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_sign_ups_create_nobody_and_send_nothing() {
    let setup = Setup::with(&[("SMS_COUNTRIES", "JP")]);
    run_test(setup, async |t| {
        let attributes = |pairs: &[(&str, &str)]| {
            let attribute = |(name, value): &(&str, &str)| {
                AttributeType::builder().name(*name).value(*value).build().unwrap()
            };
            pairs.iter().map(attribute).collect::<Vec<_>>()
        };
        let two = "ONE_CONTACT_ONLY: sign up with a phone number or an email address, not both";
        let not_allowed = "DESTINATION_NOT_ALLOWED: codes are not sent to this number";
        for (name, more, expected) in [
            (PHONE, vec![("email", EMAIL)], two),
            (EMAIL, vec![("phone_number", PHONE)], two),
            ("+14155550123", vec![], not_allowed),
            ("+810990123456", vec![], not_allowed),
            ("+8100000000000", vec![], not_allowed),
        ] {
            let sign_up = t.cognito.sign_up().client_id(DEFAULT_CLIENT_ID).username(name);
            let sign_up = sign_up.password(PASSWORD).set_user_attributes(Some(attributes(&more)));
            let error = sign_up.send().await.map_err(refused).unwrap_err();
            assert_eq!(error, refused_at_sign_up(expected), "{name}");
        }
        assert_eq!(users(t).await, 0);
        // The same words as at sign-in.
        let abroad = [("phone_number", "+14155550123"), ("phone_number_verified", "true")];
        t.create_user("+14155550123", &abroad).await;
        let error = t.start("+14155550123").await.unwrap_err();
        assert_eq!(error.1, format!("CreateAuthChallenge failed with error {not_allowed}."));
        assert!(t.messages().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_and_attribute_changes_send_nothing() {
    run_test(Setup::default(), async |t| {
        for n in 0..500 {
            t.sign_up(&format!("+81901234{n:04}")).await;
        }
        assert!(t.messages().is_empty());
        let (challenge, code) = t.start_and_read("+819012340000").await;
        let token = t.answer(&challenge, &code).await.unwrap().access_token();
        for n in 0..50 {
            set_attribute(t, &token, "phone_number", &format!("+81909999{n:04}")).await;
        }
        let verify = t.cognito.get_user_attribute_verification_code().access_token(&token);
        verify.attribute_name("phone_number").send().await.map_err(refused).unwrap_err();
        let resend = t.cognito.resend_confirmation_code().client_id(DEFAULT_CLIENT_ID);
        resend.username("+819012340001").send().await.map_err(refused).unwrap_err();
        let forgot = t.cognito.forgot_password().client_id(DEFAULT_CLIENT_ID);
        forgot.username("+819012340001").send().await.map_err(refused).unwrap_err();
        assert_eq!(t.messages().len(), 1, "the code of the one sign-in");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stolen_access_token_does_not_move_the_account() {
    run_test(Setup::default(), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let token = t.answer(&challenge, &code).await.unwrap().access_token();
        let sent = t.messages();
        for (name, value) in [("phone_number", OTHER_PHONE), ("email", EMAIL)] {
            set_attribute(t, &token, name, value).await;
            for name in [OTHER_PHONE, EMAIL] {
                // By the new contact, or not at all: by a name that is no longer there.
                if let Err((exception, message)) = t.start(name).await {
                    assert_eq!(exception, "UserLambdaValidationException");
                    assert!(message.contains("NO_DESTINATION"), "{message}");
                }
            }
        }
        assert_eq!(t.messages(), sent, "nothing is sent to a contact that nobody proved");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_contact_keeps_codes_from_unverified_ones() {
    run_test(Setup::with(&[("RESEND_AFTER_SECONDS", "0")]), async |t| {
        t.sign_up(PHONE).await;
        let (challenge, code) = t.start_and_read(PHONE).await;
        let token = t.answer(&challenge, &code).await.unwrap().access_token();
        set_attribute(t, &token, "email", EMAIL).await;
        let (challenge, _) = t.start_and_read(PHONE).await;
        assert_eq!(challenge.parameter("MEDIA"), "SMS");
        let by_email: &[_] = &[("action", "resend"), ("medium", "EMAIL")];
        let name = challenge.parameter("USERNAME").to_owned();
        t.respond(&challenge, &name, "-", by_email).await.unwrap().challenge();
        assert!(t.messages().iter().all(|message| message.to == PHONE));

        // Nor does a code at one contact mark the other.
        let (challenge, code) = t.start_and_read(PHONE).await;
        let token = t.answer(&challenge, &code).await.unwrap().access_token();
        let user = t.who(&token).await;
        assert_ne!(user.get("email_verified").map(String::as_str), Some("true"));
    })
    .await;
}

/// A `local` whose verify reaches the user pool through `cognito`.
async fn run_with(cognito: &Cognito, test: impl AsyncFnOnce(&Context)) {
    let setup = Setup { users: Some(cognito.url.clone()), ..Setup::default() };
    run_test(setup, async |t| {
        cognito.pass_on_to(&t.url);
        test(t).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_user_pool_never_stops_the_sign_in_and_the_next_one_marks() {
    let cognito = Cognito::start().await;
    run_with(&cognito, async |t| {
        let mut number = 0;
        for failure in UserPoolFailure::ALL {
            for (n, step) in STEPS.into_iter().enumerate() {
                number += 1;
                let name = format!("+81901234{number:04}");
                t.sign_up(&name).await;
                let calls = t.functions.calls().calls().len();
                cognito.set(Some((step, failure)));
                let (challenge, code) = t.start_and_read(&name).await;
                let token = t.answer(&challenge, &code).await.unwrap().access_token();
                let user = t.who(&token).await;
                assert!(user.get("phone_number_verified").is_none_or(|flag| flag == "false"));
                let mut taken = cognito.take_calls();
                taken.dedup();
                assert_eq!(taken, STEPS[..=n], "{failure:?} of {step}");
                let calls = t.functions.calls().calls().split_off(calls);
                let verify = Trigger::VerifyAuthChallengeResponse.name();
                let verify: Vec<_> = calls.iter().filter(|call| call.trigger == verify).collect();
                assert_eq!(verify.len(), 1, "verify answered in time, {failure:?} of {step}");

                cognito.set(None);
                let (challenge, code) = t.start_and_read(&name).await;
                let token = t.answer(&challenge, &code).await.unwrap().access_token();
                assert_eq!(t.who(&token).await["phone_number_verified"], "true");
                assert_eq!(cognito.take_calls(), STEPS, "{failure:?} of {step}");
            }
        }
        let log = String::from_utf8(t.output.bytes()).unwrap();
        for code in ["TooManyRequestsException", "AccessDeniedException"] {
            assert!(log.contains(code), "the operator sees {code}");
        }
        assert!(!log.contains("refused\""), "but not the service's message");
        assert!(!log.contains("+8190123"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_was_proven_is_the_value_that_is_marked() {
    let cognito = Cognito::start().await;
    run_with(&cognito, async |t| {
        // The number changes between the answer and each of the steps.
        for (n, step) in STEPS.into_iter().enumerate() {
            let (name, other) = (format!("+8190123400{n:02}"), format!("+8190999900{n:02}"));
            t.sign_up(&name).await;
            let sub = sub(t, &name).await;
            let (challenge, code) = t.start_and_read(&name).await;
            let (client, changed, user) = (t.cognito.clone(), other.clone(), sub.clone());
            let change = move || -> futures_util::future::BoxFuture<'static, ()> {
                let attribute = AttributeType::builder().name("phone_number").value(&changed);
                let update = client.admin_update_user_attributes().user_pool_id(DEFAULT_POOL_ID);
                let update = update.username(&user).user_attributes(attribute.build().unwrap());
                Box::pin(async move {
                    update.send().await.unwrap();
                })
            };
            cognito.interrupt(step, Arc::new(change));
            t.answer(&challenge, &code).await.unwrap().access_token();
            let user = t.cognito.admin_get_user().user_pool_id(DEFAULT_POOL_ID).username(&sub);
            let user = user.send().await.unwrap();
            let get = |name: &str| {
                let found = user.user_attributes().iter().find(|found| found.name() == name);
                found.and_then(|attribute| attribute.value()).unwrap_or_default().to_owned()
            };
            let (value, verified) = (get("phone_number"), get("phone_number_verified") == "true");
            // Seen by the first step, nothing is marked; later, the proven value comes back.
            let expected = if n == 0 { (other, false) } else { (name, true) };
            assert_eq!((value, verified), expected, "changed before {step}");
        }
    })
    .await;
}

async fn sub(t: &Context, name: &str) -> String {
    let user = t.cognito.admin_get_user().user_pool_id(DEFAULT_POOL_ID).username(name);
    let user = user.send().await.unwrap();
    let attribute = user.user_attributes().iter().find(|attribute| attribute.name() == "sub");
    attribute.unwrap().value().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_called_directly_marks_and_resets_nobody_else() {
    let cognito = Cognito::start().await;
    let settings = vec![("CODE_KEY", CODE_KEY.to_owned()), ("LEDGER_KEY", LEDGER_KEY.to_owned())];
    let setup = Setup { users: Some(cognito.url.clone()), settings, ..Setup::default() };
    run_test(setup, async |t| {
        cognito.pass_on_to(&t.url);
        t.sign_up(PHONE).await;
        let victim = sub(t, PHONE).await;
        // The attacker has sealed parameters and the code of an account of their own.
        let mut forged = event("verify-new-user");
        forged["request"]["userAttributes"]["sub"] = json!(victim);
        for number in [PHONE, OTHER_PHONE] {
            forged["request"]["userAttributes"]["phone_number"] = json!(number);
            let trigger = Trigger::VerifyAuthChallengeResponse;
            let answer = invoke(&t.functions, trigger, &forged.to_string()).await.unwrap();
            assert_eq!(answer["response"]["answerCorrect"], false);
        }
        assert!(cognito.take_calls().is_empty(), "nobody was read, reset or marked");
        assert!(password_signs_in(t, PASSWORD).await);
        assert!(t.messages().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_users_with_both_contacts_unverified_get_no_code() {
    run_test(Setup::default(), async |t| {
        t.create_user(PHONE, &[("phone_number", PHONE), ("email", EMAIL)]).await;
        let (_, message) = t.start(PHONE).await.unwrap_err();
        assert!(message.contains("NO_DESTINATION"), "{message}");
        assert!(t.messages().is_empty());
        // Verified by the administrator, one is enough.
        admin_set(t, PHONE, &[("email_verified", "true")]).await;
        let challenge = t.start(PHONE).await.unwrap();
        assert_eq!(challenge.parameter("MEDIA"), "EMAIL");
        assert_eq!(t.messages().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_pool_creates_nobody() {
    run_test(Setup::with(&[("SIGN_UP", "closed")]), async |t| {
        assert_eq!(t.try_sign_up(PHONE).await.unwrap_err().0, "NotAuthorizedException");
        assert_eq!((users(t).await, t.messages().len()), (0, 0));
    })
    .await;
}
