//! From a name to HTTP: DNS, TCP, an answer, and the clock that stands in it.

use std::io::ErrorKind;
use std::time::Duration;

use jiff::Zoned;
use jiff::fmt::rfc2822;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::check::{Check, Finding, took};
use super::patient::Patient;

const HANDSHAKE: &str = "EIO=4&transport=polling";
/// A front page that takes longer is not waited for.
const FRONT_PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn dns(patient: &mut Patient) -> Finding {
    let target = (patient.host().trim_matches(['[', ']']).to_owned(), patient.port());
    let is_address = target.0.parse::<std::net::IpAddr>().is_ok();
    let started = Instant::now();
    let found = timeout(patient.timeout, lookup_host(target)).await;
    let host = patient.host().to_owned();
    let remedy = "is the name spelled right? does `getent hosts` know it on this machine? was the DNS record made?";
    match found {
        Err(_) => Finding::failed(
            Check::Dns,
            format!("no answer about {host}"),
            "is this machine's resolver there?",
        ),
        Ok(Err(error)) => Finding::failed(Check::Dns, format!("{host} is not known: {error}"), remedy),
        Ok(Ok(addresses)) => {
            patient.addresses = addresses.collect();
            if is_address {
                return Finding::good(Check::Dns, format!("{host} is an address"));
            }
            let ips: Vec<String> = patient
                .addresses
                .iter()
                .map(|address| address.ip().to_string())
                .collect();
            Finding::good(
                Check::Dns,
                format!("{host} is {} {}", ips.join(", "), took(started.elapsed())),
            )
        }
    }
}

pub(super) async fn tcp(patient: &mut Patient) -> Finding {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for address in &patient.addresses {
        let started = Instant::now();
        match timeout(patient.timeout, TcpStream::connect(address)).await {
            Ok(Ok(_)) => good.push(format!("{address} {}", took(started.elapsed()))),
            Ok(Err(error)) => bad.push((
                format!("{address}: {error}"),
                error.kind() == ErrorKind::ConnectionRefused,
            )),
            Err(_) => bad.push((format!("{address}: no answer within {:?}", patient.timeout), false)),
        }
    }
    let words: Vec<&str> = bad.iter().map(|(words, _)| words.as_str()).collect();
    match (good.as_slice(), bad.as_slice()) {
        ([], some) if some.iter().all(|(_, refused)| *refused) => Finding::failed(
            Check::Tcp,
            words.join("; "),
            "nothing listens there: does the server run, on this port, and not only on 127.0.0.1 of another machine \
             (ROLLCALL_BIND)?",
        ),
        ([], _) => Finding::failed(
            Check::Tcp,
            words.join("; "),
            "a firewall or a security group drops it, or the machine is down",
        ),
        (good, []) => Finding::good(Check::Tcp, good.join("; ")),
        (good, _) => Finding::warning(
            Check::Tcp,
            format!("{}; but {}", good.join("; "), words.join("; ")),
            "clients try these too, and wait for them first: take the address out of DNS, or let it be served (often it is IPv6)",
        ),
    }
}

pub(super) async fn http(patient: &mut Patient) -> Finding {
    let started = Instant::now();
    // A bare Node server answers nothing at all where it has no listener.
    let front = timeout(FRONT_PATIENCE.min(patient.timeout), patient.get("/", "")).await;
    let front = match front {
        Ok(Ok(answer)) => Ok(answer),
        _ => patient.get(&patient.path, HANDSHAKE).await,
    };
    let answer = match front {
        Ok(answer) => answer,
        Err(words) => {
            return Finding::failed(
                Check::Http,
                words,
                "something listens that does not speak HTTP as asked: is it the right port, and is it https:// instead?",
            );
        }
    };
    let status = answer.status;
    let location = answer.header("location").unwrap_or_default().to_owned();
    let server = answer
        .header("server")
        .map(|name| format!(", {name}"))
        .unwrap_or_default();
    patient.front = Some(answer);
    let found = format!("HTTP {status}{server} {}", took(started.elapsed()));
    let leads_away = |location: &str| {
        let target = patient.url.join(location).ok();
        target.is_some_and(|target| target.origin() != patient.url.origin())
    };
    match status {
        300..=399 if leads_away(&location) => Finding::failed(
            Check::Http,
            format!("HTTP {status} to {location}"),
            format!("Socket.IO clients do not follow to another address: give them {location}"),
        ),
        502..=504 => Finding::failed(
            Check::Http,
            found,
            "a proxy answers and finds no server behind it: is it running, and does the proxy know its port?",
        ),
        500..=599 => Finding::warning(Check::Http, found, "the server's log says why"),
        _ => Finding::good(Check::Http, found),
    }
}

/// Beyond this tokens are refused, or live on after their end.
const SKEW_BAD_SECONDS: i64 = 30;
/// HTTP says whole seconds, and the answer was on its way for a while.
const SKEW_GOOD_SECONDS: i64 = 2;

pub(super) fn clock(patient: &Patient) -> Finding {
    let date = patient.front.as_ref().and_then(|front| front.header("date"));
    let Some(there) = date.and_then(|date| rfc2822::parse(date).ok()) else {
        return Finding::skipped(Check::Clock, "the server does not say what time it is (no Date header)");
    };
    let skew = there.timestamp().as_second() - Zoned::now().timestamp().as_second();
    let found = match skew {
        0 => "the clocks agree".to_owned(),
        ahead @ 1.. => format!("the server's clock is {ahead} s ahead of this one"),
        behind => format!("the server's clock is {} s behind this one", -behind),
    };
    let remedy = "tokens are judged by the clock: set both by NTP (`timedatectl`), or a fresh token is refused and an old one lives on";
    let skew = skew.abs();
    if skew <= SKEW_GOOD_SECONDS {
        Finding::good(Check::Clock, found)
    } else if skew <= SKEW_BAD_SECONDS {
        Finding::warning(Check::Clock, found, remedy)
    } else {
        Finding::failed(Check::Clock, found, remedy)
    }
}
