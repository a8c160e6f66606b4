//! What a certificate says of itself, without reading its encoding: the verifier is asked about other times and other issuers.

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::rustls;

/// Seconds, of a day or since 1970.
pub(super) type Seconds = u64;

/// The last second of the year 9999, in which no certificate is valid that says anything about its end.
const END_OF_TIME: Seconds = 253_402_300_799;

pub(super) fn now() -> Seconds {
    u64::try_from(Zoned::now().timestamp().as_second()).unwrap_or(0)
}

/// `2026-11-21 14:03 UTC`
pub(super) fn day(at: Seconds) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_second(at).ok());
    at.map_or_else(
        || "a day far from now".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// As the only one that is trusted, at that time: `None` where it can be trusted by nobody.
fn verified_by_itself(config: &ClientConfig, leaf: &CertificateDer<'_>, at: Seconds) -> Option<Result<(), Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(leaf.clone().into_owned()).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), config.crypto_provider().clone());
    let name = ServerName::try_from("localhost").ok()?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let verified = verifier.build().ok()?.verify_server_cert(leaf, &[], &name, &[], at);
    Some(verified.map(drop))
}

/// Is it its own issuer? Its signature is looked at before its names are.
pub(super) fn is_self_signed(config: &ClientConfig, leaf: &CertificateDer<'_>) -> bool {
    matches!(
        verified_by_itself(config, leaf, now()),
        Some(
            Ok(())
                | Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
                ))
        )
    )
}

/// Until when it is valid.
pub(super) fn ends_at(config: &ClientConfig, leaf: &CertificateDer<'_>) -> Option<Seconds> {
    match verified_by_itself(config, leaf, END_OF_TIME)? {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => Some(not_after.as_secs()),
        _ => None,
    }
}

/// Notes which certificates a server sends, and trusts none of them: no connection comes about by it.
#[derive(Debug)]
pub(super) struct Onlooker {
    watch: Arc<Watch>,
}

#[derive(Debug)]
struct Watch {
    provider: Arc<CryptoProvider>,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl Onlooker {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let (provider, seen) = (config.crypto_provider().clone(), Mutex::default());
        Self {
            watch: Arc::new(Watch { provider, seen }),
        }
    }

    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let config = ClientConfig::builder_with_provider(self.watch.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.watch.clone())
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// The server's own first.
    pub(super) fn seen(&self) -> Vec<CertificateDer<'static>> {
        self.watch.seen.lock().clone()
    }
}

fn only_looked() -> Error {
    Error::General("the certificate was only looked at".into())
}

impl ServerCertVerifier for Watch {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(leaf).chain(intermediates);
        *self.seen.lock() = all.map(|one| one.clone().into_owned()).collect();
        Err(only_looked())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_looked())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _leaf: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(only_looked())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
