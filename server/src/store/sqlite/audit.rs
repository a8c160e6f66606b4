//! The audit log.

use async_trait::async_trait;
use chat_core::ports::StoreError;
use chat_core::ports::operators::{AuditEntry, AuditLog, Listed, Slice};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::errors::Stop;
use super::rows::Columns;
use super::writer::Change;

// A log of work by hand: some thousand rows in a year, which may be walked.
const PAGE: &str = "SELECT at, actor, action, target, detail FROM audit_entries
    WHERE ?1 IS NULL OR instr(lower(actor || ' ' || action || ' ' || target || ' ' || detail), ?1) > 0
    ORDER BY audit_entry_key DESC LIMIT ?2 + 0 OFFSET ?3";
const COUNT: &str = "SELECT count(*) FROM audit_entries
    WHERE ?1 IS NULL OR instr(lower(actor || ' ' || action || ' ' || target || ' ' || detail), ?1) > 0";

struct Note(AuditEntry);

#[async_trait]
impl Change for Note {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        let AuditEntry {
            at,
            actor,
            action,
            target,
            detail,
        } = &self.0;
        sqlx::query("INSERT INTO audit_entries (at, actor, action, target, detail) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(at.as_millis())
            .bind(actor.as_str())
            .bind(action.as_str())
            .bind(target.as_str())
            .bind(detail.as_str())
            .execute(db)
            .await?;
        Ok(())
    }
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    let mut columns = Columns::of(row, "audit_entries");
    Ok(AuditEntry {
        at: columns.time()?,
        actor: columns.take()?,
        action: columns.take()?,
        target: columns.take()?,
        detail: columns.take()?,
    })
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn note(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.counted(self.writer.change(Note(entry))).await
    }

    async fn audit(&self, text: Option<&str>, slice: Slice) -> Result<Listed<AuditEntry>, StoreError> {
        let text = text.map(str::to_ascii_lowercase);
        let page = sqlx::query(PAGE)
            .bind(text.as_deref())
            .bind(i64::from(slice.limit))
            .bind(i64::try_from(slice.skip).unwrap_or(i64::MAX));
        let total = sqlx::query_scalar(COUNT).bind(text.as_deref());
        self.read_slice(page, total, entry).await
    }
}
