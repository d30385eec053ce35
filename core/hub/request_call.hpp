// What every HTTP handler works with: the request on its way through, and the shapes of answers.
//
// A handler takes a Call and gives its answer, or nullopt when the answer comes later: when a query has been answered
// (`pending_request`), or when what the client waits for has happened (core/hub/waits.hpp).
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/access/access.hpp"
#include "core/base/json.hpp"
#include "core/hub/input.hpp"
#include "core/protocol/encoding.hpp"
#include "core/protocol/validation.hpp"
#include "core/state/context.hpp"

namespace agentcom::requests {

inline constexpr int64_t kPageDefault = 100;
inline constexpr int64_t kPageMax = 1'000;

struct Answer {
    int status = 200;
    std::string body;
    std::optional<int64_t> secret_at;  ///< where the fresh secret of the request goes
    std::vector<std::pair<std::string, std::string>> headers;
};

/// nullopt: it comes later.
using Reply = std::optional<Answer>;

/// Of a request that has waited and runs again.
struct Resumption {
    int64_t until_us = 0;  ///< how long it may wait
    bool expired = false;  ///< it may wait no longer: it answers with what there is
};

/// One request on its way through its handler.
struct Call {
    Context& ctx;
    const HttpRequest& request;
    const Operation& operation;
    const std::vector<std::string>& params;
    const agentcom::Query& query;
    const Arguments& arguments;
    const std::optional<access::Identity>& identity;
    int64_t workspace = 0;
    std::optional<Resumption> resumption;

    std::string principal() const { return identity ? identity->principal : std::string{}; }
};

inline Answer ok(json::Writer& out, int status = 200) { return {status, out.take(), std::nullopt, {}}; }

inline Answer error_answer(int status, std::string_view code, std::string_view message = {}) {
    json::Writer out;
    out.begin_object().member("error", code);
    if (!message.empty()) out.member("message", message);
    out.end_object();
    return ok(out, status);
}

inline Answer error_answer(const Error& error) { return error_answer(error.http_status, error.code, error.text); }

/// 422 for one field.
inline Answer field_error(std::string field, std::string code, std::string detail) {
    FieldError error;
    error.field = std::move(field);
    error.error = std::move(code);
    error.detail = std::move(detail);
    return {422, http_validation_error({error}), std::nullopt, {}};
}

inline Answer task_not_found(const std::string& task_id) {
    json::Writer out;
    out.begin_object().member("error", "task_not_found").member("task_id", task_id).end_object();
    return ok(out, 404);
}

/// How a time that may not have been is shown: null for 0.
inline std::optional<int64_t> time_or_null(int64_t at_ms) { return at_ms == 0 ? std::nullopt : std::optional(at_ms); }

/// An answer that the store gave a damaged row for.
inline Answer damaged_row() { return error_answer(500, "storage_error", "a stored row is damaged"); }

/// What a request waits with for a query: its id, what the rows are for, and what its answer needs beside them.
inline PendingRow pending_request(const Call& call, std::string purpose, std::string detail) {
    PendingRow pending;
    pending.workspace = call.workspace;
    pending.purpose = std::move(purpose);
    pending.input = std::to_string(call.request.request) + " " + std::move(detail);
    return pending;
}

/// The words of a pending request's detail, one by one.
inline std::string next_word(std::string& text) {
    const size_t space = text.find(' ');
    std::string word = text.substr(0, space);
    text = space == std::string::npos ? std::string{} : text.substr(space + 1);
    return word;
}

inline int64_t next_number(std::string& text) {
    const std::string word = next_word(text);
    int64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    return number;
}

/// Sends an answer.
void respond(Context&, RequestId, Answer);

}  // namespace agentcom::requests
