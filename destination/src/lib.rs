//! Where a code may go: which of a user's contacts are destinations, and which of these a message may
//! be sent to. Create asks it before it sends, pre-sign-up before it lets a new user in.
//!
//! Not responsible for: what a number's digits mean (`numbering`), choosing among a user's destinations and
//! sending (`create-auth-challenge`).

mod destination;
mod destinations;
mod settings;

pub use destination::Destination;
pub use destinations::Destinations;
pub use settings::{DestinationSettings, is_email};
