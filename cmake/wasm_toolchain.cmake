# Emscripten as Debian packages it.

include(/usr/share/emscripten/cmake/Modules/Platform/Emscripten.cmake)

# Its optimizer is a Node script that looks for the package acorn where only Debian's own node would find it.
set(CMAKE_CXX_LINKER_LAUNCHER ${CMAKE_COMMAND} -E env NODE_PATH=/usr/share/nodejs)
