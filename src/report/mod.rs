//! Pages and pictures that need nothing else: no script, no file beside them, no network.

pub mod svg;
