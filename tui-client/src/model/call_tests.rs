use serde_json::json;

use super::*;

#[test]
fn sockets_are_called_by_their_client_and_told_apart() {
    let mut call = Call::default();
    call.roll.row("k", "alice").id = Some("m".into());
    let socket = |sid: &str, client: Value| json!({"sid": sid, "client": client});
    let (page, tui) = (json!("rollcall-page/1"), json!("rollcall-tui/1"));
    let sockets = [
        ("a", page.clone()),
        ("b", page.clone()),
        ("c", tui),
        ("0aBcarolX9b", json!(null)),
    ];
    let sockets = sockets.map(|(sid, client)| socket(sid, client));
    let of = |name: &str, sockets: &[Value]| json!({"user_id": name, "username": name, "sockets": sockets});
    let delivery = json!({"participants": [of("carol", &sockets), of("dora", &[socket("d", page)])]});
    // Asked again, they are called the same.
    for _ in 0..2 {
        call.told("m", &delivery, |_| None);
        let columns = call.roll.columns().iter().map(|column| column.socket.as_str());
        let columns: Vec<&str> = columns.collect();
        assert_eq!(columns, ["page", "page 2", "tui", "0aBc…lX9b", "page"]);
    }
}
