//! `SIGN_IN=second-factor`: a password, proved by SRP, and then the code, with the real functions.

use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, ChallengeNameType};
use local::lambda::Trigger;
use local::user_pool::{DEFAULT_CLIENT_ID, DEFAULT_POOL_ID};
use test_support::fixtures::PHONE;
use test_support::srp::{self, SrpClient};

use crate::harness::{Challenge, Context, Refused, Setup, not_authorized, refused, run_test};
use crate::phone;

const PASSWORD: &str = "Proved-n0t-sent";

fn setup() -> Setup {
    Setup::with(&[("SIGN_IN", "second-factor")])
}

async fn user(t: &Context) {
    let attributes = [("phone_number", PHONE), ("phone_number_verified", "true")];
    t.create_user(PHONE, &attributes).await;
    let set = t.cognito.admin_set_user_password().user_pool_id(DEFAULT_POOL_ID).username(PHONE);
    set.password(PASSWORD).permanent(true).send().await.unwrap();
}

/// Starts with `SRP_A` and proves `password`; the challenge that follows.
async fn prove(t: &Context, name: &str, password: &str) -> Result<Challenge, Refused> {
    let client = SrpClient::new(b"a secret number");
    let start = t.cognito.initiate_auth().auth_flow(AuthFlowType::CustomAuth);
    let start = start.client_id(DEFAULT_CLIENT_ID).auth_parameters("USERNAME", name);
    let start = start.auth_parameters("CHALLENGE_NAME", "SRP_A");
    let reply = start.auth_parameters("SRP_A", client.srp_a()).send().await.map_err(refused)?;
    assert_eq!(reply.challenge_name, Some(ChallengeNameType::PasswordVerifier));
    let parameters = reply.challenge_parameters.unwrap();
    let challenge = srp::Challenge {
        pool: DEFAULT_POOL_ID.split_once('_').unwrap().1,
        user_id: &parameters["USER_ID_FOR_SRP"],
        salt: &parameters["SALT"],
        srp_b: &parameters["SRP_B"],
        secret_block: &parameters["SECRET_BLOCK"],
    };
    let timestamp = now();
    let signature = client.sign(&challenge, password, &timestamp);
    let respond = t.cognito.respond_to_auth_challenge().client_id(DEFAULT_CLIENT_ID);
    let respond = respond.challenge_name(ChallengeNameType::PasswordVerifier);
    let respond = respond.set_session(reply.session);
    let respond = respond.challenge_responses("USERNAME", challenge.user_id);
    let respond = respond
        .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", challenge.secret_block)
        .challenge_responses("PASSWORD_CLAIM_SIGNATURE", signature)
        .challenge_responses("TIMESTAMP", timestamp);
    let reply = respond.send().await.map_err(refused)?;
    assert!(reply.authentication_result.is_none(), "a password alone signs nobody in");
    assert_eq!(reply.challenge_name, Some(ChallengeNameType::CustomChallenge));
    let parameters = reply.challenge_parameters.unwrap();
    Ok(Challenge { session: reply.session.unwrap(), parameters })
}

/// The time as clients write it: an HTTP date has the same parts in another order.
fn now() -> String {
    let clock = local::clock::Clock::system().now();
    let now = aws_sdk_cognitoidentityprovider::primitives::DateTime::from_secs(
        i64::try_from(clock.as_secs()).unwrap(),
    );
    let date = aws_sdk_cognitoidentityprovider::primitives::DateTimeFormat::HttpDate;
    let date = now.fmt(date).unwrap();
    let parts: Vec<&str> = date.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    let [weekday, day, month, year, time, _] = parts[..] else { panic!("{date}") };
    let day = day.trim_start_matches('0');
    format!("{weekday} {month} {day} {time} UTC {year}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_and_a_code_sign_in() {
    run_test(setup(), async |t| {
        user(t).await;
        let challenge = prove(t, PHONE, PASSWORD).await.unwrap();
        let messages = t.messages();
        assert_eq!(messages.len(), 1);
        let code = phone::code(&messages[0]);
        let second = t.answer(&challenge, &phone::mistype(&code)).await.unwrap().challenge();
        let token = t.answer(&second, &code).await.unwrap().access_token();
        assert_eq!(t.who(&token).await["phone_number"], PHONE);
        assert_eq!(t.messages(), messages);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_password_nothing_is_texted() {
    run_test(setup(), async |t| {
        user(t).await;
        let wrong = not_authorized("Incorrect username or password.");
        // No password at all, a wrong one, and a user who is not there.
        assert_eq!(t.start(PHONE).await.unwrap_err(), wrong);
        assert_eq!(prove(t, PHONE, "Wr0ng-password").await.unwrap_err(), wrong);
        assert_eq!(prove(t, "+819087654321", PASSWORD).await.unwrap_err(), wrong);
        assert!(t.messages().is_empty());
        let calls = t.functions.calls().calls();
        assert!(calls.iter().all(|call| call.trigger == Trigger::DefineAuthChallenge.name()));
    })
    .await;
}
