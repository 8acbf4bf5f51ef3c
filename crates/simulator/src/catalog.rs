//! The catalogue: made-up entries for the models that the Codex programs list.

use crate::json::{Json, Members, members, object};

/// The efforts that a model may offer, from the lowest.
pub(crate) const EFFORTS: [&str; 6] = ["low", "medium", "high", "xhigh", "max", "ultra"];

/// The creation time of every model in the public API, in seconds since 1970.
const CREATED: i64 = 1_780_000_000;

/// The form in which a model offers the faster `priority` tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Not at all.
    None,
    /// On request.
    Offered,
    /// As the tier that is used when none is requested.
    Default,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name in requests.
    pub slug: String,
    /// The name for people.
    pub display_name: String,
    /// The position in the list; lower comes first.
    pub priority: u32,
    /// True if it is listed or hidden; both can be used.
    pub listed: bool,
    /// The usual context window, in tokens.
    pub context_window: u64,
    /// The largest context window, in tokens.
    pub max_context_window: u64,
    /// The effort when none is requested.
    pub default_effort: String,
    /// The highest effort, one of low, medium, high, xhigh, max, ultra.
    pub highest_effort: String,
    /// Its `priority` tier.
    pub priority_tier: Tier,
    /// True if the Codex programs use their short form of requests for it.
    pub lite: bool,
    /// The oldest client version that may use it.
    pub minimal_client_version: String,
}

impl Model {
    /// Returns a listed model of the usual size, for a test to change.
    pub fn named(slug: &str) -> Self {
        Self {
            slug: slug.to_owned(),
            display_name: display_name(slug),
            priority: 50,
            listed: true,
            context_window: 272_000,
            max_context_window: 872_000,
            default_effort: "medium".to_owned(),
            highest_effort: "ultra".to_owned(),
            priority_tier: Tier::Offered,
            lite: true,
            minimal_client_version: "0.0.0".to_owned(),
        }
    }

    /// Returns the efforts that it offers, from the lowest.
    pub(crate) fn efforts(&self) -> &'static [&'static str] {
        let highest = EFFORTS.iter().position(|effort| *effort == self.highest_effort);
        &EFFORTS[..=highest.unwrap_or(EFFORTS.len() - 1)]
    }

    fn json(&self) -> Json {
        let mut model = self.names();
        model.extend(self.sizes());
        model.extend(self.tiers());
        model.extend(members! {
            "input_modalities": vec![Json::from("text"), Json::from("image")],
            "default_reasoning_summary": "none",
            "support_verbosity": true,
            "default_verbosity": "low",
            "shell_type": "shell_command",
            "apply_patch_tool_type": "freeform",
            "web_search_tool_type": "text_and_image",
            "supports_search_tool": true,
            "experimental_supported_tools": Vec::<Json>::new(),
            "use_responses_lite": self.lite,
            "minimal_client_version": &self.minimal_client_version,
            "prefer_websockets": true,
            "base_instructions": "You are a simulated model.",
            "upgrade": serde_json::Value::Null,
        });
        Json::Object(model)
    }

    fn names(&self) -> Members {
        let levels = self.efforts().iter();
        let level = |effort: &&'static str| {
            object! {"effort": *effort, "description": format!("Reasoning at level {effort}")}
        };
        members! {
            "slug": &self.slug,
            "display_name": &self.display_name,
            "description": format!("{}, simulated.", self.display_name),
            "default_reasoning_level": &self.default_effort,
            "supported_reasoning_levels": levels.map(level).collect::<Vec<_>>(),
            "visibility": if self.listed { "list" } else { "hide" },
            "supported_in_api": true,
            "priority": self.priority,
        }
    }

    fn sizes(&self) -> Members {
        members! {
            "context_window": self.context_window,
            "max_context_window": self.max_context_window,
            "effective_context_window_percent": 95_u64,
            "truncation_policy": object! {"mode": "tokens", "limit": 10_000_u64},
        }
    }

    fn tiers(&self) -> Members {
        let fast = object! {"id": "priority", "name": "Fast", "description": "Answers sooner"};
        let (tiers, speeds) = match self.priority_tier {
            Tier::None => (Vec::new(), Vec::new()),
            Tier::Offered | Tier::Default => (vec![fast], vec![Json::from("fast")]),
        };
        let mut members = members! {"service_tiers": tiers, "additional_speed_tiers": speeds};
        if self.priority_tier == Tier::Default {
            members.push(("default_service_tier", "priority".into()));
        }
        members
    }
}

/// The models that the account may use.
#[derive(Debug)]
pub(crate) struct Catalog {
    models: Vec<Model>,
    revision: u64,
}

impl Catalog {
    /// Returns the list of Codex 0.171.0.
    pub(crate) fn bundled() -> Self {
        Self { models: ROWS.iter().map(Row::model).collect(), revision: 1 }
    }

    pub(crate) fn etag(&self) -> String {
        format!("W/\"simulated-{}\"", self.revision)
    }

    /// Replaces the list and its tag.
    pub(crate) fn replace(&mut self, models: Vec<Model>) {
        self.models = models;
        self.touch();
    }

    /// Replaces the tag alone.
    pub(crate) fn touch(&mut self) {
        self.revision += 1;
    }

    pub(crate) fn models(&self) -> Vec<Model> {
        self.models.clone()
    }

    /// Returns the answer of `GET /models`, without the models that are too new for a client, if
    /// the client sent its version.
    pub(crate) fn json(&self, client_version: Option<&str>) -> Json {
        let models = self.models.iter().filter(|model| fits(model, client_version));
        object! {"models": models.map(Model::json).collect::<Vec<_>>()}
    }

    /// Returns the list of the plan's backend: the names of the models and their context windows.
    pub(crate) fn plan_json(&self) -> Json {
        let model = |model: &Model| {
            let mut shown = model.names();
            shown.push(("context_window", model.context_window.into()));
            Json::Object(shown)
        };
        object! {"models": self.models.iter().map(model).collect::<Vec<_>>()}
    }

    /// Returns the list of the public API.
    pub(crate) fn api_json(&self) -> Json {
        let model = |model: &Model| {
            object! {
                "id": &model.slug, "object": "model", "created": CREATED, "owned_by": "openai",
            }
        };
        object! {
            "object": "list", "data": self.models.iter().map(model).collect::<Vec<_>>(),
        }
    }

    /// Returns the model of a slug, if a client of this version may use it.
    pub(crate) fn find(&self, slug: &str, client_version: Option<&str>) -> Option<&Model> {
        let found = self.models.iter().find(|model| model.slug == slug);
        found.filter(|model| fits(model, client_version))
    }
}

/// Returns whether a client may use a model. Version 0.0.0 gets the whole list, as users report.
fn fits(model: &Model, client_version: Option<&str>) -> bool {
    let Some(version) = client_version else { return true };
    version == "0.0.0" || parts(version) >= parts(&model.minimal_client_version)
}

fn parts(version: &str) -> [u64; 3] {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or_default());
    std::array::from_fn(|_| numbers.next().unwrap_or_default())
}

/// Converts `gpt-6.1-sol` to `GPT-6.1 Sol`.
fn display_name(slug: &str) -> String {
    let mut words = slug.split('-').map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + rest
    });
    match (words.next().as_deref(), words.next()) {
        (Some("Gpt"), Some(second)) => {
            let rest = std::iter::once(format!("GPT-{second}")).chain(words);
            rest.collect::<Vec<_>>().join(" ")
        }
        (first, second) => {
            let first = first.unwrap_or_default().to_owned();
            let rest = std::iter::once(first).chain(second).chain(words);
            rest.collect::<Vec<_>>().join(" ")
        }
    }
}

/// A row of the list: slug, priority, whether it is listed, context windows in thousands of tokens,
/// default and highest effort, tier, oldest client version.
struct Row(&'static str, u32, bool, (u64, u64), (&'static str, &'static str), Tier, &'static str);

impl Row {
    fn model(&self) -> Model {
        let Self(slug, priority, listed, (usual, most), (effort, highest), tier, oldest) = self;
        Model {
            priority: *priority,
            listed: *listed,
            context_window: usual * 1000,
            max_context_window: most * 1000,
            default_effort: (*effort).to_owned(),
            highest_effort: (*highest).to_owned(),
            priority_tier: *tier,
            lite: *slug != "gpt-5.5",
            minimal_client_version: (*oldest).to_owned(),
            ..Model::named(slug)
        }
    }
}

const ROWS: [Row; 14] = [
    Row("gpt-6.2-sol", 1, true, (500, 872), ("low", "ultra"), Tier::Offered, "0.170.0"),
    Row("gpt-6.2-astra", 2, true, (272, 872), ("low", "ultra"), Tier::Offered, "0.170.0"),
    Row("gpt-6.1-terra", 3, true, (500, 872), ("low", "ultra"), Tier::Offered, "0.160.0"),
    Row("gpt-6.1-sol", 4, true, (500, 872), ("low", "ultra"), Tier::Offered, "0.160.0"),
    Row("gpt-6-astra", 5, true, (272, 872), ("low", "ultra"), Tier::Offered, "0.153.0"),
    Row("gpt-6-sol", 6, true, (272, 872), ("medium", "ultra"), Tier::Default, "0.155.0"),
    Row("gpt-6-luna", 7, true, (272, 872), ("medium", "max"), Tier::Default, "0.155.0"),
    Row("gpt-5.6-sol", 8, true, (272, 872), ("low", "ultra"), Tier::Offered, "0.146.0"),
    Row("gpt-5.6-terra", 9, true, (272, 872), ("medium", "ultra"), Tier::Offered, "0.146.0"),
    Row("gpt-5.6-luna", 10, true, (272, 872), ("medium", "max"), Tier::Offered, "0.146.0"),
    Row("gpt-daybreak-blue-latest", 11, false, (272, 872), ("low", "ultra"), Tier::None, "0.146.0"),
    Row(
        "gpt-daybreak-red-latest",
        12,
        false,
        (372, 372),
        ("medium", "ultra"),
        Tier::None,
        "0.146.0",
    ),
    Row("gpt-5.5", 13, true, (272, 272), ("medium", "xhigh"), Tier::Offered, "0.120.0"),
    Row("codex-auto-review", 43, false, (272, 872), ("medium", "max"), Tier::Offered, "0.146.0"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_are_made_from_slugs() {
        for (slug, name) in [
            ("gpt-6.1-sol", "GPT-6.1 Sol"),
            ("gpt-5.5", "GPT-5.5"),
            ("codex-auto-review", "Codex Auto Review"),
            ("x", "X"),
            ("", ""),
        ] {
            assert_eq!(display_name(slug), name);
        }
    }

    #[test]
    fn versions_compare_by_number() {
        let catalog = Catalog::bundled();
        assert!(catalog.find("gpt-6-sol", Some("0.155.0")).is_some());
        assert!(catalog.find("gpt-6-sol", Some("0.99.0")).is_none());
        assert!(catalog.find("gpt-6-sol", Some("0.0.0")).is_some());
        assert!(catalog.find("gpt-4", None).is_none());
    }
}
