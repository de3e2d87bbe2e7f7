//! `SIGN_IN=second-factor`: a password, proved by SRP, and then the code, with the real functions.

use aws_sdk_cognitoidentityprovider::operation::respond_to_auth_challenge::RespondToAuthChallengeOutput;
use aws_sdk_cognitoidentityprovider::types::{
    AuthFlowType, ChallengeNameType, ExplicitAuthFlowsType,
};
use local::lambda::Trigger;
use local::user_pool::{DEFAULT_CLIENT_ID, DEFAULT_POOL_ID};
use test_support::fixtures::PHONE;
use test_support::srp::{self, SrpClient};

use crate::harness::{Challenge, Context, Refused, Setup, not_authorized, refused, run_test};
use crate::inbox;

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
    let reply = start_srp(t, AuthFlowType::CustomAuth, DEFAULT_CLIENT_ID, name, password).await?;
    assert!(reply.authentication_result.is_none(), "a password alone signs nobody in");
    assert_eq!(reply.challenge_name, Some(ChallengeNameType::CustomChallenge));
    let parameters = reply.challenge_parameters.unwrap();
    Ok(Challenge { session: reply.session.unwrap(), parameters })
}

/// Starts `flow` with `SRP_A` and proves `password`; what comes of it.
async fn start_srp(
    t: &Context,
    flow: AuthFlowType,
    client_id: &str,
    name: &str,
    password: &str,
) -> Result<RespondToAuthChallengeOutput, Refused> {
    let client = SrpClient::new(b"a secret number");
    let start = t.cognito.initiate_auth().auth_flow(flow);
    let start = start.client_id(client_id).auth_parameters("USERNAME", name);
    let start = start.auth_parameters("CHALLENGE_NAME", "SRP_A");
    let reply = start.auth_parameters("SRP_A", client.srp_a()).send().await.map_err(refused)?;
    if reply.challenge_name != Some(ChallengeNameType::PasswordVerifier) {
        return Err((format!("{:?}", reply.challenge_name), "no password is asked for".to_owned()));
    }
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
    let respond = t.cognito.respond_to_auth_challenge().client_id(client_id);
    let respond = respond.challenge_name(ChallengeNameType::PasswordVerifier);
    let respond = respond.set_session(reply.session);
    let respond = respond.challenge_responses("USERNAME", challenge.user_id);
    let respond = respond
        .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", challenge.secret_block)
        .challenge_responses("PASSWORD_CLAIM_SIGNATURE", signature)
        .challenge_responses("TIMESTAMP", timestamp);
    respond.send().await.map_err(refused)
}

/// The ways of a client that knows the password, and nothing of the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordFlow {
    /// `CUSTOM_AUTH` with `SRP_A`.
    Custom,
    /// `CUSTOM_AUTH` without a password.
    CustomAlone,
    /// `USER_SRP_AUTH`.
    Srp,
    /// `USER_PASSWORD_AUTH`.
    Password,
    /// `ADMIN_USER_PASSWORD_AUTH`.
    AdminPassword,
    /// `REFRESH_TOKEN_AUTH` with a token that nobody gave.
    Refresh,
}

impl PasswordFlow {
    pub(crate) const ALL: [Self; 6] = [
        Self::Custom,
        Self::CustomAlone,
        Self::Srp,
        Self::Password,
        Self::AdminPassword,
        Self::Refresh,
    ];

    /// The flow that a client must allow for it to give tokens without a code; none if it never does.
    fn side_door(self) -> Option<ExplicitAuthFlowsType> {
        match self {
            Self::Custom | Self::CustomAlone | Self::Refresh => None,
            Self::Srp => Some(ExplicitAuthFlowsType::AllowUserSrpAuth),
            Self::Password => Some(ExplicitAuthFlowsType::AllowUserPasswordAuth),
            Self::AdminPassword => Some(ExplicitAuthFlowsType::AllowAdminUserPasswordAuth),
        }
    }

    /// Does the password alone give tokens?
    pub(crate) async fn gives_tokens(self, t: &Context, client_id: &str, password: &str) -> bool {
        let initiate = |flow: AuthFlowType| {
            t.cognito
                .initiate_auth()
                .auth_flow(flow)
                .client_id(client_id)
                .auth_parameters("USERNAME", PHONE)
        };
        match self {
            Self::Custom => {
                let reply =
                    start_srp(t, AuthFlowType::CustomAuth, client_id, PHONE, password).await;
                reply.is_ok_and(|reply| reply.authentication_result.is_some())
            }
            Self::CustomAlone => {
                let reply = initiate(AuthFlowType::CustomAuth).send().await;
                reply.is_ok_and(|reply| reply.authentication_result.is_some())
            }
            Self::Srp => {
                let reply =
                    start_srp(t, AuthFlowType::UserSrpAuth, client_id, PHONE, password).await;
                reply.is_ok_and(|reply| reply.authentication_result.is_some())
            }
            Self::Password => {
                let request = initiate(AuthFlowType::UserPasswordAuth);
                let reply = request.auth_parameters("PASSWORD", password).send().await;
                reply.is_ok_and(|reply| reply.authentication_result.is_some())
            }
            Self::AdminPassword => {
                let request = t.cognito.admin_initiate_auth().client_id(client_id);
                let request = request.auth_flow(AuthFlowType::AdminUserPasswordAuth);
                let request = request.user_pool_id(DEFAULT_POOL_ID);
                let request = request.auth_parameters("USERNAME", PHONE);
                let reply = request.auth_parameters("PASSWORD", password).send().await;
                reply.is_ok_and(|reply| reply.authentication_result.is_some())
            }
            Self::Refresh => {
                let request = t.cognito.initiate_auth().auth_flow(AuthFlowType::RefreshTokenAuth);
                let request = request.client_id(client_id);
                let reply = request.auth_parameters("REFRESH_TOKEN", "not a token").send().await;
                reply.is_ok_and(|reply| reply.authentication_result.is_some())
            }
        }
    }
}

/// Every flow of the API with every client: the password alone gives tokens exactly where the client
/// allows a flow that asks no code, which the template's client does not.
#[tokio::test(flavor = "multi_thread")]
async fn password_alone_gives_tokens_only_through_flows_that_ask_no_code() {
    use ExplicitAuthFlowsType as Allow;
    let extra =
        [Allow::AllowUserSrpAuth, Allow::AllowUserPasswordAuth, Allow::AllowAdminUserPasswordAuth];
    run_test(setup(), async |t| {
        user(t).await;
        for subset in 0..1_u8 << extra.len() {
            let mut allowed = vec![Allow::AllowCustomAuth, Allow::AllowRefreshTokenAuth];
            let chosen = extra.iter().enumerate().filter(|(n, _)| subset & 1 << n != 0);
            allowed.extend(chosen.map(|(_, flow)| flow.clone()));
            let create = t.cognito.create_user_pool_client().user_pool_id(DEFAULT_POOL_ID);
            let create =
                create.client_name("client").set_explicit_auth_flows(Some(allowed.clone()));
            let client = create.send().await.unwrap().user_pool_client.unwrap();
            for flow in PasswordFlow::ALL {
                let has_side_door = flow.side_door().is_some_and(|flow| allowed.contains(&flow));
                let tokens = flow.gives_tokens(t, client.client_id().unwrap(), PASSWORD).await;
                assert_eq!(tokens, has_side_door, "{flow:?} with {allowed:?}");
                // The template's client: nothing but the custom challenge.
                assert!(!tokens || allowed.len() > 2);
            }
        }
        // Where the password was proved before a code, one was sent, and no more.
        assert_eq!(t.messages().len(), 1 << extra.len());
    })
    .await;
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
async fn correct_password_and_code_sign_in() {
    run_test(setup(), async |t| {
        user(t).await;
        let challenge = prove(t, PHONE, PASSWORD).await.unwrap();
        let messages = t.messages();
        assert_eq!(messages.len(), 1);
        let code = inbox::code(&messages[0]);
        let second = t.answer(&challenge, &inbox::mistype(&code)).await.unwrap().challenge();
        let token = t.answer(&second, &code).await.unwrap().access_token();
        assert_eq!(t.who(&token).await["phone_number"], PHONE);
        assert_eq!(t.messages(), messages);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_or_wrong_password_sends_nothing() {
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
