# The agent. First what bytes travel on, then the stages of a request, then what wires them.
weft_library(agent/loop DEPS common/result common/time)
weft_library(agent/buffer)
weft_library(agent/transport DEPS common/net agent/loop)
weft_library(agent/stream DEPS common/message)
weft_library(agent/codec/http1 DEPS common/message common/reason)

# Pure stages: values in, decisions out. They do not know each other.
weft_library(agent/detect)
weft_library(agent/route DEPS common/message common/policy common/random common/reason LINK weft_ext_re2)
weft_library(agent/limit)
weft_library(agent/breaker DEPS common/policy common/stats common/random common/time)
weft_library(agent/select DEPS common/policy common/random common/stats common/time)
weft_library(agent/retry DEPS common/message common/policy common/random common/time)
weft_library(agent/health DEPS common/policy common/stats common/random common/time)
weft_library(agent/decision DEPS common/reason common/result common/time common/net)
weft_library(agent/answer DEPS common/message common/reason)

# The decision core and what runs requests through it.
weft_library(agent/engine DEPS common/snapshot common/reason common/message agent/route agent/limit agent/breaker agent/select agent/retry
  agent/health agent/decision)
weft_library(agent/replay DEPS agent/engine)
weft_program(agent/replay/app NAME weft-replay DEPS agent/replay)
weft_library(agent/report DEPS common/metrics common/stats common/reason common/log agent/loop agent/engine)
weft_library(agent/pool DEPS agent/transport agent/buffer agent/stream agent/codec/http1 agent/engine)
weft_library(agent/upstream DEPS agent/pool)
weft_library(agent/exchange DEPS agent/upstream agent/answer agent/report)
weft_library(agent/tunnel DEPS agent/transport agent/buffer agent/engine)
weft_library(agent/accept DEPS agent/transport)
weft_library(agent/probe DEPS common/policy common/task LINK weft_ext_boost)
weft_library(agent/config DEPS common/wire common/snapshot common/compile common/log common/task)
weft_library(agent/admin DEPS common/http agent/report)
weft_library(agent/forward DEPS agent/accept agent/detect agent/exchange agent/tunnel)
weft_program(agent/app NAME weft-agent DEPS agent/forward agent/config agent/admin agent/probe common/options)
