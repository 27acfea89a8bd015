# make run    build, start the server with a working example, and say where to look: the console is at /console/
# make test   every test: Rust, then the real server driven by real clients
# make check  format, lints, licences
# make console  the console's files, which the next build puts into the binary
# make bench  the tables of docs/performance.md, beside the servers that make bench-peers installs

.PHONY: run test check bench bench-map bench-peers build console

export CARGO_TERM_COLOR ?= auto

build: console
	cargo build --release --locked -p windlass

# Where Node.js 20 is missing the binary is built without the console, and says so at /console.
console:
	@if node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; then \
	npm ci --prefix console --no-audit --no-fund --loglevel=error && npm run --prefix console --silent build; \
	else echo "Node.js 20 is not installed: the console is left out"; fi

run: build
	examples/order-fulfillment/run.sh target/release/windlass

test:
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace --locked; \
	else cargo test --workspace --locked; fi
	@if [ -d console/node_modules ]; then npm run --prefix console --silent test; else echo "the console was not built, its tests are skipped (make console)"; fi
	tests/run.sh

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked --log-level error check licenses bans sources; \
	else echo "cargo-deny is not installed: licences were not checked (cargo install --locked cargo-deny)"; fi

# BENCH_PART: executions, services or jsonata; without it all of them
bench:
ifneq ($(BENCH_PART),jsonata)
	cargo bench --locked -p windlass --bench server
endif
ifeq ($(filter executions services,$(BENCH_PART)),)
	cargo bench --locked -p windlass-jsonata --bench jsonata
endif

bench-map:
	cargo build --locked --release -p windlass
	cd tests && WINDLASS_BIN=$(abspath $(or $(CARGO_TARGET_DIR),target)/release/windlass) ../.venv/bin/python map_throughput.py

PEERS = $(or $(CARGO_TARGET_DIR),target)/peers

bench-peers:
	python3 -m venv $(PEERS)/ministack
	$(PEERS)/ministack/bin/pip install --quiet ministack==1.5.33
	python3 -m venv $(PEERS)/moto
	$(PEERS)/moto/bin/pip install --quiet 'moto[server,s3,sqs,sns]==5.2.5'
