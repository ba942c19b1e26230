# The verbs people type; Meson and Ninja do the work. `make help` lists them.
BUILD := build
MINUTES ?= 5

.PHONY: all build run test check fuzz bench bench-quick install clean help deps-build deps-test deps-check

all: build

help:
	@echo 'make            build into $(BUILD)/; the program is $(BUILD)/pomona'
	@echo 'make run        build and boot the embedded guest (Ctrl-A x leaves)'
	@echo 'make test       the everyday tests: 12 minutes or less'
	@echo 'make check      all oracles at full size: 90 minutes or less'
	@echo 'make fuzz       the fuzzers, MINUTES=$(MINUTES)'
	@echo 'make bench      the benchmarks beside QEMU; all, an hour, writes docs/performance.md; ONLY=NAMES: some'
	@echo 'make bench-quick  all rows in about five minutes'
	@echo 'make install    into PREFIX (default /usr/local); DESTDIR is honoured'
	@echo 'make clean      remove what was built (downloads in $(BUILD)/cache stay)'

deps-build:
	@tools/install-deps build

deps-test:
	@tools/install-deps test

deps-check:
	@tools/install-deps check

$(BUILD)/build.ninja: | deps-build
	meson setup $(BUILD) $(if $(PREFIX),--prefix $(PREFIX))

build: deps-build $(BUILD)/build.ninja
	@ninja -C $(BUILD) pomona

run: build
	@$(BUILD)/pomona run

test: deps-test $(BUILD)/build.ninja
	@tests/run test

check: deps-check $(BUILD)/build.ninja
	@tests/run check

fuzz: deps-test
	@tests/run fuzz $(MINUTES)

bench: deps-test $(BUILD)/build.ninja
	@bench/run --full $(if $(ONLY),--only $(ONLY))

bench-quick: deps-test $(BUILD)/build.ninja
	@bench/run --quick

install: build
	@$(if $(PREFIX),meson configure $(BUILD) --prefix $(PREFIX))
	meson install -C $(BUILD) $(if $(DESTDIR),--destdir $(DESTDIR))

clean:
	@[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +
