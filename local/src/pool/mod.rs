//! The user pool: its data, its operations, its rules.
