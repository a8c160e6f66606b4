//! Traces at a real collector: one per message, from the event to the last hand-over.

#[path = "traces/collector.rs"]
mod collector;

use anyhow::{Context as _, Result};
use collector::{Collector, Span, Trace};
use futures_util::SinkExt as _;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rollcall_client::{Client, Events};
use rollcall_tests::{PATIENCE, Server, Setup, User, eventually};
use serde_json::{Value, json};

/// Stands for what people write, and must be in no span.
const WRITTEN: &str = "what-nobody-else-may-read";
/// The trace of whoever asks, and the span of theirs below which ours hangs.
const THEIR_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const THEIR_SPAN: &str = "00f067aa0ba902b7";

fn traced_to(url: &str) -> Setup {
    Server::setup().env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
}

/// A group of alice and bob, and a collector that is told of it.
struct Scene {
    server: Server,
    collector: Collector,
    alice: User,
    bob: User,
    group: String,
}

impl Scene {
    async fn open(setup: impl FnOnce(Setup) -> Setup) -> Result<Self> {
        let collector = Collector::listen().await?;
        let server = setup(traced_to(&collector.url)).start().await?;
        let (alice, bob) = (
            server.rest().new_user("alice").await?,
            server.rest().new_user("bob").await?,
        );
        let group = server.rest().as_user(&alice).new_group(&[&bob]).await?;
        Ok(Self {
            server,
            collector,
            alice,
            bob,
            group,
        })
    }

    async fn connected(&self, user: &User) -> Result<(Client, Events)> {
        let builder = Client::builder(self.server.url()).token(&user.token);
        let (client, events) = builder.receipts(true).connect().await?;
        let state = client.wait_for(rollcall_client::State::is_connected).await;
        state.context("no connection")?;
        // Its session is told before the server lets live messages through to it; an answer comes behind that.
        client.whoami().await?;
        Ok((client, events))
    }

    async fn send(&self, client: &Client, content: &str) -> Result<Value> {
        let data = json!({"conversation_id": self.group, "content": content});
        Ok(client.emit_with_ack("send_message", data).await?)
    }

    /// `POST messages` as alice, with a `traceparent`.
    async fn post(&self, traceparent: &str, body: &Value) -> Result<(reqwest::StatusCode, Value)> {
        let request = reqwest::Client::new()
            .post(format!("{}/api/v1/messages", self.server.url()))
            .bearer_auth(&self.alice.token)
            .header("traceparent", traceparent)
            .json(body);
        let answer = request.timeout(PATIENCE).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    async fn broadcast_of(&self, message: &str) -> Result<Value> {
        let rest = self.server.rest().as_user(&self.alice);
        let delivery = rest.get(&format!("/api/v1/messages/{message}/delivery")).await?;
        Ok(delivery["broadcast"].clone())
    }
}

/// The steps of a message's way hang below it, follow each other without a hole, and lie within it.
fn assert_its_steps(trace: &Trace, root: &Span, steps: &[&str]) -> Result<()> {
    let mut began = root.nanos.0;
    for step in steps {
        let span = trace.span(step)?;
        assert_eq!((&span.parent, span.kind), (&root.id, SpanKind::Internal), "{step}");
        assert_eq!(span.nanos.0, began, "{step} begins where the one before it ended");
        assert!(span.nanos.1 >= span.nanos.0 && span.nanos.1 <= root.nanos.1, "{step}");
        began = span.nanos.1;
    }
    let below = trace.spans.iter().filter(|span| span.parent == root.id);
    assert_eq!(below.count(), steps.len(), "{:#?}", trace.spans);
    Ok(())
}

const STEPS: [&str; 4] = ["gateway.receive", "chat.validate", "store.commit", "fanout.announce"];

fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str> {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .with_context(|| format!("no {path} in {value}"))
}

#[tokio::test]
async fn a_message_over_socketio_is_one_trace_and_explain_names_it() -> Result<()> {
    let scene = Scene::open(|setup| setup.env("ROLLCALL_LOG", "info,rollcall_server=debug")).await?;
    let (alice, _heard) = scene.connected(&scene.alice).await?;
    let (_bob, _bobs) = scene.connected(&scene.bob).await?;
    let sent = scene.send(&alice, WRITTEN).await?;
    let message = text(&sent, "/message/id")?;
    let trace = scene.collector.trace_of(message).await?;

    let root = trace.span("message.send")?;
    assert_eq!(
        (root.parent.as_str(), root.kind, root.failed),
        ("", SpanKind::Server, false)
    );
    assert_its_steps(&trace, root, &STEPS)?;
    let whoami = alice.whoami().await?;
    for (name, value) in [
        ("rollcall.via", "socketio"),
        ("rollcall.result", "saved"),
        ("rollcall.message.seq", "1"),
        ("rollcall.conversation.id", &scene.group),
        ("rollcall.socket.sid", whoami.sid.as_str()),
        ("user.id", &scene.alice.id),
    ] {
        assert_eq!(root.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    let announced = &trace.span("fanout.announce")?.attributes;
    for (name, value) in [
        ("participants", "2"),
        ("online", "2"),
        ("sockets", "2"),
        ("handed_off", "2"),
        ("failed", "0"),
    ] {
        assert_eq!(announced[&format!("rollcall.{name}")], value, "{name}");
    }
    assert_eq!(root.resource["service.name"], "rollcall");
    assert!(root.resource.contains_key("service.instance.id"), "{:?}", root.resource);

    // Whoever asks what became of the message is led to its trace.
    assert_eq!(scene.broadcast_of(message).await?["trace_id"], trace.id.as_str());
    let asked = format!("/admin/api/explain?message_id={message}&user_id={}", scene.bob.id);
    assert_eq!(
        scene.server.admin().await?.get(&asked).await?["trace_id"],
        trace.id.as_str()
    );
    let page = format!("/admin/explain?message_id={message}&user_id={}", scene.bob.id);
    let page = scene.server.admin().await?.get(&page).await?;
    assert!(page.as_str().is_some_and(|page| page.contains(&trace.id)), "{page}");
    let line = scene.server.output();
    let line = line
        .lines()
        .find(|line| line.contains("message announced"))
        .context("no line")?;
    assert!(line.contains(&trace.id), "{line}");

    for secret in [WRITTEN, &scene.alice.token, &scene.bob.token] {
        assert!(!scene.collector.contains(secret), "{secret} was told to the collector");
    }
    Ok(())
}

#[tokio::test]
async fn a_message_by_rest_hangs_below_the_span_of_whoever_asked() -> Result<()> {
    let scene = Scene::open(|setup| {
        setup
            .env("OTEL_TRACES_SAMPLER_ARG", "0")
            .env("OTEL_SERVICE_NAME", "chat of the office")
            .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key")
    })
    .await?;
    let body = json!({"conversation_id": scene.group, "content": WRITTEN, "client_message_id": "mine-1"});
    let (status, sent) = scene.post(&format!("00-{THEIR_TRACE}-{THEIR_SPAN}-01"), &body).await?;
    assert_eq!(status, 201, "{sent}");
    let of_request = |span: &Span| span.parent == THEIR_SPAN;
    let trace = scene.collector.trace("the request's span", of_request).await?;
    assert_eq!(trace.id, THEIR_TRACE);
    let request = trace.span("POST /api/v1/messages")?;
    assert_eq!((request.parent.as_str(), request.kind), (THEIR_SPAN, SpanKind::Server));
    assert_eq!(request.attributes["http.response.status_code"], "201");
    assert_eq!(request.attributes["http.route"], "/api/v1/messages");
    let way = trace.span("message.send")?;
    assert_eq!((&way.parent, way.kind), (&request.id, SpanKind::Internal));
    assert!(request.below_another && !way.below_another);
    assert_eq!(way.attributes["rollcall.via"], "rest");
    assert_its_steps(&trace, way, &STEPS)?;
    assert_eq!(way.resource["service.name"], "chat of the office");
    assert!(
        scene
            .collector
            .requests()
            .iter()
            .all(|headers| headers["api-key"] == "a key")
    );
    let id = text(&sent, "/message/id")?;
    assert_eq!(scene.broadcast_of(id).await?["trace_id"], THEIR_TRACE);

    // Nobody asked for these, and chance is switched off.
    let body = json!({"conversation_id": scene.group, "content": "x"});
    let unsampled = format!("00-{}-{THEIR_SPAN}-00", "b".repeat(32));
    let (_, sent) = scene.post(&unsampled, &body).await?;
    let broadcast = scene.broadcast_of(text(&sent, "/message/id")?).await?;
    assert!(broadcast.get("trace_id").is_none(), "{broadcast}");
    let (_, problem) = scene.post("nonsense", &json!({})).await?;
    assert!(problem.get("trace_id").is_none(), "{problem}");
    let spans = scene.collector.spans();
    assert!(spans.iter().all(|span| span.trace == THEIR_TRACE), "{spans:#?}");
    Ok(())
}

#[tokio::test]
async fn what_is_refused_says_which_trace_tells_of_it() -> Result<()> {
    let scene = Scene::open(|setup| setup.env("OTEL_TRACES_SAMPLER_ARG", "0")).await?;
    let body = json!({"conversation_id": scene.group, "content": " ", "client_message_id": "mine-2"});
    let (status, problem) = scene.post(&format!("00-{THEIR_TRACE}-{THEIR_SPAN}-01"), &body).await?;
    assert_eq!(
        (status.as_u16(), &problem["trace_id"]),
        (400, &json!(THEIR_TRACE)),
        "{problem}"
    );
    let refused = scene
        .collector
        .trace("the refused one", |span| span.parent == THEIR_SPAN)
        .await?;
    assert_eq!(
        refused.span("POST /api/v1/messages")?.attributes["http.response.status_code"],
        "400"
    );
    let way = refused.span("message.send")?;
    assert_eq!(
        (way.attributes["error.type"].as_str(), way.failed),
        ("bad_request", false)
    );
    assert_its_steps(&refused, way, &STEPS[..2])?;
    // It never was saved: its sender's own id leads to it.
    let asked = format!(
        "/admin/api/explain?client_message_id=mine-2&conversation_id={}",
        scene.group
    );
    assert_eq!(scene.server.admin().await?.get(&asked).await?["trace_id"], THEIR_TRACE);
    Ok(())
}

#[tokio::test]
async fn a_plain_websocket_is_a_door_like_any_other_and_a_repetition_ends_at_the_store() -> Result<()> {
    let scene = Scene::open(|setup| setup).await?;
    let url = scene.server.url().replace("http://", "ws://");
    let url = format!("{url}/api/v1/ws/chat?token={}", scene.alice.token);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
    let data = json!({"conversation_id": scene.group, "content": WRITTEN, "client_message_id": "c-1"});
    for id in [1, 2] {
        let frame = json!({"event": "send_message", "data": data, "id": id}).to_string();
        socket.send(frame.into()).await?;
    }
    let repeated = |span: &Span| span.attributes.get("rollcall.result").map(String::as_str) == Some("duplicate");
    let second = scene.collector.trace("the repetition", repeated).await?;
    assert_its_steps(&second, second.span("message.send")?, &STEPS[..3])?;
    let way = second.span("message.send")?;
    let message = &way.attributes["rollcall.message.id"];
    // The repetition may be through first: it is announced to nobody.
    let original = |span: &Span| {
        let of_it = span.attributes.get("rollcall.message.id") == Some(message);
        span.name == "message.send" && of_it && !repeated(span)
    };
    let first = scene.collector.trace("the original", original).await?;
    assert_ne!(first.id, second.id);
    let way = first.span("message.send")?;
    assert_eq!(
        (way.attributes["rollcall.via"].as_str(), way.kind),
        ("websocket", SpanKind::Server)
    );
    assert_its_steps(&first, way, &STEPS)?;
    Ok(())
}

#[tokio::test]
async fn what_was_sent_last_is_told_before_the_server_is_gone() -> Result<()> {
    let mut scene = Scene::open(|setup| setup).await?;
    let sent = scene.server.rest().as_user(&scene.alice);
    let sent = sent.post_message(&scene.group, "the last word").await?;
    assert!(scene.server.terminate().await?.success());
    // Nothing is waited for: the process is gone.
    let message = text(&sent, "/message/id")?;
    let told = |span: &Span| span.attributes.get("rollcall.message.id").map(String::as_str) == Some(message);
    assert!(
        scene.collector.spans().iter().any(told),
        "{:#?}",
        scene.collector.spans()
    );
    Ok(())
}

async fn metric(server: &Server, series: &str) -> Option<u64> {
    let metrics = server.rest().get("/metrics").await.ok()?;
    let line = metrics.as_str()?.lines().find_map(|line| line.strip_prefix(series));
    line?.trim().parse().ok()
}

#[tokio::test]
async fn a_collector_that_is_gone_harms_nobody_and_is_said_once() -> Result<()> {
    // Nothing listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut server = traced_to(&format!("http://{gone}")).start().await?;
    let alice = server.rest().new_user("alice").await?;
    let group = server.rest().as_user(&alice).new_group(&[]).await?;
    let failed = r#"rollcall_trace_spans_total{result="failed"}"#;
    // Twice, so that the second failure could be said again.
    for after in [0, 1] {
        let before = metric(&server, failed).await.context("no such metric")?;
        assert!(before >= after);
        server.rest().as_user(&alice).post_message(&group, "hello").await?;
        let counted = eventually("lost spans are counted", PATIENCE, async || {
            metric(&server, failed).await.filter(|now| *now > before)
        });
        counted.await?;
    }
    let log = server.output();
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("traces cannot be exported"))
        .collect();
    let [line] = said.as_slice() else {
        panic!("said {} times: {log}", said.len())
    };
    assert!(
        line.contains("\"WARN\"") && line.contains("Connection refused") && line.contains(&gone.to_string()),
        "{line}"
    );
    assert!(server.terminate().await?.success());
    Ok(())
}

#[tokio::test]
async fn without_a_collector_nothing_is_traced() -> Result<()> {
    let server = Server::start().await?;
    let alice = server.rest().new_user("alice").await?;
    let rest = server.rest().as_user(&alice);
    let group = rest.new_group(&[]).await?;
    let answer = reqwest::Client::new()
        .post(format!("{}/api/v1/messages", server.url()))
        .bearer_auth(&alice.token)
        .header("traceparent", format!("00-{THEIR_TRACE}-{THEIR_SPAN}-01"))
        .json(&json!({"conversation_id": group, "content": " "}));
    let problem: Value = answer.send().await?.json().await?;
    assert!(
        problem["request_id"].is_string() && problem.get("trace_id").is_none(),
        "{problem}"
    );
    let sent = rest.post_message(&group, "hello").await?;
    let delivery = format!("/api/v1/messages/{}/delivery", text(&sent, "/message/id")?);
    assert!(rest.get(&delivery).await?["broadcast"].get("trace_id").is_none());
    for result in ["exported", "failed", "dropped"] {
        let series = format!("rollcall_trace_spans_total{{result=\"{result}\"}}");
        assert_eq!(metric(&server, &series).await, Some(0), "{result}");
    }
    assert!(!server.output().contains("trace.id"), "{}", server.output());
    Ok(())
}
