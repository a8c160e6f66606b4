//! Real handshakes with certificates that are wrong in one way each.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, rustls};

use super::super::broken::{Broken, Fault};
use super::super::check::{Check, Finding, State};
use super::super::patient::Patient;
use super::super::tests::{failed, of, patient};

const HERE: &str = "127.0.0.1";

/// An issuer of certificates, for tests.
struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// A server's certificate for this name.
    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Identity::new(vec![certificate], &key)
    }

    fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = rollcall_client::tls_config().unwrap().crypto_provider().clone();
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Arc::new(config.unwrap().with_root_certificates(roots).with_no_client_auth())
    }
}

/// What a server shows, and the key to it.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        Self {
            chain,
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }

    fn self_signed(is_ca: IsCa) -> Self {
        let mut params = CertificateParams::new(vec![HERE.to_owned()]).unwrap();
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        Self::new(vec![params.self_signed(&key).unwrap().der().clone()], &key)
    }
}

/// TLS in front of a whole server; it ends with this value.
struct Proxy {
    url: String,
    _server: Broken,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn start(identity: Identity) -> Self {
        let server = Broken::start(Fault::None).await;
        let behind = server.url.trim_start_matches("http://").to_owned();
        let provider = rollcall_client::tls_config().unwrap().crypto_provider().clone();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth();
        let config = config.with_single_cert(identity.chain, identity.key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((HERE, 0)).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut front) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut back = TcpStream::connect(behind).await.unwrap();
                    let _ = copy_bidirectional(&mut front, &mut back).await;
                });
            }
        });
        Self {
            url,
            _server: server,
            _tasks: tasks,
        }
    }
}

async fn looked_at(patient: Patient) -> Vec<Finding> {
    let args = crate::args::DoctorArgs {
        address: None,
        quick: true,
        only: Vec::new(),
        event: None,
    };
    patient.examined(args).await
}

/// A server that shows this, looked at by somebody who trusts the authority: only TLS fails, in these words.
async fn fails(identity: Identity, trusting: &Authority, words: &[&str]) {
    let proxy = Proxy::start(identity).await;
    let patient = patient(&proxy.url, &[]).await.0.trusting(trusting.trusted());
    let found = looked_at(patient).await;
    assert_eq!(failed(&found), [Check::Tls], "{found:#?}");
    let finding = of(&found, Check::Tls);
    assert_eq!(finding.state, State::Failed);
    let said = format!("{} → {}", finding.found, finding.remedy.clone().unwrap_or_default());
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
}

#[tokio::test]
async fn a_good_certificate_is_good_and_all_else_goes_through_it() {
    let authority = Authority::new("known");
    let proxy = Proxy::start(authority.issue(HERE, |params| params.not_after = date_time_ymd(2199, 3, 4))).await;
    let patient = patient(&proxy.url, &[]).await.0.trusting(authority.trusted());
    let found = looked_at(patient).await;
    assert_eq!(failed(&found), [], "{found:#?}");
    let finding = of(&found, Check::Tls);
    assert_eq!(finding.state, State::Good);
    assert!(finding.found.contains("good until 2199-03-04 00:00 UTC"), "{finding:?}");
}

#[tokio::test]
async fn one_that_ends_soon() {
    let authority = Authority::new("known");
    let end = jiff::Zoned::now() + jiff::Span::new().days(2);
    let (month, day) = (end.month().unsigned_abs(), end.day().unsigned_abs());
    let soon = date_time_ymd(end.year().into(), month, day);
    let proxy = Proxy::start(authority.issue(HERE, |params| params.not_after = soon)).await;
    let patient = patient(&proxy.url, &[]).await.0.trusting(authority.trusted());
    let found = looked_at(patient).await;
    assert_eq!(failed(&found), [Check::Tls], "{found:#?}");
    let finding = of(&found, Check::Tls);
    assert_eq!(finding.state, State::Warning, "{finding:?}");
    assert!(
        finding.remedy.as_deref().unwrap().contains("renew it now"),
        "{finding:?}"
    );
}

#[tokio::test]
async fn one_that_has_expired() {
    let authority = Authority::new("known");
    let old = authority.issue(HERE, |params| params.not_after = date_time_ymd(2021, 9, 30));
    fails(old, &authority, &["expired", "days ago, on 2021-09-30", "reload"]).await;
}

#[tokio::test]
async fn one_that_is_not_valid_yet() {
    let authority = Authority::new("known");
    let new = authority.issue(HERE, |params| params.not_before = date_time_ymd(2190, 1, 1));
    fails(new, &authority, &["valid only from 2190-01-01", "timedatectl"]).await;
}

#[tokio::test]
async fn one_for_another_name() {
    let authority = Authority::new("known");
    let other = authority.issue("chat.example.org", |_| {});
    let words = ["is not for 127.0.0.1: it is for", "chat.example.org", "subjectAltName"];
    fails(other, &authority, &words).await;
}

#[tokio::test]
async fn one_that_is_self_signed() {
    let words = ["is self-signed", "Let's Encrypt", "SSL_CERT_FILE"];
    fails(Identity::self_signed(IsCa::NoCa), &Authority::new("known"), &words).await;
}

#[tokio::test]
async fn one_that_is_an_issuers() {
    let issuer = Identity::self_signed(IsCa::Ca(BasicConstraints::Unconstrained));
    fails(
        issuer,
        &Authority::new("known"),
        &["CA:TRUE", "self-signed", "CA:FALSE"],
    )
    .await;
}

#[tokio::test]
async fn one_of_an_unknown_issuer() {
    let (unknown, known) = (Authority::new("unknown"), Authority::new("known"));
    let alone = unknown.issue(HERE, |_| {});
    fails(alone, &known, &["issuer is not known here", "fullchain.pem"]).await;
    let mut whole = unknown.issue(HERE, |_| {});
    whole.chain.push(unknown.certificate.clone());
    fails(whole, &known, &["an issuer that is not trusted here", "SSL_CERT_FILE"]).await;
    let anew = Authority::new("known").issue(HERE, |_| {});
    fails(anew, &known, &["has another key", "made anew"]).await;
}

#[tokio::test]
async fn plain_http_on_the_port() {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 512]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let found = looked_at(patient(&url, &[]).await.0).await;
    assert_eq!(failed(&found), [Check::Tls], "{found:#?}");
    let remedy = of(&found, Check::Tls).remedy.as_deref().unwrap();
    assert!(remedy.contains("plain HTTP"), "{remedy}");
}
