#include "agent/report/families.h"

namespace weft::report {

using metrics::Family;
using metrics::Kind;

namespace {

Family Latency(const char* name, const char* help, std::vector<std::string> labels) {
  return {name, help, Kind::kHistogram, std::move(labels), &metrics::LatencyBounds(), 1e9};
}

}  // namespace

Families::Families(metrics::Registry& r)
    : requests(r.Add({"weft_requests_total",
                      "Requests that ended.",
                      Kind::kCounter,
                      {"direction", "service", "namespace", "port", "peer", "route", "method_class",
                       "code_class", "code", "grpc_status", "reason", "classification"}})),
      duration(r.Add(Latency("weft_request_duration_seconds",
                             "From the request's head to the end of the response.",
                             {"direction", "service", "namespace", "route", "classification"}))),
      attempts(r.Add({"weft_attempts_total",
                      "Tries of requests at instances, retries included.",
                      Kind::kCounter,
                      {"service", "namespace", "outcome"}})),
      retries(r.Add({"weft_retries_total",
                     "Attempts after the first of their request.",
                     Kind::kCounter,
                     {"service", "namespace", "result"}})),
      budget_exhausted(r.Add({"weft_retry_budget_exhausted_total",
                              "Retries that the budget refused.",
                              Kind::kCounter,
                              {"service", "namespace"}})),
      mirrored(r.Add({"weft_mirrored_requests_total",
                      "Copies of requests that RequestMirror filters asked for, by what became of them.",
                      Kind::kCounter,
                      {"service", "namespace", "result"}})),
      circuit_state(r.Add({"weft_circuit_state",
                           "1 for the state that the circuit breaker is in.",
                           Kind::kGauge,
                           {"service", "namespace", "port", "state"}})),
      circuit_transitions(r.Add({"weft_circuit_transitions_total",
                                 "Changes of the circuit breaker's state.",
                                 Kind::kCounter,
                                 {"service", "namespace", "port", "to"}})),
      instance_health(r.Add({"weft_instance_health",
                             "1 for the state that the instance is in.",
                             Kind::kGauge,
                             {"service", "namespace", "instance", "state"}})),
      ejections(r.Add({"weft_ejections_total",
                       "Ejections of instances.",
                       Kind::kCounter,
                       {"service", "namespace", "instance", "cause"}})),
      pool_connections(
          r.Add({"weft_pool_connections",
                 "Connections to instances (active, idle) and requests that wait for one (pending).",
                 Kind::kGauge,
                 {"service", "namespace", "state"}})),
      pool_reuse_ratio(r.Add({"weft_pool_reuse_ratio",
                              "Share of lent connections that existed before, since the start.",
                              Kind::kGauge,
                              {"service", "namespace"}})),
      pool_wait(r.Add(Latency("weft_pool_wait_seconds",
                              "Time that requests waited for a connection, zeros left out.",
                              {"service", "namespace"}))),
      connections(
          r.Add({"weft_connections_total", "Client connections accepted.", Kind::kCounter, {"direction"}})),
      connections_open(
          r.Add({"weft_connections_open", "Client connections now.", Kind::kGauge, {"direction"}})),
      streams(r.Add({"weft_streams_total",
                     "Relayed connections (TCP, TLS, CONNECT, upgrades) that ended, by why.",
                     Kind::kCounter,
                     {"direction", "service", "namespace", "port", "kind", "reason"}})),
      streams_open(r.Add({"weft_streams_open", "Relayed connections now.", Kind::kGauge, {"direction"}})),
      detections(r.Add({"weft_detections_total",
                        "Connections to ports that declare no protocol, by what they turned out to be.",
                        Kind::kCounter,
                        {"direction", "result"}})),
      bytes(r.Add(
          {"weft_bytes_total",
           "Body bytes of requests and bytes of relayed connections: received from and sent to clients.",
           Kind::kCounter,
           {"direction", "way"}})),
      config_revision(r.Add(
          {"weft_config_revision", "Revision of the configuration in force; 0: none.", Kind::kGauge, {}})),
      config_rejected(
          r.Add({"weft_config_rejected_total", "Bundles that were refused.", Kind::kCounter, {}})),
      config_age(r.Add({"weft_config_age_seconds",
                        "Time since the source of the configuration was last heard.",
                        Kind::kGauge,
                        {}})),
      generations(r.Add({"weft_snapshot_generations",
                         "Snapshots alive: the current one and those that calls still use.",
                         Kind::kGauge,
                         {}})),
      identity_expires(r.Add({"weft_identity_expires_timestamp_seconds",
                              "When the agent's certificate ends, Unix time; 0: it has none yet.",
                              Kind::kGauge,
                              {}})),
      identity_answers(r.Add({"weft_identity_answers_total",
                              "Answers to requests for certificates: issued, refused.",
                              Kind::kCounter,
                              {"result"}})),
      log_dropped(r.Add({"weft_access_log_dropped_total",
                         "Access log lines dropped because the writer was behind.",
                         Kind::kCounter,
                         {}})) {}

}  // namespace weft::report
