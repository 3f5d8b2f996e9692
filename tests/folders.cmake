# Tests that are larger than one folder.

# What scripts/bench compares with.
weft_program(tests/bench/relay NAME bench-relay)
weft_program(tests/bench/load NAME bench-load DEPS common/time)
if(NOT WEFT_SANITIZE)
  add_library(bench-allocations SHARED tests/bench/allocations/allocations.cc)
endif()
