#include "core/access/validation_watch.hpp"

#include <algorithm>

#include "core/access/access.hpp"

namespace agentcom::validation_watch {

namespace {

constexpr int64_t kNobodysWorkspace = 0;

/// Puts an entry in the place of the oldest of its ring. Gives the number of the first error of its frame or request.
int64_t put_in_ring(Context& ctx, ValidationFailureRow row) {
    const int64_t size = row.disconnect ? kRecentDisconnects : kRecentFailures;
    int64_t newest = 0;
    int64_t place = 0;
    for (int64_t i = 0; i < size; ++i) {
        const ValidationFailureRow* known = ctx.tables.find<ValidationFailureRow>({row.workspace, row.disconnect, i});
        if (known == nullptr) break;
        if (known->number <= newest) continue;
        newest = known->number;
        place = (i + 1) % size;
    }
    row.place = place;
    row.number = newest + 1;
    if (row.first == 0) row.first = row.number;
    row.at = ctx.now.wall_ms;
    const int64_t first = row.first;
    ctx.tables.put(std::move(row));
    return first;
}

std::vector<const ValidationFailureRow*> ring(const Context& ctx, int64_t workspace, bool of_disconnects) {
    std::vector<const ValidationFailureRow*> rows;
    const int64_t size = of_disconnects ? kRecentDisconnects : kRecentFailures;
    for (const int64_t whose : {workspace, kNobodysWorkspace}) {
        for (int64_t i = 0; i < size; ++i) {
            const ValidationFailureRow* row = ctx.tables.find<ValidationFailureRow>({whose, of_disconnects, i});
            if (row != nullptr) rows.push_back(row);
        }
    }
    std::sort(rows.begin(), rows.end(), [](const ValidationFailureRow* a, const ValidationFailureRow* b) {
        return std::tie(b->at, b->workspace, b->number) < std::tie(a->at, a->workspace, a->number);
    });
    if (rows.size() > static_cast<size_t>(size)) rows.resize(static_cast<size_t>(size));
    return rows;
}

/// The row that counts for this field, new if need be.
ValidationCountRow count_row(const Context& ctx, const Source& source, std::string_view field) {
    ValidationCountRow row;
    row.workspace = source.workspace;
    row.agent = source.agent;
    row.operation = std::string(source.operation);
    row.field = std::string(field);
    if (const ValidationCountRow* known = ctx.tables.find<ValidationCountRow>(row.key())) return *known;
    if (ctx.tables.count<ValidationCountRow>() < kCountsMax) return row;
    // Operations and fields are the catalogue's, so these are few.
    row.workspace = kNobodysWorkspace;
    row.agent.clear();
    if (const ValidationCountRow* known = ctx.tables.find<ValidationCountRow>(row.key())) return *known;
    return row;
}

/// Whoever never said who it is counts in the default workspace.
void count_failure(Context& ctx, const Source& source, bool refused) {
    const int64_t workspace = source.workspace != kNobodysWorkspace
                                  ? source.workspace
                                  : access::find_workspace(ctx, access::kDefaultWorkspace).value_or(kNobodysWorkspace);
    if (workspace == kNobodysWorkspace) return;
    ctx.facts.push_back({Fact::What::invalid, workspace, "", 0, Outcome::completed});
    if (!refused || source.is_request) return;
    ctx.facts.push_back({Fact::What::bad_frame, workspace, source.agent, 0, Outcome::completed});
}

}  // namespace

bool is_enforced(const Settings& settings, int64_t protocol_version) {
    return (protocol_version >= 2 ? settings.validation_v2 : settings.validation_v1) != 0;
}

void failed(Context& ctx, const Source& source, const std::vector<FieldError>& errors, bool refused) {
    bool is_news = false;
    int64_t first = 0;
    count_failure(ctx, source, refused);
    for (const FieldError& error : errors) {
        ValidationCountRow count = count_row(ctx, source, field_of(error));
        is_news = is_news || count.count == 0;
        ++count.count;
        count.refused += refused ? 1 : 0;
        count.last_at = ctx.now.wall_ms;
        count.last_error = error.error;
        ctx.tables.put(std::move(count));
        ValidationFailureRow failure;
        failure.workspace = source.workspace;
        failure.agent = source.agent;
        failure.operation = std::string(source.operation);
        failure.field = std::string(field_of(error));
        failure.error = error.error;
        failure.refused = refused;
        failure.is_request = source.is_request;
        failure.first = first;
        first = put_in_ring(ctx, std::move(failure));
    }
    // A client that is wrong is wrong all the time: the log says so once, the counts say how often.
    if (!is_news) return;
    ctx.log(refused ? "validation_refused" : "validation_observed",
            {{"agent_id", source.agent},
             {"operation", std::string(source.operation)},
             {"field", errors.empty() ? std::string{} : std::string(field_of(errors.front()))},
             {"error", errors.empty() ? std::string{} : errors.front().error}});
}

void disconnected(Context& ctx, const Source& source) {
    ValidationFailureRow row;
    row.workspace = source.workspace;
    row.disconnect = true;
    row.agent = source.agent;
    row.operation = std::string(source.operation);
    put_in_ring(ctx, std::move(row));
}

std::vector<const ValidationCountRow*> counts(const Context& ctx, int64_t workspace) {
    std::vector<const ValidationCountRow*> rows;
    for (const ValidationCountRow::Key& key : ctx.tables.sorted_keys<ValidationCountRow>()) {
        const int64_t whose = std::get<0>(key);
        if (whose == workspace || whose == kNobodysWorkspace) rows.push_back(ctx.tables.find<ValidationCountRow>(key));
    }
    return rows;
}

std::vector<const ValidationFailureRow*> failures(const Context& ctx, int64_t workspace) {
    return ring(ctx, workspace, false);
}

std::vector<const ValidationFailureRow*> disconnects(const Context& ctx, int64_t workspace) {
    return ring(ctx, workspace, true);
}

}  // namespace agentcom::validation_watch
