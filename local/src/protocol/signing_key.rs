//! The RS256 key of an issuer of JWTs.

use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rsa::pkcs1::der::SecretDocument;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::traits::PublicKeyParts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::protocol::error::{Error, Result};

const KEY_BITS: usize = 2_048;

/// A pool's RS256 key. Made when it is first needed, because that takes a while; clones share it.
#[derive(Clone, Default)]
pub struct SigningKey(Arc<OnceLock<Option<Key>>>);

struct Key {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    modulus: String,
    exponent: String,
    private: SecretDocument,
}

impl SigningKey {
    /// A new key.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the key now, if it is not made yet.
    pub fn prepare(&self) {
        self.0.get_or_init(Key::generate);
    }

    /// The private key as a state file keeps it, if it is made: before that nothing depends on it.
    pub(crate) fn saved(&self) -> Option<String> {
        let key = self.0.get()?.as_ref()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode(key.private.as_bytes()))
    }

    /// A key out of a state file.
    pub(crate) fn restored(text: &str) -> Option<Self> {
        let document = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let private = rsa::RsaPrivateKey::from_pkcs1_der(&document).ok()?;
        Some(Self(Arc::new(OnceLock::from(Some(Key::new(&private)?)))))
    }

    fn key(&self) -> Result<&Key> {
        self.0.get_or_init(Key::generate).as_ref().ok_or_else(Error::internal)
    }

    /// The key's id, if it is made: before that it has signed nothing.
    pub(crate) fn id(&self) -> Option<&str> {
        Some(self.0.get()?.as_ref()?.id.as_str())
    }

    /// The public key as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Option<Value> {
        let key = self.key().ok()?;
        Some(json!({
            "alg": "RS256",
            "e": key.exponent,
            "kid": key.id,
            "kty": "RSA",
            "n": key.modulus,
            "use": "sig",
        }))
    }

    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> Result<String> {
        let key = self.key()?;
        let mut header = Header::new(Algorithm::RS256);
        header.typ = None;
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, claims, &key.encoding).map_err(|_| Error::internal())
    }

    /// The claims of a token that this key signed, for any audience and of any age.
    pub(crate) fn verified(&self, token: &str) -> Option<Map<String, Value>> {
        let key = self.key().ok()?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode(token, &key.decoding, &validation).ok().map(|token| token.claims)
    }

    /// The claims of a token of `issuer` that this key signed, of any age.
    pub(crate) fn verified_from<C: DeserializeOwned>(
        &self,
        issuer: &str,
        token: &str,
    ) -> Option<C> {
        let key = self.key().ok()?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["iss"]);
        // The library reads the system's clock; the end is compared with the pool's.
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode(token, &key.decoding, &validation).ok().map(|token| token.claims)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl Key {
    fn generate() -> Option<Self> {
        // The system's generator, and not the one given to the pool: this is slow, so it runs
        // beside the pool and not under its lock.
        Self::new(&rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS).ok()?)
    }

    fn new(private: &rsa::RsaPrivateKey) -> Option<Self> {
        let document = private.to_pkcs1_der().ok()?;
        let modulus = private.n().to_bytes_be();
        let exponent = private.e().to_bytes_be();
        Some(Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&modulus)),
            encoding: EncodingKey::from_rsa_der(document.as_bytes()),
            decoding: DecodingKey::from_rsa_raw_components(&modulus, &exponent),
            modulus: BASE64_URL_SAFE_NO_PAD.encode(&modulus),
            exponent: BASE64_URL_SAFE_NO_PAD.encode(&exponent),
            private: document,
        })
    }
}
