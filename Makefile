# SPDX-License-Identifier: Apache-2.0
# A thin front: every target is a line or two that may as well be typed by hand.
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(JOBS)
export CMAKE_CXX_COMPILER_LAUNCHER ?= $(shell command -v ccache)
# ccache: the same objects in every clone, and with a precompiled header.
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1
export CCACHE_SLOPPINESS ?= pch_defines,time_macros,include_file_mtime,include_file_ctime

.PHONY: nxm demo test asan tsan aarch64 tidy check format bench fuzz clean
nxm: build/release/build.ninja  ## the program, build/release/nxm (after tools/setup)
	cmake --build --preset release --target nxm

demo:  ## from nothing to a 2:4-sparse film-review classifier
	tools/setup
	$(MAKE) nxm
	.venv/bin/python tools/demo_assets
	build/release/nxm demo

test:  ## from nothing to all tests passed; tests whose data cannot be fetched say so and are skipped
	tools/setup --test
	$(MAKE) build/release/build.ninja
	cmake --build --preset release
	-.venv/bin/python tools/demo_assets
	ctest --test-dir build/release --output-on-failure -j $(JOBS)

rooms = core io text data metrics recipe report sweep cli kernels infer
space := $(subst ,, )
asan tsan: %: build/%/build.ninja  ## C++ tests of every room but train, or of rooms="core io", with sanitizers
	cmake --build --preset $@ --target $(rooms:%=nxm_%_test)
	ctest --test-dir build/$@ --output-on-failure -L '^($(subst $(space),|,$(rooms)))$$' -LE python -j $(JOBS)

aarch64: build/aarch64/build.ninja  ## cross-compiled, and the tests of what has NEON code run by qemu
	cmake --build --preset aarch64 --target nxm_core_test nxm_kernels_test nxm_infer_test
	for room in core kernels infer; do qemu-aarch64-static build/aarch64/bin/nxm_$${room}_test --gtest_brief=1 || exit 1; done

tidy: build/tidy/build.ninja  ## clang-tidy over every room, as part of a clang build
	cmake --build --preset tidy --target nxm

check:  ## house rules and clang-format, nothing changed
	tools/check

format:  ## clang-format, in place
	tools/check --fix

bench: build/release/build.ninja
	cmake --build --preset release
	for bench in build/release/bench/*_bench; do env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $$bench || exit 1; done

fuzz: build/asan/build.ninja  ## every fuzz target for FUZZ_SECONDS from its seed corpus
	cmake --build --preset asan --target $(patsubst fuzz/%.cc,%,$(wildcard fuzz/*_fuzz.cc))
	tools/fuzz $(FUZZ_SECONDS) $(JOBS)

clean:
	rm -rf build

build/%/build.ninja:
	cmake --preset $*
.PRECIOUS: build/%/build.ninja
