// Moved: use core/state/store.hpp.
#pragma once
#include "core/state/store.hpp"
