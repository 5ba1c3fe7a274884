# SPDX-License-Identifier: Apache-2.0
# The commands of the README. Meson does the work; packages come from Debian and are installed when missing.
BUILD ?= build

.PHONY: all setup build test test-long demo check coverage valgrind lint proofs fuzz bench bench-large bench-seal clean help

all: build

help:
	@sed -n 's/^## //p' Makefile

## make setup   install the Debian packages that are missing (as root)
setup:
	@tools/setup

## make build   compile everything into build/
build: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) >/dev/null
	@ninja -C $(BUILD)

## make test    build, then run all tests
test: build
	@tools/run-tests $(BUILD)

## make test-long  every crash at every point, and minutes of random ones under load (SECONDS=300, SAMARA_SEED=)
test-long: build
	@tools/run-tests $(BUILD) --suite long

## make demo    build, then provision ten devices end to end and show the result
demo: build
	@/usr/bin/python3 tests/demo/demo.py --build $(BUILD)

## make coverage  which lines of core/ and tre/ the tests run, each that they do not with its reason
coverage: setup
	@tools/coverage

## make valgrind  the TRE, engine and program, under memcheck
valgrind: build
	@tools/valgrind $(BUILD)

## make lint    clang-format, clang-tidy, cppcheck, lengths of functions
lint: setup
	@tools/lint

## make proofs  check the protocol models with ProVerif, where it is installed
proofs:
	@proofs/run

## make fuzz    short fuzzing of every parser (SECONDS_EACH=30), with the coverage of each
fuzz: setup
	@tools/fuzz

## make bench   samarad and its floors in one run, a million devices in the store: build/bench.json, plots (about ten minutes)
bench: build
	@ninja -C $(BUILD) bench-programs >/dev/null
	@/usr/bin/python3 tests/bench/bench.py --build $(BUILD)

## make bench-large  the rate with ten million devices in the store over that with 100,000, added to build/bench.json
bench-large: build
	@ninja -C $(BUILD) bench-programs >/dev/null
	@/usr/bin/python3 tests/bench/bench.py --build $(BUILD) --large

## make bench-seal  how near sealing comes to the bare public-key operations (DEVICES=100000)
bench-seal: build
	@ninja -C $(BUILD) bench-programs >/dev/null
	@/usr/bin/python3 tests/bench/bench_seal.py --build $(BUILD) --devices $(or $(DEVICES),100000)

clean:
	rm -rf $(BUILD) build-*
