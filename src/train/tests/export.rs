//! Checkpoints in the hands of `transformers`.

use std::path::PathBuf;
use std::process::Command;

use safetensors::{Dtype, tensor::TensorView};
use tch::Tensor;

use super::super::checkpoint::Packed;
use super::super::interventions::Interventions;
use super::super::model::Rows;
use super::super::session::Progress;
use super::parity::Golden;
use super::store;

/// The Python of `tests/readers/setup.sh`, if it has `transformers`.
fn python() -> Option<PathBuf> {
    let folder = std::env::var_os("TAMIS_READERS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/tamis/readers"),
        PathBuf::from,
    );
    let python = folder.join("bin/python");
    let found = Command::new(&python).args(["-c", "import transformers"]).output();
    found.is_ok_and(|output| output.status.success()).then_some(python)
}

fn bytes<T: tch::kind::Element + Copy>(tensor: &Tensor, convert: impl Fn(T) -> Vec<u8>) -> Vec<u8>
where
    Vec<T>: TryFrom<Tensor, Error: std::fmt::Debug>,
{
    Vec::<T>::try_from(tensor.detach().reshape([-1]))
        .unwrap()
        .into_iter()
        .flat_map(convert)
        .collect()
}

#[test]
fn transformers_computes_our_logits_from_a_checkpoint() {
    let Some(python) = python() else {
        eprintln!(
            "SKIPPED: transformers_computes_our_logits_from_a_checkpoint needs \
             tests/readers/setup.sh to have run"
        );
        return;
    };
    let (folder, run) = store();
    let mut arguments = Vec::new();
    for (step, (name, golden)) in (1..).zip(Golden::models()) {
        let settings = golden.settings("");
        let trainer = golden.trainer(&settings);
        let progress = Progress { step, ..Progress::default() };
        let none = Interventions::default();
        let packed = Packed::new(&trainer, name, &progress, &none).unwrap();
        let checkpoint = packed.save(&run).unwrap();

        let length = i64::from(settings.sequence_length);
        let ids = golden.tensors["windows"].narrow(1, 0, length).contiguous();
        let rows = ids.size()[0];
        let hidden = trainer.model.hidden(&ids, Rows { rows, length, mask: None }).unwrap();
        let logits = hidden.matmul(&trainer.model.head().tr());
        let shape = [rows as usize, length as usize];
        let ids = bytes(&ids, |id: i64| id.to_le_bytes().into());
        let values = bytes(&logits, |logit: f32| logit.to_le_bytes().into());
        let vocab = settings.vocab_size as usize;
        let views = [
            ("ids", TensorView::new(Dtype::I64, shape.to_vec(), &ids).unwrap()),
            (
                "logits",
                TensorView::new(Dtype::F32, vec![shape[0], shape[1], vocab], &values).unwrap(),
            ),
        ];
        let file = folder.path().join(format!("{name}.safetensors"));
        std::fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();

        arguments.extend([folder.path().join(checkpoint), file]);
    }
    // One process: it takes long to start.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers/transformers_read.py");
    let output =
        Command::new(&python).args(["-W", "ignore", script]).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let classes: Vec<&str> = said.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(classes, ["LlamaForCausalLM", "Qwen3ForCausalLM", "GPT2LMHeadModel"], "{said}");
}
