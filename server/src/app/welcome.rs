//! What the operator reads when the server has started: where it is, what to open, who can sign in, what to try.

use std::fmt;
use std::net::SocketAddr;

use chat_core::NodeId;

use crate::demo::{DEMO_PASSWORD, DEMO_USERS, Filled};
use crate::identity::NewPassword;
use crate::telemetry::catalogue::{COMMIT, VERSION};

/// Facts of the start. Shown once; it may hold a generated password.
pub struct Welcome {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where the admin is, when it has a listener of its own.
    pub admin_address: Option<SocketAddr>,
    /// The admin's password, when it was generated right now.
    pub generated_password: Option<NewPassword>,
    /// The demo's people and conversations.
    pub demo: Filled,
    /// This process.
    pub node_id: NodeId,
}

impl Welcome {
    /// The same for the log, where no password belongs.
    pub fn log(&self) {
        tracing::info!(
            version = VERSION,
            commit = COMMIT,
            node.id = %self.node_id,
            address = %self.address,
            admin.address = self.admin_address.map(tracing::field::display),
            "listening"
        );
    }

    fn url(address: SocketAddr) -> String {
        // Whoever listens everywhere is reached here at the loopback address.
        if address.ip().is_unspecified() {
            format!("http://127.0.0.1:{}", address.port())
        } else {
            format!("http://{address}")
        }
    }
}

impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = Self::url(self.address);
        let admin = self.admin_address.map_or_else(|| url.clone(), Self::url);
        writeln!(f, "Rollcall {} listens on {url}", env!("CARGO_PKG_VERSION"))?;
        writeln!(f)?;
        writeln!(f, "  chat      {url}/")?;
        writeln!(f, "  admin     {admin}/admin   (user admin)")?;
        writeln!(f, "  metrics   {admin}/metrics")?;
        writeln!(f, "  health    {url}/health/ready")?;
        writeln!(f, "  Socket.IO {url}/socket.io/   REST {url}/api/v1")?;
        if let Some(password) = &self.generated_password {
            writeln!(f)?;
            writeln!(f, "  admin password, shown this once: {}", password.expose())?;
        }
        match &self.demo {
            Filled::NotAsked => {}
            Filled::WasThere => {
                writeln!(f)?;
                writeln!(f, "  The database holds accounts already: the demo data was not added.")?;
            }
            Filled::Now { group } => {
                writeln!(f)?;
                writeln!(f, "  demo users {}, password {DEMO_PASSWORD}", DEMO_USERS.join(", "))?;
                writeln!(f)?;
                writeln!(
                    f,
                    "Open {url}/ and sign in as alice; in another browser, or a private window, as bob."
                )?;
                writeln!(f, "Try next, each in a terminal of its own:")?;
                writeln!(f)?;
                writeln!(
                    f,
                    "  cargo run --release -p rollcall-tui -- --url {url} --as alice --password demo"
                )?;
                writeln!(
                    f,
                    "  cargo run --release -p rollcall-tui -- --url {url} --as bob --password demo"
                )?;
                writeln!(f)?;
                writeln!(
                    f,
                    "  TOKEN=$(curl -s {url}/api/v1/auth/login -H 'content-type: application/json' \\"
                )?;
                writeln!(
                    f,
                    "    -d '{{\"username\":\"alice\",\"password\":\"demo\"}}' | sed 's/.*\"token\":\"\\([^\"]*\\).*/\\1/')"
                )?;
                writeln!(
                    f,
                    "  curl {url}/api/v1/messages -H \"authorization: Bearer $TOKEN\" -H 'content-type: application/json' \\"
                )?;
                writeln!(
                    f,
                    "    -d '{{\"conversation_id\":\"{group}\",\"content\":\"hello from curl\"}}'"
                )?;
            }
        }
        Ok(())
    }
}
