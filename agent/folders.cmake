# The agent. First what bytes travel on, then the stages of a request, then what wires them.
weft_library(agent/loop DEPS common/result common/time)
weft_library(agent/buffer)
weft_library(agent/transport DEPS common/net common/reason agent/loop)
weft_library(agent/cold DEPS common/time)
weft_library(agent/identity DEPS agent/cold common/file common/random common/x509 proto LINK weft_ext_crypto)
weft_library(agent/tls DEPS agent/identity agent/transport common/x509 LINK weft_ext_ssl)
weft_library(agent/stream DEPS common/message)
weft_library(agent/codec/http1 DEPS common/message common/reason)
weft_library(agent/codec/http2 DEPS agent/codec/http1 agent/buffer common/message common/reason common/time LINK weft_ext_nghttp2)

# Pure stages: values in, decisions out. They do not know each other.
weft_library(agent/detect DEPS common/net common/result)
weft_library(agent/route DEPS common/message common/policy common/random common/reason LINK weft_ext_re2)
weft_library(agent/limit DEPS common/net common/policy common/time)
weft_library(agent/breaker DEPS common/policy common/stats common/random common/time)
weft_library(agent/select DEPS common/policy common/random common/stats common/time)
weft_library(agent/retry DEPS common/message common/policy common/random common/stats common/time)
weft_library(agent/health DEPS common/policy common/stats common/random common/time)
weft_library(agent/decision DEPS common/reason common/result common/time common/net)
weft_library(agent/answer DEPS common/message common/reason)

# The decision core and what runs requests through it.
weft_library(agent/engine DEPS common/snapshot common/reason common/message agent/route agent/limit agent/breaker agent/select agent/retry
  agent/health agent/decision LINK weft_ext_xxhash TEST_DEPS agent/simulate)
weft_library(agent/replay DEPS agent/engine)
weft_program(agent/replay/app NAME weft-replay DEPS agent/replay)
# Worlds in virtual time around the decision core.
weft_library(agent/simulate DEPS agent/engine agent/answer common/random common/stats common/time)
# Worlds that users describe.
weft_library(agent/scenario DEPS agent/simulate common/compile common/resource common/snapshot)
# Recorded arrivals under another policy.
weft_library(agent/whatif DEPS agent/replay agent/answer common/policy common/stats TEST_DEPS agent/simulate)
weft_library(agent/report DEPS common/metrics common/stats common/reason common/log agent/loop agent/engine)
weft_library(agent/connection DEPS agent/tls agent/buffer agent/stream agent/codec/http1 agent/codec/http2 agent/engine LINK weft_ext_ssl)
weft_library(agent/pool DEPS agent/connection agent/report)
weft_library(agent/upstream DEPS agent/pool)
weft_library(agent/tunnel DEPS agent/connection agent/detect agent/report)
weft_library(agent/exchange DEPS agent/upstream agent/tunnel agent/answer agent/report agent/route common/random)
weft_library(agent/accept DEPS agent/transport agent/connection)
weft_library(agent/probe DEPS common/snapshot common/random common/http LINK weft_ext_boost)
weft_library(agent/settings DEPS common/net common/time LINK weft_ext_yaml)
weft_library(agent/dial DEPS agent/cold agent/identity common/net common/random common/result LINK weft_ext_grpc)
weft_library(agent/quota DEPS agent/engine agent/limit)
weft_library(agent/uplink DEPS agent/dial agent/quota agent/report common/wire)
weft_library(agent/config DEPS agent/dial agent/identity common/file common/wire common/snapshot common/log common/random common/stamp common/task)
weft_library(agent/resources DEPS agent/config common/compile)
weft_library(agent/redirect DEPS agent/transport common/net common/result)
weft_library(agent/egress DEPS common/net common/snapshot common/task common/time common/result LINK weft_ext_boost)
weft_library(agent/admin DEPS common/http common/snapshot agent/report)
weft_library(agent/forward DEPS agent/accept agent/detect agent/exchange agent/tunnel common/random)
weft_program(agent/app NAME weft-agent DEPS agent/forward agent/egress agent/redirect agent/config agent/uplink agent/admin agent/probe agent/resources agent/settings common/environment common/log common/resident
  common/task)
