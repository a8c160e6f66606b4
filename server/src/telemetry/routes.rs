//! The routes that HTTP requests are counted under: a closed table, so that no path that somebody tries ever becomes a
//! series. A route that is not here counts as `other`; adding one is adding its row.

use super::label::{LabelDef, Labelled, labels};

labels! {
    /// The method of a request. `HEAD` is answered by `GET`'s handler and counts as it.
    Method as "method" {
        Get = "GET",
        Post = "POST",
        Patch = "PATCH",
        Delete = "DELETE",
        Other = "other",
    }
}

/// A route, what it takes, and what it answers when all is well.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) template: &'static str,
    pub(super) methods: &'static [(Method, &'static [u16])],
    /// Failures that are there from the start; others appear when they first happen.
    pub(super) failures: &'static [u16],
}

const API_FAILURES: &[u16] = &[400, 401, 403, 404, 409, 429, 500, 503];
const ADMIN_FAILURES: &[u16] = &[400, 401, 403, 404, 500];
const HEALTH_FAILURES: &[u16] = &[503];

const GET: &[(Method, &[u16])] = &[(Method::Get, &[200])];
const POST: &[(Method, &[u16])] = &[(Method::Post, &[200])];
const GET_POST: &[(Method, &[u16])] = &[(Method::Get, &[200]), (Method::Post, &[200])];
const PAGE: &[(Method, &[u16])] = &[(Method::Get, &[200, 303])];
const FILE: &[(Method, &[u16])] = &[(Method::Get, &[200, 304])];

const fn api(template: &'static str, methods: &'static [(Method, &'static [u16])]) -> Row {
    Row {
        template,
        methods,
        failures: API_FAILURES,
    }
}

const fn admin(template: &'static str, methods: &'static [(Method, &'static [u16])]) -> Row {
    Row {
        template,
        methods,
        failures: ADMIN_FAILURES,
    }
}

const fn health(template: &'static str) -> Row {
    Row {
        template,
        methods: GET,
        failures: HEALTH_FAILURES,
    }
}

/// Socket.IO's requests: outside the router, found by their path.
pub(super) const SOCKET_IO: &str = "/socket.io/";
/// Whatever has no row.
pub(super) const OTHER: &str = "other";

/// Every route. Placeholders are compared by position, not by name.
pub(super) static TABLE: &[Row] = &[
    admin("/", FILE),
    admin("/assets/{file}", FILE),
    api("/session", &[(Method::Post, &[200]), (Method::Delete, &[204])]),
    api("/session/register", &[(Method::Post, &[201])]),
    api("/session/token", &[(Method::Post, &[200, 204])]),
    api(SOCKET_IO, &[(Method::Get, &[101, 200]), (Method::Post, &[200])]),
    api("/api/v1/ws/chat", &[(Method::Get, &[101])]),
    api("/api/v1/auth/register", &[(Method::Post, &[201])]),
    api("/api/v1/auth/login", POST),
    api("/api/v1/auth/me", GET),
    api("/api/v1/users", &[(Method::Get, &[200]), (Method::Post, &[200, 201])]),
    api(
        "/api/v1/conversations",
        &[(Method::Get, &[200]), (Method::Post, &[200, 201])],
    ),
    api("/api/v1/conversations/{id}", GET),
    api("/api/v1/conversations/{id}/participants", POST),
    api(
        "/api/v1/conversations/{id}/participants/{user_id}",
        &[(Method::Delete, &[204])],
    ),
    api("/api/v1/conversations/{id}/messages", GET),
    api("/api/v1/conversations/{id}/mute", POST),
    api("/api/v1/conversations/{id}/bans", GET_POST),
    api("/api/v1/conversations/{id}/bans/{user_id}", &[(Method::Delete, &[204])]),
    api("/api/v1/conversations/{id}/receipts", GET_POST),
    api("/api/v1/messages", &[(Method::Post, &[200, 201])]),
    api(
        "/api/v1/messages/{id}",
        &[(Method::Patch, &[200]), (Method::Delete, &[204])],
    ),
    api("/api/v1/messages/{id}/delivery", GET),
    api("/api/v1/search", GET),
    api("/api/v1/openapi.json", GET),
    api("/api/v1/docs", GET),
    health("/health"),
    health("/health/ready"),
    health("/health/websocket"),
    admin("/metrics", GET),
    admin("/admin", PAGE),
    admin("/admin/login", &[(Method::Get, &[200, 303]), (Method::Post, &[303])]),
    admin("/admin/logout", &[(Method::Post, &[303])]),
    admin("/admin/overview", PAGE),
    admin("/admin/namespaces", PAGE),
    admin("/admin/rooms", PAGE),
    admin("/admin/rooms/{namespace}/{room}", PAGE),
    admin("/admin/sockets", PAGE),
    admin("/admin/sockets/{sid}", PAGE),
    admin("/admin/users", PAGE),
    admin("/admin/users/{id}", PAGE),
    admin("/admin/conversations", PAGE),
    admin("/admin/conversations/{id}", PAGE),
    admin("/admin/messages", PAGE),
    admin("/admin/messages/{id}", PAGE),
    admin("/admin/explain", PAGE),
    admin("/admin/traffic", PAGE),
    admin(
        "/admin/probe",
        &[(Method::Get, &[200, 303]), (Method::Post, &[200, 303])],
    ),
    admin("/admin/rejected", PAGE),
    admin("/admin/nodes", PAGE),
    admin("/admin/audit", PAGE),
    admin("/admin/tokens", &[(Method::Get, &[200, 303]), (Method::Post, &[200])]),
    admin("/admin/tokens/{id}/revoke", &[(Method::Post, &[303])]),
    admin("/admin/webhook", PAGE),
    admin("/admin/search", &[(Method::Get, &[303])]),
    admin("/admin/sockets/{sid}/{action}", &[(Method::Post, &[303])]),
    admin("/admin/rooms/{namespace}/{room}/{action}", &[(Method::Post, &[303])]),
    admin("/admin/users/{id}/{action}", &[(Method::Post, &[303])]),
    admin(
        "/admin/conversations/{id}/bans/{user_id}/{action}",
        &[(Method::Post, &[303])],
    ),
    admin("/admin/assets/{file}", FILE),
    admin("/admin/api/overview", GET),
    admin("/admin/api/audit", GET),
    admin("/admin/api/namespaces", GET),
    admin("/admin/api/rooms", GET),
    admin("/admin/api/rooms/{namespace}/{room}", GET),
    admin("/admin/api/sockets", GET),
    admin("/admin/api/sockets/{sid}", GET),
    admin("/admin/api/sockets/{sid}/{action}", POST),
    admin("/admin/api/rooms/{namespace}/{room}/{action}", POST),
    admin("/admin/api/users", GET),
    admin("/admin/api/users/{id}", GET),
    admin("/admin/api/users/{id}/{action}", POST),
    admin("/admin/api/conversations", GET),
    admin("/admin/api/conversations/{id}", GET),
    admin("/admin/api/conversations/{id}/bans/{user_id}/{action}", POST),
    admin("/admin/api/messages", GET),
    admin("/admin/api/messages/{id}/delivery", GET),
    admin("/admin/api/explain", GET),
    admin("/admin/api/rejected", GET),
    admin("/admin/api/nodes", GET),
    admin("/admin/api/tokens", GET_POST),
    admin("/admin/api/tokens/{id}/revoke", POST),
    admin("/admin/api/webhook", GET),
    admin("/admin/api/live", GET),
    admin("/admin/api/traffic", GET),
    admin("/admin/api/probe", POST),
    admin("/admin/{page}", PAGE),
    Row {
        template: OTHER,
        methods: &[(Method::Other, &[404])],
        failures: &[405],
    },
];

/// The routes below a prefix with their methods, for whoever describes them.
#[cfg(test)]
pub(crate) fn routes_of(prefix: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = TABLE.iter().filter(move |row| row.template.starts_with(prefix));
    rows.flat_map(|row| {
        let methods = row.methods.iter();
        methods.map(|(method, _)| (row.template, super::label::Label::as_str(*method)))
    })
}

/// The values of the label `route`.
static TEMPLATES: [&str; TABLE_LEN] = templates();
const TABLE_LEN: usize = TABLE.len();

const fn templates() -> [&'static str; TABLE_LEN] {
    let mut all = [""; TABLE_LEN];
    let mut at = 0;
    while at < TABLE_LEN {
        all[at] = TABLE[at].template;
        at += 1;
    }
    all
}

/// Status codes that are series of their own; the rest is `other`. One label value per code and not per class, since
/// a 401 and a 429 have nothing in common but their first digit.
pub(super) const STATUS_CODES: [u16; 31] = [
    101, 200, 201, 204, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 413, 414, 415,
    422, 426, 429, 431, 500, 501, 503, 504,
];
const STATUSES: &[&str] = &[
    "101", "200", "201", "204", "301", "302", "303", "304", "307", "308", "400", "401", "403", "404", "405", "406",
    "408", "409", "410", "411", "413", "414", "415", "422", "426", "429", "431", "500", "501", "503", "504", OTHER,
];

/// `route` and `method`.
pub struct RouteMethod;

/// `route`, `method` and `status`.
pub struct RouteMethodStatus;

const ROUTE: LabelDef = LabelDef {
    name: "route",
    values: &TEMPLATES,
};
const STATUS: LabelDef = LabelDef {
    name: "status",
    values: STATUSES,
};

impl Labelled for RouteMethod {
    const LABELS: &'static [LabelDef] = &[ROUTE, LabelDef::of::<Method>()];
}

impl Labelled for RouteMethodStatus {
    const LABELS: &'static [LabelDef] = &[ROUTE, LabelDef::of::<Method>(), STATUS];
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Route(usize);

impl Route {
    /// Every route.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).map(Self)
    }

    /// The route of a request: by the router's template where one matched, else by Socket.IO's path.
    pub(super) fn of(matched: Option<&str>, path: &str) -> Self {
        let found = match matched {
            Some(template) => TABLE.iter().position(|row| same_route(row.template, template)),
            None if is_socket_io(path) => TABLE.iter().position(|row| row.template == SOCKET_IO),
            None => None,
        };
        Self(found.unwrap_or(TABLE.len() - 1))
    }

    pub(super) fn row(self) -> &'static Row {
        &TABLE[self.0]
    }

    /// Whether its time is worth a histogram: a long poll waits on purpose.
    pub(super) fn is_timed(self) -> bool {
        self.row().template != SOCKET_IO
    }

    /// The method as this route counts it: one that it does not take is `other`, so that trying all of them makes one
    /// series and not eight.
    pub(super) fn method(self, method: &http::Method) -> Method {
        let method = match *method {
            http::Method::GET | http::Method::HEAD => Method::Get,
            http::Method::POST => Method::Post,
            http::Method::PATCH => Method::Patch,
            http::Method::DELETE => Method::Delete,
            _ => Method::Other,
        };
        let taken = self.row().methods.iter().any(|(known, _)| *known == method);
        if taken { method } else { Method::Other }
    }
}

/// The value of `status`.
pub(super) fn status_value(status: u16) -> &'static str {
    let at = STATUS_CODES.iter().position(|code| *code == status);
    at.map_or(OTHER, |at| STATUSES[at])
}

fn is_socket_io(path: &str) -> bool {
    path.trim_end_matches('/') == SOCKET_IO.trim_end_matches('/')
}

/// Compares two templates; a placeholder is a placeholder, whatever its name, and a trailing slash is ignored.
fn same_route(ours: &str, theirs: &str) -> bool {
    let mut ours = ours.trim_end_matches('/').split('/');
    let mut theirs = theirs.trim_end_matches('/').split('/');
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || (a.starts_with('{') && b.starts_with('{')) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(matched: Option<&str>, path: &str) -> &'static str {
        Route::of(matched, path).row().template
    }

    #[test]
    fn the_router_s_template_names_the_route() {
        assert_eq!(
            template(Some("/api/v1/messages/{message}"), "/api/v1/messages/7"),
            "/api/v1/messages/{id}"
        );
        assert_eq!(template(Some("/assets/{*path}"), "/assets/a/b.js"), "/assets/{file}");
        assert_eq!(template(Some("/"), "/"), "/");
        assert_eq!(template(Some("/admin/"), "/admin/"), "/admin");
    }

    #[test]
    fn what_no_route_matched_is_other_whatever_its_path() {
        for path in ["/wp-login.php", "/api/v1/messages", "/socket.iox", ""] {
            assert_eq!(template(None, path), OTHER, "{path}");
        }
        assert_eq!(template(Some("/not/in/the/table"), "/x"), OTHER);
        assert_eq!(template(None, "/socket.io"), SOCKET_IO);
    }

    #[test]
    fn a_method_that_the_route_does_not_take_is_other() {
        let route = Route::of(Some("/api/v1/auth/login"), "");
        assert_eq!(route.method(&http::Method::POST), Method::Post);
        assert_eq!(route.method(&http::Method::GET), Method::Other);
        assert_eq!(route.method(&http::Method::from_bytes(b"BREW").unwrap()), Method::Other);
        let health = Route::of(Some("/health"), "");
        assert_eq!(health.method(&http::Method::HEAD), Method::Get);
    }

    #[test]
    fn every_code_is_spelled_as_it_is() {
        for (code, value) in STATUS_CODES.iter().zip(STATUSES) {
            assert_eq!(code.to_string(), *value);
        }
        assert_eq!(status_value(418), OTHER);
        let declared = TABLE.iter().flat_map(|row| {
            let successes = row.methods.iter().flat_map(|(_, codes)| codes.iter());
            successes.chain(row.failures)
        });
        for code in declared {
            assert_ne!(status_value(*code), OTHER, "{code}");
        }
    }
}
