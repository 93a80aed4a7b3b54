//! `tamis schema`.

use clap::Args;

use super::print;
use crate::config::schema::pipeline_schema;

#[derive(Args)]
pub(super) struct Schema {}

impl Schema {
    #[expect(clippy::unused_self, reason = "every command has the same form")]
    pub(super) fn run(self) -> anyhow::Result<()> {
        print(&format!("{}\n", serde_json::to_string_pretty(&pipeline_schema())?))
    }
}
