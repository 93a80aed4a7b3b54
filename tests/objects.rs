//! Object stores: one suite for the calls of all stores, whole runs on a real S3 server (moto, which
//! `tests/objects/setup.sh` installs), and a web server that does everything wrong.

mod faults;
mod moto;
mod runs;
mod suite;
