//! TLS: whether a handshake comes about, and if not, what is wrong with the certificate, told apart in words.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, CertificateError, Error};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::{TlsConnector, rustls};

use super::check::{Check, Finding, took};
use super::patient::{Patient, in_words};
use certificate::Seconds;

mod certificate;
#[cfg(test)]
mod tests;

/// Enough for any name that is served at several addresses.
const ADDRESSES_MAX: usize = 8;
/// Those that live for six days are renewed earlier than this, too.
const SOON: Seconds = 3 * 86_400;

const PLAIN: &str = "this port speaks plain HTTP: use http://, or put TLS in front";
const SILENT: &str =
    "a port that speaks plain HTTP does this (use http://), or what stands behind it hangs: look at the proxy's log";
const DISAGREE: &str = "client and server do not agree about TLS: 1.2 or 1.3 is needed, with a cipher of today";

/// Why there is no TLS.
enum Trouble {
    /// There is not even a connection; that was said already.
    NoConnection,
    NoAnswer,
    /// The connection ended in the middle.
    Ended(String),
    Refused(Box<Error>),
}

/// What was found, and what to do.
type Words = (String, String);

pub(super) async fn tls(patient: &mut Patient) -> Finding {
    if !patient.is_tls() {
        return Finding::skipped(Check::Tls, "http:// is without TLS");
    }
    let host = patient.host().trim_matches(['[', ']']).to_owned();
    let Ok(name) = ServerName::try_from(host.clone()) else {
        return Finding::failed(
            Check::Tls,
            format!("{host} is no name that a certificate can be for"),
            "use another name",
        );
    };
    let started = Instant::now();
    let mut good = None;
    let addresses: Vec<SocketAddr> = patient.addresses.iter().copied().take(ADDRESSES_MAX).collect();
    // Behind one name there may be machines of which one has still the old certificate.
    for address in &addresses {
        let trouble = match shake(patient, patient.tls.clone(), *address, &name).await {
            Ok(chain) => {
                good = good.or(chain.into_iter().next());
                continue;
            }
            Err(Trouble::NoConnection) => continue,
            Err(trouble) => trouble,
        };
        let (found, remedy) = match trouble {
            Trouble::Refused(error) => judge(patient, &error, *address, &name).await,
            Trouble::Ended(words) => (format!("the handshake broke off: {words}"), SILENT.to_owned()),
            Trouble::NoAnswer | Trouble::NoConnection => ("the handshake gets no answer".to_owned(), SILENT.to_owned()),
        };
        let at = if addresses.len() > 1 {
            format!("{address}: ")
        } else {
            String::new()
        };
        return Finding::failed(Check::Tls, format!("{at}{found}"), remedy);
    }
    let took = took(started.elapsed());
    let until = good.and_then(|leaf| certificate::ends_at(&patient.tls, &leaf));
    let Some(until) = until else {
        return Finding::good(Check::Tls, format!("the certificate is good ({took})"));
    };
    let found = format!("the certificate is good until {} ({took})", certificate::day(until));
    if until.saturating_sub(certificate::now()) < SOON {
        let remedy =
            "renew it now, and look at why that did not happen by itself (certbot renew, the proxy's reload after it)";
        return Finding::warning(Check::Tls, found, remedy);
    }
    Finding::good(Check::Tls, found)
}

/// A handshake; gives the server's certificates, its own first.
async fn shake(
    patient: &Patient,
    config: Arc<ClientConfig>,
    address: SocketAddr,
    name: &ServerName<'static>,
) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let connecting = timeout(patient.timeout, TcpStream::connect(address));
    let Ok(Ok(stream)) = connecting.await else {
        return Err(Trouble::NoConnection);
    };
    let shaking = TlsConnector::from(config).connect(name.clone(), stream);
    match timeout(patient.timeout, shaking).await {
        Err(_) => Err(Trouble::NoAnswer),
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
            Ok(certificates.to_vec())
        }
        Ok(Err(error)) => Err(trouble(&error)),
    }
}

fn trouble(error: &io::Error) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(error) => Trouble::Refused(Box::new(error.clone())),
        None => Trouble::Ended(in_words(error)),
    }
}

async fn judge(patient: &Patient, error: &Error, address: SocketAddr, name: &ServerName<'static>) -> Words {
    let Error::InvalidCertificate(fault) = error else {
        return not_agreed(error, name);
    };
    let is_namesake = matches!(fault, CertificateError::BadSignature);
    if !is_namesake && !matches!(fault, CertificateError::UnknownIssuer) {
        return of_certificate(fault, error, name);
    }
    // What the server sent is gone with the handshake: it is looked at by another one.
    let onlooker = certificate::Onlooker::new(&patient.tls);
    if let Ok(config) = onlooker.config() {
        let _ = shake(patient, config, address, name).await;
    }
    of_issuer(&patient.tls, &onlooker.seen(), is_namesake)
}

fn of_certificate(fault: &CertificateError, error: &Error, name: &ServerName<'_>) -> Words {
    let name = name.to_str();
    match fault {
        CertificateError::Expired => (
            "the certificate has expired".into(),
            "renew it, and let the proxy load it".into(),
        ),
        CertificateError::ExpiredContext { not_after, .. } => {
            let days = certificate::now().saturating_sub(not_after.as_secs()) / 86_400;
            (
                format!(
                    "the certificate expired {days} days ago, on {}",
                    certificate::day(not_after.as_secs())
                ),
                "renew it (certbot renew), and let the proxy load it: a renewed file is not used before a reload".into(),
            )
        }
        CertificateError::NotValidYet => (
            "the certificate is not valid yet".into(),
            "is the clock of this machine right (`timedatectl`)?".into(),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!(
                "the certificate is valid only from {} on; here it is {}",
                certificate::day(not_before.as_secs()),
                certificate::day(certificate::now())
            ),
            "one of the clocks is wrong: that of this machine (`timedatectl`), or that of whoever issued it".into(),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let others = match fault {
                CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    let shown: Vec<&str> = presented.iter().take(8).map(String::as_str).collect();
                    format!("it is for {}", shown.join(", "))
                }
                _ => "it names no host".to_owned(),
            };
            (
                format!("the certificate is not for {name}: {others}"),
                format!(
                    "connect to a name that stands in it, have it issued for {name} (as a subjectAltName), or is another site's \
                     certificate served, because the proxy has no block for this name?"
                ),
            )
        }
        _ if in_words(error).contains("CaUsedAsEndEntity") => (
            "the certificate is that of an issuer (CA:TRUE) and not a server's; self-signed ones are often made so".into(),
            "issue one for the server with it, or make it with -addext basicConstraints=critical,CA:FALSE; or take one \
             that everybody trusts (Let's Encrypt)"
                .into(),
        ),
        _ => (
            format!("the certificate cannot be used: {}", in_words(error)),
            "have it issued anew, with a key and a signature of today (ECDSA P-256 or RSA 2048, SHA-256)".into(),
        ),
    }
}

/// Nobody known here vouches for it: who should? `is_namesake`: one of that name is known, with another key.
fn of_issuer(config: &ClientConfig, chain: &[CertificateDer<'static>], is_namesake: bool) -> Words {
    match chain {
        [leaf, ..] if certificate::is_self_signed(config, leaf) => (
            "the certificate is self-signed: nobody but the server itself vouches for it".into(),
            "take one that everybody trusts (Let's Encrypt), or let each client trust this one (here: SSL_CERT_FILE=its file)".into(),
        ),
        _ if is_namesake => (
            "the certificate's issuer bears the name of one that is trusted here, and has another key".into(),
            "the issuer was made anew: let clients trust the new one (SSL_CERT_FILE=its file), or issue with the old one".into(),
        ),
        [_] => (
            "the certificate's issuer is not known here, and the server sends nothing that leads to a known one".into(),
            "send the whole chain (fullchain.pem and not cert.pem: nginx ssl_certificate); for an issuer of your own, let \
             clients trust it (SSL_CERT_FILE=its file)"
                .into(),
        ),
        _ => (
            "the certificates lead to an issuer that is not trusted here".into(),
            "for an issuer of your own, let clients trust it (SSL_CERT_FILE=its file); else something in between opens TLS and \
             shows certificates of its own (a company's proxy, a virus scanner)"
                .into(),
        ),
    }
}

fn not_agreed(error: &Error, name: &ServerName<'_>) -> Words {
    let words = in_words(error);
    let remedy = match error {
        Error::InvalidMessage(_) => PLAIN.to_owned(),
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!(
                "the proxy has no certificate for {}: give it one (a site or server block of this name)",
                name.to_str()
            )
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a certificate of the client, which chat clients have not: allow this path without one"
                .into()
        }
        Error::AlertReceived(AlertDescription::InternalError | AlertDescription::HandshakeFailure) => format!(
            "the proxy has no certificate for {}, or no cipher in common: its log says which",
            name.to_str()
        ),
        _ => DISAGREE.to_owned(),
    };
    (words, remedy)
}
