//! The task of a flow phase: documents of one split pass through the stages between two exchanges.

use super::ExecError;
use super::answers::Answers;
use super::counters::{Counters, count};
use super::documents::DocumentsWriter;
use super::engine::Engine;
use super::manifest::{Output, Role};
use super::records::Records;
use super::rejected::RejectedWriter;
use super::spool::{SpoolReader, SpoolWriter, held_texts};
use super::stream;
use super::task::Inputs;
use crate::config::outcome::Rejected;
use crate::document::{Batch, Verdict};
use crate::exchange::Record;
use crate::exchange::{Cuts, ExchangeWriter, KEY_BYTES};
use crate::ledger::LedgerWriter;
use crate::ops::Outbox;
use crate::plan::{FlowInput, FlowOutput};
use crate::read::split::Split;
use crate::tokens::TokenBatch;
use crate::tokens::sink::TokenSink;

/// A flow phase, as its tasks see it.
pub(super) struct Flow<'a> {
    pub engine: &'a Engine,
    pub input: &'a FlowInput,
    pub stages: std::ops::Range<usize>,
    pub output: &'a FlowOutput,
    pub split: Split,
    /// Number of the split, and of the task.
    pub index: u32,
    /// Where files for later phases go, with this attempt's name.
    pub work: String,
}

/// A batch that went through the stages.
struct Processed {
    batch: Batch,
    sent: Outbox,
    tokens: Option<TokenBatch>,
    counters: Counters,
}

impl Flow<'_> {
    pub(super) fn run(&self, inputs: &Inputs) -> Result<(Vec<Output>, Counters), ExecError> {
        match self.input {
            FlowInput::Source => {
                let mut records = Records::open(self.engine, &self.split)?;
                let mut result = self.stream(|| records.next())?;
                result.1.read = records.read();
                result.1.passed_over = records.passed_over();
                Ok(result)
            }
            FlowInput::Spool { stage, .. } => {
                let store = &self.engine.store;
                let spool = inputs.spool.get(self.index as usize).map_or("", String::as_str);
                let mut spool = SpoolReader::open(store, spool, &self.engine.plan)?;
                let scratch = format!("{}.answers", self.work);
                let mut answers = Answers::open(store, inputs, self.index, &scratch)?;
                let mut judged = Counters::default();
                let mut remembered = Remembered::create(self, *stage);
                let mut result = self.stream(|| {
                    let Some(mut batch) = spool.next()? else { return Ok(None) };
                    let found = answers.of(&batch)?;
                    if let Some(remembered) = &mut remembered {
                        remembered.push(self, *stage, &batch, &found)?;
                    }
                    self.conclude(*stage, &mut batch, &found, &mut judged)?;
                    Ok(Some(batch))
                })?;
                if let Some(remembered) = remembered {
                    result.0.push(remembered.finish()?);
                }
                answers.close()?;
                result.1.add(&judged);
                Ok(result)
            }
        }
    }

    /// The end of the stage that the documents were put aside for.
    fn conclude(
        &self,
        stage: usize,
        batch: &mut Batch,
        found: &[(usize, Record)],
        counters: &mut Counters,
    ) -> Result<(), ExecError> {
        let (engine, source) = (self.engine, self.split.source);
        if engine.join_op(stage).is_some() {
            engine.joined(stage, source, batch, found, counters)
        } else {
            engine.conclude(stage, (source, self.index), batch, found, counters)
        }
    }

    fn stream(
        &self,
        source: impl FnMut() -> Result<Option<Batch>, ExecError> + Send,
    ) -> Result<(Vec<Output>, Counters), ExecError> {
        let engine = self.engine;
        let mut counters = Counters::default();
        let mut sink = Sink::create(self)?;
        stream::ordered(
            &engine.pool,
            engine.resources.in_flight(),
            source,
            |batch| self.process(batch),
            |processed| {
                counters.add(&processed.counters);
                sink.push(self, &processed)
            },
        )?;
        let outputs = sink.finish()?;
        Ok((outputs, counters))
    }

    /// All stages of the phase over one batch, and what its output needs.
    fn process(&self, mut batch: Batch) -> Result<Processed, ExecError> {
        let engine = self.engine;
        let mut counters = Counters::default();
        if matches!(self.input, FlowInput::Source) {
            counters.text_bytes = batch.text_bytes() as u64;
            for verdict in &batch.verdicts {
                if let Verdict::Failed { reason } = verdict {
                    count(&mut counters.failed, *reason);
                }
            }
        }
        engine.run_stages(self.stages.clone(), self.split.source, &mut batch, &mut counters)?;
        let unread = batch.kept_rows().find(|&row| batch.chars_in[row].is_none());
        if let Some(row) = unread {
            return Err(ExecError::Unread { id: batch.ids[row] });
        }
        let mut sent = Outbox::default();
        let mut tokens = None;
        match self.output {
            FlowOutput::Exchange { stage, .. } => {
                let place = (self.split.source, self.index);
                sent = engine.send(*stage, place, &batch, &mut counters)?;
                batch.texts = held_texts(&batch, engine.plan.rejected);
            }
            FlowOutput::Final { .. } => {
                if let Some(built) = &engine.tokens {
                    let encoded = built.encoder.encode(self.split.source, &batch)?;
                    for row in 0..batch.len() {
                        if let Some(reason) = encoded.failure(row) {
                            batch.verdicts[row] = Verdict::Failed { reason };
                            count(&mut counters.failed, reason);
                        }
                    }
                    tokens = Some(encoded);
                }
                for row in 0..batch.len() {
                    match batch.verdicts[row] {
                        Verdict::Kept => {
                            counters.kept += 1;
                            counters.chars_kept += batch.chars_in[row].unwrap_or(0);
                        }
                        Verdict::Dropped { .. } => counters.dropped += 1,
                        Verdict::Failed { .. } => {}
                    }
                }
            }
        }
        Ok(Processed { batch, sent, tokens, counters })
    }
}

/// What an index is to remember of the documents of a split.
struct Remembered {
    out: ExchangeWriter,
    rows: u64,
}

impl Remembered {
    fn create(flow: &Flow<'_>, stage: usize) -> Option<Self> {
        flow.engine.plan.stages[stage].index.as_ref()?;
        let path = format!("{}.remembered", flow.work);
        let budget = flow.engine.resources.exchange_bytes();
        let cuts = Cuts::Even { parts: 1 };
        Some(Self { out: ExchangeWriter::new(&flow.engine.store, path, cuts, budget), rows: 0 })
    }

    fn push(
        &mut self,
        flow: &Flow<'_>,
        stage: usize,
        batch: &Batch,
        found: &[(usize, Record)],
    ) -> Result<(), ExecError> {
        let place = (flow.split.source, flow.index);
        for bytes in flow.engine.remember(stage, place, batch, found)? {
            let mut key = [0; KEY_BYTES];
            key[..8].copy_from_slice(&self.rows.to_be_bytes());
            self.out.push(key, &bytes)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(self) -> Result<Output, ExecError> {
        Ok(Output { role: Role::Remembered, written: self.out.finish()?, rows: self.rows })
    }
}

/// Where a flow's batches end.
enum Sink {
    Exchange {
        spool: Box<SpoolWriter>,
        keys: Box<ExchangeWriter>,
        records: u64,
    },
    Final {
        documents: Box<DocumentsWriter>,
        ledger: Box<LedgerWriter>,
        rejected: Option<Box<RejectedWriter>>,
        tokens: Option<Box<TokenSink>>,
    },
}

impl Sink {
    fn create(flow: &Flow<'_>) -> Result<Self, ExecError> {
        let engine = flow.engine;
        let (store, plan) = (&engine.store, &engine.plan);
        let budget = engine.resources.exchange_bytes();
        Ok(match flow.output {
            FlowOutput::Exchange { stage, cuts } => {
                let signals = plan.stages[*stage].signals.start;
                Self::Exchange {
                    spool: Box::new(SpoolWriter::create(
                        store,
                        &format!("{}.spool", flow.work),
                        plan,
                        signals,
                    )?),
                    keys: Box::new(ExchangeWriter::new(
                        store,
                        format!("{}.keys", flow.work),
                        *cuts,
                        budget,
                    )),
                    records: 0,
                }
            }
            FlowOutput::Final { tokens } => {
                let part = format!("part-{:05}.parquet", flow.index);
                Self::Final {
                    documents: Box::new(DocumentsWriter::create(
                        store,
                        &format!("documents/{part}"),
                        plan,
                    )?),
                    ledger: Box::new(LedgerWriter::create(store, &format!("ledger/{part}"), plan)?),
                    rejected: match plan.rejected {
                        Rejected::None => None,
                        _ => Some(Box::new(RejectedWriter::create(
                            store,
                            &format!("rejected/{part}"),
                            plan,
                        )?)),
                    },
                    tokens: if *tokens {
                        TokenSink::create(engine, &flow.work, flow.index)
                    } else {
                        None
                    },
                }
            }
        })
    }

    fn push(&mut self, flow: &Flow<'_>, processed: &Processed) -> Result<(), ExecError> {
        let batch = &processed.batch;
        match self {
            Self::Exchange { spool, keys, records } => {
                spool.push(batch)?;
                *records += processed.sent.deliver(keys)?;
                Ok(())
            }
            Self::Final { documents, ledger, rejected, tokens } => {
                let plan = &flow.engine.plan;
                let source = plan.sources[flow.split.source as usize].name.as_str();
                for row in 0..batch.len() {
                    let kept = batch.verdicts[row].is_kept();
                    let mut count = None;
                    if kept {
                        documents.push(source, batch, row)?;
                        if let (Some(sink), Some(encoded)) = (&mut *tokens, &processed.tokens) {
                            sink.push(source, batch, row, encoded)?;
                            count = Some(encoded.count(row));
                        }
                    } else if let Some(rejected) = rejected {
                        rejected.push(source, batch, row)?;
                    }
                    ledger.push(source, &flow.split, batch, row, count)?;
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Vec<Output>, ExecError> {
        let output = |role, (written, rows)| Output { role, written, rows };
        Ok(match self {
            Self::Exchange { spool, keys, records } => vec![
                output(Role::Spool, spool.finish()?),
                output(Role::Exchange, (keys.finish()?, records)),
            ],
            Self::Final { documents, ledger, rejected, tokens } => {
                let mut outputs = vec![
                    output(Role::Documents, documents.finish()?),
                    output(Role::Ledger, ledger.finish()?),
                ];
                if let Some(rejected) = rejected {
                    outputs.push(output(Role::Rejected, rejected.finish()?));
                }
                if let Some(sink) = tokens {
                    outputs.extend(sink.finish()?);
                }
                outputs
            }
        })
    }
}
