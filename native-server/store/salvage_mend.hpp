// Makes salvaged rows fit together again.
//
// A hub takes some things for granted: every row's workspace exists, every task that is not over has its description.
// Where such a row is lost, it is made anew as far as the others tell, and whatever would rest on lost rows waits for a
// person: a task that lost its description, or one of the tasks that it waits for, becomes a dead letter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native-server/store/sqlite.hpp"

namespace agentcom {

/// Within a transaction. Adds a line to `lines` for each kind of thing that was mended. False: the database failed.
bool mend_salvaged(SqliteConnection& db, int64_t wall_ms, std::vector<std::string>& lines);

}  // namespace agentcom
