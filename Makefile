# What people type. `make demo` and `make test` set up all they need on a fresh machine: the Rust
# toolchain is asked for, libtorch is fetched into the cache folder below.
CACHE ?= $(HOME)/.cache/tamis
export CARGO_TARGET_DIR ?= $(CACHE)/target
export LIBTORCH ?= $(CACHE)/libtorch-2.13.0
TAMIS = $(CARGO_TARGET_DIR)/debug/tamis

.PHONY: demo scale-demo test check bench libtorch libtorch-cuda schema build

# The main job, end to end on data-samples/: a funnel, shards, a checkpoint, a loss under the
# unigram model's.
demo: build
	$(TAMIS) run pipelines/quickstart.toml --out runs/quickstart

# A ladder of 20 small trainings from pipelines to a verdict: a smoke test, which claims nothing.
scale-demo: build
	$(TAMIS) scale pipelines/scaling/demo.toml --out runs/scale-demo

build: libtorch
	cargo build --features train

# One build of everything, tests of the training loop included. nextest where there is one.
test: libtorch
	@test -x $${TAMIS_READERS:-$(CACHE)/readers}/bin/python || \
	  echo "NOTE: the check of shards by megatron-core will be SKIPPED; tests/readers/setup.sh prepares it"
	@test -x $${TAMIS_MOTO:-$(CACHE)/moto}/bin/moto_server || \
	  echo "NOTE: the tests of object stores will be SKIPPED; tests/objects/setup.sh prepares them"
	@if command -v cargo-nextest >/dev/null; then \
	  cargo nextest run --features train --no-fail-fast && cargo test --doc --features train --quiet; \
	else \
	  cargo test --features train; \
	fi

check: libtorch
	cargo fmt --check
	cargo clippy --all-targets --features train -- -D warnings
	cargo clippy --quiet -- -D warnings # the engine alone, as it builds without libtorch
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --no-deps --features train --quiet
	cargo build --features train --quiet
	$(TAMIS) schema | diff pipelines/schema.json - || \
	  (echo "pipelines/schema.json is stale: run 'make schema'" && exit 1)
	@for pipeline in pipelines/*.toml; do $(TAMIS) check $$pipeline || exit 1; done

schema: build
	$(TAMIS) schema > pipelines/schema.json

bench: libtorch
	cargo bench --features train

libtorch:
	@.ci/libtorch $(LIBTORCH)

# The whole wheel with the nvidia-* libraries (several GB), for machines with a CUDA device.
libtorch-cuda:
	.ci/libtorch $(CACHE)/libtorch-2.13.0-cuda --cuda
	@echo "now: export LIBTORCH=$(CACHE)/libtorch-2.13.0-cuda"
