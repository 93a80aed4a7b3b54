//! The file of `tamis scale`.

use super::*;

const FILE: &str = r#"
name = "does-cleaning-pay"
[[recipe]]
name = "all"
pipeline = "raw-web.toml"
[[recipe]]
name = "curated"
pipeline = "curated-web.toml"
[ladder]
params = [3e4, 6e4, 1.2e5, 2.4e5]
learning_rates = [0.33, 1, 3]
[target]
flops = 1e17
[evaluation]
sets = ["held-out/*.jsonl"]
"#;

fn refused(file: &str) -> String {
    match Scale::parse(Path::new("l.toml"), file) {
        Ok(_) => panic!("this should be refused: {file}"),
        Err(errors) => errors.render(false, 100),
    }
}

#[test]
fn the_issues_file_is_read_with_its_defaults() {
    let scale = Scale::parse(Path::new("l.toml"), FILE).unwrap();
    assert_eq!(scale.recipes.len(), 2);
    assert_eq!(scale.ladder.points(1e4), [5e4, 1e5, 2e5]);
    assert_eq!((scale.ladder.seeds, scale.ladder.vocabulary), (3, 2_048));
    assert_eq!(scale.target.unique_tokens, UniqueTokens::Named(Pool::Pool));
    let file = FILE.replace("flops = 1e17", "flops = 1e17\nunique_tokens = 5e8");
    let scale = Scale::parse(Path::new("l.toml"), &file).unwrap();
    assert_eq!(scale.target.unique_tokens, UniqueTokens::Count(5e8));
}

#[test]
fn mistakes_are_told_all_at_once_with_the_next_step() {
    let file = FILE
        .replace("[3e4, 6e4, 1.2e5, 2.4e5]", "[6e4, 3e4]")
        .replace("name = \"curated\"", "name = \"all\"")
        .replace("1e17", "-1");
    let said = refused(&file);
    for part in [
        "no rising list of numbers",
        "2 sizes are too few",
        "two recipes are named `all`",
        "flops = -1 is no positive number",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let both = "tokens = [1e5, 1.1e5]\ntokens_per_param = [20]\nlearning_rates";
    let said = refused(&FILE.replace("learning_rates", both));
    assert!(said.contains("are both given") && said.contains("closer than 5 to 4"), "{said}");
    let said = refused(&FILE.replace("learning_rates", "learning_rate"));
    assert!(said.contains("did you mean `learning_rates`?"), "{said}");
    let said = refused("name = \"x\"\n[lader]\n");
    assert!(said.contains("did you mean `ladder`?") && said.contains("there is no `recipe`"));
}
