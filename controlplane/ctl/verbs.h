#pragma once
// One function per verb, each in its own file. It adds the subcommand with its arguments to the parser and,
// when that subcommand was typed, sets the action.

#include "controlplane/ctl/context.h"

namespace CLI {
class App;
}

namespace weft::ctl {

void AddApply(CLI::App& app, Action& action);
void AddGet(CLI::App& app, Action& action);
void AddDescribe(CLI::App& app, Action& action);
void AddDelete(CLI::App& app, Action& action);
void AddDiff(CLI::App& app, Action& action);
void AddHistory(CLI::App& app, Action& action);
void AddRollback(CLI::App& app, Action& action);
void AddRollout(CLI::App& app, Action& action);
void AddValidate(CLI::App& app, Action& action);
void AddAnalyze(CLI::App& app, Action& action);
void AddInject(CLI::App& app, Action& action);
void AddUninject(CLI::App& app, Action& action);
void AddInstall(CLI::App& app, Action& action);
void AddInstances(CLI::App& app, Action& action);
void AddRegister(CLI::App& app, Action& action);
void AddDrain(CLI::App& app, Action& action);
void AddEvents(CLI::App& app, Action& action);
void AddAgents(CLI::App& app, Action& action);
void AddProxyConfig(CLI::App& app, Action& action);
void AddEdges(CLI::App& app, Action& action);
void AddGraph(CLI::App& app, Action& action);
void AddIssues(CLI::App& app, Action& action);
void AddIdentity(CLI::App& app, Action& action);
void AddStat(CLI::App& app, Action& action);
void AddSimulate(CLI::App& app, Action& action);
void AddReplay(CLI::App& app, Action& action);
void AddExplain(CLI::App& app, Action& action);
void AddCheck(CLI::App& app, Action& action);
void AddVersion(CLI::App& app, Action& action);
void AddCompletion(CLI::App& app, Action& action);

}  // namespace weft::ctl
