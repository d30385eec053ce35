#include "tools/cli/import_report.hpp"

#include "core/base/json.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

constexpr size_t kMaxProblems = 1'000;

}  // namespace

void ImportReport::begin(ImportPart part) { tally(part).begun = true; }

void ImportReport::add(ImportPart part, ImportStatus status) {
    Tally& counts = tally(part);
    switch (status) {
        case ImportStatus::created:
            ++counts.created;
            return;
        case ImportStatus::known:
            ++counts.known;
            return;
        case ImportStatus::skipped:
            ++counts.skipped;
            return;
    }
}

void ImportReport::skip(ImportPart part, std::string key, std::string reason) {
    add(part, ImportStatus::skipped);
    Tally& counts = tally(part);
    if (counts.problems.size() < kMaxProblems) counts.problems.push_back({std::move(key), std::move(reason)});
}

int64_t ImportReport::total(ImportPart part) const {
    const Tally& counts = tallies_.at(static_cast<size_t>(part));
    return counts.created + counts.known + counts.skipped;
}

std::string ImportReport::json() const {
    json::Writer out;
    out.begin_object().member("source", "v1.1").key("from");
    from_.empty() ? out.null() : out.string(from_);
    out.member("dry_run", dry_run_).key("parts").begin_array();
    for (size_t i = 0; i < tallies_.size(); ++i) {
        const Tally& counts = tallies_.at(i);
        if (!counts.begun) continue;
        out.begin_object().member("part", kImportPartNames.at(i)).member("created", counts.created);
        out.member("known", counts.known).member("skipped", counts.skipped).key("problems").begin_array();
        for (const Problem& problem : counts.problems) {
            out.begin_object().member("key", problem.key).member("reason", problem.reason).end_object();
        }
        out.end_array().end_object();
    }
    out.end_array().raw_member("left_behind", json::encode_strings(left_behind_)).end_object();
    return out.take();
}

std::string ImportReport::text() const {
    std::string text = dry_run_ ? "nothing was changed; this would be done:\n" : "";
    for (size_t i = 0; i < tallies_.size(); ++i) {
        const Tally& counts = tallies_.at(i);
        if (!counts.begun) continue;
        text += std::string(kImportPartNames.at(i)) + ": " + std::to_string(counts.created) +
                (dry_run_ ? " to take over" : " taken over");
        if (counts.known > 0) text += ", " + std::to_string(counts.known) + " here already";
        if (counts.skipped > 0) text += ", " + std::to_string(counts.skipped) + " left out";
        text += '\n';
        for (const Problem& problem : counts.problems) {
            text += "  left out " + terminal_safe(problem.key) + ": " + terminal_safe(problem.reason) + "\n";
        }
        const int64_t untold = counts.skipped - static_cast<int64_t>(counts.problems.size());
        if (untold > 0) text += "  and " + std::to_string(untold) + " more\n";
    }
    if (!left_behind_.empty()) text += "not taken along:\n";
    for (const std::string& what : left_behind_) text += "  " + terminal_safe(what) + "\n";
    return text;
}

}  // namespace agentcom::cli
