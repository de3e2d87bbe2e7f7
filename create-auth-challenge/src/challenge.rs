//! Cognito's response fields.

use std::collections::BTreeMap;

use destination::{Destination, Destinations};
use ledger::{ItemNames, SpendClass, SpendScopes, SpendTicket};
use otp::{
    ChallengeMetadata, CodeParameters, Hold, Medium, PrivateChallengeParameters, Record, RoundId,
    UnixSeconds,
};
use serde::Serialize;
use settings::CodeSettings;
use trigger::Fault;

use crate::plan::Fallback;
use crate::{Policy, WhenLimited};

/// `response` of the event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// What the client sees.
    public_challenge_parameters: BTreeMap<&'static str, String>,
    /// What verify sees.
    private_challenge_parameters: BTreeMap<&'static str, String>,
    /// What the later rounds see.
    challenge_metadata: String,
}

/// What every challenge of a sign-in is made of.
#[derive(Clone, Copy)]
pub(crate) struct ChallengeContext<'a> {
    pub(crate) codes: &'a CodeSettings,
    pub(crate) policy: &'a Policy,
    pub(crate) destinations: &'a Destinations,
    /// The pool and the user that the private parameters are sealed for.
    pub(crate) pool_id: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) round: RoundId,
    /// Need no proof of a contact be noted when the answer is right?
    pub(crate) is_proven: bool,
    /// What the sign-in gets if its first message is not admitted.
    pub(crate) when_limited: WhenLimited,
    /// How messages are counted.
    pub(crate) counting: Counting<'a>,
}

/// How messages are counted by the spend guard.
#[derive(Clone, Copy)]
pub(crate) struct Counting<'a> {
    /// Names their ranges; none if the guard is off.
    pub(crate) names: Option<&'a ItemNames>,
    /// What messages are to the account.
    pub(crate) class: SpendClass,
}

impl Counting<'_> {
    /// The scopes of a message to `destination`.
    pub(crate) fn scopes(self, destination: &Destination) -> Option<SpendScopes> {
        let names = self.names?;
        Some(match destination.medium() {
            Medium::Sms => names.phone_scopes(destination.expose(), destination.country()),
            Medium::Email => SpendScopes::email(),
        })
    }

    /// What a message that was sent to `destination` at `sent_at` was counted in, sealed for verify.
    fn ticket(self, destination: &Destination, sent_at: UnixSeconds) -> String {
        let scopes = self.scopes(destination);
        let ticket = scopes.map(|scopes| SpendTicket::new(scopes, self.class, sent_at));
        ticket.map(|ticket| ticket.encode()).unwrap_or_default()
    }
}

/// A message that was asked for and not sent.
#[derive(Clone, Copy)]
struct FailedSend {
    /// Why.
    fault: Fault,
    /// When.
    now: UnixSeconds,
}

impl FailedSend {
    /// The first second at which it may be asked for again, as far as that is known.
    fn retry_at(self) -> Option<UnixSeconds> {
        match self.fault {
            Fault::TooManyCodes(seconds) => Some(self.now.saturating_add(seconds)),
            _ => None,
        }
    }
}

impl ChallengeContext<'_> {
    /// The challenge that asks for the code of `record`.
    pub(crate) fn code_challenge(self, record: &Record) -> Result<Response, Fault> {
        self.code_challenge_after(record, None)
    }

    fn code_challenge_after(
        self,
        record: &Record,
        failed: Option<FailedSend>,
    ) -> Result<Response, Fault> {
        let Record { code, sent_at, medium, media, sends, wrong_answers } = *record;
        let destination = self.destinations.get(medium)?;
        let expires_at = self.policy.expires_at(code);
        let resend_at = self.policy.resend_at(sent_at);
        let retry_at = failed.and_then(FailedSend::retry_at);
        let resend_at = retry_at.map_or(resend_at, |at| at.max(resend_at));
        let mut public = self.public_parameters(wrong_answers, failed);
        public.extend([
            ("CODE_DELIVERY_DELIVERY_MEDIUM", medium.to_string()),
            ("CODE_DELIVERY_DESTINATION", destination.masked()),
            ("EXPIRES_AT", expires_at.to_string()),
            ("RESENDS_LEFT", self.policy.limits.sends.saturating_sub(sends).to_string()),
            ("RESEND_AT", resend_at.to_string()),
        ]);
        let (nonce, round, is_proven) = (code.nonce, self.round, self.is_proven);
        let spend = self.counting.ticket(destination, sent_at);
        let private = CodeParameters { nonce, expires_at, round, media, is_proven, spend };
        let private = PrivateChallengeParameters::Code(private);
        Ok(self.response(public, &private, ChallengeMetadata::Code(*record)))
    }

    /// The challenge that asks the user to choose SMS or email.
    pub(crate) fn choice_challenge(self) -> Result<Response, Fault> {
        self.choice_challenge_after(None)
    }

    fn choice_challenge_after(self, failed: Option<FailedSend>) -> Result<Response, Fault> {
        let media = self.destinations.media();
        if media.is_empty() {
            return Err(self.destinations.fault());
        }
        let mut public = self.public_parameters(0, failed);
        for medium in &media {
            let name = match medium {
                Medium::Sms => "DESTINATION_SMS",
                Medium::Email => "DESTINATION_EMAIL",
            };
            public.insert(name, self.destinations.get(*medium)?.masked());
        }
        let retry_at = failed.and_then(FailedSend::retry_at);
        public.extend(retry_at.map(|at| ("RESEND_AT", at.to_string())));
        let alternative = media.get(1).copied();
        let private = PrivateChallengeParameters::Choice { alternative };
        Ok(self.response(public, &private, ChallengeMetadata::Choice))
    }

    /// The challenge that is left when a message failed for `fault` at `now`, or the fault.
    pub(crate) fn fallback(
        self,
        fallback: Fallback,
        fault: Fault,
        now: UnixSeconds,
    ) -> Result<Response, Fault> {
        let failed = Some(FailedSend { fault, now });
        match (fallback, fault) {
            (Fallback::Keep(record), _) => self.code_challenge_after(&record, failed),
            (Fallback::Choose | Fallback::Hold(_), Fault::Internal(_)) => Err(fault),
            (Fallback::Choose, _) => self.choice_challenge_after(failed),
            (Fallback::Hold(hold), _) => Ok(self.hold_challenge_after(hold, failed)),
            (Fallback::Fail, Fault::TooManyCodes(seconds))
                if self.when_limited == WhenLimited::Hold =>
            {
                let until = now.saturating_add(seconds);
                Ok(self.hold_challenge(Hold::Limited { until }))
            }
            (Fallback::Fail, _) => Err(fault),
        }
    }

    /// The challenge that asks for nothing, and that no answer passes.
    pub(crate) fn hold_challenge(self, hold: Hold) -> Response {
        self.hold_challenge_after(hold, None)
    }

    fn hold_challenge_after(self, hold: Hold, failed: Option<FailedSend>) -> Response {
        // What is new tells more than what held the sign-in up in the first place.
        let hold = match failed.and_then(FailedSend::retry_at) {
            Some(until) => Hold::Limited { until },
            None => hold,
        };
        let (reason, until) = match hold {
            Hold::Limited { until } => (Fault::TooManyCodes(0), Some(until)),
            Hold::UnprovenContact => (Fault::NoDestination, None),
        };
        let mut public = self.public_parameters(0, failed);
        public.entry("NOT_SENT").or_insert_with(|| reason.code().to_owned());
        public.extend(until.map(|until| ("RESEND_AT", until.to_string())));
        let private = PrivateChallengeParameters::Choice { alternative: None };
        self.response(public, &private, ChallengeMetadata::Hold(hold))
    }

    /// What every challenge tells its client.
    fn public_parameters(
        self,
        wrong_answers: u8,
        failed: Option<FailedSend>,
    ) -> BTreeMap<&'static str, String> {
        let attempts = self.policy.limits.attempts.saturating_sub(wrong_answers);
        let mut public = BTreeMap::from([
            ("MEDIA", Medium::list(&self.destinations.media())),
            ("CODE_LENGTH", self.codes.length.digits().to_string()),
            ("ATTEMPTS_LEFT", attempts.to_string()),
        ]);
        public.extend(failed.map(|failed| ("NOT_SENT", failed.fault.code().to_owned())));
        public
    }

    fn response(
        self,
        public_challenge_parameters: BTreeMap<&'static str, String>,
        private: &PrivateChallengeParameters,
        metadata: ChallengeMetadata,
    ) -> Response {
        let sealed = private.seal(&self.codes.key, self.pool_id, self.subject);
        Response {
            public_challenge_parameters,
            private_challenge_parameters: sealed.into_iter().collect(),
            challenge_metadata: metadata.encode(),
        }
    }
}
