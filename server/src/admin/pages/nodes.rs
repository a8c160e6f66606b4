//! Nodes: the server processes and whether each is well.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Paged};
use crate::admin::inspect::NodeView;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted, visible};

/// The page.
#[derive(Debug, Template)]
#[template(path = "nodes.html")]
pub(crate) struct NodesPage {
    chrome: Chrome,
    sentence: Sentence,
    rows: Vec<Row>,
}

/// A node as the pages list it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) status: Status,
    pub(crate) state: &'static str,
    pub(crate) version: String,
    pub(crate) sockets: String,
    pub(crate) rooms: String,
    pub(crate) started: Stamp,
}

/// A node's row.
pub(crate) fn row(scene: &Scene, node: &NodeView) -> Row {
    Row {
        id: Id::new(&node.node_id),
        status: if node.healthy { Status::Healthy } else { Status::Failed },
        state: if node.healthy { "healthy" } else { "not healthy" },
        version: visible(&node.version).into_owned(),
        sockets: count(node.sockets),
        rooms: count(node.rooms),
        started: scene.stamp(node.started_at),
    }
}

fn compose(scene: &Scene, nodes: &[NodeView]) -> NodesPage {
    let ill = nodes.iter().filter(|node| !node.healthy).count();
    let all = counted(nodes.len(), "node", "nodes");
    let sentence = match (nodes.len(), ill) {
        (_, 0) => {
            let youngest = nodes.iter().map(|node| node.started_at).max();
            let since = youngest
                .map(|at| format!("The last start was {} ago.", scene.stamp(at).ago))
                .unwrap_or_default();
            Sentence::new(Status::Healthy, format!("{all} healthy.")).and(since)
        }
        _ => Sentence::new(
            Status::Failed,
            format!(
                "{} of {all} {} not healthy.",
                count(ill),
                if ill == 1 { "is" } else { "are" }
            ),
        )
        .and("Its sockets reconnect to the others; /health/ready on it names the part that fails."),
    };
    NodesPage {
        chrome: scene.chrome(Some(Tab::Nodes), "Nodes"),
        sentence,
        rows: nodes.iter().map(|node| row(scene, node)).collect(),
    }
}

/// `GET /admin/nodes`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene, &deps.inspect.nodes()))
}

/// `GET /admin/api/nodes`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<NodeView>>, Refusal> {
    Ok(Json(asked.paging()?.cut(deps.inspect.nodes())))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> NodesPage {
    compose(&Scene::sample("/admin/nodes", role), &tests::nodes())
}

#[cfg(test)]
pub(crate) mod tests {
    use chat_core::NodeId;

    use super::*;
    use crate::admin::scene::sample_time;

    pub(crate) fn nodes() -> Vec<NodeView> {
        let node = |id: &str, seconds, sockets, healthy| NodeView {
            node_id: NodeId::parse(id).unwrap(),
            started_at: sample_time(seconds),
            version: "0.1.0".to_owned(),
            sockets,
            rooms: 96,
            healthy,
        };
        vec![
            node("0197c31f-0000-7000-8000-0000000000d1", 90_000, 402, true),
            node("0197c31f-0000-7000-8000-0000000000d2", 70, 0, false),
        ]
    }

    #[test]
    fn a_node_that_fails_is_the_first_line() {
        let scene = Scene::sample("/admin/nodes", chat_core::Role::Admin);
        let page = compose(&scene, &nodes());
        assert_eq!(page.sentence.lead, "1 of 2 nodes is not healthy.");
        assert_eq!(compose(&scene, &nodes()[..1]).sentence.status, Status::Healthy);
    }
}
