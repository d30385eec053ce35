# The headers that core/ may use: Boost and xxHash, header-only. Target core_headers gives them as system headers.

find_path(BOOST_HEADERS boost/json/src.hpp PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH)
find_path(XXHASH_HEADERS xxhash.h PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH)
find_path(CATCH2_HEADERS catch2/catch.hpp PATHS /usr/include NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(BOOST_HEADERS XXHASH_HEADERS CATCH2_HEADERS)
if(NOT BOOST_HEADERS)
    message(FATAL_ERROR "Boost 1.81 headers not found. Debian: apt-get install libboost1.81-dev")
endif()
if(NOT XXHASH_HEADERS)
    message(FATAL_ERROR "xxhash.h not found. Debian: apt-get install libxxhash-dev")
endif()

add_library(core_headers INTERFACE)
# Boost.JSON is compiled as part of core (core/base/boost_json.cpp), so nothing of Boost is linked.
target_compile_definitions(core_headers INTERFACE
    BOOST_ALL_NO_LIB BOOST_JSON_NO_LIB BOOST_CONTAINER_NO_LIB XXH_INLINE_ALL)

add_library(catch2_headers INTERFACE)

if(EMSCRIPTEN)
    # emcc has a C library of its own. The machine's /usr/include would shadow it, so the search path gets a directory that
    # holds nothing but links to the libraries we mean.
    set(wasm_include ${CMAKE_BINARY_DIR}/wasm-include)
    file(MAKE_DIRECTORY ${wasm_include})
    file(CREATE_LINK ${BOOST_HEADERS}/boost ${wasm_include}/boost SYMBOLIC)
    file(CREATE_LINK ${XXHASH_HEADERS}/xxhash.h ${wasm_include}/xxhash.h SYMBOLIC)
    target_include_directories(core_headers SYSTEM INTERFACE ${wasm_include})
    if(CATCH2_HEADERS)
        file(CREATE_LINK ${CATCH2_HEADERS}/catch2 ${wasm_include}/catch2 SYMBOLIC)
        target_include_directories(catch2_headers SYSTEM INTERFACE ${wasm_include})
        target_compile_definitions(catch2_headers INTERFACE CATCH_CONFIG_NO_POSIX_SIGNALS)
    endif()
else()
    target_include_directories(core_headers SYSTEM INTERFACE ${BOOST_HEADERS} ${XXHASH_HEADERS})
    if(CATCH2_HEADERS)
        target_include_directories(catch2_headers SYSTEM INTERFACE ${CATCH2_HEADERS})
    endif()
endif()
