# The control plane, in the order of a change.
weft_library(controlplane/auth DEPS common/result common/net common/stamp common/time)
weft_library(controlplane/caller DEPS controlplane/auth common/http common/x509 proto)
weft_library(controlplane/events DEPS common/time)
weft_library(controlplane/identity DEPS controlplane/auth controlplane/events common/file common/net common/stamp common/wire common/x509
  LINK weft_ext_json)
weft_library(controlplane/gate DEPS common/net common/result common/time)
weft_library(controlplane/store DEPS common/result common/time)
weft_library(controlplane/store/sqlite DEPS controlplane/store LINK weft_ext_sqlite weft_ext_xxhash)
weft_library(controlplane/rollout DEPS common/resource common/stats common/time common/wire)
weft_library(controlplane/sources DEPS common/net common/time)
weft_library(controlplane/api DEPS controlplane/auth controlplane/caller controlplane/events controlplane/identity controlplane/rollout controlplane/sources controlplane/store common/compile common/diff common/wire common/http
  common/log)
weft_library(controlplane/intake DEPS controlplane/api controlplane/sources)
weft_library(controlplane/intake/files DEPS controlplane/intake common/stamp)
weft_library(controlplane/intake/consul DEPS controlplane/intake common/http/tls)
weft_library(controlplane/intake/dns DEPS controlplane/intake common/task LINK weft_ext_boost weft_ext_cares)
weft_library(controlplane/intake/etcd DEPS controlplane/intake proto LINK weft_ext_grpc)
weft_library(controlplane/inject DEPS common/net common/result LINK weft_ext_json)
weft_library(controlplane/kube DEPS controlplane/api controlplane/auth common/time common/x509 common/file common/http/tls common/resource LINK weft_ext_json weft_ext_ssl)
weft_library(controlplane/webhook DEPS controlplane/inject controlplane/kube common/x509 common/log common/http/tls)
weft_library(controlplane/intake/kubernetes DEPS controlplane/intake controlplane/kube)
weft_library(controlplane/stream DEPS controlplane/caller controlplane/events controlplane/identity controlplane/rollout common/compile common/metrics common/wire)
weft_library(controlplane/graph DEPS common/net common/reason common/stats common/time common/wire TEST_DEPS common/random)
weft_library(controlplane/issues DEPS controlplane/graph TEST_DEPS common/random)
weft_library(controlplane/quota DEPS common/time TEST_DEPS common/random)
weft_library(controlplane/telemetry DEPS controlplane/quota controlplane/stream controlplane/graph controlplane/issues controlplane/events controlplane/rollout common/stats common/wire
  LINK weft_ext_json)
weft_library(controlplane/notify DEPS controlplane/api controlplane/events common/http/tls common/log common/random LINK weft_ext_json)
# controlplane/app/message_limit.h, window_updates.h, connection_memory.h, outstanding_tags.h
set(WEFT_WRAPPED_OF_GRPC
  -Wl,--wrap=_Z40grpc_deframe_unprocessed_incoming_framesP18grpc_chttp2_streamPlPN9grpc_core11SliceBufferEPj
  -Wl,--wrap=_ZN9grpc_core6chttp217StreamFlowControl12UpdateActionENS0_17FlowControlActionE
  -Wl,--wrap=_Z51tsi_ssl_server_handshaker_factory_create_handshakerP33tsi_ssl_server_handshaker_factorymmPP14tsi_handshaker
  -Wl,--wrap=_Z44tsi_handshaker_result_create_frame_protectorPK21tsi_handshaker_resultPmPP19tsi_frame_protector
  -Wl,--wrap=_ZN17grpc_event_engine12experimental15MemoryAllocator9MakeSliceENS0_13MemoryRequestE
  -Wl,--wrap=_Z16grpc_cq_begin_opP21grpc_completion_queuePv
  -Wl,--wrap=_Z14grpc_cq_end_opP21grpc_completion_queuePvN4absl7debian36StatusEPFvS1_P18grpc_cq_completionES1_S6_b)
weft_library(controlplane/app DEPS controlplane/api controlplane/gate controlplane/notify controlplane/stream controlplane/telemetry controlplane/store/sqlite
  controlplane/intake/consul controlplane/intake/dns controlplane/intake/etcd
  controlplane/intake/kubernetes controlplane/webhook controlplane/kube
  controlplane/identity controlplane/intake/files controlplane/sources common/file common/x509 common/http/tls common/metrics common/task LINK weft_ext_grpc ${WEFT_WRAPPED_OF_GRPC}
  DEFINE WEFT_VERSION="${PROJECT_VERSION}")
weft_program(controlplane/app/main NAME weft-control DEPS controlplane/app common/environment LINK weft_ext_ssl)
if(TARGET weft-control)
  target_link_options(weft-control PRIVATE -Wl,--wrap=SSL_CTX_new)   # controlplane/app/main/tls_memory.cc
endif()
weft_library(controlplane/ctl DEPS agent/replay agent/scenario agent/whatif controlplane/inject common/analyze common/compile common/diff common/http/tls LINK weft_ext_json
  DEFINE WEFT_VERSION="${PROJECT_VERSION}")
weft_embed(weft_controlplane_ctl weft::ctl kInstallManifest deploy/k8s/base/weft.yaml controlplane/ctl/install_manifest.h)
weft_program(controlplane/ctl/app NAME weftctl DEPS controlplane/ctl)
