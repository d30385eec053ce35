// Requests and frames made from the catalogue: for every operation that there is, members that its handler may take,
// and now and then some that it may not. What words mean something (names of agents, tasks, channels, ...) says the
// caller.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/prng.hpp"
#include "core/protocol/operation.hpp"

namespace agentcom::test {

class RandomOperation {
  public:
    RandomOperation(Prng& prng, std::vector<std::string> words) : prng_(prng), words_(std::move(words)) {}

    /// A route or a frame, each as likely as any other of its kind.
    const Operation& any(bool frame) {
        std::vector<const Operation*> of_kind;
        for (const Operation& operation : catalogue()) {
            if (operation.is_frame() == frame) of_kind.push_back(&operation);
        }
        return *of_kind[prng_.index_below(of_kind.size())];
    }

    /// Its path with something in place of each parameter.
    std::string path(const Operation& operation) {
        std::string path;
        for (size_t at = 0; at < operation.path.size();) {
            if (operation.path[at] != ':') {
                path += operation.path[at++];
                continue;
            }
            at = std::min(operation.path.find('/', at), operation.path.size());
            path += word();
        }
        return path;
    }

    std::string query(const Operation& operation) {
        std::string query;
        for (const QueryField& field : operation.query) {
            if (!chance(40)) continue;
            if (!query.empty()) query += '&';
            query += std::string(field.name) + "=";
            // Short waits: a run meets their end.
            query += field.type == FieldType::integer ? std::to_string(prng_.below(chance(50) ? 10 : 20'000)) : word();
        }
        return query;
    }

    /// Its members; an object that the caller closes.
    void members(json::Writer& out, std::span<const Field> fields) {
        for (const Field& field : fields) {
            if (!chance(field.required ? 97 : 35)) continue;
            out.key(field.name);
            value(out, chance(4) ? static_cast<FieldType>(prng_.below(7)) : field.type);
        }
    }

  private:
    bool chance(uint64_t percent) { return prng_.below(100) < percent; }
    const std::string& word() { return words_[prng_.index_below(words_.size())]; }

    void value(json::Writer& out, FieldType type) {
        switch (type) {
            case FieldType::string:
                out.string(word());
                return;
            case FieldType::integer:
            case FieldType::positive_integer:
                out.integer(static_cast<int64_t>(prng_.below(chance(50) ? 5 : 100'000)));
                return;
            case FieldType::boolean:
                out.boolean(chance(50));
                return;
            case FieldType::object:
                out.begin_object().member("n", static_cast<int64_t>(prng_.below(9))).end_object();
                return;
            case FieldType::array_of_string:
                out.begin_array();
                for (uint64_t left = prng_.below(3); left > 0; --left) out.string(word());
                out.end_array();
                return;
            case FieldType::any:
                value(out, static_cast<FieldType>(prng_.below(6)));
                return;
        }
    }

    Prng& prng_;
    std::vector<std::string> words_;
};

}  // namespace agentcom::test
