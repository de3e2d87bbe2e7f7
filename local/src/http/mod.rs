//! HTTP: which service a request is for, the form of its reply, and the page. Everything in a reply
//! comes from the services behind it.
//!
//! It uses `services`, `user_pool`, `identity_pool`, `lambda` and `protocol`.

mod loopback;
mod routes;

pub(crate) use crate::http::routes::{Services, router};
