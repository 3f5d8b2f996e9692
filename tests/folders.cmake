# Tests that are larger than one folder.

# What scripts/bench compares with.
weft_program(tests/bench/relay NAME bench-relay)
weft_program(tests/bench/load NAME bench-load DEPS common/time)
# Nanoseconds and allocations of the decision core; run by hand.
weft_program(tests/bench/decide NAME bench-decide DEPS agent/engine)
if(NOT WEFT_SANITIZE)
  add_library(bench-allocations SHARED tests/bench/allocations/allocations.cc)
endif()

# Thousands of simulated agents for tests/scale.
weft_program(tests/scale/agents NAME scale-agents DEPS agent/dial common/random common/wire LINK weft_ext_nghttp2 weft_ext_ssl)
if(NOT WEFT_FUZZ)
  add_test(NAME integration_many COMMAND python3 tests/integration/many_test.py WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(integration_many PROPERTIES LABELS slow TIMEOUT 300 ENVIRONMENT "WEFT_BIN=${CMAKE_BINARY_DIR}/bin")
endif()

# Scenarios in virtual time; scripts/sim runs them.
weft_library(tests/sim/baseline DEPS agent/simulate)
weft_library(tests/sim DEPS tests/sim/baseline agent/breaker agent/limit controlplane/quota LINK weft_ext_json)
weft_program(tests/sim/app NAME weft-sim DEPS tests/sim)
if(NOT WEFT_FUZZ)
  add_test(NAME sim_quick COMMAND weft-sim --quick --seeds 2)
  set_tests_properties(sim_quick PROPERTIES LABELS slow TIMEOUT 300)
endif()

# Parsers of foreign bytes; scripts/fuzz runs them.
weft_fuzzer(http1_request DEPS agent/codec/http1)
weft_fuzzer(http1_response DEPS agent/codec/http1)
weft_fuzzer(http2_session DEPS agent/codec/http2)
weft_fuzzer(client_hello DEPS agent/detect)
weft_fuzzer(proxy_header DEPS agent/detect)
weft_fuzzer(tls_server DEPS agent/tls)
weft_fuzzer(learned_ports DEPS agent/detect)
weft_fuzzer(bundle DEPS common/wire)
weft_fuzzer(cache DEPS agent/config)
weft_fuzzer(yaml_documents DEPS common/compile common/wire)
weft_fuzzer(selector DEPS common/resource)
weft_fuzzer(report DEPS controlplane/telemetry)
weft_fuzzer(certificate_request DEPS common/x509)
weft_fuzzer(sealed_identity DEPS agent/identity)
weft_fuzzer(consul DEPS controlplane/intake/consul)
weft_fuzzer(etcd_keys DEPS controlplane/intake/etcd)
weft_fuzzer(dns_answer DEPS controlplane/intake/dns)
weft_fuzzer(kubernetes_objects DEPS controlplane/intake/kubernetes)
weft_fuzzer(admission_review DEPS controlplane/webhook)
weft_join_fuzzers()

# The alert rules, where Prometheus' own tool is installed.
find_program(WEFT_PROMTOOL promtool)
if(WEFT_PROMTOOL)
  add_test(NAME prometheus_alerts COMMAND ${WEFT_PROMTOOL} test rules weft-alerts.test.yaml
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/deploy/prometheus)
  set_tests_properties(prometheus_alerts PROPERTIES TIMEOUT 60)
endif()

# Fakes and a mesh in one process, and the tests that use them.
weft_library(tests/support DEPS agent/forward LINK GTest::gtest)
# The agent's own control stream against the control plane's.
weft_add_test(control_stream_test tests/integration SOURCES ${CMAKE_SOURCE_DIR}/tests/integration/control_stream_test.cc
  DEPS agent/config controlplane/stream)
weft_add_test(telemetry_stream_test tests/integration SOURCES ${CMAKE_SOURCE_DIR}/tests/integration/telemetry_stream_test.cc
  DEPS agent/uplink controlplane/telemetry)
weft_add_test(weftctl_test tests/integration SOURCES ${CMAKE_SOURCE_DIR}/tests/integration/weftctl_test.cc
  DEPS controlplane/app controlplane/ctl)

# A control plane that sends what a test tells it to.
weft_program(tests/integration/scripted_control NAME scripted-control DEPS common/wire LINK weft_ext_grpc)

# Requests that we accept and write again, read by llhttp where Node is installed.
weft_program(tests/differential NAME http1-messages DEPS agent/codec/http1)
find_program(WEFT_NODE node)
if(WEFT_NODE AND NOT WEFT_FUZZ)
  add_test(NAME http1_differential WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} COMMAND
    sh -c "$<TARGET_FILE:http1-messages> tests/fuzz/corpus/http1_request 40000 | ${WEFT_NODE} tests/differential/http1.js")
  set_tests_properties(http1_differential PROPERTIES TIMEOUT 120)
elseif(NOT WEFT_FUZZ)
  message(STATUS "node is not installed: test http1_differential is left out")
endif()

# Clones share the compiler cache, and none gets a stale object.
if(WEFT_CCACHE AND NOT WEFT_FUZZ)
  add_test(NAME compiler_cache COMMAND ${CMAKE_SOURCE_DIR}/tests/integration/cached_test.py)
  set_tests_properties(compiler_cache PROPERTIES LABELS release-only TIMEOUT 240)
endif()

# Services from the real etcd, dnsmasq and Consul.
if(NOT WEFT_FUZZ)
  add_test(NAME integration_discovery COMMAND python3 tests/integration/discovery_test.py WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(integration_discovery PROPERTIES LABELS slow TIMEOUT 300 ENVIRONMENT "WEFT_BIN=${CMAKE_BINARY_DIR}/bin")
endif()

# The examples of docs/api.md.
if(NOT WEFT_FUZZ)
  add_test(NAME api_examples COMMAND ${CMAKE_SOURCE_DIR}/tests/integration/api_examples_test.py
           $<TARGET_FILE:weft-control> $<TARGET_FILE:weftctl>)
  add_test(NAME openapi COMMAND ${CMAKE_SOURCE_DIR}/tests/integration/openapi_test.py $<TARGET_FILE:weft-control>)
  set_tests_properties(api_examples openapi PROPERTIES TIMEOUT 120)
endif()

# The mesh's manifests, and weftctl inject.
if(NOT WEFT_FUZZ)
  add_test(NAME manifests COMMAND ${CMAKE_SOURCE_DIR}/tests/integration/manifests_test.py $<TARGET_FILE:weftctl>)
  set_tests_properties(manifests PROPERTIES TIMEOUT 120)
endif()

# kill -9 under 16 writers and 200 agents: a few times here, more with the label slow; by hand as often as one likes.
weft_program(tests/integration/scripted_fleet NAME scripted-fleet DEPS proto LINK weft_ext_grpc weft_ext_json)
if(NOT WEFT_FUZZ)
  foreach(rounds 10 60)
    add_test(NAME store_kill_${rounds} COMMAND ${CMAKE_SOURCE_DIR}/tests/integration/store_kill_test.py
             ${CMAKE_BINARY_DIR}/bin ${rounds})
    set_tests_properties(store_kill_${rounds} PROPERTIES TIMEOUT 600)
  endforeach()
  set_tests_properties(store_kill_60 PROPERTIES LABELS slow)
  # What an operator does to it unmeant: full and read-only disks, a clock that is set, a second process; and
  # grpcurl at it with no proto file.
  foreach(name disk reflection)
    add_test(NAME integration_${name} COMMAND python3 tests/integration/${name}_test.py WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endforeach()
  set_tests_properties(integration_disk integration_reflection PROPERTIES LABELS slow TIMEOUT 900 ENVIRONMENT "WEFT_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
weft_library(tests/integration/path TEST_DEPS tests/support)

# faults, traffic, control and quota judge times and rates: each of them runs alone, the others beside one another.
if(NOT WEFT_FUZZ)
  foreach(name bodies large_bodies faults clients traffic control hostile hostile_api http2 reasons rate_limits quota refusals recording graph tls mtls multiplex linearizability identity streams slow_peers switching translation grpc_python redirect address)
    add_test(NAME integration_${name} COMMAND python3 tests/integration/${name}_test.py WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(integration_${name} PROPERTIES LABELS slow TIMEOUT 900 ENVIRONMENT "WEFT_BIN=${CMAKE_BINARY_DIR}/bin")
  endforeach()
  set_tests_properties(integration_faults integration_traffic integration_control integration_quota PROPERTIES RUN_SERIAL ON)
  # What takes longest begins first.
  set_tests_properties(integration_large_bodies integration_clients integration_bodies integration_mtls PROPERTIES COST 60)
endif()
