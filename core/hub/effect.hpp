// Moved: use core/state/effect.hpp.
#pragma once
#include "core/state/effect.hpp"
