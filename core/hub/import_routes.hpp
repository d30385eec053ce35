// Moving in: what another hub had is taken over, item by item, each once.
//
//     POST /api/admin/import {"source":"v1.1","items":[{"kind":"task","key":"task-8b8d104c0fe66003",…},…]}
//
// Whoever imports asks the other hub and sends what it said; this hub never calls one. An item has the name that it had
// there (`key`); with the kind and the source that is what it is remembered by, so that the same item sent again is
// `known` and changes nothing. An item that this hub cannot take is `skipped`, with the reason; the others stand. All
// of a request is one commit.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

/// Items of one request.
inline constexpr size_t kMaxImportItems = 1'000;
/// Items that are remembered.
inline constexpr int64_t kMaxImports = 1'000'000;

Reply on_import(const Call&);

}  // namespace agentcom::requests
