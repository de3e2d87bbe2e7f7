//! `local`, the command.

fn main() {}
