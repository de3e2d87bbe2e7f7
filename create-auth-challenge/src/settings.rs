//! The function's settings.

use destination::DestinationSettings;
use ledger::LedgerRules;
use otp::Medium;
use settings::{
    CodeSettings, LedgerSettings, Limits, Lookup, Modes, SettingError, SignUpMode, Variable,
};

use crate::{EmailOptions, MessageCatalog, Policy, SmsOptions, bounds};

const FIRST_ROUND: Variable = Variable::new("FIRST_ROUND", "send");
const CODE_LIFETIME_SECONDS: Variable = Variable::new("CODE_LIFETIME_SECONDS", "300");
const RESEND_AFTER_SECONDS: Variable = Variable::new("RESEND_AFTER_SECONDS", "30");
const EMAIL_FROM: Variable = Variable::new("EMAIL_FROM", "Example <sign-in@example.com>");
const WHEN_LIMITED: Variable = Variable::new("WHEN_LIMITED", "hold");

const NO_SENDER: &str =
    "is not set, but MEDIA (default SMS,EMAIL) includes EMAIL: set it, or set MEDIA=SMS";

/// What the function is told at start-up.
#[derive(Debug)]
pub struct Settings {
    /// How codes are derived.
    pub codes: CodeSettings,
    /// How often and for how long they are sent.
    pub policy: Policy,
    /// `FIRST_ROUND`: what a sign-in starts with.
    pub first_round: FirstRound,
    /// `SIGN_UP`: may a code go to the unverified contact of a new user?
    pub sign_up: SignUpMode,
    /// `MEDIA` and `SMS_COUNTRIES`: where codes may go.
    pub destinations: DestinationSettings,
    /// `EMAIL_FROM`: the sender of e-mails; there when `MEDIA` has `EMAIL`.
    pub email_from: Option<String>,
    /// Where the ledger is.
    pub ledger: LedgerSettings,
    /// `ISSUE_LIMITS`, `PUBLIC_LIMITS`, `SPEND_GUARD`, `SPEND_CREDIT`, `COUNTRY_LIMIT`: what bounds
    /// messages.
    pub bounds: LedgerRules,
    /// `WHEN_LIMITED`: what a sign-in gets whose first message is not admitted.
    pub when_limited: WhenLimited,
    /// What messages say.
    pub catalog: MessageCatalog,
    /// How text messages travel.
    pub sms: SmsOptions,
    /// How e-mails travel.
    pub email: EmailOptions,
}

/// What a sign-in starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstRound {
    /// A code, sent by the medium that is preferred among those of the user.
    Send,
    /// The question whether to use SMS or email.
    Choose,
}

/// What a sign-in gets whose first message is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenLimited {
    /// A hold: a challenge without a code, from which a known device gets one.
    Hold,
    /// A fault.
    Fail,
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// When a required one is missing or one has an impossible value.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let destinations = DestinationSettings::read(lookup)?;
        let email_from = EMAIL_FROM.optional(lookup);
        if destinations.media.contains(&Medium::Email) {
            match &email_from {
                None => return Err(EMAIL_FROM.error(NO_SENDER)),
                Some(from) if !is_sender(from) => {
                    return Err(
                        EMAIL_FROM.error("is not an email address or `Name <address>` in ASCII")
                    );
                }
                Some(_) => {}
            }
        }
        let lifetime = CODE_LIFETIME_SECONDS.number(lookup, 300, 60..=600)?;
        let resend_after = RESEND_AFTER_SECONDS.number(lookup, 30, 0..=300)?;
        if resend_after >= lifetime {
            return Err(RESEND_AFTER_SECONDS.error("is not shorter than CODE_LIFETIME_SECONDS"));
        }
        Ok(Self {
            codes: CodeSettings::read(lookup)?,
            policy: Policy { limits: Limits::read(lookup)?, lifetime, resend_after },
            first_round: FIRST_ROUND.choice(
                lookup,
                FirstRound::Send,
                [("send", FirstRound::Send), ("choose", FirstRound::Choose)],
            )?,
            sign_up: Modes::read(lookup)?.sign_up,
            destinations,
            email_from,
            ledger: LedgerSettings::read(lookup)?,
            bounds: bounds::read(lookup)?,
            when_limited: WHEN_LIMITED.choice(
                lookup,
                WhenLimited::Hold,
                [("hold", WhenLimited::Hold), ("fail", WhenLimited::Fail)],
            )?,
            catalog: MessageCatalog::read(lookup)?,
            sms: SmsOptions::read(lookup)?,
            email: EmailOptions::read(lookup)?,
        })
    }
}

/// Is `from` of a form that SES takes: an address, or a name and an address in angle brackets?
fn is_sender(from: &str) -> bool {
    let address = match from.strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<').map(|(_, address)| address),
        None => Some(from),
    };
    from.is_ascii()
        && !from.contains(char::is_control)
        && address.is_some_and(destination::is_email)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("CODE_KEY", "an example key of some 40 different bytes");
    const FROM: (&str, &str) = ("EMAIL_FROM", "sign-in@example.com");
    const TABLE: (&str, &str) = ("LEDGER_TABLE", "ledger");
    const LEDGER_KEY: (&str, &str) =
        ("LEDGER_KEY", "another example key of some 40 different bytes");
    const COUNTRIES: (&str, &str) = ("SMS_COUNTRIES", "JP");

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let lookup = |name: &str| {
            let pair = pairs.iter().rev().find(|(n, _)| *n == name);
            pair.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(&lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn unset_variables_use_defaults() {
        let settings = read(&[KEY, LEDGER_KEY, FROM, TABLE, COUNTRIES]).unwrap();
        assert_eq!(settings.destinations.media, [Medium::Sms, Medium::Email]);
        assert_eq!(
            settings.policy,
            Policy { limits: Limits { attempts: 3, sends: 3 }, lifetime: 300, resend_after: 30 }
        );
        assert_eq!(settings.sign_up, SignUpMode::Cognito);
        assert_eq!(settings.catalog.app_name, None);
        assert_eq!(settings.when_limited, WhenLimited::Hold);
    }

    #[test]
    fn invalid_values_name_their_variable() {
        for (name, value, problem) in [
            ("EMAIL_FROM", "", NO_SENDER),
            ("EMAIL_FROM", "nobody", "is not an email address or `Name <address>` in ASCII"),
            ("EMAIL_FROM", "a@b.c>", "is not an email address or `Name <address>` in ASCII"),
            ("EMAIL_FROM", "例 <a@b.c>", "is not an email address or `Name <address>` in ASCII"),
            ("EMAIL_FROM", "A <a@b.c", "is not an email address or `Name <address>` in ASCII"),
            ("EMAIL_FROM", "A\n<a@b.c>", "is not an email address or `Name <address>` in ASCII"),
            ("CODE_KEY", "short", "is shorter than 32 bytes"),
            ("CODE_LENGTH", "5", "is not a whole number from 6 to 10"),
            ("CODE_LIFETIME_SECONDS", "59", "is not a whole number from 60 to 600"),
            ("CODE_LIFETIME_SECONDS", "601", "is not a whole number from 60 to 600"),
            ("RESEND_AFTER_SECONDS", "-1", "is not a whole number from 0 to 300"),
            ("RESEND_AFTER_SECONDS", "300", "is not shorter than CODE_LIFETIME_SECONDS"),
            ("LEDGER_TABLE", "", "is not set"),
            ("LEDGER_KEY", "", "is not set"),
            ("LEDGER_KEY", "short", "is shorter than 32 bytes"),
            ("MEDIA", "PIGEON", "contains a value other than SMS and EMAIL"),
            ("SMS_COUNTRIES", "jp", "is neither * nor a list of regions"),
            ("SIGN_UP", "open", "is not one of: code, cognito, closed"),
            ("ISSUE_LIMITS", "5", "is not a list of count/window"),
            ("WHEN_LIMITED", "wait", "is not one of: hold, fail"),
            ("FIRST_ROUND", "ask", "is not one of: send, choose"),
            ("MAX_ATTEMPTS", "0", "is not a whole number from 1 to 5"),
            ("MAX_SENDS", "0", "is not a whole number from 1 to 10"),
            ("APP_NAME", "a\nb", "has a control character"),
            ("SMS_SENDER_ID", "1", "is not 1 to 11 letters and digits"),
            ("EMAIL_TEMPLATE", "a b", "is not 1 to 64 letters"),
        ] {
            let error =
                read(&[KEY, LEDGER_KEY, FROM, TABLE, COUNTRIES, (name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{name} {problem}")), "{error}");
            assert!(error.contains(&format!("; for example {name}=")), "{error}");
        }
    }

    #[test]
    fn email_from_is_required_only_if_email_is_enabled() {
        assert!(read(&[KEY, LEDGER_KEY, TABLE, COUNTRIES, ("MEDIA", "SMS")]).is_ok());
        let media = ("MEDIA", "EMAIL, SMS");
        assert_eq!(
            read(&[KEY, LEDGER_KEY, FROM, TABLE, COUNTRIES, media])
                .unwrap()
                .destinations
                .media
                .len(),
            2
        );
        for from in ["a@example.com", "Example <a@example.com>", "\"A, B\" <a@example.com>"] {
            assert!(
                read(&[KEY, LEDGER_KEY, TABLE, COUNTRIES, ("EMAIL_FROM", from)]).is_ok(),
                "{from}"
            );
        }
    }
}
