//! The image tool: small pictures, and the events that announce them.

use serde_json::Value;

use crate::composer::Composer;
use crate::json::{Members, members};
use crate::model_request::ModelRequest;
use crate::output_items::HostedCall;

/// A picture of one pixel, in PNG.
pub(crate) const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// The same in WebP.
const WEBP: &str = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA";

/// The same in JPEG.
const JPEG: &str = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=";

/// The most unfinished pictures.
const MAX_PARTIAL: u64 = 3;

/// Writes a picture that is not asked for in detail.
pub(crate) fn pixel(composer: &mut Composer) {
    let result = members! {"revised_prompt": "a pixel", "output_format": "png", "result": PIXEL};
    call(composer, (1, PIXEL), result);
}

/// Writes the picture that the tool's options ask for.
pub(crate) fn write(composer: &mut Composer, request: &ModelRequest) {
    let tool = request.tool_declarations().find(|tool| tool["type"] == "image_generation");
    let option = |name: &str, usual: &str| {
        let value = tool.and_then(|tool| tool[name].as_str()).filter(|word| *word != "auto");
        value.unwrap_or(usual).to_owned()
    };
    let format = option("output_format", "png");
    let picture = match format.as_str() {
        "jpeg" => JPEG,
        "webp" => WEBP,
        _ => PIXEL,
    };
    let partial = tool.and_then(|tool| tool["partial_images"].as_u64()).unwrap_or_default();
    let result = members! {
        "revised_prompt": request.last_user_text(),
        "background": option("background", "opaque"),
        "output_format": format,
        "quality": option("quality", "medium"),
        "size": option("size", "1024x1024"),
        "result": picture,
    };
    call(composer, (partial.min(MAX_PARTIAL), picture), result);
}

fn call(composer: &mut Composer, (partial, picture): (u64, &str), result: Members) {
    let mut stages = vec![("in_progress", Vec::new()), ("generating", Vec::new())];
    stages.extend((0..partial).map(|index| {
        ("partial_image", members! {"partial_image_index": index, "partial_image_b64": picture})
    }));
    stages.push(("completed", Vec::new()));
    composer.hosted(&HostedCall {
        kind: "image_generation_call",
        prefix: "ig",
        stages,
        begun: members! {"result": Value::Null},
        result,
    });
}
