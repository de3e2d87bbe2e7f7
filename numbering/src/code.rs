//! How a pattern is written as bytes: 0 to 9 is that digit; else one of these, and what belongs to it.
//! A part is its length (two bytes, little-endian) and that many bytes. The build script writes it,
//! `pattern` reads it.

/// One of several digits: a set of them in two bytes, little-endian; bit 3 is set if 3 is in it.
pub(crate) const ONE_OF: u8 = 10;

/// The first of several parts with which the rest matches: their number, the parts.
pub(crate) const FIRST_OF: u8 = 11;

/// A part that comes again and again, as often as may be: at least, at most, the part.
pub(crate) const REPEAT: u8 = 12;

/// A part that is remembered: its number, the part.
pub(crate) const GROUP: u8 = 13;

/// The end of the digits.
pub(crate) const END: u8 = 14;
