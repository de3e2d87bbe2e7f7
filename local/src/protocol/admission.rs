//! Who may call: programs of this machine, and pages that come from it.
//!
//! A page on the web reaches a loopback address, too: by a name of its own that resolves to
//! 127.0.0.1 (DNS rebinding), which its `Host` shows, and by a form or a request that needs no
//! preflight, which its `Origin` shows. Programs send no `Origin`.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Uri};

/// Whom a listener admits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admission {
    /// The port that `Host` must name. Any, if there is none here: a forwarded port has another
    /// number.
    pub(crate) port: Option<u16>,
    /// Names of hosts besides those of loopback.
    pub(crate) names: Vec<String>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its `Host` is missing or is not this machine.
    Host,
    /// It would change something, for a page that is not from this machine.
    Origin,
}

impl Admission {
    /// Checks a request. It is admitted or refused before anything is done for it.
    pub(crate) fn check_request(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let only = |name| {
            let mut values = headers.get_all(name).iter();
            // A value that is no text, or one of several, is compared as a name that nobody has.
            let value = values.next().map(|value| value.to_str().unwrap_or("\0"));
            if values.next().is_some() { Some("\0") } else { value }
        };
        // HTTP/2 has no `Host`.
        let authority = uri.authority().map(http::uri::Authority::as_str);
        self.check(method, only(HOST).or(authority), only(ORIGIN))
    }

    fn check(
        &self,
        method: &Method,
        host: Option<&str>,
        origin: Option<&str>,
    ) -> Result<(), Refusal> {
        let host = host.and_then(split_port).ok_or(Refusal::Host)?;
        if !self.knows(host) || self.port.is_some_and(|port| host.1 != Some(port)) {
            return Err(Refusal::Host);
        }
        // What changes nothing is answered: without a CORS header, no page can read it.
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
        match origin {
            Some(origin) if !is_safe && !self.admits_origin(origin) => Err(Refusal::Origin),
            _ => Ok(()),
        }
    }

    /// Whether pages of the `Origin` may call, such as those of `http://localhost:3000`.
    pub(crate) fn admits(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.admits_origin(origin))
    }

    fn admits_origin(&self, origin: &str) -> bool {
        let host = origin.split_once("://").and_then(|(_, host)| split_port(host));
        host.is_some_and(|host| self.knows(host))
    }

    fn knows(&self, (name, _): (&str, Option<u16>)) -> bool {
        is_loopback(name) || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The name and the port of `host`. None if the port is no number.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    match host.rsplit_once(':') {
        // The colons of an address in brackets are not before a port.
        Some((name, port)) if !port.ends_with(']') => Some((name, Some(port.parse().ok()?))),
        _ => Some((host, None)),
    }
}

fn is_loopback(name: &str) -> bool {
    let address = match name.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').and_then(|v6| v6.parse().ok().map(IpAddr::V6)),
        None => name.parse().ok().map(IpAddr::V4),
    };
    let name = name.to_ascii_lowercase();
    // Every name below `localhost` is of this machine (RFC 6761), and browsers see to it.
    address.is_some_and(|address| address.is_loopback())
        || name == "localhost"
        || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<&str> = Some("127.0.0.1:9500");

    #[test]
    fn host_of_another_machine_is_refused() {
        let any = Admission::default();
        let own = Admission { port: Some(9500), ..Admission::default() };
        // Host; admitted on any port; admitted on 9500.
        for (host, on_any, on_own) in [
            (Some("127.0.0.1:9500"), true, true),
            (Some("localhost:9500"), true, true),
            (Some("LOCALHOST:9500"), true, true),
            (Some("app.localhost:9500"), true, true),
            (Some("[::1]:9500"), true, true),
            (Some("127.0.0.1"), true, false),
            (Some("localhost"), true, false),
            (Some("[::1]"), true, false),
            (Some("localhost:9501"), true, false),
            (Some("evil.example:9500"), false, false),
            (Some("evil.example"), false, false),
            (Some("127.0.0.1.evil.example:9500"), false, false),
            (Some("localhost.evil:9500"), false, false),
            (Some("notlocalhost:9500"), false, false),
            (Some("0.0.0.0:9500"), false, false),
            (Some("10.0.0.1:9500"), false, false),
            (Some("localhost:"), false, false),
            (Some("localhost:x"), false, false),
            (Some("user@localhost:9500"), false, false),
            (Some("::1"), false, false),
            (Some("[127.0.0.1]:9500"), false, false),
            (Some("\0"), false, false),
            (Some(""), false, false),
            (None, false, false),
        ] {
            for method in [Method::GET, Method::POST] {
                assert_eq!(any.check(&method, host, None).is_ok(), on_any, "{host:?}");
                assert_eq!(own.check(&method, host, None).is_ok(), on_own, "{host:?}");
            }
        }
    }

    #[test]
    fn state_change_for_a_foreign_page_is_refused() {
        let admission = Admission::default();
        for (origin, is_ours) in [
            (None, true),
            (Some("http://localhost:3000"), true),
            (Some("https://localhost"), true),
            (Some("http://127.0.0.1:5173"), true),
            (Some("http://[::1]:8080"), true),
            (Some("capacitor://localhost"), true),
            (Some("null"), false),
            (Some(""), false),
            (Some("localhost"), false),
            (Some("https://evil.example"), false),
            (Some("http://localhost.evil:3000"), false),
            (Some("http://localhost:3000.evil.example"), false),
            (Some("http://evil.example/://localhost"), false),
            (Some("file://"), false),
            (Some("\0"), false),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE]
            {
                let expected = if is_ours { Ok(()) } else { Err(Refusal::Origin) };
                assert_eq!(admission.check(&method, HERE, origin), expected, "{method} {origin:?}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                assert_eq!(admission.check(&method, HERE, origin), Ok(()), "{method} {origin:?}");
            }
        }
    }

    #[test]
    fn admitted_name_is_a_host_and_an_origin() {
        let admission = Admission { names: vec!["dev.example".to_owned()], ..Admission::default() };
        let origin = Some("https://dev.example:3000");
        assert_eq!(admission.check(&Method::POST, Some("DEV.example:9500"), origin), Ok(()));
        let other = Some("https://x.dev.example");
        assert_eq!(admission.check(&Method::POST, HERE, other), Err(Refusal::Origin));
    }

    #[test]
    fn repeated_or_unreadable_header_is_refused() {
        let admission = Admission::default();
        let uri = Uri::from_static("/");
        let check = |headers: &[(http::HeaderName, &[u8])]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, HeaderValue::from_bytes(value).unwrap());
            }
            admission.check_request(&Method::POST, &uri, &map)
        };
        let here: (_, &[u8]) = (HOST, b"127.0.0.1:9500");
        let page: (_, &[u8]) = (ORIGIN, b"http://localhost:3000");
        assert_eq!(check(&[here.clone(), page.clone()]), Ok(()));
        assert_eq!(check(&[here.clone(), here.clone()]), Err(Refusal::Host));
        assert_eq!(check(&[(HOST, b"\xffhost")]), Err(Refusal::Host));
        assert_eq!(check(&[here.clone(), page.clone(), page]), Err(Refusal::Origin));
        assert_eq!(check(&[here, (ORIGIN, b"http://\xff")]), Err(Refusal::Origin));
        assert_eq!(check(&[]), Err(Refusal::Host));
    }
}
