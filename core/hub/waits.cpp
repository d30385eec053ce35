#include "core/hub/waits.hpp"

#include <algorithm>

#include "core/base/limits.hpp"
#include "core/hub/requests.hpp"

namespace agentcom::waits {

namespace {

int64_t wanted_us(const requests::Call& call) {
    const std::optional<int64_t> wait_ms = query_integer(call.query, "wait_ms");
    return us_from_ms(std::clamp<int64_t>(wait_ms.value_or(0), 0, kMaxWaitMs));
}

/// Takes a request out of the waiting ones.
WaitRow take(Context& ctx, RequestId request) {
    WaitRow row = *ctx.tables.find<WaitRow>({request});
    ctx.tables.erase<WaitRow>({request});
    ctx.disarm(TimerKind::wait_end, request, "");
    return row;
}

void run_again(Context& ctx, const WaitRow& row, bool expired) {
    const std::optional<Input> input = decode_input(row.input);
    AGENTCOM_ASSERT(input && std::holds_alternative<HttpRequest>(input->body), "a request that waits can be read back");
    requests::handle(ctx, std::get<HttpRequest>(input->body), requests::Resumption{row.until_us, expired});
}

}  // namespace

bool may_wait(const requests::Call& call) {
    if (call.ctx.runtime().stopping) return false;
    return call.resumption ? !call.resumption->expired : wanted_us(call) > 0;
}

requests::Reply wait(const requests::Call& call, WaitTopic topic, const std::string& subject) {
    WaitRow row;
    row.request = call.request.request;
    row.workspace = call.workspace;
    row.topic = topic;
    row.subject = subject;
    row.until_us = call.resumption ? call.resumption->until_us : saturating_add(call.ctx.now.mono_us, wanted_us(call));
    if (call.identity) row.token = call.identity->token;
    row.input = encode_input(Input{call.ctx.now, call.request});
    call.ctx.arm(TimerKind::wait_end, row.request, "", row.until_us);
    call.ctx.tables.put(std::move(row));
    return std::nullopt;
}

void run(Context& ctx) {
    while (!ctx.happened.empty()) {
        const auto [workspace, topic, subject] = *ctx.happened.begin();
        ctx.happened.erase(ctx.happened.begin());
        const auto& waits = ctx.tables.indexes().waits;
        std::vector<RequestId> requests;
        for (auto wait = waits.lower_bound({workspace, topic, subject, 0});
             wait != waits.end() && std::get<0>(*wait) == workspace && std::get<1>(*wait) == topic &&
             std::get<2>(*wait) == subject;
             ++wait) {
            requests.push_back(std::get<3>(*wait));
        }
        for (const RequestId request : requests) run_again(ctx, take(ctx, request), false);
    }
}

void expire(Context& ctx, RequestId request) {
    if (ctx.tables.contains<WaitRow>({request})) run_again(ctx, take(ctx, request), true);
}

void forget(Context& ctx, RequestId request) {
    if (ctx.tables.contains<WaitRow>({request})) static_cast<void>(take(ctx, request));
}

void end_of_token(Context& ctx, const std::string& token_sha256) {
    for (const auto& [request] : ctx.tables.sorted_keys<WaitRow>()) {
        const WaitRow* row = ctx.tables.find<WaitRow>({request});
        if (row != nullptr && row->token == token_sha256) run_again(ctx, take(ctx, request), true);
    }
}

void end_all(Context& ctx) {
    for (const WaitRow::Key& key : ctx.tables.sorted_keys<WaitRow>()) expire(ctx, std::get<0>(key));
}

}  // namespace agentcom::waits
