# How our own code is compiled: target agentcom_compile carries language, warnings and sanitizers to whatever links it.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_UNITY_BUILD ${AGENTCOM_UNITY})
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

# Assertions guard the data of the people who run a hub, so NDEBUG is never defined.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

add_library(agentcom_compile INTERFACE)
target_include_directories(agentcom_compile INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_features(agentcom_compile INTERFACE cxx_std_20)
target_compile_options(agentcom_compile INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
    # A fused multiply-add rounds once where wasm rounds twice; both builds must give the same digests.
    -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports these inside the standard library and Boost once they are inlined at -O2.
    target_compile_options(agentcom_compile INTERFACE
        -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow -Wno-error=stringop-overread
        -Wno-error=array-bounds -Wno-error=restrict -Wno-error=dangling-pointer -Wno-error=free-nonheap-object
        -Wno-error=use-after-free)
endif()

if(AGENTCOM_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(AGENTCOM_SANITIZE)
    # Readable stacks matter more here than the last bit of speed, and -O1 compiles in half the time.
    set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")
    # For everything, Catch2's main too: a half instrumented program reports what is not there.
    add_compile_options(-fsanitize=${AGENTCOM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${AGENTCOM_SANITIZE})
endif()

if(EMSCRIPTEN)
    add_compile_options(-fwasm-exceptions)
    add_link_options(-fwasm-exceptions -sALLOW_MEMORY_GROWTH=1 -sTOTAL_STACK=2097152)
endif()

# agentcom_glob(VARIABLE DIRECTORY): the .cpp files below DIRECTORY (relative to the project) except main.cpp.
function(agentcom_glob variable directory)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${directory}/*.cpp)
    list(FILTER found EXCLUDE REGEX "/main\\.cpp$")
    set(${variable} ${found} PARENT_SCOPE)
endfunction()

# agentcom_library(NAME DIRECTORY): the static library NAME of the sources below DIRECTORY. No target if there are none.
function(agentcom_library name directory)
    agentcom_glob(sources ${directory})
    if(sources)
        add_library(${name} STATIC ${sources})
        target_link_libraries(${name} PUBLIC agentcom_compile)
    endif()
endfunction()

# agentcom_program(NAME DIRECTORY LIBRARY): the program NAME, which is DIRECTORY/main.cpp on top of LIBRARY.
function(agentcom_program name directory library)
    if(TARGET ${library} AND EXISTS ${PROJECT_SOURCE_DIR}/${directory}/main.cpp)
        add_executable(${name} ${PROJECT_SOURCE_DIR}/${directory}/main.cpp)
        target_link_libraries(${name} PRIVATE ${library})
    endif()
endfunction()
