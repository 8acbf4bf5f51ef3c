//! Tests of the catalogue: names, efforts and the built-in table.

use chatmock_protocol::codex::models::{Entry, read_list};
use chatmock_protocol::effort::Effort;

use super::{Alias, Catalog, CatalogSource, Resolved, clamp, efforts};

fn entries(json: &str) -> Vec<Entry> {
    read_list(json.as_bytes()).unwrap()
}

fn live() -> Catalog {
    let list = r#"{"models":[
        {"slug":"gpt-6-luna","priority":4,"supported_reasoning_levels":[{"effort":"low"},{"effort":"high"}]},
        {"slug":"gpt-6-sol","priority":3,"visibility":"list","supported_reasoning_levels":[{"effort":"low"},{"effort":"medium"},{"effort":"xhigh"},{"effort":"ultra"}],"multi_agent_reasoning_effort":"medium"},
        {"slug":"inner-review","priority":9,"visibility":"hide"},
        {"slug":"gpt-reserve"}
    ]}"#;
    Catalog::new(entries(list), CatalogSource::Live, 5)
}

fn resolved(slug: &str, effort: Option<Effort>) -> Resolved {
    Resolved { slug: slug.to_owned(), effort, pinned: false, stands_in: false }
}

#[test]
fn models_are_listed_by_priority_without_the_hidden_ones() {
    let catalog = live();
    let listed: Vec<&str> = catalog.listed().map(|entry| entry.model.slug.as_str()).collect();
    assert_eq!(listed, ["gpt-6-sol", "gpt-6-luna", "gpt-reserve"]);
    assert_eq!(catalog.entries().len(), 4);
    assert_eq!((catalog.source(), catalog.fetched_at()), (CatalogSource::Live, 5));
}

#[test]
fn a_name_may_carry_an_effort_behind_any_of_three_signs() {
    for name in ["gpt-6-sol-high", "gpt-6-sol:high", "gpt-6-sol_high", " gpt-6-sol-HIGH "] {
        assert_eq!(live().resolve(name), Ok(resolved("gpt-6-sol", Some(Effort::High))), "{name}");
    }
    assert_eq!(live().resolve("gpt-6-sol"), Ok(resolved("gpt-6-sol", None)));
    assert_eq!(
        live().resolve("inner-review:ultra"),
        Ok(resolved("inner-review", Some(Effort::Ultra)))
    );
}

#[test]
fn a_slug_that_ends_like_an_effort_is_itself() {
    let catalog = Catalog::new(
        entries(r#"{"models":[{"slug":"a"},{"slug":"a-max"}]}"#),
        CatalogSource::Live,
        0,
    );
    assert_eq!(catalog.resolve("a-max"), Ok(resolved("a-max", None)));
    assert_eq!(catalog.resolve("a-max-low"), Ok(resolved("a-max", Some(Effort::Low))));
}

#[test]
fn a_name_that_a_live_or_cached_list_lacks_is_unknown_with_near_names() {
    for source in [CatalogSource::Live, CatalogSource::Cached] {
        let catalog = Catalog::new(live().entries().to_vec(), source, 0);
        let unknown = catalog.resolve("gpt-6-soll").unwrap_err();
        assert_eq!(unknown.nearest.first().map(String::as_str), Some("gpt-6-sol"));
        assert!(
            unknown.nearest.len() <= 3 && !unknown.nearest.contains(&"inner-review".to_owned())
        );
        assert!(catalog.resolve("gpt-7:high").is_err());
        assert!(catalog.resolve("gpt-6-sol-highest").is_err());
    }
}

#[test]
fn the_builtin_table_refuses_no_name() {
    let catalog = Catalog::builtin();
    assert_eq!(catalog.resolve("brand-new"), Ok(resolved("brand-new", None)));
    assert_eq!(catalog.resolve("brand-new:high"), Ok(resolved("brand-new", Some(Effort::High))));
    assert_eq!(catalog.resolve("brand-new-high"), Ok(resolved("brand-new-high", None)));
    assert_eq!(catalog.resolve("gpt-6-sol-max"), Ok(resolved("gpt-6-sol", Some(Effort::Max))));
    assert_eq!(catalog.resolve("brand-new:"), Ok(resolved("brand-new:", None)));
}

#[test]
fn the_builtin_table_reads_back_as_it_is_written() {
    let catalog = Catalog::builtin();
    assert_eq!((catalog.entries().len(), catalog.listed().count()), (14, 11));
    assert_eq!(catalog.source(), CatalogSource::Builtin);
    let first = &catalog.entries()[0].model;
    assert_eq!((first.slug.as_str(), first.context_window), ("gpt-6.2-sol", Some(500_000)));
    let plain = catalog.find("gpt-5.5").unwrap();
    assert_eq!(efforts(plain), [Effort::Low, Effort::Medium, Effort::High, Effort::Xhigh]);
    for entry in catalog.entries() {
        assert!(entry.model.default_reasoning_level.is_some(), "{}", entry.model.slug);
    }
    let with_ultra: Vec<&str> = catalog
        .entries()
        .iter()
        .filter(|entry| efforts(&entry.model).contains(&Effort::Ultra))
        .map(|entry| entry.model.slug.as_str())
        .collect();
    let expected = [
        "gpt-6.2-sol",
        "gpt-6.2-astra",
        "gpt-6.1-terra",
        "gpt-6.1-sol",
        "gpt-6-astra",
        "gpt-6-sol",
        "gpt-5.6-sol",
        "gpt-5.6-terra",
        "gpt-daybreak-blue-latest",
        "gpt-daybreak-red-latest",
    ];
    assert_eq!(with_ultra, expected);
}

#[test]
fn an_effort_that_a_model_lacks_becomes_the_nearest_lower_of_two() {
    let catalog = live();
    let (sol, luna) = (catalog.find("gpt-6-sol"), catalog.find("gpt-6-luna"));
    for (model, wanted, sent) in [
        (sol, Effort::None, Effort::Low),
        (sol, Effort::Minimal, Effort::Low),
        (sol, Effort::Medium, Effort::Medium),
        (sol, Effort::High, Effort::Medium),
        (sol, Effort::Max, Effort::Xhigh),
        (luna, Effort::Medium, Effort::Low),
        (luna, Effort::Xhigh, Effort::High),
        (luna, Effort::Ultra, Effort::High),
        (None, Effort::Minimal, Effort::Minimal),
        (catalog.find("gpt-reserve"), Effort::Max, Effort::Max),
    ] {
        let slug = model.map(|model| model.slug.as_str());
        assert_eq!(clamp(model, wanted), sent, "{slug:?} {wanted}");
    }
}

#[test]
fn ultra_goes_out_as_the_model_s_own_word_for_it() {
    let catalog = live();
    assert_eq!(clamp(catalog.find("gpt-6-sol"), Effort::Ultra), Effort::Medium);
    assert_eq!(clamp(Catalog::builtin().find("gpt-6-sol"), Effort::Ultra), Effort::Xhigh);
    assert_eq!(clamp(None, Effort::Ultra), Effort::Xhigh);
}

fn aliased(aliases: &[(&str, &str)]) -> Catalog {
    let alias = |(name, target): &(&str, &str)| Alias {
        name: (*name).to_owned(),
        target: (*target).to_owned(),
    };
    live().with_aliases(aliases.iter().map(alias).collect())
}

#[test]
fn an_alias_stands_for_a_model_perhaps_with_an_effort() {
    let catalog = aliased(&[("opus", "gpt-6-sol:high"), ("haiku", "gpt-6-luna")]);
    let high = resolved("gpt-6-sol", Some(Effort::High));
    for name in ["opus", " opus "] {
        assert_eq!(catalog.resolve(name), Ok(high.clone()), "{name:?}");
    }
    assert_eq!(catalog.resolve("haiku"), Ok(resolved("gpt-6-luna", None)));
    assert_eq!(catalog.resolve("gpt-6-sol"), Ok(resolved("gpt-6-sol", None)));
}

#[test]
fn an_effort_behind_an_alias_wins_over_its_own() {
    let catalog = aliased(&[("opus", "gpt-6-sol:high"), ("o-max", "gpt-6-luna")]);
    for name in ["opus:low", "opus-low", "opus_low"] {
        assert_eq!(catalog.resolve(name), Ok(resolved("gpt-6-sol", Some(Effort::Low))), "{name}");
    }
    // An alias that ends like an effort is itself.
    assert_eq!(catalog.resolve("o-max"), Ok(resolved("gpt-6-luna", None)));
    let builtin = Catalog::builtin().with_aliases(aliased(&[("opus", "gpt-6-sol")]).aliases);
    assert_eq!(builtin.resolve("opus:low"), Ok(resolved("gpt-6-sol", Some(Effort::Low))));
}

#[test]
fn an_alias_wins_over_a_model_of_its_name_and_is_not_followed_twice() {
    let catalog = aliased(&[("gpt-6-sol", "gpt-6-luna"), ("a", "b"), ("b", "gpt-6-luna")]);
    assert_eq!(catalog.resolve("gpt-6-sol"), Ok(resolved("gpt-6-luna", None)));
    assert!(catalog.resolve("a").is_err());
    // Behind another alias the models' own names are meant.
    let catalog = aliased(&[("gpt-6-sol", "gpt-6-luna"), ("other", "gpt-6-sol")]);
    assert_eq!(catalog.resolve("other"), Ok(resolved("gpt-6-sol", None)));
}

#[test]
fn an_alias_may_stand_for_a_hidden_model_and_is_among_the_near_names() {
    let catalog = aliased(&[("reviewer", "inner-review")]);
    assert_eq!(catalog.resolve("reviewer"), Ok(resolved("inner-review", None)));
    let unknown = catalog.resolve("reviewr").unwrap_err();
    assert_eq!(unknown.nearest.first().map(String::as_str), Some("reviewer"));
}

#[test]
fn names_are_the_aliases_and_the_models_each_once() {
    let names = |catalog: &Catalog, efforts: bool| -> Vec<(String, String)> {
        let names = catalog.names(efforts).into_iter();
        names.map(|(name, entry)| (name, entry.model.slug.clone())).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, slug)| ((*name).to_owned(), (*slug).to_owned())).collect()
    };
    let aliases = [
        ("opus", "gpt-6-sol:high"),
        ("gone", "gpt-5"),
        ("gpt-6-luna", "gpt-6-sol"),
        ("r", "inner-review"),
    ];
    let catalog = aliased(&aliases);
    let own = [("opus", "gpt-6-sol"), ("gpt-6-luna", "gpt-6-sol"), ("r", "inner-review")];
    let expected =
        [&own[..], &[("gpt-6-sol", "gpt-6-sol"), ("gpt-reserve", "gpt-reserve")]].concat();
    assert_eq!(names(&catalog, false), pairs(&expected));
    let variants = names(&live(), true);
    let sol =
        ["gpt-6-sol", "gpt-6-sol-low", "gpt-6-sol-medium", "gpt-6-sol-xhigh", "gpt-6-sol-ultra"];
    let named: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).take(5).collect();
    assert_eq!(named, sol);
    for (name, slug) in variants {
        assert_eq!(live().resolve(&name).unwrap().slug, slug);
    }
}
