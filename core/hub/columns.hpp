// Moved: use core/state/columns.hpp.
#pragma once
#include "core/state/columns.hpp"
