#include "core/messaging/near_names.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"

namespace agentcom {

namespace {

constexpr size_t kLookedAt = 1'000;
constexpr size_t kGiven = 5;
constexpr size_t kFar = 3;  ///< the first distance that is not near

std::vector<std::string_view> code_points(std::string_view text) {
    std::vector<std::string_view> points;
    while (!text.empty()) {
        points.push_back(truncate_code_points(text, 1));
        text.remove_prefix(points.back().size());
    }
    return points;
}

/// Insertions, deletions and replacements that turn one into the other, counted up to kFar (Levenshtein's distance; of
/// its table only the band of cells that can stay below kFar).
size_t distance(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
    if (a.size() > b.size() + kFar - 1 || b.size() > a.size() + kFar - 1) return kFar;
    std::vector<size_t> above(b.size() + 1);
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) above[j] = std::min(j, kFar);
    for (size_t i = 1; i <= a.size(); ++i) {
        const size_t first = i > kFar ? i - kFar : 0;
        const size_t last = std::min(b.size(), i + kFar);
        std::fill(row.begin(), row.end(), kFar);
        if (first == 0) row[0] = std::min(i, kFar);
        size_t least = row[0];
        for (size_t j = std::max<size_t>(1, first); j <= last; ++j) {
            const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1, kFar});
            least = std::min(least, row[j]);
        }
        if (least == kFar) return kFar;
        std::swap(row, above);
    }
    return above[b.size()];
}

}  // namespace

bool is_known_recipient(const Tables& tables, int64_t workspace, const std::string& name) {
    return tables.contains<PrincipalRow>({workspace, name}) || tables.contains<PrincipalRow>({0, name});
}

std::vector<std::string> near_names(const Context& ctx, int64_t workspace, const std::string& name) {
    if (name.empty() || exceeds_code_points(name, kMaxAgentIdCodePoints + kFar)) return {};
    const std::string_view begins(truncate_code_points(name, 1));
    const auto& all = ctx.tables.indexes().principals;
    const auto fits = [&](const Indexes::Name& each) {
        return each.first == workspace && std::string_view(each.second).starts_with(begins);
    };
    const std::vector<std::string_view> wanted = code_points(name);
    std::vector<std::pair<size_t, std::string>> found;
    const auto look_at = [&](const std::string& other) {
        const size_t far = distance(wanted, code_points(other));
        if (far > 0 && far < kFar) found.emplace_back(far, other);
    };
    const auto middle = all.lower_bound({workspace, name});
    size_t left = kLookedAt / 2;
    for (auto each = middle; each != all.end() && left > 0 && fits(*each); ++each, --left) look_at(each->second);
    left = kLookedAt / 2;
    for (auto each = middle; each != all.begin() && left > 0 && fits(*std::prev(each)); --each, --left) {
        look_at(std::prev(each)->second);
    }
    std::sort(found.begin(), found.end());
    if (found.size() > kGiven) found.resize(kGiven);
    std::vector<std::string> names;
    names.reserve(found.size());
    for (auto& [far, other] : found) names.push_back(std::move(other));
    return names;
}

}  // namespace agentcom
