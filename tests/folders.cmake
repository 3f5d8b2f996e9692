# Tests that are larger than one folder.

# What scripts/bench compares with.
weft_program(tests/bench/relay NAME bench-relay)
weft_program(tests/bench/load NAME bench-load DEPS common/time)
if(NOT WEFT_SANITIZE)
  add_library(bench-allocations SHARED tests/bench/allocations/allocations.cc)
endif()

# Parsers of foreign bytes; scripts/fuzz runs them.
weft_fuzzer(http1_request DEPS agent/codec/http1)
weft_fuzzer(http1_response DEPS agent/codec/http1)
weft_fuzzer(bundle DEPS common/wire)
