//! Roots for guests: directories with the userland of another architecture, made of Debian's packages without root and without running anything in them.
//!
//! | module | what |
//! |---|---|
//! | [`roots`] | where roots are, and their names |
//! | [`create`] | making one, and adding packages: the steps below, in order |
//! | [`sources`] | which mirrors this system's apt uses |
//! | [`fetch`] | downloading with the programs that the host has; [`progress`] shows how far it is |
//! | [`release`] | signed lists of checksums |
//! | [`control`], [`index`] | paragraphs of fields; the packages that there are |
//! | [`version`], [`relation`], [`resolve`] | which packages a package needs |
//! | [`deb`], [`tree`] | unpacking into a directory that nothing can leave |
//! | [`finish`] | what the packages' own scripts would have done, as far as programs need it |
//! | [`error`] | what can fail |

#![forbid(unsafe_code)]

pub mod control;
pub mod create;
pub mod deb;
pub mod error;
pub mod fetch;
pub mod finish;
pub mod index;
pub mod progress;
pub mod relation;
pub mod release;
pub mod resolve;
pub mod roots;
pub mod sources;
pub mod tree;
pub mod version;

pub use error::Error;
