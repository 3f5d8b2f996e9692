#pragma once
// The sources of services that the settings name, and the registrar that takes over what they report. Files
// are read where Look is called; the others live on a thread of their own, which no request waits for.
// Thread rule: Start and Stop once, from one thread; Look and Tick from any.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "controlplane/app/settings.h"
#include "controlplane/intake/kubernetes/kubernetes.h"
#include "controlplane/intake/registrar.h"
#include "controlplane/kube/election.h"

namespace weft::control {

class Discovery {
 public:
  Discovery(api::Control& control, sources::Board& board, events::Book& events);
  ~Discovery();

  Status Start(const Settings& settings);  // an error: the files cannot be used
  void Look();                             // about twice a second, and on SIGHUP
  void Tick() { registrar_.Tick(); }
  void Stop();

 private:
  Status StartFiles(const std::vector<std::string>& paths);
  Status StartRemote(const DiscoverySettings& settings);
  intake::kubernetes::StatusOptions StatusOptionsOf(const kube::Config& config);  // begins the election

  api::Control& control_;
  intake::Registrar registrar_;
  std::mutex looking_;                     // guards files_ and remote_ once they are started
  std::unique_ptr<intake::Source> files_;  // null: none are named
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::unique_ptr<kube::Election> election_;  // null: there is no cluster
  std::vector<std::unique_ptr<intake::Source>> remote_;
  std::thread thread_;
};

}  // namespace weft::control
