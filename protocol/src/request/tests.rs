use serde_json::json;

use super::*;

#[test]
fn an_unknown_event_is_named() {
    let error = Request::decode("join", json!({})).unwrap_err();
    assert_eq!(error.code, ErrorCode::BadRequest);
    assert!(error.message.contains("\"join\""), "{error}");
    assert!(error.hint.unwrap().contains("join_conversation"));
}

#[test]
fn a_number_works_for_an_id_everywhere() {
    let decoded = Request::decode(
        "send_message",
        json!({"conversation_id": 42, "content": "x", "reply_to": 7}),
    )
    .unwrap();
    assert_eq!(decoded.coerced_ids, 2);
    let Request::SendMessage(send) = decoded.value else {
        panic!("{decoded:?}")
    };
    assert_eq!(send.conversation_id.as_str(), "42");
}

#[test]
fn unknown_fields_are_ignored_and_null_is_absent() {
    let data = json!({"conversation_id": "c", "content": "x", "reply_to": null, "colour": "red"});
    let Request::SendMessage(send) = Request::decode("send_message", data).unwrap().value else {
        panic!()
    };
    assert_eq!(send.reply_to, None);
}

#[test]
fn a_file_is_refused_with_what_to_do_instead() {
    for (field, value) in [
        ("attachments", json!([{"name": "a.png"}])),
        ("attachment", json!("aGk=")),
        ("files", json!({"0": 1})),
        ("file", json!({"_placeholder": true, "num": 0})),
        ("content", json!({"type": "Buffer", "data": [1]})),
    ] {
        let mut data = json!({"conversation_id": "c", "content": "look"});
        data[field] = value;
        let error = Request::decode("send_message", data).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest);
        assert!(error.message.starts_with(&format!("{field}: expected ")), "{error}");
        assert_eq!(error.hint.as_deref(), Some(LINK_INSTEAD));
    }
    // Clients that always write the field mean nothing by an empty one.
    for empty in [json!([]), json!(null), json!({}), json!(""), json!(false)] {
        let data = json!({"conversation_id": "c", "content": "look", "attachments": empty});
        assert!(Request::decode("send_message", data).is_ok(), "{empty}");
    }
}

#[test]
fn text_in_another_field_is_told_where_it_belongs() {
    for data in [
        json!({"conversation_id": "c", "message_id": "m", "text": "hello"}),
        json!({"conversation_id": "c", "message_id": "m", "content": 5}),
        json!({"conversation_id": "c", "message_id": "m"}),
    ] {
        for event in ["send_message", "edit_message"] {
            let error = Request::decode(event, data.clone()).unwrap_err();
            assert!(error.message.starts_with("content: expected a string"), "{error}");
            assert_eq!(error.hint.as_deref(), Some(TEXT_IN_CONTENT), "{event} {data}");
        }
    }
}

#[test]
fn every_name_is_read() {
    for name in Request::NAMES {
        let error = Request::decode(name, json!([])).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest, "{name}");
        assert!(
            error.message.starts_with("data: expected one object"),
            "{name}: {error}"
        );
    }
    assert!(Request::decode("whoami", Value::Null).is_ok());
    assert!(Request::decode("list_conversations", json!({})).is_ok());
}

#[test]
fn hello_reads_what_a_client_brings() {
    let hello = Hello::decode(json!({"token": "t", "resume": {"42": 3}, "receipts": true, "client": "x".repeat(99)}))
        .unwrap()
        .value;
    assert_eq!(hello.resume.len(), 1);
    assert!(hello.receipts);
    assert_eq!(hello.client.unwrap().len(), 64);
    assert_eq!(Hello::decode(Value::Null).unwrap().value, Hello::default());
    assert!(Hello::decode(json!("token")).unwrap_err().message.starts_with("auth:"));
    assert!(
        Hello::decode(json!({"token": 5}))
            .unwrap_err()
            .message
            .starts_with("token:")
    );
}
