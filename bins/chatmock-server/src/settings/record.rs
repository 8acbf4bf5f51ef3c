//! The step from flags about recording to settings.

use anyhow::ensure;
use chatmock_server::{HttpSettings, RecordSettings};
use chatmock_simulator::Cassettes;

use crate::cli::RecordArgs;

/// Resolves what is recorded; returns the recordings that answer, if any do.
pub(super) fn recording(
    args: RecordArgs,
    http: &mut HttpSettings,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Option<Cassettes>> {
    let RecordArgs { record, record_max, record_hash_text, replay, replay_order, replay_pace } =
        args;
    ensure!(record.is_none() || replay.is_none(), "--record and --replay exclude each other");
    if let Some(folder) = &record {
        let what = if record_hash_text { "the hash of everything" } else { "everything" };
        let folder = folder.display();
        warnings.push(format!(
            "--record is on: {what} that is sent to the model and answered is stored in {folder}"
        ));
    }
    http.admin.record = record.map(|folder| RecordSettings {
        folder,
        most: record_max as u64,
        hash_texts: record_hash_text,
    });
    let at = |folder| Cassettes::at(folder).in_order(replay_order.into()).paced(replay_pace);
    Ok(replay.map(at))
}
