//! Who is asking, and from where.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use chat_core::Role;
use http::request::Parts;
use rollcall_protocol::UserView;

use super::problem::Problem;
use crate::chat::Actor;
use crate::gateway::listener::ConnInfo;
use crate::identity::{AuthError, Authority, Identity, presented_token};
use crate::settings::{TrustedProxies, client_address};
use crate::telemetry::labels::Via;

/// The identity behind the request's token.
#[derive(Debug)]
pub struct Caller(pub Identity);

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<Authority>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authority = Arc::<Authority>::from_ref(state);
        let token = presented_token(None, &parts.headers, &parts.uri).ok_or(AuthError::Missing)?;
        Ok(Self(authority.authenticate(&token).await?))
    }
}

impl From<Identity> for Actor {
    fn from(identity: Identity) -> Self {
        let role = identity.role;
        Self {
            user: UserView {
                role,
                ..UserView::from(&identity.user)
            },
            role,
            via: if role == Role::Service { Via::Service } else { Via::Rest },
        }
    }
}

/// The client's address, behind the proxies that are trusted.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl<S> FromRequestParts<S> for ClientAddress
where
    S: Send + Sync,
    TrustedProxies: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<ConnInfo>>();
        // Without it (a router that is not behind a listener) everybody is one address: too strict rather than too lax.
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(info)| {
            info.line.peer().ip()
        });
        Ok(Self(client_address(
            peer,
            &parts.headers,
            &TrustedProxies::from_ref(state),
        )))
    }
}
