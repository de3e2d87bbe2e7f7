//! The account and the region that ARNs name here.

/// The region of everything here.
pub const REGION: &str = "us-east-1";
/// The account of everything here.
pub const ACCOUNT_ID: &str = "000000000000";
