//! The same question put to the database of a server that does not answer: the use cases over it, with nobody connected.

use std::path::PathBuf;
use std::sync::Arc;

use chat_core::explain::Explanation;
use chat_core::ids::{ClientMessageId, InvalidId};
use chat_core::ports::{Accounts as _, Clock, IdSource as _, StoreError};
use chat_core::{ConversationId, MessageId, NodeId, UserId};
use rollcall_protocol::WireError;

use crate::chat::assembly::assemble;
use crate::chat::{Chat, Ports};
use crate::clock::{SystemClock, UuidSource};
use crate::commands::open_store;
use crate::hub::Hub;
use crate::identity::RateLimits;
use crate::settings::{Database, ExplainArgs, Rates, SettingError, Storage};
use crate::store::{OpenError, SqliteStore};
use crate::telemetry::Metrics;

/// Why the database says nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// None is made for a question.
    #[error("there is none at {}", .0.display())]
    None(PathBuf),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An id that can be none.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// There is no such message, user or conversation.
    #[error("{0}")]
    Refused(WireError),
    /// Defects.
    #[error("the server's parts could not be put together: {0}")]
    Internal(String),
}

/// Explains from the database, and says which one it was.
pub(super) async fn explain(args: &ExplainArgs) -> Result<(Explanation, PathBuf), StoredError> {
    let storage = Storage::parse(&args.storage)?;
    let Database::Sqlite(path) = &storage.database;
    if !path.is_file() {
        return Err(StoredError::None(path.clone()));
    }
    let store = open_store(&storage).await?;
    let told = over(&store, args).await;
    store.close().await?;
    Ok((told?, path.clone()))
}

async fn over(store: &Arc<SqliteStore>, args: &ExplainArgs) -> Result<Explanation, StoredError> {
    let chat = chat(store)?;
    let user = match args.user.as_deref() {
        Some(named) => Some(user_id(store, named).await?),
        None => None,
    };
    let told = match (&args.message, &args.conversation, &args.client_message_id, &user) {
        (Some(message), _, _, Some(user)) => chat.explain_message(&MessageId::parse(message)?, user).await,
        (_, Some(conversation), Some(id), _) => {
            let (conversation, id) = (ConversationId::parse(conversation)?, ClientMessageId::parse(id)?);
            chat.explain_client_message(&conversation, &id, user.as_ref()).await
        }
        (_, Some(conversation), None, Some(user)) => {
            chat.explain_now(&ConversationId::parse(conversation)?, user).await
        }
        _ => return Err(StoredError::Internal("the arguments name no question".to_owned())),
    };
    told.map_err(StoredError::Refused)
}

async fn user_id(store: &SqliteStore, named: &str) -> Result<UserId, StoredError> {
    let account = store.credentials(&named.to_lowercase()).await?;
    match account {
        Some(account) => Ok(account.user.id),
        None => Ok(UserId::parse(named)?),
    }
}

/// The use cases of a node that nobody is connected to.
fn chat(store: &Arc<SqliteStore>) -> Result<Arc<Chat>, StoredError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new().map_err(|error| StoredError::Internal(error.to_string()))?;
    let node = NodeId::parse(UuidSource.user_id().as_str())?;
    let (_layer, io) = crate::hub::adapter::layer(|builder| builder);
    let hub = Arc::new(Hub::new(node, Arc::clone(&clock), io, metrics.hub.clone()));
    let ports = Ports::over(store, clock, Arc::new(UuidSource));
    // Nothing is sent here: neither rates nor sizes matter.
    let rates = Rates::OFF;
    let rates = Arc::new(RateLimits::new(&rates));
    Ok(assemble(ports, hub, rates, 0, &metrics).chat)
}
