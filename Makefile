# What people and the build machine run. Every target does its own set-up; see README.md.
#
#   make demo          everything on one machine; ONCE=1 ends when the last step came out right
#   make test          all tests
#   make check         format, lints, docs, one TLS library, licences, words
#   make bench         speed and memory, as ratios
#   make fuzz          each fuzz target for FUZZ_SECONDS (needs cargo-fuzz and a nightly compiler)
#   make audit         known weaknesses of dependencies (needs cargo-deny and a way to its database)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt clippy doc one-tls licences words bench fuzz audit

CARGO ?= cargo
FUZZ_SECONDS ?= 60

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@.ci/setup

demo: setup
	@.ci/timed 'make demo' $(CARGO) run --locked -- demo $(if $(filter-out 0 no false,$(ONCE)),--once)

test: setup
	@.ci/test

check: setup fmt clippy doc one-tls licences words

fmt:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --locked --all-targets -- -D warnings

doc:
	@# the docs are for those who work on it: links to private parts are wanted
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --locked --no-deps --lib --document-private-items

one-tls:
	@.ci/one-tls

licences:
	@.ci/licences

words:
	@.ci/words

bench: setup
	$(CARGO) bench --locked --bench codec --bench session --bench memory --bench web --bench plan

fuzz: setup
	@.ci/fuzz $(FUZZ_SECONDS)

audit:
	@command -v cargo-deny >/dev/null || { echo 'make audit: install cargo-deny first: cargo install --locked cargo-deny' >&2; exit 1; }
	$(CARGO) deny --locked check advisories
