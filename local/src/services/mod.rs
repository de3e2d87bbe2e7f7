//! The AWS services beside Cognito that the functions and clients call: SNS, SES, STS, DynamoDB.
//!
//! They use `protocol`, and the outbox that SNS and SES put messages into.

pub mod dynamodb;
pub mod ses;
pub mod sns;
pub mod sts;
