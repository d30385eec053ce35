// Requests that wait until something happens: long polls.
//
// A handler that finds nothing to say yet puts its request aside; when what it waits for has happened, or its time is
// over, the whole request runs again from its input (with its token checked again, but not counted twice).
//
//     if (messages.empty() && waits::may_wait(call)) return waits::wait(call, WaitTopic::mail, agent);
#pragma once

#include <string>

#include "core/hub/request_call.hpp"

namespace agentcom::waits {

/// Whether the request wants to wait (`wait_ms` in its query) and still may.
bool may_wait(const requests::Call&);
/// Puts the request aside until `Context::notify` tells of this, or `wait_ms` are over.
requests::Reply wait(const requests::Call&, WaitTopic, const std::string& subject);

/// Runs the requests again that wait for what has happened in this input.
void run(Context&);
/// Its time is over: it answers with what there is.
void expire(Context&, RequestId);
/// Its client has gone.
void forget(Context&, RequestId);
/// A token has ended: what it asked for is refused now.
void end_of_token(Context&, const std::string& token_sha256);
/// The hub stops: all answer with what there is.
void end_all(Context&);

}  // namespace agentcom::waits
