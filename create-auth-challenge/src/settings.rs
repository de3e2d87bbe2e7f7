//! The function's settings.

use std::time::Duration;

use destination::DestinationSettings;
use ledger::IssueLimit;
use otp::Medium;
use settings::{
    CodeSettings, LedgerSettings, Limits, Lookup, Modes, SettingError, SignUpMode, Variable,
};

use crate::{EmailOptions, MessageCatalog, Policy, SmsOptions};

const FIRST_ROUND: Variable = Variable::new("FIRST_ROUND", "send");
const CODE_LIFETIME_SECONDS: Variable = Variable::new("CODE_LIFETIME_SECONDS", "300");
const RESEND_AFTER_SECONDS: Variable = Variable::new("RESEND_AFTER_SECONDS", "30");
const EMAIL_FROM: Variable = Variable::new("EMAIL_FROM", "Example <sign-in@example.com>");
const ISSUE_LIMITS: Variable = Variable::new("ISSUE_LIMITS", DEFAULT_ISSUE_LIMITS);
const DEFAULT_ISSUE_LIMITS: &str = "5/15m,20/1d";

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
    /// `ISSUE_LIMITS`: how many messages one account, and one destination, may get in which time.
    pub issue_limits: Vec<IssueLimit>,
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
            issue_limits: issue_limits(lookup)?,
            catalog: MessageCatalog::read(lookup)?,
            sms: SmsOptions::read(lookup)?,
            email: EmailOptions::read(lookup)?,
        })
    }
}

/// The most that one limit may count: the ledger keeps a time for each.
const MAX_ISSUES: usize = 100;

/// The longest window.
const MAX_WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Reads `count/window` pairs, separated by commas; a window is a number and one of `s`, `m`, `h`,
/// `d`.
fn issue_limits(lookup: &Lookup<'_>) -> Result<Vec<IssueLimit>, SettingError> {
    let value = ISSUE_LIMITS.optional(lookup).unwrap_or_else(|| DEFAULT_ISSUE_LIMITS.to_owned());
    let limits: Option<Vec<IssueLimit>> = value.split(',').map(issue_limit).collect();
    limits.ok_or_else(|| {
        ISSUE_LIMITS.error(format_args!(
            "is not a list of count/window pairs: counts from 1 to {MAX_ISSUES}, windows of up to \
             30 days such as 15m or 1d"
        ))
    })
}

fn issue_limit(text: &str) -> Option<IssueLimit> {
    let (count, window) = text.trim().split_once('/')?;
    let count: usize = count.parse().ok()?;
    let (number, seconds) = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)]
        .iter()
        .find_map(|(unit, seconds)| Some((window.strip_suffix(unit)?, *seconds)))?;
    let window = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
    let possible = (1..=MAX_ISSUES).contains(&count) && !window.is_zero() && window <= MAX_WINDOW;
    possible.then_some(IssueLimit { count, window })
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
        let limit =
            |count, minutes: u64| IssueLimit { count, window: Duration::from_secs(60 * minutes) };
        assert_eq!(settings.issue_limits, [limit(5, 15), limit(20, 24 * 60)]);
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
            ("ISSUE_LIMITS", "5", "is not a list of count/window"),
            ("ISSUE_LIMITS", "5/15", "is not a list of count/window"),
            ("ISSUE_LIMITS", "0/15m", "is not a list of count/window"),
            ("ISSUE_LIMITS", "101/15m", "is not a list of count/window"),
            ("ISSUE_LIMITS", "5/0m", "is not a list of count/window"),
            ("ISSUE_LIMITS", "5/31d", "is not a list of count/window"),
            ("ISSUE_LIMITS", "5/15m,", "is not a list of count/window"),
            ("ISSUE_LIMITS", "5/99999999999999999999d", "is not a list of count/window"),
            ("MEDIA", "PIGEON", "contains a value other than SMS and EMAIL"),
            ("SMS_COUNTRIES", "jp", "is neither * nor a list of regions"),
            ("SIGN_UP", "open", "is not one of: code, cognito, closed"),
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
