//! `GET /v1/models`.

use super::{answered, client};
use crate::MODEL;
use crate::runner::{Outcome, checks, holds, refused, same};

checks! { models_are_listed, a_model_is_retrieved, an_unknown_model_is_not_found }

async fn models_are_listed() -> Outcome {
    let list = client().models().list().await?;
    holds(list.data.iter().any(|model| model.id == MODEL), || format!("{MODEL} is not listed"))?;
    for model in list.data {
        same(model.object, "model", "object")?;
        holds(model.created > 0 && !model.owned_by.is_empty(), || {
            format!("{} is incomplete", model.id)
        })?;
    }
    Ok(())
}

async fn a_model_is_retrieved() -> Outcome {
    same(client().models().retrieve(MODEL).await?.id, MODEL, "id")
}

async fn an_unknown_model_is_not_found() -> Outcome {
    let error = refused(client().models().retrieve("no-such-model").await)?;
    same(answered(error)?, (404, Some("model_not_found".to_owned())), "error")
}
