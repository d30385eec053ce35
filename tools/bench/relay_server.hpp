// A bare relay to measure the hub against: libwebsockets' own WebSocket protocol on libuv, one thread. It parses each
// frame with Boost.JSON, acknowledges it, passes it on, and stores nothing. Like the hub it writes all that waits for a
// connection, up to 64 KiB of frames of its own making, with one LWS_WRITE_RAW per writable callback.
//
// It knows identify (any token), message to a name or to all, and ping. Not a product: run by the bench as a process of
// its own.
#pragma once

namespace agentcom::bench {

// Listens on a free port of 127.0.0.1, says so on standard error as the hub does, and runs until SIGTERM. Gives the
// exit code.
int run_relay_server();

}  // namespace agentcom::bench
