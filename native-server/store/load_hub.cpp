// The one place where the store meets the hub.
#include "core/hub/hub.hpp"
#include "native-server/store/store.hpp"

namespace agentcom {

Result<LoadCounts> SqliteStore::load(Hub& hub) {
    LoadSink sink;
    sink.row = [&hub](TableId table, RowValues values) { return hub.restore(table, std::move(values)); };
    sink.mail_floor = [&hub](int64_t workspace, const std::optional<std::string>& recipient) {
        return hub.mail_floor(workspace, recipient);
    };
    sink.message = [&hub](const MessageRow& row) { hub.restore_mail(row); };
    sink.sums = [&hub](const std::vector<TableSum>& sums) { return hub.check_sums(sums); };
    return load(sink);
}

}  // namespace agentcom
