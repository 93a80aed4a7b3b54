//! What `transformers` needs beside the weights to load a model as its own.

use serde_json::{Value, json};

use super::{gpt2, llama, rotary};
use crate::config::train::{Architecture, TrainSettings};

/// `config.json` as `transformers` writes it for the class that the weights' names are of.
pub(crate) fn hugging_face_config(settings: &TrainSettings) -> Value {
    match settings.architecture {
        Architecture::Llama => llama_config(settings),
        Architecture::Gpt2 => gpt2_config(settings),
    }
}

/// `LlamaForCausalLM`, or `Qwen3ForCausalLM`, which is the same with norms on queries and keys.
fn llama_config(settings: &TrainSettings) -> Value {
    let (class, kind) = if settings.qk_norm {
        ("Qwen3ForCausalLM", "qwen3")
    } else {
        ("LlamaForCausalLM", "llama")
    };
    json!({
        "architectures": [class],
        "model_type": kind,
        "vocab_size": settings.vocab_size,
        "hidden_size": settings.width,
        "intermediate_size": settings.ffn_width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "num_key_value_heads": settings.kv_heads,
        "head_dim": settings.width / settings.heads,
        "hidden_act": "silu",
        "max_position_embeddings": settings.sequence_length,
        "initializer_range": settings.initializer_range,
        "rms_norm_eps": llama::NORM_EPSILON,
        "rope_theta": rotary::THETA,
        "rope_scaling": null,
        "attention_bias": false,
        "attention_dropout": 0.0,
        "mlp_bias": false,
        "tie_word_embeddings": settings.tie_embeddings,
        "bos_token_id": null,
        "eos_token_id": null,
        "use_cache": true,
        "torch_dtype": "float32",
    })
}

/// `GPT2LMHeadModel`.
fn gpt2_config(settings: &TrainSettings) -> Value {
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": settings.vocab_size,
        "n_embd": settings.width,
        "n_inner": settings.ffn_width,
        "n_layer": settings.layers,
        "n_head": settings.heads,
        "n_positions": settings.sequence_length,
        "activation_function": "gelu_new",
        "initializer_range": settings.initializer_range,
        "layer_norm_epsilon": gpt2::NORM_EPSILON,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "tie_word_embeddings": true,
        "bos_token_id": null,
        "eos_token_id": null,
        "use_cache": true,
        "torch_dtype": "float32",
    })
}
