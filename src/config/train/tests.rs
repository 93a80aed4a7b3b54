use super::*;

fn resolve(toml: &str) -> Result<TrainSettings, TrainConfigError> {
    toml::from_str::<TrainConfig>(toml).unwrap().resolve(256, 50_257)
}

#[test]
fn presets_are_what_their_names_and_docs_say() {
    for (name, n) in [
        ("30k", 26_784),
        ("100k", 106_816),
        ("300k", 332_448),
        ("1m", 1_004_928),
        ("3m", 3_099_456),
        ("10m", 10_621_824),
        ("30m", 31_631_872),
        ("100m", 99_112_704),
        ("300m", 303_612_928),
        ("1b", 1_008_027_648),
    ] {
        let settings = resolve(&format!("preset = \"{name}\"")).unwrap();
        assert_eq!(settings.non_embedding(), n, "{name}");
    }
    for preset in Preset::ALL {
        assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
    }
}

#[test]
fn gpt2_is_as_large_as_openais() {
    // Its 124,439,808 parameters are 84.95 M of blocks, 50,257 tokens and 1,024 positions.
    let config = "architecture = \"gpt2\"\nlayers = 12\nwidth = 768\nheads = 12\nsteps = 1";
    let settings = toml::from_str::<TrainConfig>(config).unwrap().resolve(1_024, 50_257).unwrap();
    assert_eq!(settings.parameters(), 124_439_808);
    assert_eq!(settings.non_embedding(), 124_439_808 - (50_257 + 1_024) * 768);
    assert!(settings.tie_embeddings && settings.ffn_width == 3_072);
}

#[test]
fn qk_norm_adds_two_vectors_of_a_heads_size() {
    let [plain, normed] = ["", "qk_norm = true"].map(|toml| resolve(toml).unwrap());
    assert_eq!(normed.non_embedding() - plain.non_embedding(), 5 * 2 * (128 / 4));
}

#[test]
fn flops_count_the_output_matrix_and_attention() {
    let settings = resolve("tie_embeddings = true").unwrap();
    let matrices = settings.non_embedding() + 50_257 * 128;
    assert_eq!(settings.flops_per_token(), 6 * matrices + 12 * 5 * 128 * 256);
    assert_eq!(settings.flops_per_token(), resolve("").unwrap().flops_per_token());
}

#[test]
fn defaults_follow_the_ladder() {
    let settings = resolve("").unwrap();
    assert_eq!((settings.layers, settings.width), (5, 128));
    assert_eq!(settings.batch_tokens(), 57 * 256); // 14,475 by the formula
    assert_eq!(settings.steps, 1_378); // 20 N
    assert!((settings.learning_rate - 0.01118).abs() < 1e-4);
    assert_eq!(settings.warmup_steps, 69);
    assert_eq!(settings.parameters(), 1_004_928 + 2 * 50_257 * 128, "untied by default");
}

#[test]
fn a_preset_can_be_overridden_and_a_shape_given_by_hand() {
    let settings = resolve("preset = \"1m\"\nkv_heads = 2\nffn_width = 96").unwrap();
    assert_eq!((settings.heads, settings.kv_heads, settings.ffn_width), (4, 2, 96));
    let settings = resolve("layers = 1\nwidth = 40\nheads = 2\nsteps = 7").unwrap();
    assert_eq!((settings.kv_heads, settings.ffn_width, settings.steps), (2, 128, 7));
}

#[test]
fn errors_name_the_key_and_the_way_out() {
    for (toml, message) in [
        (
            "steps = 5\ntokens = 5",
            "`train.steps`: `tokens` is given as well, and both say how long to train; keep one of the two",
        ),
        (
            "batch_tokens = 1000",
            "`train.batch_tokens`: 1000 is not a multiple of `sequence_length` = 256; try 768",
        ),
        (
            "width = 64",
            "`train.layers`: is missing, and there is no `preset` to take it from; give `layers`, `width` and `heads`, or a `preset`",
        ),
        (
            "heads = 3\npreset = \"1m\"",
            "`train.heads`: 3 heads do not divide width 128 into heads of even size; rotary positions need pairs: choose `width` as `heads` × an even number",
        ),
        (
            "kv_heads = 3",
            "`train.kv_heads`: 3 does not divide `heads` = 4; give a divisor of `heads`",
        ),
        (
            "architecture = \"gpt2\"\nkv_heads = 2",
            "`train.kv_heads`: GPT-2 has as many as `heads` = 4; leave it out, or take `architecture` = \"llama\"",
        ),
        (
            "architecture = \"gpt2\"\nqk_norm = true",
            "`train.qk_norm`: GPT-2 does not norm queries and keys; leave it out, or take `architecture` = \"llama\"",
        ),
        (
            "architecture = \"gpt2\"\ntie_embeddings = false",
            "`train.tie_embeddings`: GPT-2's output matrix is its embedding matrix; leave it out, or take `architecture` = \"llama\"",
        ),
        (
            "learning_rate = 0.0",
            "`train.learning_rate`: 0 is out of range; give a number above 0 and at most 1, for example 0.01",
        ),
        (
            "steps = 2\nwarmup_tokens = 1000000",
            "`train.warmup_tokens`: the warm-up takes 69 steps and the training 2; lower it, or raise `steps` or `tokens`",
        ),
    ] {
        assert_eq!(resolve(toml).unwrap_err().to_string(), message);
    }
}

#[test]
fn unknown_keys_are_refused() {
    assert!(toml::from_str::<TrainConfig>("learning-rate = 0.1").is_err());
}

#[test]
fn the_digest_ignores_what_does_not_change_the_weights() {
    let one = resolve("steps = 100\neval_every = 5\ndevice = \"cpu\"").unwrap();
    let two = resolve("steps = 100\ncheckpoint_every = 7").unwrap();
    let three = resolve("steps = 101").unwrap();
    let json = |settings| serde_json::to_string(settings).unwrap();
    assert_eq!(json(&one), json(&two));
    assert_ne!(json(&one), json(&three));
}

#[test]
fn wsd_s_ends_at_its_last_horizon() {
    let settings =
        resolve("schedule = \"wsd-s\"\nbatch_tokens = 2560\nhorizons = [25_000, 50_000, 102_400]")
            .unwrap();
    assert_eq!(settings.horizons, [10, 20, 40]);
    assert_eq!(settings.steps, 40);
    for (toml, said) in [
        ("schedule = \"wsd-s\"", "is missing"),
        ("schedule = \"wsd-s\"\nhorizons = []", "is missing"),
        ("horizons = [1000]", "alone"),
        ("schedule = \"wsd-s\"\nhorizons = [1000000]\nsteps = 5", "`steps` or `tokens`"),
        ("schedule = \"wsd-s\"\nhorizons = [1000000, 1100000]", "too near"),
        ("schedule = \"wsd-s\"\nhorizons = [2000000, 1000000]", "too near"),
        ("schedule = \"wsd-s\"\nhorizons = [0, 1000000]", "too near"),
    ] {
        let error = resolve(toml).unwrap_err();
        assert_eq!(error.key, "horizons");
        assert!(error.problem.contains(said), "{toml}: {error}");
    }
}

#[test]
fn what_does_not_change_the_weights_is_not_in_the_digest() {
    let digest = |toml: &str| serde_json::to_string(&resolve(toml).unwrap()).unwrap();
    let plain = digest("");
    for same in [
        "keep_last = 3",
        "keep_every = 10",
        "activation_checkpointing = true",
        "checkpoint_every = 3",
    ] {
        assert_eq!(digest(same), plain, "{same}");
    }
    for other in ["optimizer = \"muon\"", "z_loss = 1e-4", "document_masking = true"] {
        assert_ne!(digest(other), plain, "{other}");
    }
    assert_eq!(resolve("z_loss = -1").unwrap_err().key, "z_loss");
    assert_eq!(resolve("keep_last = 0").unwrap_err().key, "keep_last");
}
