// Moved: use core/state/settings.hpp.
#pragma once
#include "core/state/settings.hpp"
