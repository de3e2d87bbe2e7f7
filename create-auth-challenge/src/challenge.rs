//! Cognito's response fields.

use std::collections::BTreeMap;

use otp::{
    ChallengeMetadata, CodeParameters, Medium, PrivateChallengeParameters, Record, UnixSeconds,
};
use serde::Serialize;
use settings::CodeSettings;
use trigger::Fault;

use crate::{Destinations, Policy};

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

/// What every challenge of a sign-in depends on.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) codes: &'a CodeSettings,
    pub(crate) policy: &'a Policy,
    pub(crate) destinations: &'a Destinations,
}

/// A message that was asked for and not sent.
#[derive(Clone, Copy)]
pub(crate) struct NotSent {
    /// Why.
    pub(crate) fault: Fault,
    /// When.
    pub(crate) now: UnixSeconds,
}

impl NotSent {
    /// The first second at which it may be asked for again, as far as that is known.
    fn until(self) -> Option<UnixSeconds> {
        match self.fault {
            Fault::TooManyCodes(seconds) => Some(self.now.saturating_add(seconds)),
            _ => None,
        }
    }
}

impl Terms<'_> {
    /// The challenge that asks for the code of `record`.
    pub(crate) fn code(
        self,
        record: &Record,
        not_sent: Option<NotSent>,
    ) -> Result<Response, Fault> {
        let Record { nonce, issued_at, sent_at, medium, sends, wrong } = *record;
        let destination = self.destinations.get(medium)?;
        let expires_at = self.policy.expires_at(issued_at);
        let resend_at = self.policy.resend_at(sent_at);
        let resend_at = not_sent.and_then(NotSent::until).map_or(resend_at, |at| at.max(resend_at));
        let mut public = self.public(wrong, not_sent);
        public.extend([
            ("CODE_DELIVERY_DELIVERY_MEDIUM", medium.to_string()),
            ("CODE_DELIVERY_DESTINATION", destination.masked()),
            ("EXPIRES_AT", expires_at.to_string()),
            ("RESENDS_LEFT", self.policy.limits.sends.saturating_sub(sends).to_string()),
            ("RESEND_AT", resend_at.to_string()),
        ]);
        let expected = PrivateChallengeParameters::Code(CodeParameters { nonce, expires_at });
        Ok(response(public, &expected, ChallengeMetadata::Code(*record)))
    }

    /// The challenge that asks which way the code shall go.
    pub(crate) fn choice(self, not_sent: Option<NotSent>) -> Result<Response, Fault> {
        let media = self.destinations.media();
        if media.is_empty() {
            return Err(self.destinations.fault());
        }
        let mut public = self.public(0, not_sent);
        for medium in &media {
            let name = match medium {
                Medium::Sms => "DESTINATION_SMS",
                Medium::Email => "DESTINATION_EMAIL",
            };
            public.insert(name, self.destinations.get(*medium)?.masked());
        }
        let resend_at = not_sent.and_then(NotSent::until);
        public.extend(resend_at.map(|at| ("RESEND_AT", at.to_string())));
        let expected = PrivateChallengeParameters::Choice { alternative: media.get(1).copied() };
        Ok(response(public, &expected, ChallengeMetadata::Choice))
    }

    /// What every challenge tells its client.
    fn public(self, wrong: u8, not_sent: Option<NotSent>) -> BTreeMap<&'static str, String> {
        let media: Vec<_> = self.destinations.media().into_iter().map(Medium::name).collect();
        let attempts = self.policy.limits.attempts.saturating_sub(wrong);
        let mut public = BTreeMap::from([
            ("MEDIA", media.join(",")),
            ("CODE_LENGTH", self.codes.length.digits().to_string()),
            ("ATTEMPTS_LEFT", attempts.to_string()),
        ]);
        public.extend(not_sent.map(|not_sent| ("NOT_SENT", not_sent.fault.code().to_owned())));
        public
    }
}

fn response(
    public_challenge_parameters: BTreeMap<&'static str, String>,
    expected: &PrivateChallengeParameters,
    note: ChallengeMetadata,
) -> Response {
    Response {
        public_challenge_parameters,
        private_challenge_parameters: expected.encode().into_iter().collect(),
        challenge_metadata: note.encode(),
    }
}
