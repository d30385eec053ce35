// Moved: use core/state/rows.hpp.
#pragma once
#include "core/state/rows.hpp"
