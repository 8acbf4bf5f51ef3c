//! What several servers of one person share: sealed records, leases and tallies in an engine such as Redis.
//!
//! The engine sees neither texts nor tokens: each value is encrypted before it leaves this process, and is bound to its
//! name, so that one who can write into the engine cannot put a record into another's place. What the engine can do is
//! forget, and be away. So nothing here waits for it for long, and every caller says what it does without it.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use chatmock_shared::{Name, SealKeys, Shared, SharedSettings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = SealKeys::parse(&"0f".repeat(32))?;
//! let shared = Shared::open(SharedSettings::new("redis://127.0.0.1:6379", keys)?)?;
//! let name = Name { kind: "note", account: "me", id: "1" };
//! shared.put(&name, b"a text that the engine cannot read", Duration::from_secs(60)).await?;
//! assert!(shared.get(&name).await?.is_some());
//! # Ok(())
//! # }
//! ```

mod address;
mod command;
mod error;
mod fenced;
mod name;
mod seal;
mod settings;
mod shared;
mod transport;
mod wait;

pub use address::Address;
pub use error::SharedError;
pub use fenced::{Fenced, Write};
pub use name::Name;
pub use seal::{BadKeys, SealKeys};
pub use settings::SharedSettings;
pub use shared::{Lease, Shared};
