// Names of threads, as `top -H` and debuggers show them.
#pragma once

#include <pthread.h>

namespace agentcom {

/// Names the calling thread; at most 15 characters. The main thread keeps the program's name, which is the process's.
inline void name_this_thread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace agentcom
