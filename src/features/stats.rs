//! What `/stats` says of the features.

use crate::chat::router::Turn;
use crate::features::state::Features;
use crate::model::rows::Stat;

impl Turn<'_, Features> {
    pub(super) fn add_stats(&self, stats: &mut Vec<Stat>) {
        let (router, features) = (&*self.router, &self.router.features);
        if let Some(files) = &features.files {
            files.count(&router.metrics);
            stats.extend(router.metrics.file_stats());
        }
        if features.archive.is_some() {
            let text = "1: what is said is kept; 0: it would be gone after a restart";
            stats.push(Stat { key: "kept", value: u64::from(router.keeps()), text });
        }
        let text = "1: new connections are refused; 0: all users are let in";
        stats.push(Stat { key: "lockdown", value: u64::from(features.operators.is_locked_down()), text });
    }
}
